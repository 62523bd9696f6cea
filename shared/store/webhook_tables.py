"""The tables of the open door: what comes in by webhook, and what goes out by it."""

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.store.columns import (
    CLUSTERED,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalKeyText,
    OptionalLongText,
    StoreTable,
)


class SourceTable(StoreTable):
    """Where webhooks come from: an address of its own for each provider and account."""

    __tablename__ = "sources"
    # Without the account in front: the address is what tells the account.
    __table_args__: Any = (UniqueConstraint("source_id"), UniqueConstraint("account_id", "name"))

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText]
    provider: Mapped[str]
    creates_contacts: Mapped[bool]
    settings: Mapped[LongText]
    """JSON: what else the provider needs, such as the topics that may be confirmed."""
    created_at: Mapped[Instant]
    last_received_at: Mapped[OptionalInstant]


class SourceSecretTable(StoreTable):
    """Secrets of a source, sealed; several are active while one is being replaced."""

    __tablename__ = "source_secrets"
    __table_args__: Any = (
        ForeignKeyConstraint(["account_id", "source_id"], ["sources.account_id", "sources.source_id"]),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    secret_id: Mapped[KeyText] = mapped_column(primary_key=True)
    sealed: Mapped[LongText]
    created_at: Mapped[Instant]
    expires_at: Mapped[OptionalInstant]


class ReceiptTable(StoreTable):
    """What a provider has told already: its own id of each event, so that the second telling changes nothing."""

    __tablename__ = "receipts"
    __table_args__: Any = (Index(None, "account_id", "received_at"), CLUSTERED)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    receipt: Mapped[KeyText] = mapped_column(primary_key=True)
    received_at: Mapped[Instant]


class DeadLetterTable(StoreTable):
    """Items of a verified webhook that could not be taken, without what is personal in them."""

    __tablename__ = "dead_letters"
    __table_args__: Any = (Index(None, "account_id", "received_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    dead_letter_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText]
    provider: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[LongText]
    payload: Mapped[LongText]
    """The item as JSON; addresses are keyed hashes, and what could tell a person or a device is left out."""
    recipient: Mapped[OptionalKeyText]
    """Keyed hash of whom it is about, so that an erasure finds it."""
    received_at: Mapped[Instant]
    """When it came last."""
    times: Mapped[int] = mapped_column(server_default="1")
    """How often it came."""


class SubscriptionTable(StoreTable):
    """Who wants to be told of what, and where."""

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
    """Whether changes that only a new model caused are told one by one."""
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
    """What happened and is to be told; written in the transaction in which it happened."""

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
    """The first characters of what the receiver said."""


class StandingTable(StoreTable):
    """What was last told of a contact: its band, segment or hour. What is told next is the difference to this."""

    __tablename__ = "standings"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    state: Mapped[str]
    score: Mapped[int | None]
    version: Mapped[str]
    cause: Mapped[str]
    """`events`, `time` or `model`; `first` for what was never different."""
    previous_state: Mapped[str | None]
    changed_at: Mapped[Instant]


class StaleContactTable(StoreTable):
    """Contacts of whom something new was recorded since they were last scored."""

    __tablename__ = "stale_contacts"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    first_touched_at: Mapped[Instant]
    """When it began to wait for being scored."""
    touched_at: Mapped[Instant]
    """When it was last touched; another value after every touch."""
