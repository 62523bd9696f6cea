"""Brevo's webhooks: nothing is signed, so a secret must travel along; one event a request, or many."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

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
)

PROXY_OPEN = "proxy_open"

_TYPES = {
    "request": "email_sent",
    "sent": "email_sent",
    "delivered": "email_delivered",
    "hard_bounce": "email_bounced",
    "soft_bounce": "email_bounced",
    "invalid_email": "email_bounced",
    "blocked": "email_dropped",
    "error": "email_dropped",
    "deferred": "email_deferred",
    "spam": "email_complained",
    "complaint": "email_complained",
    "unique_opened": "email_opened",
    "opened": "email_opened",
    "unique_proxy_open": "email_opened",
    "proxy_open": "email_opened",
    "click": "email_clicked",
    "unsubscribe": "email_unsubscribed",
    "unsubscribed": "email_unsubscribed",
}
_BOUNCES = {"hard_bounce": "hard", "soft_bounce": "soft", "invalid_email": "invalid"}
_OF_LISTS = {"list_addition", "contact_updated", "contact_deleted"}


class Brevo:
    """Brevo, formerly Sendinblue."""

    name: ClassVar[str] = "brevo"
    title: ClassVar[str] = "Brevo"
    secret_hint: ClassVar[str] = (
        "A secret of your own: the token when you choose Token as the webhook's authentication at Brevo, or "
        "user:password when you choose Basic."
    )
    verifies: ClassVar[str] = (
        "That the secret came along (Basic, Bearer or X-Foretell-Secret); Brevo signs nothing, so neither the body "
        "nor its age is proved, and the secret is only as safe as TLS."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a token, or a password, that nobody can guess."""
        return secrets.own_secret_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the secret that came along."""
        signatures.require_shared_secret(request, credentials)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the one event, or the array of a batched webhook."""
        return json_items.items(request.body)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Brevo sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        event = fields.text("event")
        if event in _OF_LISTS:
            return [Ignored("A change of Brevo's contacts or lists, not a happening to a message.")]
        if event not in _TYPES:
            raise ItemRefused("event is none that Brevo documents for messages.")
        custom = _custom(fields)
        tags = _tags(fields)
        at = _at(fields)
        email = fields.address("email")
        message_id = fields.maybe_text("message-id")
        clicked = event == "click"
        brevo_id = fields.maybe_text("contact_id")
        campaign_id = custom.fact("campaign_id") or fields.fact("camp_id") or next(iter(tags), None)
        return [
            IncomingEvent(
                # The recipient too: one message to several people is delivered to them in the same second.
                receipt=payload.receipt_of(
                    message_id,
                    campaign_id,
                    event,
                    at,
                    email.lower(),
                    fields.long_text("link") if clicked else None,
                ),
                recipient=Recipient(
                    contact_id=custom.own_id("contact_id"),
                    email=email,
                    external_id=None if brevo_id == "0" else brevo_id,
                ),
                type=_TYPES[event],
                occurred_at=at,
                message_id=custom.own_id("decision_id") or (message_id.strip("<>") or None if message_id else None),
                campaign_id=campaign_id,
                item=fields.link("link") if clicked else None,
                properties=payload.without_missing(bounce=_BOUNCES.get(event), tags=tags),
                signals=Signals(
                    machine=PROXY_OPEN if event.endswith(PROXY_OPEN) else None,
                    user_agent=fields.long_text("user_agent"),
                ),
            )
        ]


def _at(fields: payload.PayloadReader) -> datetime:
    """Read `ts_epoch`; `ts_event` where it is missing, as in Brevo's own samples of complaints.

    `ts` and `date` are never read: they follow the account's time zone.
    """
    if fields.raw("ts_epoch") is None and fields.raw("ts_event") is not None:
        return fields.at_seconds("ts_event")
    return fields.at_seconds("ts_epoch")


def _custom(fields: payload.PayloadReader) -> payload.PayloadReader:
    """Read the header X-Mailin-custom where it is a JSON object; other text of one's own says nothing to us."""
    text = fields.long_text("X-Mailin-custom")
    read = json_items.lenient(text.encode()) if text else {}
    return payload.PayloadReader(read if isinstance(read, dict) else {}, "X-Mailin-custom.")


def _tags(fields: payload.PayloadReader) -> list[str]:
    """Read `tags`, or `tag`: a text, a list, or a list written as JSON."""
    listed = fields.tags("tags")
    if listed:
        return listed
    tag = fields.raw("tag")
    if isinstance(tag, str) and tag.lstrip().startswith("["):
        return payload.PayloadReader({"tag": json_items.lenient(tag.encode())}).tags("tag")
    return fields.tags("tag")
