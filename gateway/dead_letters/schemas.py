"""Requests and answers of the routes of dead letters."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.contracts.prediction import Answer


class RetryRequest(BaseModel):
    """Which dead letters to try again; all when nothing is named."""

    model_config = REQUEST

    source_id: Annotated[str | None, Field(description="Only of this source.", max_length=200)] = None
    reason: Annotated[str | None, Field(description="Only with this reason.", max_length=200)] = None


class DeadLetterAnswer(Answer):
    """An item that could not be taken, or a note of what was left out of one that was."""

    id: Annotated[str, Field(description="Its name here.")]
    source_id: Annotated[str, Field(description="Where it came from.")]
    provider: Annotated[str, Field(description="Who sent it.")]
    reason: Annotated[str, Field(description="A stable code: `item_refused`, `value_left_out`, `address_moved`, ...")]
    detail: Annotated[str, Field(description="What is wrong with it.")]
    payload: Annotated[
        Any, Field(description="The item; addresses are keyed hashes, and what is personal is left out.")
    ]
    received_at: Annotated[datetime, Field(description="When it came last, UTC.")]
    times: Annotated[int, Field(description="How often it came.")]


class DeadLetterList(Answer):
    """A page of dead letters, oldest first."""

    dead_letters: Annotated[list[DeadLetterAnswer], Field(description="Oldest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class RetryAnswer(Answer):
    """What became of the letters."""

    taken: Annotated[int, Field(description="How many were taken now and are gone.")]
    dead: Annotated[int, Field(description="How many stay; each says why.")]
