"""The wire of send time: what is asked and answered, with descriptions, bounds and examples."""

from services.sendtime.schemas.answered import (
    RESPONSE_EXAMPLE,
    ExperimentArm,
    Option,
    SendAt,
    SendTimePrediction,
    SendTimeResponse,
)
from services.sendtime.schemas.asked import REQUEST_EXAMPLE, QuietHours, Rules, SendTimeRequest, Window
from services.sendtime.schemas.experiments import EXPERIMENT_RESPONSE_EXAMPLE, Arm, ExperimentResponse, Proof, Share
from services.sendtime.schemas.plans import (
    PLAN_REQUEST_EXAMPLE,
    PLAN_RESPONSE_EXAMPLE,
    PlannedContact,
    PlannedHour,
    PlanRequest,
    PlanResponse,
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
    "PlannedHour",
    "Proof",
    "QuietHours",
    "Rules",
    "SendAt",
    "SendTimePrediction",
    "SendTimeRequest",
    "SendTimeResponse",
    "Share",
    "Window",
]
