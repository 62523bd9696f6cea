"""What a provider's webhook says, in our words; all that is personal and not needed is left behind in translation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom an item is about, by everything the provider knows of the person; at least one is set."""

    contact_id: str | None = None
    """An id that the account itself gave the provider: it is our contact's id."""
    email: str | None = None
    """An address as written, or `hash:` and the keyed hash of one (in a dead letter that is tried again)."""
    external_id: str | None = None
    """The provider's own id of the person."""
    anonymous_id: str | None = None
    """A visitor who has not said who they are."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What tells a human from a machine; dropped once the verdict is made."""

    machine: str | None = None
    """Name of the provider's own flag that says it was a machine, such as `sg_machine_open`; None: it says nothing."""
    human: str | None = None
    """Name of the provider's own flag that says it was no machine, such as `human_opened`."""
    user_agent: str | None = None
    ip: str | None = None
    method: str | None = None
    """HTTP method of the request for the pixel or link, where told."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """Something that happened."""

    receipt: str
    """The provider's own id of this happening, unique within the source: the same one again changes nothing."""
    recipient: Recipient
    type: str
    """Canonical where there is one (`email_clicked`), else snake_case."""
    occurred_at: datetime
    """Aware."""
    message_id: str | None = None
    campaign_id: str | None = None
    item: str | None = None
    """For a click the link, without its query."""
    value: float | None = None
    currency: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Small facts worth a feature or a look: a bounce's kind, tags. Never an address, a device or free text."""
    signals: Signals = Signals()


@dataclass(frozen=True, slots=True)
class IncomingContact:
    """What is now known of a person."""

    receipt: str
    recipient: Recipient
    occurred_at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Scalars by name; they hold from `occurred_at`."""
    timezone: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncomingMerge:
    """Two identities turn out to be one person: `former` is from now on `recipient`."""

    receipt: str
    former: Recipient
    recipient: Recipient
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class IncomingErasure:
    """The person is to be forgotten."""

    receipt: str
    recipient: Recipient
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The provider asks to be visited before it sends anything (Amazon SNS)."""

    receipt: str
    url: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A known kind of item that says nothing about a contact."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of an item that cannot be taken: the item becomes a dead letter, its other parts are taken."""

    reason: str


Incoming = IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation | Ignored | Refused
