"""The wire of send time: requests and responses with descriptions, bounds and examples."""

from services.sendtime.schemas.requests import (
    PLAN_REQUEST_EXAMPLE,
    REQUEST_EXAMPLE,
    PlanRequest,
    SendTimeRequest,
)
from services.sendtime.schemas.responses import (
    EXPERIMENT_RESPONSE_EXAMPLE,
    PLAN_RESPONSE_EXAMPLE,
    RESPONSE_EXAMPLE,
    Arm,
    ExperimentArm,
    ExperimentResponse,
    Option,
    PlannedContact,
    PlanResponse,
    Proof,
    SendAt,
    SendTimePrediction,
    SendTimeResponse,
    Share,
)

__all__ = [
    "EXPERIMENT_RESPONSE_EXAMPLE",
    "PLAN_REQUEST_EXAMPLE",
    "PLAN_RESPONSE_EXAMPLE",
    "REQUEST_EXAMPLE",
    "RESPONSE_EXAMPLE",
    "Arm",
    "ExperimentArm",
    "ExperimentResponse",
    "Option",
    "PlanRequest",
    "PlanResponse",
    "PlannedContact",
    "Proof",
    "SendAt",
    "SendTimePrediction",
    "SendTimeRequest",
    "SendTimeResponse",
    "Share",
]
