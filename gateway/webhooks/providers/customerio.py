"""Customer.io's reporting webhooks: HMAC over version, timestamp and body, one event a request."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from gateway.webhooks import attributes, json_items, payload, secrets, signatures
from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    Incoming,
    IncomingEvent,
    ItemRefused,
    Recipient,
    SecretProblem,
    Signals,
    SignedRequest,
)

SIGNATURE = "x-cio-signature"
TIMESTAMP = "x-cio-timestamp"
PREFETCHED = "prefetched"

_EMAIL = {
    "sent": "email_sent",
    "delivered": "email_delivered",
    "opened": "email_opened",
    "human_opened": "email_opened",
    "clicked": "email_clicked",
    "human_clicked": "email_clicked",
    "converted": "email_converted",
    "bounced": "email_bounced",
    "deferred": "email_deferred",
    "dropped": "email_dropped",
    "failed": "email_dropped",
    "undeliverable": "email_dropped",
    "suppressed": "email_dropped",
    "spammed": "email_complained",
    "unsubscribed": "email_unsubscribed",
}
_OTHER_CHANNELS = {"push", "sms", "in_app", "whatsapp"}
_OTHER_METRICS = {
    "sent",
    "delivered",
    "opened",
    "clicked",
    "converted",
    "bounced",
    "dropped",
    "failed",
    "undeliverable",
}
_PEOPLE = {"subscribed": "email_resubscribed", "unsubscribed": "email_unsubscribed"}
_INTERNAL = {"drafted", "attempted"}


class CustomerIo:
    """Customer.io."""

    name: ClassVar[str] = "customerio"
    title: ClassVar[str] = "Customer.io"
    secret_hint: ClassVar[str] = (
        "The webhook signing key that Customer.io shows under Data and Integrations, Reporting Webhooks."
    )
    verifies: ClassVar[str] = (
        "The HMAC-SHA256 signature over timestamp and body, and that the timestamp is at most 5 minutes off; nothing "
        "is left unproved."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active key."""
        active = signatures.secrets_of(credentials)
        timestamp = signatures.header(request, TIMESTAMP)
        given = signatures.header(request, SIGNATURE).lower()
        signatures.require_fresh(signatures.signed_at(timestamp), request.received_at)
        signed = b"v0:" + timestamp.encode() + b":" + request.body
        signatures.require_signature(
            given, [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in active]
        )

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the one event."""
        return json_items.items(request.body)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Customer.io sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        metric = fields.text("metric")
        about = fields.text("object_type")
        type_ = _type(about, metric)
        if isinstance(type_, Ignored):
            return [type_]
        data = fields.inner("data")
        clicked = metric in {"clicked", "human_clicked"}
        return [
            IncomingEvent(
                receipt=fields.text("event_id"),
                recipient=_recipient(data, mailed=about == "email"),
                type=type_,
                occurred_at=fields.at_seconds("timestamp"),
                message_id=data.maybe_text("delivery_id"),
                campaign_id=data.fact("campaign_id")
                or data.fact("broadcast_id")
                or data.fact("newsletter_id")
                or data.fact("transactional_message_id"),
                item=data.link("href") if clicked else None,
                properties=payload.without_missing(action_id=data.fact("action_id"), link_id=data.fact("link_id")),
                signals=Signals(
                    machine=PREFETCHED if metric == "opened" and data.flag(PREFETCHED) else None,
                    human=metric if metric.startswith("human_") else None,
                    user_agent=data.long_text("user_agent"),
                ),
            )
        ]


def _type(about: str, metric: str) -> str | Ignored:
    if metric in _INTERNAL or about in {"slack", "webhook"}:
        return Ignored("A step inside Customer.io that reaches no contact.")
    if about == "email" and metric in _EMAIL:
        return _EMAIL[metric]
    if about in _OTHER_CHANNELS and metric in _OTHER_METRICS:
        return f"{about}_{metric}"
    if about == "customer":
        if metric in _PEOPLE:
            return _PEOPLE[metric]
        return Ignored("A change of subscription preferences, which are kept at Customer.io.")
    raise ItemRefused("object_type and metric are none that Customer.io documents.")


def _recipient(data: payload.PayloadReader, *, mailed: bool) -> Recipient:
    identifiers = data.inner("identifiers")
    places = ((identifiers, "email"), *([(data, "recipient")] if mailed else []))
    return attributes.recipient(
        identifiers if identifiers.raw("id") else data,
        "id" if identifiers.raw("id") else "customer_id",
        email=next((one for place in places if (one := attributes.maybe_address(*place))), None),
        external_id=identifiers.maybe_text("cio_id"),
    )
