"""The tables of the store. `account_id` is the account's name and comes first in every key and index."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.store.columns import (
    CLUSTERED,
    KEY_TEXT,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalKeyText,
    OptionalLongText,
    StoreTable,
)


class AccountTable(StoreTable):
    """Who owns keys, contacts, events and models."""

    __tablename__ = "accounts"

    name: Mapped[KeyText] = mapped_column(primary_key=True)
    created_at: Mapped[Instant]


class AccountStateTable(StoreTable):
    """What is asked so often of an account that it is not computed by a scan."""

    __tablename__ = "account_states"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    newest_event_at: Mapped[OptionalInstant]
    all_static: Mapped[bool]
    """Every attribute of the account is declared static."""
    erasures: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """How many contacts were erased: one who read before an erasure and writes after it can tell."""


class KeyTable(StoreTable):
    """Keys by public id; the secret itself is never kept, only its SHA-256."""

    __tablename__ = "keys"
    # The one key without the account in front: a key is what tells the account.
    __table_args__ = (UniqueConstraint("public_id"),)

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    public_id: Mapped[KeyText] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    scopes: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[Instant]
    last_used_at: Mapped[OptionalInstant]
    revoked_at: Mapped[OptionalInstant]
    expires_at: Mapped[OptionalInstant]


class ContactTable(StoreTable):
    """People being marketed to."""

    __tablename__ = "contacts"
    __table_args__ = CLUSTERED

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    created_at: Mapped[OptionalInstant]
    timezone: Mapped[str | None]
    consent: Mapped[OptionalLongText]


class AttributeTable(StoreTable):
    """Values of attributes with the instant from which they hold; a correction is a further row."""

    __tablename__ = "attributes"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    valid_from: Mapped[Instant] = mapped_column(primary_key=True)
    recorded_at: Mapped[Instant] = mapped_column(primary_key=True)
    value: Mapped[LongText]
    dated: Mapped[bool]


class StaticAttributeTable(StoreTable):
    """Attributes declared to have held always."""

    __tablename__ = "static_attributes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)


class IdentityTable(StoreTable):
    """What else a contact is known by: a keyed hash, never the thing itself."""

    __tablename__ = "identities"
    # Two contacts that become one, and an erasure, ask by contact.
    __table_args__: Any = (Index(None, "account_id", "contact_id"), CLUSTERED)

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText]


class IdentityMergeTable(StoreTable):
    """When an identity began to point to another contact."""

    __tablename__ = "identity_merges"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    merged_at: Mapped[Instant] = mapped_column(primary_key=True)
    to_contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    from_contact_id: Mapped[KeyText]


class EventTable(StoreTable):
    """Dated facts about contacts, clustered by contact; the largest table, so it has no second index."""

    __tablename__ = "events"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    event_id: Mapped[KeyText] = mapped_column(primary_key=True)
    type: Mapped[str]
    occurred_at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    value: Mapped[float | None]
    currency: Mapped[str | None]
    message_id: Mapped[str | None]
    campaign_id: Mapped[str | None]
    item: Mapped[str | None]
    properties: Mapped[OptionalLongText]
    human: Mapped[int | None]


class OutcomeTable(StoreTable):
    """Outcomes as the account defined them."""

    __tablename__ = "outcomes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    definition: Mapped[LongText]


class DefaultOutcomeTable(StoreTable):
    """The outcome meant when a request names none."""

    __tablename__ = "default_outcomes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[str]


class SegmentNameTable(StoreTable):
    """What the account calls a segment; a name that training gave lies in the catalogue."""

    __tablename__ = "segment_names"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    segment_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[str]
    renamed_at: Mapped[Instant]


class ChampionTable(StoreTable):
    """Which version answers: the one place that decides it."""

    __tablename__ = "champions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[str]
    digest: Mapped[str]
    promoted_at: Mapped[Instant]
    previous_version: Mapped[str | None]
    previous_digest: Mapped[str | None]


class PromotionTable(StoreTable):
    """Every promotion and rollback, in order."""

    __tablename__ = "promotions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    promoted_at: Mapped[Instant]
    version: Mapped[str]
    digest: Mapped[str]
    replaced_version: Mapped[OptionalKeyText]
    reason: Mapped[LongText]


class VersionTable(StoreTable):
    """The catalogue: what was trained, with figures and report, readable without the registry."""

    __tablename__ = "versions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    digest: Mapped[str]
    kind: Mapped[str]
    grade: Mapped[str]
    trained_at: Mapped[Instant]
    horizon_days: Mapped[int | None]
    run_id: Mapped[str]
    figures: Mapped[LongText]
    report: Mapped[LongText]
    card: Mapped[LongText]
    input_drift: Mapped[OptionalLongText]
    """Counted over the last round of scoring, JSON; None: not counted yet."""


class PlotTable(StoreTable):
    """Pictures of a version's report."""

    __tablename__ = "plots"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class AssignmentTable(StoreTable):
    """Which contact of an experiment got which arm and instant, with which chance; written once, before the answer."""

    __tablename__ = "assignments"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    campaign_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    arm: Mapped[str]
    propensity: Mapped[float]
    send_at: Mapped[Instant]
    policy_at: Mapped[Instant]
    default_send_at: Mapped[Instant]
    engagement: Mapped[str]
    version: Mapped[str]
    assigned_at: Mapped[Instant]
