"""Scoring: how likely is this contact to reach an outcome?"""

from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from services.scoring.schemas import REQUEST_EXAMPLE, RESPONSE_EXAMPLE, ScorePrediction, ScoreRequest, ScoreResponse
from shared.capabilities import capability
from shared.contracts.outcome import Outcome
from shared.contracts.prediction import Prediction
from shared.contracts.training import ColumnChoices, TrainingSpec
from shared.serving.capability_spec import CapabilitySpec

if TYPE_CHECKING:
    from services.scoring.model import ScoringModel


def _load(folder: Path) -> "ScoringModel":
    from services.scoring.model import ScoringModel

    return ScoringModel.load(folder)


def _recipe() -> object:
    from services.scoring.training import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["ScoringModel", ScoreRequest, Prediction] = CapabilitySpec(
    capability=capability("scoring"),
    summary="probability within the horizon, score 1–99, band, trend, reasons, and what attributes (`fit`) and "
    "behaviour (`engagement`) contribute",
    request=ScoreRequest,
    prediction=ScorePrediction,
    response=ScoreResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    event_fields=attrgetter("feature_set.event_fields"),
    training=TrainingSpec(
        recipe=_recipe,
        choices=ColumnChoices,
        help="Train lead scoring; running services serve a promoted version within 30 s. Exit 3 when none is promoted.",
        examples=(
            "--outcome customer",
            "--outcome converted --allow Tags --forbid LeadQuality --no-promote",
            "--outcome converted --order-by created_at --details",
        ),
        example_outcome=Outcome(
            name="bought",
            capability="scoring",
            event_types=("order_placed",),
            horizon_days=14,
            every_days=14,
            repeatable=True,
        ),
    ),
)
