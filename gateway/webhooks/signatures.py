"""Checks of signatures: secrets compared in constant time, signed timestamps that must be fresh."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from gateway.webhooks.provider import TOLERANCE_SECONDS, Credentials, SignedRequest, WebhookRefused

SECRET_HEADER = "x-foretell-secret"  # noqa: S105 - the name of a header
"""For providers that sign nothing but can send a header of one's own."""

_MAX_SIGNATURE_CHARACTERS = 4_096


def secrets_of(credentials: Credentials) -> Sequence[str]:
    """Return the active secrets.

    Raises:
        WebhookRefused: there is none, so nothing can be verified.
    """
    found = [secret for secret in credentials.secrets if secret.strip()]
    if not found:
        raise WebhookRefused("This source has no active secret. Give it one with: foretell sources")
    return found


def header(request: SignedRequest, name: str) -> str:
    """Return a header that the verification needs.

    Args:
        request: as it came.
        name: in lower case.

    Raises:
        WebhookRefused: it is missing, empty or longer than any signature.
    """
    value = request.headers.get(name, "").strip()
    if not value:
        raise WebhookRefused(f"The header {name} is missing. Turn signed webhooks on at the provider.")
    if len(value) > _MAX_SIGNATURE_CHARACTERS:
        raise WebhookRefused(f"The header {name} is longer than any signature.")
    return value


def same(given: str | bytes, expected: str | bytes) -> bool:
    """Compare in constant time; text that is not ASCII is only different, never an error.

    >>> same("ä", "a"), same("a", b"a")
    (False, True)
    """
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def any_same(given: str | bytes, expected: Iterable[str | bytes]) -> bool:
    """Whether it equals one of several; all are compared, so that the time does not show which one it was."""
    found = False
    for one in expected:
        found |= same(given, one)
    return found


def require_signature(given: str | bytes, expected: Iterable[str | bytes]) -> None:
    """Check that a signature is one that an active secret makes.

    Raises:
        WebhookRefused: it is none of them.
    """
    if not any_same(given, expected):
        raise WebhookRefused("The signature does not fit: the secret is another one, or the body was changed.")


def signed_at(text: str, *, milliseconds: bool = False) -> datetime:
    """Read a signed timestamp, a whole number of (milli)seconds since 1970.

    Raises:
        WebhookRefused: it is no such number.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise WebhookRefused("The signed timestamp is not a number of seconds since 1970.")
    number = int(digits)
    try:
        return datetime.fromtimestamp(number / 1_000 if milliseconds else number, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise WebhookRefused("The signed timestamp lies outside of all time.") from error


def require_fresh(
    at: datetime,
    received_at: datetime,
    *,
    behind_seconds: float = TOLERANCE_SECONDS,
    ahead_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """Check that a signed instant is about now.

    Args:
        at: what was signed; aware.
        received_at: when the request came; aware.
        behind_seconds: how old it may be.
        ahead_seconds: how far it may lie ahead, for clocks that differ.

    Raises:
        WebhookRefused: it is not.
    """
    age = received_at - at
    if age > timedelta(seconds=behind_seconds):
        raise WebhookRefused(f"The signed timestamp is older than {behind_seconds:g} seconds; is the clock right?")
    if -age > timedelta(seconds=ahead_seconds):
        raise WebhookRefused(f"The signed timestamp lies more than {ahead_seconds:g} seconds ahead.")


def require_shared_secret(request: SignedRequest, credentials: Credentials) -> None:
    """Check a secret that is sent with the request, for providers that sign nothing.

    It may come as `Authorization: Basic` (the secret is `user:password`), as `Authorization: Bearer`, or in the
    header `X-Foretell-Secret`.

    Raises:
        WebhookRefused: none came, or it is not an active one.
    """
    secrets = secrets_of(credentials)
    given = _shared_secret(request)
    if not any_same(given, secrets):
        raise WebhookRefused("The credentials that came with the request are not those of this source.")


def decoded_base64(text: str) -> bytes | None:
    """Decode strictly; None for what is not base64.

    >>> decoded_base64("aGk="), decoded_base64("aGk"), decoded_base64("ä")
    (b'hi', None, None)
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _shared_secret(request: SignedRequest) -> str | bytes:
    own = request.headers.get(SECRET_HEADER)
    if own:
        return own.strip()
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    if scheme.lower() == "basic" and value.strip():
        decoded = decoded_base64(value.strip())
        if decoded:
            return decoded
        raise WebhookRefused("The Authorization header is not Basic authentication in base64.")
    raise WebhookRefused(
        "No credentials came with the request: send Basic authentication, a Bearer token or X-Foretell-Secret."
    )


def _bytes(text: str | bytes) -> bytes:
    # Header bytes reach us as latin-1; half a surrogate pair cannot be encoded and only has to be different.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
