"""Requests and answers of the routes of subscriptions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.contracts.message import MessageType
from shared.contracts.prediction import Answer
from shared.webhooks_out.connectors import ConnectorName

State = Literal["enabled", "paused", "disabled"]
TestType = Literal["subscription.test"] | MessageType
MAX_OVERLAP_HOURS = 24 * 30
ID = r"^[A-Za-z0-9_]{1,64}$"


class RotateRequest(BaseModel):
    """A secret to be replaced."""

    model_config = REQUEST

    overlap_hours: Annotated[
        float, Field(ge=0, le=MAX_OVERLAP_HOURS, description="How long the old secret signs beside the new one.")
    ] = 24.0


class TrialRequest(BaseModel):
    """A subscription to be tried out."""

    model_config = REQUEST

    type: Annotated[TestType, Field(description="An example of which type is sent.")] = "subscription.test"
    contact_id: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Put into the example; a connector writes that record."),
    ] = None


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
