"""Standard Webhooks, and Svix from which it comes: the signature, and the id that is only in a header."""

import base64
import hmac
from collections.abc import Sequence
from typing import Any, Final

from gateway.webhooks import json_items, secrets, signatures
from gateway.webhooks.provider import Credentials, SecretProblem, SignedRequest, WebhookRefused

VERSION: Final = "v1,"
PREFIX: Final = "whsec_"
MIN_KEY_BYTES: Final = 24
"""By the specification: 24 to 64 random bytes."""
ID, MESSAGE = "webhook_id", "message"
"""Fields of an item: the id from the header beside the body, so that a dead letter keeps it."""


def verify(request: SignedRequest, credentials: Credentials, *, prefix: str) -> None:
    """Check that one of the signatures is that of an active secret, and that the timestamp is fresh.

    The signature is over the bytes as they came, whatever they are.

    Args:
        request: as it came.
        credentials: of the source.
        prefix: of the three headers, `webhook` or `svix`.

    Raises:
        WebhookRefused: it is not.
    """
    active = signatures.secrets_of(credentials)
    message_id = signatures.header(request, f"{prefix}-id")
    timestamp = signatures.header(request, f"{prefix}-timestamp")
    given = signatures.header(request, f"{prefix}-signature").split()
    signatures.require_fresh(signatures.signed_at(timestamp), request.received_at)
    keys = [key for key in map(key_of, active) if key]
    if not keys:
        raise WebhookRefused("No active secret of this source is one of Standard Webhooks: its prefix, then base64.")
    signed = f"{message_id}.{int(timestamp)}.".encode("utf-8", "surrogatepass") + request.body
    expected = [VERSION.encode() + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    found = [signatures.any_same(one, expected) for one in given if one.startswith(VERSION)]
    if not any(found):
        raise WebhookRefused("No v1 signature fits: the secret is another one, or the body was changed.")


def items(request: SignedRequest, *, prefix: str) -> Sequence[Any]:
    """Return the body as one item, with the id from the header beside it.

    Raises:
        BadRequest: the body ends in the middle.
    """
    message_id = request.headers.get(f"{prefix}-id", "")
    return [json_items.map_item(lambda read: {ID: message_id, MESSAGE: read}, json_items.single_item(request.body))]


def key_of(secret: str) -> bytes | None:
    """Return the key of a secret, whether its base64 is padded or not; None: it is not base64."""
    text = secret.strip().removeprefix(PREFIX).rstrip("=")
    return signatures.decoded_base64(text + "=" * (-len(text) % 4))


def secret_problem(secret: str) -> SecretProblem | None:
    """Return what is wrong with the form of a secret; None: nothing."""
    key = key_of(secret)
    if not key:
        return SecretProblem(f"It is not {PREFIX} and base64, as the sender shows it.", guessable=False)
    if len(key) < MIN_KEY_BYTES:
        detail = f"Its key has {len(key)} bytes; Standard Webhooks asks for {MIN_KEY_BYTES} to 64 random ones."
        return SecretProblem(detail, guessable=len(key) < secrets.GUESSABLE)
    return secrets.key_problem(secret, length=len(key))
