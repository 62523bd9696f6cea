"""Value: what is this contact worth over a horizon, and when does it order next?"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.value.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    ValueChoices,
    ValuePrediction,
    ValueRequest,
    ValueResponse,
)
from shared.capabilities import capability
from shared.contracts.prediction import Prediction
from shared.contracts.training import TrainingSpec
from shared.serving.capability_spec import CapabilitySpec

if TYPE_CHECKING:
    from services.value.model import ValueModel


def _load(folder: Path) -> "ValueModel":
    from services.value.model import ValueModel

    return ValueModel.load(folder)


def _is_stored(request: ValueRequest, model: "ValueModel") -> bool:
    return request.horizon_days in (None, model.horizon_days)


def _recipe() -> object:
    from services.value.training import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["ValueModel", ValueRequest, Prediction] = CapabilitySpec(
    capability=capability("value"),
    summary="expected value with an 80 % interval and expected orders within 30 to 730 days, chance of ever ordering "
    "again, when the next order comes, score 1–99, band, trend, reasons",
    request=ValueRequest,
    prediction=ValuePrediction,
    response=ValueResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    is_stored=_is_stored,
    training=TrainingSpec(
        recipe=_recipe,
        choices=ValueChoices,
        help="Train value; running services serve a promoted version within 30 s. Exit 3 when none is promoted.",
        examples=("", "--currency EUR --horizon-days 180"),
    ),
)
