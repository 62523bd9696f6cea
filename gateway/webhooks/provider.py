"""The interface of a provider: verify a request, split it into items, translate each item into `Incoming`.

What is personal and not needed is left out by the translation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from shared.errors import BadRequest, NotAuthenticated

TOLERANCE_SECONDS = 300
"""How old, or how far ahead, a signed timestamp may be."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person that an item is about, by all ids that the provider knows; at least one is set."""

    contact_id: str | None = None
    """An id that the account itself gave the provider: it is our contact's id."""
    email: str | None = None
    """An address as written, or `hash:` and the keyed hash of one (in a dead letter that is tried again)."""
    external_id: str | None = None
    """The provider's own id of the person."""
    anonymous_id: str | None = None
    """A visitor who is not identified."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals for bot detection; dropped once the assessment is made."""

    machine: str | None = None
    """Name of the provider's own flag for a machine, such as `sg_machine_open`; None: not set."""
    human: str | None = None
    """Name of the provider's own flag for a human, such as `human_opened`; None: not set."""
    user_agent: str | None = None
    ip: str | None = None
    method: str | None = None
    """HTTP method of the request for the pixel or link, if known."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """Something that happened."""

    receipt: str
    """The provider's own id of this event, unique within the source: the same id again changes nothing."""
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
    """Small facts, such as a bounce's kind or tags. Never an address, a device or free text."""
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
    """The person is to be erased."""

    receipt: str
    recipient: Recipient
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The provider wants a URL confirmed before it sends anything (Amazon SNS)."""

    receipt: str
    url: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A known kind of item that says nothing about a contact."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of an item that is refused: the item becomes a dead letter, its other parts are taken."""

    reason: str


Incoming = IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation | Ignored | Refused


class WebhookRefused(NotAuthenticated):
    """The request is not verified as the provider's; the detail names the part, never a secret."""

    code = "webhook-refused"
    title = "Webhook refused"


class ItemRefused(BadRequest):
    """One item cannot be translated; it becomes a dead letter, the others of the request are taken."""

    code = "item-refused"
    title = "Item refused"


class SecretProblem(NamedTuple):
    """What is wrong with the form of a secret."""

    detail: str
    """A sentence, never with the secret in it."""
    guessable: bool
    """So short that it can be guessed by trying: it is refused even if it is stored."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""
    url: str
    """As the provider called it, query included: with FORETELL_PUBLIC_URL where a proxy changes it."""
    method: str
    received_at: datetime
    """Aware."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the account gave us to verify requests of a source."""

    secrets: Sequence[str]
    """The active ones; any of them is enough."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the source, such as `topics` of Amazon SNS."""


class Provider(Protocol):
    """One file in `providers/`."""

    name: ClassVar[str]
    """In the path `/webhooks/{provider}/{source}`."""
    title: ClassVar[str]
    """As the provider writes itself."""
    secret_hint: ClassVar[str]
    """What `--secret` is and where the provider shows it, one sentence for a help text."""
    verifies: ClassVar[str]
    """What the verification proves, and what it cannot: one sentence for the documentation."""

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Return what is wrong with the form of a secret; None: nothing."""

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check that the request comes from the provider, in constant time, and is fresh.

        Raises:
            WebhookRefused: it does not, or there is no secret to verify it with.
        """

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Split a verified body into items; `translate` checks each of them.

        Raises:
            BadRequest: the body cannot be read at all.
        """

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:
        """Translate an item; also one that was redacted into a dead letter.

        Raises:
            ItemRefused: it cannot be translated; names what is missing or unknown.
        """
