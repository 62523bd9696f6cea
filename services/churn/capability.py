"""Churn: who is about to leave, by when, and why?"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.churn.schemas import REQUEST_EXAMPLE, RESPONSE_EXAMPLE, ChurnPrediction, ChurnRequest, ChurnResponse
from shared.capabilities import capability
from shared.contracts.outcome import Outcome
from shared.contracts.prediction import Prediction
from shared.contracts.training import ColumnChoices, TrainingSpec
from shared.features.feature import VALUE_FIELDS
from shared.serving.capability_spec import CapabilitySpec

if TYPE_CHECKING:
    from services.churn.model import ChurnModel


def _load(folder: Path) -> "ChurnModel":
    from services.churn.model import ChurnModel

    return ChurnModel.load(folder)


def _is_stored(request: ChurnRequest, model: "ChurnModel") -> bool:
    return request.horizon_days in (None, model.horizon_days)


def _recipe() -> object:
    from services.churn.training import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["ChurnModel", ChurnRequest, Prediction] = CapabilitySpec(
    capability=capability("churn"),
    summary="probability within any horizon from 1 to 365 days, the whole curve, median days, value at risk, score "
    "1–99, band, trend, reasons",
    request=ChurnRequest,
    prediction=ChurnPrediction,
    response=ChurnResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    event_fields=lambda model: model.feature_set.event_fields | (VALUE_FIELDS if model.value_types else frozenset()),
    is_stored=_is_stored,
    training=TrainingSpec(
        recipe=_recipe,
        choices=ColumnChoices,
        help="Train churn risk; running services serve a promoted version within 30 s. Exit 3 when none is promoted.",
        examples=("", "--outcome lapsed --no-promote"),
        outcome_help="What leaving means; see foretell outcomes.",
        default_outcome="churn",
        example_outcome=Outcome(name="bought", capability="churn", silence=("page_viewed",), horizon_days=14),
    ),
)
