"""The tables and records of webhooks that go out: subscriptions, messages, deliveries, attempts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.schema import (
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalKeyText,
    OptionalLongText,
    StoreTable,
)


class SubscriptionTable(StoreTable):
    """Who wants which messages, and where."""

    __tablename__ = "subscriptions"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    subscription_id: Mapped[KeyText] = mapped_column(primary_key=True)
    url: Mapped[LongText]
    event_types: Mapped[LongText]
    """JSON list."""
    description: Mapped[str]
    connector: Mapped[str | None]
    """Whose shape the body has; None: our own."""
    settings: Mapped[LongText]
    """JSON: what the connector needs, the template of a body."""
    sealed_headers: Mapped[OptionalLongText]
    """JSON of headers that the receiver asks for (a token); each value is sealed."""
    model_changes: Mapped[bool]
    """Whether changes that only a new model caused are sent one by one."""
    state: Mapped[str]
    """`enabled`, `paused` or `disabled`."""
    state_reason: Mapped[str | None]
    state_at: Mapped[Instant]
    failing_since: Mapped[OptionalInstant]
    created_at: Mapped[Instant]


class SubscriptionSecretTable(StoreTable):
    """Secrets that deliveries of a subscription are signed with, sealed; two while one is being replaced."""

    __tablename__ = "subscription_secrets"
    __table_args__: Any = (
        ForeignKeyConstraint(
            ["account_id", "subscription_id"], ["subscriptions.account_id", "subscriptions.subscription_id"]
        ),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    subscription_id: Mapped[KeyText] = mapped_column(primary_key=True)
    secret_id: Mapped[KeyText] = mapped_column(primary_key=True)
    sealed: Mapped[LongText]
    created_at: Mapped[Instant]
    expires_at: Mapped[OptionalInstant]


class MessageTable(StoreTable):
    """What happened and is to be sent; written in the transaction in which it happened."""

    __tablename__ = "messages"
    __table_args__: Any = (Index(None, "account_id", "occurred_at"), Index(None, "account_id", "contact_id"))

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    message_id: Mapped[KeyText] = mapped_column(primary_key=True)
    type: Mapped[str]
    occurred_at: Mapped[Instant]
    contact_id: Mapped[OptionalKeyText]
    cause: Mapped[str | None]
    data: Mapped[LongText]
    """JSON."""


class DeliveryTable(StoreTable):
    """One message on its way to one subscription."""

    __tablename__ = "deliveries"
    __table_args__: Any = (
        UniqueConstraint("account_id", "subscription_id", "message_id"),
        # What is due of one subscription is found past any number that another one keeps waiting.
        Index(None, "account_id", "subscription_id", "state", "due_at"),
        Index("ix_deliveries_newest", "account_id", "subscription_id", "state", "created_at", "delivery_id"),
        Index(None, "account_id", "message_id"),
        Index(None, "account_id", "created_at"),
        ForeignKeyConstraint(["account_id", "message_id"], ["messages.account_id", "messages.message_id"]),
        ForeignKeyConstraint(
            ["account_id", "subscription_id"], ["subscriptions.account_id", "subscriptions.subscription_id"]
        ),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    delivery_id: Mapped[KeyText] = mapped_column(primary_key=True)
    subscription_id: Mapped[KeyText]
    message_id: Mapped[KeyText]
    state: Mapped[KeyText]
    """`pending`, `delivered` or `failed`."""
    due_at: Mapped[Instant]
    """When the next attempt is due; while one is made this lies ahead by a lease, so a killed worker loses nothing."""
    attempts: Mapped[int]
    """All that were made."""
    tries: Mapped[int]
    """Attempts since it was made or replayed: how far it is on the schedule."""
    created_at: Mapped[Instant]
    ended_at: Mapped[OptionalInstant]


class AttemptTable(StoreTable):
    """Every try of a delivery and what came back."""

    __tablename__ = "attempts"
    __table_args__: Any = (
        ForeignKeyConstraint(["account_id", "delivery_id"], ["deliveries.account_id", "deliveries.delivery_id"]),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    delivery_id: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempted_at: Mapped[Instant]
    status: Mapped[int | None]
    milliseconds: Mapped[int]
    error: Mapped[str | None]
    response: Mapped[OptionalLongText]
    """The first characters of the receiver's response."""


SubscriptionState = Literal["enabled", "paused", "disabled"]
DeliveryState = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """Who wants which messages, and where."""

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
    """Whether the receiver answered that it wants nothing more, ever."""
    blames: bool = True
    """Whether a failure speaks against the receiver; one record that a CRM does not have does not."""
