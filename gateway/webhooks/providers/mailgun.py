"""Mailgun's webhooks: HMAC over timestamp and token inside the body, one event a request."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from gateway.webhooks import json_items, payload, secrets, signatures
from gateway.webhooks.provider import (
    Credentials,
    Incoming,
    IncomingEvent,
    ItemRefused,
    Recipient,
    SecretProblem,
    Signals,
    SignedRequest,
    WebhookRefused,
)
from shared.errors import BadRequest

BOT = "client-info.bot"
RETRIED_SECONDS = 12 * 3_600
"""Mailgun tries again for 8 hours and warns of delays before that; a token taken once is taken for good."""

_TYPES = {
    "accepted": "email_sent",
    "delivered": "email_delivered",
    "opened": "email_opened",
    "clicked": "email_clicked",
    "rejected": "email_dropped",
    "complained": "email_complained",
    "unsubscribed": "email_unsubscribed",
}
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FAILURES = {"temporary": "email_deferred", "permanent": "email_bounced"}


class Mailgun:
    """Sinch Mailgun."""

    name: ClassVar[str] = "mailgun"
    title: ClassVar[str] = "Mailgun"
    spends: ClassVar[str] = "receipt"
    """Field of an item that proves one request and no second one, even where the item itself is refused."""
    secret_hint: ClassVar[str] = (
        "The HTTP webhook signing key that Mailgun shows under API security; it is not the API key."
    )
    verifies: ClassVar[str] = (
        "The HMAC-SHA256 over timestamp and token, that the timestamp is at most 12 hours old (Mailgun retries for 8) "
        "and that the token was not taken before; the event itself is not signed, so TLS alone protects it."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature in the body."""
        active = signatures.secrets_of(credentials)
        timestamp, token, signature = _signature(request.body)
        signatures.require_fresh(signatures.signed_at(timestamp), request.received_at, behind_seconds=RETRIED_SECONDS)
        signed = f"{timestamp}{token}".encode()
        expected = [hmac.new(secret.strip().encode(), signed, "sha256").hexdigest() for secret in active]
        signatures.require_signature(signature.lower(), expected)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Keep of a request the event and the token, which is its receipt."""
        _, token, _ = _signature(request.body)

        def kept(read: Any) -> Any:
            return {"receipt": token, "event-data": read.get("event-data") if isinstance(read, dict) else None}

        return [json_items.map_item(kept, json_items.single_item(request.body))]

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Mailgun sends the time
        """Translate an event."""
        outer = payload.PayloadReader(item)
        fields = outer.inner("event-data")
        event = fields.text("event")
        variables = fields.inner("user-variables")
        headers = fields.inner("message").inner("headers")
        tags = fields.tags("tags")
        seen = event in {"opened", "clicked", "unsubscribed"}
        message_id = headers.maybe_text("message-id")
        return [
            IncomingEvent(
                receipt=outer.text("receipt"),
                recipient=Recipient(
                    contact_id=variables.own_id("contact_id"),
                    # A rejected message has no recipient but in its headers.
                    email=headers.address("to")
                    if event == "rejected" and fields.raw("recipient") is None
                    else fields.address("recipient"),
                ),
                type=_type(event, fields),
                occurred_at=fields.at_seconds("timestamp"),
                message_id=variables.own_id("decision_id") or (message_id.strip("<>") or None if message_id else None),
                campaign_id=variables.fact("campaign_id") or next(iter(tags), None),
                item=fields.link("url") if event == "clicked" else None,
                properties=payload.without_missing(
                    bounce=fields.fact("severity"),
                    reason=_reason(fields) if event == "failed" else None,
                    status=fields.inner("delivery-status").fact("code") if event == "failed" else None,
                    tags=tags,
                ),
                signals=Signals(
                    user_agent=fields.inner("client-info").long_text("user-agent") if seen else None,
                    ip=fields.long_text("ip") if seen else None,
                    machine=_bot(fields) if seen else None,
                ),
            )
        ]


def _signature(body: bytes) -> tuple[str, str, str]:
    """Find what signs a request.

    Raises:
        WebhookRefused: there is no such thing, as in the form-encoded webhooks of before 2018.
    """
    try:
        fields = payload.PayloadReader(json_items.lenient(body)).inner("signature")
        return fields.text("timestamp"), fields.text("token"), fields.text("signature")
    except BadRequest as error:
        if b"token=" in body or b'name="token"' in body:
            raise WebhookRefused(
                "This is Mailgun's old, form-encoded webhook, which is not read here: make a new webhook at Mailgun, "
                "under Send, Webhooks."
            ) from error
        raise WebhookRefused("The body is not a Mailgun webhook: signature.timestamp, token and signature.") from error


def _type(event: str, fields: payload.PayloadReader) -> str:
    if event == "failed":
        severity = fields.text("severity")
        if severity not in _FAILURES:
            raise ItemRefused("event-data.severity is neither temporary nor permanent.")
        return _FAILURES[severity]
    if event not in _TYPES:
        raise ItemRefused("event-data.event is none that Mailgun documents for messages.")
    return _TYPES[event]


def _reason(fields: payload.PayloadReader) -> str | None:
    """Return Mailgun's code for the reason (bounce, greylisted); a sentence is left out."""
    reason = fields.raw("reason")
    return reason if isinstance(reason, str) and _WORD.fullmatch(reason) else None


def _bot(fields: payload.PayloadReader) -> str | None:
    """Mailgun names the bot that it takes an open or a click for; an empty text is a person."""
    return BOT if fields.inner("client-info").fact("bot") else None
