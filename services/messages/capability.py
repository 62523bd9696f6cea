"""Messages: which message should this contact get, if any?"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.messages.api.catalogues import with_catalogue
from services.messages.api.deciding import decide, settle_preview
from services.messages.api.report import EXTRA_ROUTES
from services.messages.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    MessageChoices,
    MessagePrediction,
    NextBestMessageRequest,
    NextBestMessageResponse,
)
from shared.capabilities import capability
from shared.contracts.outcome import Outcome
from shared.contracts.training import TrainingSpec
from shared.serving.capability_spec import BeforeRespond, CapabilitySpec

if TYPE_CHECKING:
    from services.messages.model import MessageAdvice, MessagePolicy


def _load(folder: Path) -> "MessagePolicy":
    from services.messages.model import MessagePolicy

    return MessagePolicy.load(folder)


def _untrained(outcome: Outcome) -> "MessagePolicy":
    from services.messages.model import MessagePolicy

    return MessagePolicy.untrained(outcome)


def _is_stored(request: NextBestMessageRequest, _: object) -> bool:
    """Only answers to the default question stand beside other contacts' answers."""
    return request.messages is None and request.slots is None


def _recipe() -> object:
    from services.messages.training import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["MessagePolicy", NextBestMessageRequest, "MessageAdvice"] = CapabilitySpec(
    capability=capability("messages"),
    summary="the message, or content for each slot, with its chance and what it is expected to earn, runner-ups, "
    "reasons; committed before it is answered, with a control group; caps, pauses, eligibility",
    request=NextBestMessageRequest,
    prediction=MessagePrediction,
    response=NextBestMessageResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    untrained=_untrained,
    is_stored=_is_stored,
    add_stored=settle_preview,
    answers_without_data=True,
    as_of_now=with_catalogue,
    extra_routes=EXTRA_ROUTES,
    before_respond=BeforeRespond(applies=lambda request: request.purpose == "decide", commit=decide),
    training=TrainingSpec(
        recipe=_recipe,
        choices=MessageChoices,
        help="Learn from logged decisions which message earns most with whom. Exit 3 when none is promoted.",
        examples=("--outcome clicked", "--outcome clicked --no-promote"),
        default_outcome="clicked",
        outcome_help="What a message is meant to reach.",
        example_outcome=Outcome(
            name="clicked", capability="messages", event_types=("page_viewed",), horizon_days=7, repeatable=True
        ),
    ),
)
