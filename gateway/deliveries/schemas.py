"""Requests and answers of the routes of deliveries."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from gateway.schemas import REQUEST
from gateway.subscriptions.schemas import ID
from shared.contracts.prediction import Answer

DeliveryStateName = Literal["pending", "delivered", "failed"]


class ReplayRequest(BaseModel):
    """Deliveries to be made once more."""

    model_config = REQUEST

    subscription_id: Annotated[str, Field(pattern=ID, description="To whom.")]
    since: Annotated[AwareDatetime, Field(description="Made at or after this instant.")]
    until: Annotated[AwareDatetime, Field(description="And before this one.")]
    state: Annotated[
        Literal["delivered", "failed"] | None, Field(description="Only those that ended so; null: either.")
    ] = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.since >= self.until:
            raise ValueError("`since` must lie before `until`")
        return self


class AttemptAnswer(Answer):
    """One try."""

    number: Annotated[int, Field(description="From 1; replays count on.")]
    attempted_at: Annotated[datetime, Field(description="When, UTC.")]
    status: Annotated[int | None, Field(description="HTTP status; null: there was no answer.")]
    milliseconds: Annotated[int, Field(description="How long it took.")]
    error: Annotated[str | None, Field(description="Why there was no answer.")]
    response: Annotated[str | None, Field(description="The first 500 characters of what the receiver said.")]


class DeliveryAnswer(Answer):
    """One message on its way to one subscription."""

    id: Annotated[str, Field(description="What the receiver sees as `webhook-id`, at every attempt and replay.")]
    subscription_id: Annotated[str, Field(description="To whom.")]
    message_id: Annotated[str, Field(description="The same for every subscription that is told of it.")]
    type: Annotated[str, Field(description="What happened.")]
    contact_id: Annotated[str | None, Field(description="About whom; null: about nobody in particular.")]
    state: Annotated[DeliveryStateName, Field(description="`pending`, `delivered` or `failed` (given up).")]
    due_at: Annotated[datetime | None, Field(description="When the next attempt is due, UTC; null once it has ended.")]
    attempts: Annotated[int, Field(description="How many were made.")]
    created_at: Annotated[datetime, Field(description="When it happened for this subscription, UTC.")]
    ended_at: Annotated[datetime | None, Field(description="When it was delivered or given up, UTC.")]


class DeliveryDetail(DeliveryAnswer):
    """A delivery with what it says and every attempt."""

    data: Annotated[dict[str, Any], Field(description="As in the message.")]
    tried: Annotated[list[AttemptAnswer], Field(description="Every attempt, oldest first.")]


class DeliveryList(Answer):
    """A page of deliveries."""

    deliveries: Annotated[list[DeliveryAnswer], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class Replayed(Answer):
    """What is due once more."""

    replayed: Annotated[int, Field(description="How many deliveries.")]
