"""Mailchimp Transactional (Mandrill): HMAC-SHA1 over the URL and the form, many events a request."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from gateway.webhooks import json_items, payload, secrets, signatures
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
    WebhookRefused,
)
from shared.errors import BadRequest

SIGNATURE = "x-mandrill-signature"
FIELD = "mandrill_events"
_MAX_FORM_FIELDS = 20

_TYPES = {
    "send": "email_sent",
    "delivered": "email_delivered",
    "deferral": "email_deferred",
    "hard_bounce": "email_bounced",
    "soft_bounce": "email_bounced",
    "open": "email_opened",
    "click": "email_clicked",
    "spam": "email_complained",
    "unsub": "email_unsubscribed",
    "reject": "email_dropped",
}
_BOUNCES = {"hard_bounce": "hard", "soft_bounce": "soft"}


class Mandrill:
    """Mailchimp Transactional."""

    name: ClassVar[str] = "mandrill"
    title: ClassVar[str] = "Mandrill (Mailchimp Transactional)"
    secret_hint: ClassVar[str] = "The webhook key that Mandrill shows beside the webhook under Settings, Webhooks."
    verifies: ClassVar[str] = (
        "The HMAC-SHA1 over the exact public URL and the form, so FORETELL_PUBLIC_URL must be right behind a proxy; "
        "no timestamp is signed, so an old request is known only by its receipts."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature over the URL and the sorted form fields."""
        active = signatures.secrets_of(credentials)
        signature = signatures.header(request, SIGNATURE)
        try:
            form = _form(request.body)
        except BadRequest as error:
            raise WebhookRefused(error.detail) from error
        signed = request.url.encode() + b"".join(_bytes(name + form[name]) for name in sorted(form))
        signatures.require_signature(
            signature,
            [base64.b64encode(hmac.digest(secret.strip().encode(), signed, "sha1")) for secret in active],
        )

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the events of the form field."""
        events = _form(request.body).get(FIELD)
        if events is None:
            raise BadRequest(f"The form field {FIELD} is missing.")
        if events.lstrip()[:1] != "[":
            raise BadRequest(f"The form field {FIELD} is not a JSON array.")
        return json_items.items(_bytes(events))

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Mandrill sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        if "event" not in item and fields.fact("type") in {"blacklist", "whitelist"}:
            return [Ignored("A change of Mandrill's own lists, not a happening to a message.")]
        event = fields.text("event")
        if event == "inbound":
            return [Ignored("A message that came in.")]
        if event not in _TYPES:
            raise ItemRefused("event is none that Mandrill documents for messages.")
        message = fields.inner("msg")
        metadata = message.inner("metadata")
        tags = message.tags("tags")
        at = fields.at_seconds("ts")
        clicked = event == "click"
        message_id = fields.text("_id")
        return [
            IncomingEvent(
                receipt=payload.receipt_of(message_id, event, at, fields.long_text("url") if clicked else None),
                recipient=Recipient(contact_id=metadata.own_id("contact_id"), email=message.address("email")),
                type=_TYPES[event],
                occurred_at=at,
                message_id=metadata.own_id("decision_id") or message_id,
                campaign_id=metadata.fact("campaign_id") or next(iter(tags), None),
                item=fields.link("url") if clicked else None,
                properties=payload.without_missing(
                    bounce=_BOUNCES.get(event),
                    reason=message.fact("bounce_description") if event in _BOUNCES else None,
                    tags=tags,
                ),
                signals=Signals(
                    machine="user_agent_parsed" if _is_robot(fields) else None,
                    user_agent=fields.long_text("user_agent"),
                    ip=fields.long_text("ip"),
                ),
            )
        ]


def _form(body: bytes) -> Mapping[str, str]:
    """Read a form in which each field stands once; a byte that is no UTF-8 stays what it is (PEP 383).

    Raises:
        BadRequest: it is none.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError as error:
        raise BadRequest("The body is not a form.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise BadRequest("A field of the form stands there twice.")
    return form


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_robot(fields: payload.PayloadReader) -> bool:
    parsed = fields.raw("user_agent_parsed")
    kind = parsed.get("type") if isinstance(parsed, dict) else None
    return isinstance(kind, str) and kind.strip().lower() == "robot"
