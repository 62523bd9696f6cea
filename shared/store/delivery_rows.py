"""The records of subscriptions, deliveries and attempts, as the store hands them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.contracts.rows import Microseconds

SubscriptionState = Literal["enabled", "paused", "disabled"]
DeliveryState = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """Who wants to be told of what, and where."""

    subscription_id: str
    url: str
    event_types: tuple[str, ...]
    description: str
    connector: str | None
    """Whose shape the body has; None: our own."""
    settings: Mapping[str, Any]
    sealed_headers: str | None
    model_changes: bool
    state: SubscriptionState
    state_reason: str | None
    state_at: Microseconds
    failing_since: Microseconds | None
    """The first failure since the last success."""
    created_at: Microseconds


class SecretRow(NamedTuple):
    """A secret that deliveries are signed with."""

    subscription_id: str
    secret_id: str
    sealed: str
    created_at: Microseconds
    expires_at: Microseconds | None


class SubscriptionCounts(NamedTuple):
    """How many deliveries wait, and how many were given up."""

    pending: int
    failed: int


class DueDelivery(NamedTuple):
    """A delivery that is leased to a worker, with what it says."""

    delivery_id: str
    subscription_id: str
    type: str
    occurred_at: Microseconds
    data: str
    """JSON."""
    tries: int


class DeliveryRow(NamedTuple):
    """One message on its way to one subscription."""

    delivery_id: str
    subscription_id: str
    message_id: str
    type: str
    contact_id: str | None
    state: DeliveryState
    due_at: Microseconds
    attempts: int
    created_at: Microseconds
    ended_at: Microseconds | None
    data: str
    """JSON."""


class AttemptRow(NamedTuple):
    """One try and what came back."""

    number: int
    attempted_at: Microseconds
    status: int | None
    milliseconds: int
    error: str | None
    response: str | None


class AttemptResult(NamedTuple):
    """What came of a leased delivery's try, and what is next for it."""

    delivery_id: str
    subscription_id: str
    attempted_at: Microseconds
    status: int | None
    milliseconds: int
    error: str | None
    response: str | None
    state: DeliveryState
    due_at: Microseconds
    """Of the next attempt, while pending."""
    tries: int
    gone: bool
    """Whether the receiver said that it wants nothing more, ever."""
    blames: bool = True
    """Whether a failure speaks against the receiver; one record that a CRM does not have does not."""
