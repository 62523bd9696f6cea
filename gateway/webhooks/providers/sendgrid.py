"""SendGrid's Event Webhook: ECDSA over the timestamp and the raw body, many events a request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.webhooks import json_items, payload, signatures
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

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
MACHINE_OPEN = "sg_machine_open"

_TYPES = {
    "processed": "email_sent",
    "delivered": "email_delivered",
    "open": "email_opened",
    "click": "email_clicked",
    "bounce": "email_bounced",
    "dropped": "email_dropped",
    "deferred": "email_deferred",
    "spamreport": "email_complained",
    "unsubscribe": "email_unsubscribed",
    "group_unsubscribe": "email_unsubscribed",
    "group_resubscribe": "email_resubscribed",
}


class SendGrid:
    """Twilio SendGrid."""

    name: ClassVar[str] = "sendgrid"
    title: ClassVar[str] = "SendGrid"
    secret_hint: ClassVar[str] = (
        "The verification key (a public key) that SendGrid shows under Settings, Mail Settings, Event Webhook, "
        "once Signed Event Webhook is on."
    )
    verifies: ClassVar[str] = (
        "The ECDSA P-256 signature over timestamp and body, and that the timestamp is at most 5 minutes off; "
        "nothing is left unproved."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a public key."""
        if _public_key(secret) is None:
            return SecretProblem("It is not a P-256 public key in base64 or PEM.", guessable=False)
        return None

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active public key."""
        secrets = signatures.secrets_of(credentials)
        timestamp = signatures.header(request, TIMESTAMP)
        signature = signatures.decoded_base64(signatures.header(request, SIGNATURE))
        signatures.require_fresh(signatures.signed_at(timestamp), request.received_at)
        if signature is None:
            raise WebhookRefused(f"The header {SIGNATURE} is not base64.")
        signed = timestamp.encode() + request.body
        keys = [key for key in map(_public_key, secrets) if key is not None]
        if not keys:
            raise WebhookRefused("No active secret of this source is a P-256 public key in base64.")
        if not any(_signs(key, signature, signed) for key in keys):
            raise WebhookRefused("The signature does not fit: the key is another one, or the body was changed.")

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the events of the array."""
        return json_items.items(request.body)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - SendGrid sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        event = fields.text("event")
        if event not in _TYPES:
            raise ItemRefused("event is none that SendGrid documents for messages.")
        categories = fields.tags("category")
        message_id = fields.maybe_text("sg_message_id")
        return [
            IncomingEvent(
                receipt=fields.text("sg_event_id"),
                recipient=Recipient(contact_id=fields.own_id("contact_id"), email=fields.address("email")),
                type=_TYPES[event],
                occurred_at=fields.at_seconds("timestamp"),
                # What follows the first dot names the server and the recipient's place in the request.
                message_id=fields.own_id("decision_id")
                or (message_id.split(".", 1)[0] or None if message_id else None),
                campaign_id=fields.fact("campaign_id")
                or fields.fact("marketing_campaign_id")
                or fields.fact("singlesend_id")
                or next(iter(categories), None),
                item=fields.link("url") if event == "click" else None,
                properties=payload.without_missing(
                    bounce=fields.fact("type") if event == "bounce" else None,
                    status=fields.fact("status"),
                    tags=categories,
                    unsubscribe_group=fields.fact("asm_group_id"),
                ),
                signals=Signals(
                    machine=MACHINE_OPEN if fields.flag(MACHINE_OPEN) else None,
                    user_agent=fields.long_text("useragent"),
                    # Of a delivery it is the address of SendGrid's own server.
                    ip=fields.long_text("ip") if event in {"open", "click"} else None,
                ),
            )
        ]


def _public_key(secret: str) -> ec.EllipticCurvePublicKey | None:
    lines = [line.strip() for line in secret.splitlines()]
    der = signatures.decoded_base64("".join("".join(line.split()) for line in lines if not line.startswith("-----")))
    if not der:
        return None
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def _signs(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
