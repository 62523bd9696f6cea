"""What a provider is to the door: it verifies a request, takes it apart, and translates each item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from gateway.webhooks.incoming import Incoming
from shared.errors import BadRequest, NotAuthenticated

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
