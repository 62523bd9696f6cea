"""Churn: who is about to leave, by when, and why?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.churn.schemas import REQUEST_EXAMPLE, RESPONSE_EXAMPLE, ChurnPrediction, ChurnRequest, ChurnResponse
from shared.capabilities import capability
from shared.contracts.outcome import Outcome
from shared.contracts.training import ColumnChoices, TrainingSpec
from shared.serving.capability_spec import CapabilitySpec
from shared.timeline import ContactPasts

if TYPE_CHECKING:
    from services.churn.model import ChurnModel, ScoredChurn


def _load(folder: Path) -> "ChurnModel":
    from services.churn.model import ChurnModel

    return ChurnModel.load(folder)


def _answer(
    model: "ChurnModel", pasts: ContactPasts, cutoffs: NDArray[np.int64], request: ChurnRequest
) -> "Sequence[ScoredChurn]":
    from services.churn.model import ChurnQuery, predict

    query = ChurnQuery(request.horizon_days, request.horizons, request.survival, request.reasons_requested)
    return predict(model, pasts, cutoffs, query)


def _fields(scored: "ScoredChurn | None") -> Mapping[str, object]:
    if scored is None:
        names = ("horizon_days", "horizons", "survival", "days_to_leave", "days_to_next_activity", "value_at_risk")
        return dict.fromkeys(names)
    return {
        "horizon_days": scored.horizon_days,
        "horizons": [{"days": days, "probability": risk} for days, risk in scored.horizons] or None,
        "survival": [{"days": days, "survival": left} for days, left in scored.survival] or None,
        "days_to_leave": scored.days_to_event if scored.contractual else None,
        "days_to_next_activity": None if scored.contractual else scored.days_to_event,
        "value_at_risk": scored.value_at_risk,
    }


def _is_stored(request: ChurnRequest, model: "ChurnModel") -> bool:
    return request.horizon_days in (None, model.horizon_days)


def _recipe() -> object:
    from services.churn.training import RECIPE

    return RECIPE


CAPABILITY = CapabilitySpec(
    capability=capability("churn"),
    summary="probability within any horizon from 1 to 365 days, the whole curve, median days, value at risk, score "
    "1–99, band, trend, reasons",
    request=ChurnRequest,
    prediction=ChurnPrediction,
    response=ChurnResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    answer=_answer,
    fields=_fields,
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
