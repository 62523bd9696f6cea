"""Requests and answers of the routes of events."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.contracts.contact import EventInput
from shared.contracts.prediction import (
    Answer,
    ProblemPointer,
)


class EventResult(Answer):
    """What became of one event."""

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
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]


class EventCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New events.")]
    duplicate: Annotated[int, Field(description="Events that were stored before.")]
    erased: Annotated[int, Field(description="Not stored: their contacts were erased.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class EventsResponse(Answer):
    """What became of each event; what is neither `invalid` nor `erased` is stored."""

    results: Annotated[list[EventResult], Field(description="In the order of the request.")]
    counts: Annotated[EventCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]


class RecordedEvent(Answer):
    """A dated fact about the contact."""

    id: Annotated[str, Field(description="As sent, or made of its content.")]
    type: Annotated[str, Field(description="What happened.")]
    occurred_at: Annotated[datetime, Field(description="When, UTC.")]
    recorded_at: Annotated[datetime, Field(description="When it was told to us, UTC.")]
    value: Annotated[float | None, Field(description="Money or another amount.")]
    currency: Annotated[str | None, Field(description="ISO 4217 code of the value.")]
    message_id: Annotated[str | None, Field(description="The message that it belongs to.")]
    campaign_id: Annotated[str | None, Field(description="The campaign that it belongs to.")]
    item: Annotated[str | None, Field(description="Product, page, content or category.")]
    item_name: Annotated[str | None, Field(description="What the catalogue calls the item; null: nothing.")]
    properties: Annotated[dict[str, Any] | None, Field(description="Anything else, as sent.")]
    human: Annotated[bool | None, Field(description="false: made by a machine; null: unknown.")]


class ContactEvents(Answer):
    """A page of one contact's events."""

    contact_id: Annotated[str, Field(description="Whose.")]
    events: Annotated[list[RecordedEvent], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class EventsRequest(BaseModel):
    """Events to record."""

    model_config = REQUEST

    events: Annotated[list[EventInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]
