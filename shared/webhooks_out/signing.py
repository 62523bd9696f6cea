"""Signatures of Standard Webhooks 1.0, and the secrets for them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a new secret: 256 random bits, in base64 behind `whsec_`."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signatures(webhook_id: str, timestamp: int, body: bytes, with_secrets: Sequence[str]) -> str:
    """Sign a body with each secret; one valid signature is enough for a receiver.

    Args:
        webhook_id: the same at every attempt.
        timestamp: of the attempt, Unix seconds.
        body: exactly the bytes that are sent.
        with_secrets: the valid ones; two while one is being replaced.

    Returns:
        The `webhook-signature` header: `v1,<base64>`, separated by spaces.

    Source: Standard Webhooks 1.0.0, "Signature scheme", symmetric (HMAC-SHA256 over `id.timestamp.body`).
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in with_secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
