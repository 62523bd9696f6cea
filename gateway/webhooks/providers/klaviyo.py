"""Klaviyo's system webhooks: HMAC over body and timestamp, many events a request."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from gateway.webhooks import attributes, json_items, payload, secrets, signatures
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

SIGNATURE = "klaviyo-signature"
TIMESTAMP = "klaviyo-timestamp"
WEBHOOK_ID = "klaviyo-webhook-id"
_CURRENCIES = ("$currency_code", "$currency", "currency")
_TOPIC = "event:"
_ADDRESSES = ("Recipient Email Address", "$email", "email")
_MACHINE = ("machine_open", "Apple Privacy Open", "Bot Click")

_TYPES = {
    "received_email": "email_delivered",
    "email_delivered": "email_delivered",
    "opened_email": "email_opened",
    "email_opened": "email_opened",
    "clicked_email": "email_clicked",
    "email_clicked": "email_clicked",
    "bounced_email": "email_bounced",
    "dropped_email": "email_dropped",
    "marked_email_as_spam": "email_complained",
    "unsubscribed_from_email_marketing": "email_unsubscribed",
    "manually_suppressed_from_email_marketing": "email_unsubscribed",
    "subscribed_to_email_marketing": "email_resubscribed",
    "manually_unsuppressed_from_email_marketing": "email_resubscribed",
    "sent_sms": "sms_sent",
    "received_sms": "sms_replied",
    "clicked_sms": "sms_clicked",
    "failed_to_deliver_sms": "sms_bounced",
    "subscribed_to_sms_marketing": "sms_resubscribed",
    "unsubscribed_from_sms_marketing": "sms_unsubscribed",
    "received_push": "push_delivered",
    "bounced_push": "push_bounced",
    "opened_push": "push_opened",
}
"""Topics of Klaviyo itself; those of connected shops are named by `event_type`."""


class Klaviyo:
    """Klaviyo."""

    name: ClassVar[str] = "klaviyo"
    title: ClassVar[str] = "Klaviyo"
    secret_hint: ClassVar[str] = "The secret key that you gave the system webhook when you created it at Klaviyo."
    verifies: ClassVar[str] = (
        "The HMAC-SHA256 signature over body and timestamp, that the timestamp is at most 5 minutes off, and that the "
        "webhook id of the header is that of the body; nothing is left unproved."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active secret, and that the webhook is the one it says."""
        active = signatures.secrets_of(credentials)
        timestamp = signatures.header(request, TIMESTAMP)
        given = signatures.header(request, SIGNATURE).lower()
        webhook_id = signatures.header(request, WEBHOOK_ID)
        signatures.require_fresh(_instant(timestamp), request.received_at)
        signed = request.body + timestamp.encode("utf-8", "surrogatepass")
        signatures.require_signature(
            given, [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in active]
        )
        if not signatures.same(webhook_id, _webhook_id(request.body)):
            raise WebhookRefused(f"The header {WEBHOOK_ID} is not meta.klaviyo_webhook_id of the body.")

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the events of `data`."""
        _, events = json_items.envelope(request.body, "data")
        if events is None:
            raise BadRequest("The body is not Klaviyo's: data is not a list of events.")
        return events

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Klaviyo sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        type_ = _type(fields.text("topic"))
        sent = fields.inner("payload")
        data = payload.PayloadReader(sent.raw("data"), "payload.data.") if sent.raw("data") is not None else sent
        event = data.inner("attributes")
        facts = event.inner("event_properties")
        worth = attributes.amount(facts, "$value", "value", currencies=_CURRENCIES, type_=type_)
        return [
            IncomingEvent(
                receipt=fields.text("external_id"),
                recipient=_recipient(data, facts),
                type=type_,
                occurred_at=event.at_seconds("timestamp")
                if event.raw("timestamp") is not None
                else event.at_iso("datetime"),
                message_id=facts.maybe_text("$message"),
                campaign_id=facts.fact("$flow") or facts.fact("$message"),
                item=facts.link("URL") if type_.endswith("_clicked") else facts.fact("ProductName"),
                value=worth.value,
                currency=worth.currency,
                properties=payload.without_missing(
                    bounce=facts.fact("Bounce Type"), campaign=facts.fact("Campaign Name")
                ),
                signals=Signals(
                    machine=next((name for name in _MACHINE if facts.flag(name)), None),
                    user_agent=facts.long_text("$user_agent"),
                ),
            )
        ]


def _instant(text: str) -> datetime:
    """Read the timestamp: an HTTP date as documented, or ISO 8601, or seconds."""
    if text.isascii() and text.isdigit():
        return signatures.signed_at(text)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        # An HTTP date is always GMT.
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at
    raise WebhookRefused("The signed timestamp is neither an HTTP date nor ISO 8601.")


def _webhook_id(body: bytes) -> str:
    read = json_items.lenient(body)
    meta = read.get("meta") if isinstance(read, dict) else None
    found = meta.get("klaviyo_webhook_id") if isinstance(meta, dict) else None
    return found if isinstance(found, str) else ""


def _type(topic: str) -> str:
    if not topic.startswith(_TOPIC):
        raise ItemRefused("topic is none of an event: it does not begin with event:")
    _, _, name = topic.removeprefix(_TOPIC).partition(".")
    return _TYPES.get(name) or attributes.event_type_of(name)


def _recipient(data: payload.PayloadReader, facts: payload.PayloadReader) -> Recipient:
    profile = data.inner("relationships").inner("profile").inner("data").maybe_text("id")
    found = Recipient(
        email=next((one for name in _ADDRESSES if (one := attributes.maybe_address(facts, name))), None),
        external_id=profile or data.inner("attributes").maybe_text("profile_id"),
    )
    if found == Recipient():
        raise ItemRefused("payload names nobody: relationships.profile and the recipient's address are missing.")
    return found
