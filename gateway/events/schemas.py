"""Requests and answers of the routes of events."""

from typing import Annotated, Literal

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


class EventsRequest(BaseModel):
    """Events to record."""

    model_config = REQUEST

    events: Annotated[list[EventInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]
