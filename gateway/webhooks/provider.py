"""The interface of a provider: verify a request, split it into items, translate each item into `Incoming`.

What is personal and not needed is left out by the translation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from shared.errors import BadRequest, NotAuthenticated


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


TOLERANCE_SECONDS = 300
"""How old, or how far ahead, a signed timestamp may be."""


class WebhookRefused(NotAuthenticated):
    """The request does not prove that it comes from the provider; the detail says which part, never a secret."""

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
    """So short that it can be tried out: it is not believed even where it is stored."""


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
    """What the account told us so that requests of a source can be verified."""

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
    """What is proved of a request, and what cannot be: one sentence for the documentation."""

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Say what is wrong with the form of a secret; None: nothing."""

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check that the request comes from the provider, in constant time, and is fresh.

        Raises:
            WebhookRefused: it does not, or nobody could tell (no secret).
        """

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Take a verified body apart; what an item looks like is judged one by one in `translate`.

        Raises:
            BadRequest: the body cannot be read at all.
        """

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:
        """Say an item in our words; the same for an item that was redacted into a dead letter.

        Raises:
            ItemRefused: it cannot be said; names what is missing or unknown.
        """
