"""The wire of subscriptions and deliveries."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.contracts.message import MessageType
from shared.contracts.prediction import Answer
from shared.delivery.connectors import ConnectorName

State = Literal["enabled", "paused", "disabled"]
DeliveryStateName = Literal["pending", "delivered", "failed"]
TestType = Literal["subscription.test"] | MessageType
MAX_OVERLAP_HOURS = 24 * 30
ID = r"^[A-Za-z0-9_]{1,64}$"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RotateRequest(_Asked):
    """A secret to be replaced."""

    overlap_hours: Annotated[
        float, Field(ge=0, le=MAX_OVERLAP_HOURS, description="How long the old secret signs beside the new one.")
    ] = 24.0


class TrialRequest(_Asked):
    """A subscription to be tried out."""

    type: Annotated[TestType, Field(description="An example of which type is sent.")] = "subscription.test"
    contact_id: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Put into the example; a connector writes that record."),
    ] = None


class ReplayRequest(_Asked):
    """Deliveries to be made once more."""

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


class SubscriptionSecret(Answer):
    """A secret, without its text."""

    id: Annotated[str, Field(description="Its name.")]
    created_at: Annotated[datetime, Field(description="Since when it signs, UTC.")]
    expires_at: Annotated[datetime | None, Field(description="Until when; null: until it is replaced.")]


class WaitingCounts(Answer):
    """What has not arrived."""

    pending: Annotated[int, Field(description="Deliveries that wait, for their time or for the subscription to go on.")]
    failed: Annotated[int, Field(description="Deliveries that were given up; replay them.")]


class SubscriptionAnswer(Answer):
    """Who is told what, and how that goes."""

    id: Annotated[str, Field(description="Its id.")]
    url: Annotated[str, Field(description="Where to.")]
    event_types: Annotated[list[MessageType], Field(description="What is told.")]
    description: Annotated[str, Field(description="For people.")]
    connector: Annotated[ConnectorName | None, Field(description="Whose shape; null: Standard Webhooks.")]
    settings: Annotated[dict[str, Any], Field(description="Of the connector.")]
    header_names: Annotated[list[str], Field(description="Headers that are sent along; their values are not shown.")]
    model_changes: Annotated[bool, Field(description="Whether changes by another model are told one by one.")]
    state: Annotated[State, Field(description="`enabled`, `paused` (messages wait) or `disabled` (none are kept).")]
    state_reason: Annotated[str | None, Field(description="Why it is not enabled.")]
    state_at: Annotated[datetime, Field(description="Since when, UTC.")]
    failing_since: Annotated[
        datetime | None, Field(description="The first failure since the last success; null: it goes well.")
    ]
    counts: Annotated[WaitingCounts, Field(description="How much has not arrived.")]
    secrets: Annotated[list[SubscriptionSecret], Field(description="Those that sign now, newest first.")]
    created_at: Annotated[datetime, Field(description="Since when it is there, UTC.")]


class SubscriptionCreated(SubscriptionAnswer):
    """A subscription with its secret, which is shown once."""

    secret: Annotated[str, Field(description="What its webhooks are signed with. It is not shown again: keep it.")]


class SubscriptionList(Answer):
    """The subscriptions of this account."""

    subscriptions: Annotated[list[SubscriptionAnswer], Field(description="Oldest first.")]


class NewSecret(Answer):
    """A secret that signs from now on."""

    secret: Annotated[str, Field(description="It is not shown again: keep it.")]
    secrets: Annotated[list[SubscriptionSecret], Field(description="Those that sign now, newest first.")]


class TrialResponse(Answer):
    """What came back."""

    delivered: Annotated[bool, Field(description="Whether the receiver took it: an answer of 2xx.")]
    webhook_id: Annotated[str, Field(description="The header that was sent.")]
    status: Annotated[int | None, Field(description="HTTP status; null: there was no answer.")]
    milliseconds: Annotated[int, Field(description="How long it took.")]
    error: Annotated[
        str | None,
        Field(
            description=(
                "Why there was no answer: `timeout`, `connection-failed`, `tls-failed`, `no-address`, "
                "`address-refused`, `bad-answer`, `not-tellable`, `settings-refused`."
            )
        ),
    ]
    response: Annotated[str | None, Field(description="The first 500 characters of what the receiver said.")]


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
