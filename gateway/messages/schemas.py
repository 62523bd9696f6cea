"""Requests and answers of the routes of messages and of imported decisions."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.schemas import REQUEST, decoded
from shared.contracts.contact import Text
from shared.contracts.decision_input import DecisionInput
from shared.contracts.message_variant import Eligibility, MessageState, MessageVariant, MessageVariantFields
from shared.contracts.prediction import Answer, ProblemPointer

PathMessage = Annotated[
    Text,
    AfterValidator(decoded),
    Path(description="Your own id of the message; percent-encode what is not a letter."),
]
_Errors = Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]
_RequestId = Annotated[str, Field(description="Name it when you ask for help.")]


class MessagesRequest(BaseModel):
    """Messages to create or update."""

    model_config = REQUEST

    messages: Annotated[
        list[MessageVariant], Field(description="Each is judged alone.", min_length=1, max_length=1_000)
    ]


class MessageChanges(MessageVariantFields):
    """What is to change of a message; null takes away what is known."""


class MessageWriteResult(Answer):
    """What became of one message."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: Annotated[str | None, Field(description="The id as sent; null when there was none to read.")]
    status: Annotated[
        Literal["created", "updated", "unchanged", "invalid"], Field(description="`invalid`: nothing was stored.")
    ]
    errors: _Errors


class MessageWriteCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New messages.")]
    updated: Annotated[int, Field(description="Known messages with something new.")]
    unchanged: Annotated[int, Field(description="Known messages with nothing new.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class MessagesResponse(Answer):
    """What became of each message; what is not `invalid` is stored."""

    results: Annotated[list[MessageWriteResult], Field(description="In the order of the request.")]
    counts: Annotated[MessageWriteCounts, Field(description="How many of each status.")]
    request_id: _RequestId


class MessageAnswer(Answer):
    """A message of the catalogue."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    id: Annotated[str, Field(description="Your own id of the message.")]
    name: Annotated[str | None, Field(description="What people call it.")]
    attributes: Annotated[dict[str, str], Field(description="What it is about.")]
    from_: Annotated[datetime | None, Field(alias="from", description="Chosen from this instant on; null: at once.")]
    until: Annotated[datetime | None, Field(description="Not chosen from this instant on; null: for ever.")]
    eligible: Annotated[Eligibility, Field(description="Whom it is for; nothing named: everybody.")]
    cap_per_week: Annotated[
        int | None, Field(description="How often at most one contact gets it within 7 days; null: no limit.")
    ]
    cooldown_hours: Annotated[
        float | None, Field(description="How long a contact that got it does not get it again; null: no pause.")
    ]
    active: Annotated[bool, Field(description="false: it is never chosen.")]
    state: Annotated[MessageState, Field(description="Whether it may be chosen now; only `running` ones are.")]
    updated_at: Annotated[datetime, Field(description="When something of it changed last, UTC.")]


class MessageCounts(Answer):
    """How many messages there are, whatever is listed."""

    messages: Annotated[int, Field(description="In the catalogue.")]
    running: Annotated[int, Field(description="Of them those that may be chosen now.")]


class MessageList(Answer):
    """A page of the catalogue."""

    messages: Annotated[list[MessageAnswer], Field(description="Ordered by id.")]
    catalogue: Annotated[MessageCounts, Field(description="Of all messages.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class DecisionsRequest(BaseModel):
    """Decisions that another tool made."""

    model_config = REQUEST

    decisions: Annotated[
        list[DecisionInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)
    ]


class DecisionResult(Answer):
    """What became of one decision."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: Annotated[str | None, Field(description="The id as sent, or the one that was made from its content.")]
    status: Annotated[
        Literal["created", "duplicate", "erased", "invalid"],
        Field(
            description=(
                "`duplicate`: it was stored before; `erased`: nothing was stored, as the contact was erased and not "
                "put again; `invalid`: nothing was stored."
            )
        ),
    ]
    errors: _Errors


class DecisionCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New decisions.")]
    duplicate: Annotated[int, Field(description="Decisions that were stored before.")]
    erased: Annotated[int, Field(description="Not stored: their contacts were erased.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class DecisionsResponse(Answer):
    """What became of each decision; what is neither `invalid` nor `erased` is stored."""

    results: Annotated[list[DecisionResult], Field(description="In the order of the request.")]
    counts: Annotated[DecisionCounts, Field(description="How many of each status.")]
    messages_created: Annotated[
        list[str],
        Field(description="Messages that the catalogue did not know: they are in it now, and not active."),
    ]
    request_id: _RequestId
