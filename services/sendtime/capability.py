"""Send time: when should this contact's next message go out?"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.sendtime.api.experiments import assign_arms
from services.sendtime.api.planning import assigned_parts, packed, value_hours
from services.sendtime.api.routes import EXTRA_ROUTES
from services.sendtime.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    SendTimePrediction,
    SendTimeRequest,
    SendTimeResponse,
)
from shared.capabilities import capability
from shared.contracts.send_rules import SendPlanOptions
from shared.contracts.training import Choices, TrainingSpec
from shared.serving.capability_spec import BeforeRespond, CapabilitySpec, JointDecision

if TYPE_CHECKING:
    from services.sendtime.model.sendtime import SendTimeModel


def _load(folder: Path) -> "SendTimeModel":
    from services.sendtime.model.sendtime import SendTimeModel

    return SendTimeModel.load(folder)


def _is_stored(request: SendTimeRequest, _: object) -> bool:
    """Only answers to the default question stand beside other contacts' answers."""
    return request.purpose == "best" and request.engagement is None and request.campaign_id is None


def _recipe() -> object:
    from services.sendtime.training import RECIPE

    return RECIPE


CAPABILITY = CapabilitySpec(
    capability=capability("sendtime"),
    summary="the instant on the contact's own clock within your window, chance of an answer, lift over the common best "
    "time, alternatives, reasons; a send plan within a capacity, and experiments that prove it",
    request=SendTimeRequest,
    prediction=SendTimePrediction,
    response=SendTimeResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    is_stored=_is_stored,
    extra_routes=EXTRA_ROUTES,
    answers_without_data=True,
    batch_plan=JointDecision(options=SendPlanOptions, value=value_hours, pack=packed, assign=assigned_parts),
    before_respond=BeforeRespond(applies=lambda request: request.purpose == "experiment", commit=assign_arms),
    training=TrainingSpec(
        recipe=_recipe,
        choices=Choices,
        help="Train send time; running services serve a promoted version within 30 s. Exit 3 when none is promoted.",
        examples=("", "--no-promote"),
    ),
)
