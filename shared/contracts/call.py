"""A call: whose key it came with, what the gateway vouches for to a service, and until when its answer is wanted.

`Foretell-Call: <base64url(JSON)>.<hex HMAC-SHA256>` covers the method, the path with its query, the JSON and the
body: a header cannot be used for another request. It says when it was signed and how long an answer is wanted, so
that clocks that differ a little change nothing; one signed too long ago, or in the future, is refused.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, get_args

import orjson

from shared.errors import ClockSkew, NotAuthenticated

Scope = Literal["predict", "ingest", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "fk_"
PUBLIC_ID_LENGTH = 10
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"fk_([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}})")


class NewKey(NamedTuple):
    """A key that was just made; the text is shown once and then forgotten."""

    text: str
    public_id: str
    digest: bytes


def new_key() -> NewKey:
    """Make a random key.

    Returns:
        The text for the client, the public id and the digest for the store.
    """
    public_id = random_text(PUBLIC_ID_LENGTH)
    body = f"{PREFIX}{public_id}_{random_text(SECRET_LENGTH)}"
    text = body + _checksum(body)
    return NewKey(text, public_id, digest_of(text))


def public_id_of(text: str) -> str:
    """Read the public id, after a look at shape and checksum.

    Raises:
        NotAuthenticated: not shaped like a key, or mistyped; says which.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise NotAuthenticated("This is not a Foretell key. One starts with fk_ and is 52 characters long.")
    if not hmac.compare_digest(_checksum(text[:-CHECKSUM_LENGTH]), text[-CHECKSUM_LENGTH:]):
        raise NotAuthenticated("This key is mistyped or cut short: its checksum does not fit. Copy it again.")
    return match.group(1)


def digest_of(text: str) -> bytes:
    """Hash a key for the store (SHA-256; the key is random, so no slow hash is needed)."""
    return hashlib.sha256(text.encode()).digest()


def matches(text: str, digest: bytes) -> bool:
    """Compare a key with a stored digest in constant time."""
    return hmac.compare_digest(digest_of(text), digest)


def allows(scopes: tuple[str, ...], scope: str) -> bool:
    """Return whether a key with these scopes may do what the scope covers; `admin` covers everything."""
    return scope in scopes or "admin" in scopes


def random_text(length: int) -> str:
    """Draw digits and letters, 5.95 bits each, from the system's source of chance."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


CALL_HEADER = "Foretell-Call"
SERVED_HEADER = "Foretell-Contacts-Served"
REQUEST_ID_HEADER = "X-Request-Id"
MAX_SKEW_SECONDS = 60.0
"""How far the clocks of two processes may differ; also how long a header can be used again, for the same request."""


class Call(NamedTuple):
    """Who asks, what they may do, until when an answer is wanted."""

    account: str
    scopes: tuple[str, ...]
    request_id: str
    deadline_at: float
    """Unix seconds, by the clock of the process that holds the call: `verified` moves it to the service's."""
    quota_contacts: int | None = None
    """How many contacts this key may still ask about; None: unlimited."""
    committed: bool = False
    """The answer leaves only once its predictions are in the store: who reads them there next can rely on them."""
    signed_seconds_ago: float = 0.0
    """How long the way took and how far the two clocks differ, together; set by `verified`."""


class SignedContent(NamedTuple):
    """What the signature covers beside the call."""

    method: str
    """Upper case."""
    target: bytes
    """Path and query as they go over the wire."""
    body: bytes = b""


def target_of(scope: Mapping[str, Any]) -> bytes:
    """Return path and query of an ASGI request as they came over the wire."""
    path: bytes = scope["raw_path"].partition(b"?")[0]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def signed(call: Call, request: SignedContent, key: bytes, *, now: float) -> str:
    """Make the header value.

    Args:
        call: what is vouched for.
        request: with which it goes.
        key: the signing key, at least 32 bytes.
        now: Unix seconds, by the same clock as the deadline.
    """
    fields = {
        "account": call.account,
        "scopes": call.scopes,
        "request_id": call.request_id,
        "signed_at": now,
        "deadline_at": call.deadline_at,
        "quota_contacts": call.quota_contacts,
        "committed": call.committed,
    }
    payload = base64.urlsafe_b64encode(orjson.dumps(fields)).decode()
    return f"{payload}.{_mac(payload, request, key)}"


def verified(header: str | None, request: SignedContent, key: bytes, *, now: float) -> Call:
    """Check the header and read it.

    Args:
        header: as it came.
        request: with which it came.
        key: the signing key.
        now: Unix seconds, by this process's clock.

    Returns:
        The call, its deadline by this process's clock.

    Raises:
        NotAuthenticated: absent, forged, for another request, or without time left.
        ClockSkew: signed further from now than the clocks may differ.
    """
    payload, _, mac = (header or "").partition(".")
    if not hmac.compare_digest(_mac(payload, request, key).encode(), mac.encode("ascii", "replace")):
        raise NotAuthenticated("This service answers only calls signed by the gateway.")
    try:
        fields = orjson.loads(base64.urlsafe_b64decode(payload))
        ago = now - float(fields.pop("signed_at"))
        fields.update(scopes=tuple(fields["scopes"]), deadline_at=fields["deadline_at"] + ago, signed_seconds_ago=ago)
        call = Call(**fields)
    except (binascii.Error, ValueError, TypeError, KeyError) as error:
        raise NotAuthenticated("This service answers only calls signed by the gateway.") from error
    if abs(ago) > MAX_SKEW_SECONDS:
        raise ClockSkew(
            f"Clocks differ: by the service's, the call was signed {ago:.0f} s ago. Set the clocks of both machines.",
            skew_seconds=round(ago, 1),
        )
    if call.deadline_at <= now:
        raise NotAuthenticated("The call is past its deadline.")
    return call


def _mac(payload: str, request: SignedContent, key: bytes) -> str:
    # Neither a method, a target nor base64 holds a line feed: what follows the third one is the body.
    covered = b"%b\n%b\n%b\n%b" % (request.method.encode(), request.target, payload.encode(), request.body)
    return hmac.digest(key, covered, "sha256").hex()


class Deadline:
    """An instant that may be moved: threads that work for the same request see it move.

    It is set where a request comes in, kept to wherever its work may wait, and travels in a context variable: into
    every coroutine and thread that works for the request. Work behind which nobody waits (the worker, the command
    line, polls) has none, and is as patient as its own settings say.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds: float | None = seconds
        self._monotonic = monotonic
        self._ends_at: float | None = monotonic() + seconds

    @staticmethod
    @contextmanager
    def within(seconds: float) -> "Iterator[Deadline]":
        """Give what the block does so many seconds, whatever it had before."""
        made = Deadline(seconds)
        token = _CURRENT.set(made)
        try:
            yield made
        finally:
            _CURRENT.reset(token)

    @staticmethod
    def at_most(seconds: float) -> "AbstractContextManager[Deadline]":
        """Give what the block does so many seconds, or what is left where that is less."""
        left = Deadline.seconds_left()
        return Deadline.within(seconds if left is None else min(seconds, left))

    @staticmethod
    def current() -> "Deadline | None":
        """Find the deadline of the request for which this is done; None: nobody waits."""
        return _CURRENT.get()

    @staticmethod
    def seconds_left() -> float | None:
        """Count the seconds until the deadline, at least 0; None: there is none."""
        deadline = _CURRENT.get()
        return None if deadline is None else deadline.left()

    def restart(self) -> None:
        """Count anew from now, unless the end was fixed: the request has only now come whole."""
        if self._seconds is not None:
            self._ends_at = self._monotonic() + self._seconds

    def fix(self, seconds: float) -> None:
        """Let it end so many seconds from now, whatever comes: whoever asked has said so."""
        self._seconds = None
        self._ends_at = self._monotonic() + seconds

    def lift(self) -> None:
        """Let the rest take its time: the answer has begun."""
        self._ends_at = None

    def left(self) -> float | None:
        """Count the seconds that are left, at least 0; None: it was lifted."""
        return None if self._ends_at is None else max(0.0, self._ends_at - self._monotonic())


_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
