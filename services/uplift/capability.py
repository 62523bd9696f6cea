"""Uplift: whom does a message, an offer or a call change, and whom not?"""

from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from services.uplift.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    UpliftChoices,
    UpliftPrediction,
    UpliftRequest,
    UpliftResponse,
)
from shared.capabilities import capability
from shared.contracts.outcome import Outcome
from shared.contracts.prediction import Prediction
from shared.contracts.training import TrainingSpec
from shared.serving.capability_spec import CapabilitySpec

if TYPE_CHECKING:
    from services.uplift.model import UpliftModel


def _load(folder: Path) -> "UpliftModel":
    from services.uplift.model import UpliftModel

    return UpliftModel.load(folder)


def _is_stored(request: UpliftRequest, _: object) -> bool:
    """Only answers about the best arm stand beside other contacts' answers."""
    return request.arm is None


def _recipe() -> object:
    from services.uplift.training import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["UpliftModel", UpliftRequest, Prediction] = CapabilitySpec(
    capability=capability("uplift"),
    summary="what a treatment adds for each contact with a 95 % interval, the group (persuadable, sure_thing, "
    "lost_cause, do_not_disturb), what may be claimed, the best arm, reasons",
    request=UpliftRequest,
    prediction=UpliftPrediction,
    response=UpliftResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    event_fields=attrgetter("feature_set.event_fields"),
    is_stored=_is_stored,
    training=TrainingSpec(
        recipe=_recipe,
        choices=UpliftChoices,
        help="Learn from an experiment whom a treatment changes; refused without contacts left out by lot.",
        examples=(
            "--outcome bought --experiment holdout:spring",
            "--outcome visited --experiment attribute:segment --control 'No E-Mail' --details",
        ),
        outcome_help="What is to be changed.",
        example_outcome=Outcome(
            name="bought",
            capability="uplift",
            event_types=("order_placed",),
            horizon_days=14,
            every_days=14,
            repeatable=True,
        ),
    ),
)
