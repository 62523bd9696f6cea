"""Standard Webhooks, and Svix from which it comes: the signature, and the id that is only in a header."""

import binascii
from collections.abc import Sequence
from typing import Any, Final

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from gateway.webhooks import checking, reading
from gateway.webhooks.provider import Credentials, SignedRequest, WebhookRefused

VERSION: Final = "v1,"
ID, MESSAGE = "webhook_id", "message"
"""Of an item: the id of the header beside the body, so that a dead letter keeps it."""


def verify(request: SignedRequest, credentials: Credentials, *, prefix: str) -> None:
    """Check that one of the signatures is that of an active secret, and that the timestamp is fresh.

    The library signs, we compare: its own `verify` reads the machine's clock and stumbles over foreign versions.

    Args:
        request: as it came.
        credentials: of the source.
        prefix: of the three headers, `webhook` or `svix`.

    Raises:
        WebhookRefused: it is not.
    """
    secrets = checking.secrets_of(credentials)
    message_id = checking.header(request, f"{prefix}-id")
    timestamp = checking.signed_at(checking.header(request, f"{prefix}-timestamp"))
    given = checking.header(request, f"{prefix}-signature").split()
    checking.require_fresh(timestamp, request.received_at)
    signers = [signer for signer in map(_signer, secrets) if signer is not None]
    if not signers:
        raise WebhookRefused("No active secret of this source is one of Standard Webhooks: its prefix, then base64.")
    try:
        body = request.body.decode()
        expected = [signer.sign(message_id, timestamp, body) for signer in signers]
    except UnicodeError as error:
        raise WebhookRefused("The body or the id is not UTF-8.") from error
    found = [checking.any_same(one, expected) for one in given if one.startswith(VERSION)]
    if not any(found):
        raise WebhookRefused("No v1 signature fits: the secret is another one, or the body was changed.")


def items(request: SignedRequest, *, prefix: str) -> Sequence[Any]:
    """Put the id beside the body.

    Raises:
        BadRequest: the body is not JSON.
    """
    return [{ID: request.headers.get(f"{prefix}-id", ""), MESSAGE: reading.json_of(request.body)}]


def _signer(secret: str) -> Webhook | None:
    try:
        return Webhook(secret.strip())
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        return None
