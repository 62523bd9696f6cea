"""Resend's webhooks: signed by Svix, one event a request, whose id is in a header."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from gateway.webhooks import addresses, json_items, payload, standard_webhooks
from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Refused,
    SecretProblem,
    Signals,
    SignedRequest,
)

_PREFIX = "svix"
_TYPES = {
    "email.sent": "email_sent",
    "email.delivered": "email_delivered",
    "email.delivery_delayed": "email_deferred",
    "email.complained": "email_complained",
    "email.bounced": "email_bounced",
    "email.failed": "email_dropped",
    "email.suppressed": "email_dropped",
    "email.opened": "email_opened",
    "email.clicked": "email_clicked",
}
_CONTACTS = {"contact.created", "contact.updated"}
_OTHERS = {"email.scheduled", "email.received", "contact.deleted", "domain.created", "domain.updated", "domain.deleted"}


class Resend:
    """Resend."""

    name: ClassVar[str] = "resend"
    title: ClassVar[str] = "Resend"
    secret_hint: ClassVar[str] = "The signing secret (whsec_...) that Resend shows on the webhook's page."
    verifies: ClassVar[str] = (
        "The HMAC-SHA256 signature over id, timestamp and body, and that the timestamp is at most 5 minutes off; an "
        "open, click or bounce of a message to several people does not say whose it is and is not taken."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require what the specification requires."""
        return standard_webhooks.secret_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active secret."""
        standard_webhooks.verify(request, credentials, prefix=_PREFIX)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the one event with the id from its header; tags by name, as a dead letter can keep them."""
        return [json_items.map_item(_with_named_tags, one) for one in standard_webhooks.items(request, prefix=_PREFIX)]

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Resend sends the time
        """Translate an event."""
        outer = payload.PayloadReader(item)
        receipt = outer.text(standard_webhooks.ID)
        message = payload.PayloadReader(outer.raw(standard_webhooks.MESSAGE), "message.")
        kind = message.text("type")
        if kind in _OTHERS:
            return [Ignored("Nothing that happened to a message or is known of a contact.")]
        if kind in _CONTACTS:
            return [_contact(receipt, message)]
        if kind not in _TYPES:
            raise ItemRefused("type is none that Resend documents.")
        return _events(receipt, kind, message)


def _with_named_tags(item: dict[str, Any]) -> dict[str, Any]:
    message = item[standard_webhooks.MESSAGE]
    data = message.get("data") if isinstance(message, dict) else None
    if isinstance(data, dict) and isinstance(data.get("tags"), list):
        data["tags"] = {
            str(one["name"]): one.get("value") for one in data["tags"] if isinstance(one, dict) and "name" in one
        }
    return item


def _contact(receipt: str, message: payload.PayloadReader) -> IncomingContact:
    data = message.inner("data")
    unsubscribed = data.maybe_flag("unsubscribed")
    return IncomingContact(
        receipt=receipt,
        recipient=Recipient(email=data.address("email"), external_id=data.maybe_text("id")),
        occurred_at=message.at_iso("created_at"),
        attributes={"unsubscribed": unsubscribed} if unsubscribed is not None else {},
        created_at=data.maybe_at("created_at"),
    )


def _events(receipt: str, kind: str, message: payload.PayloadReader) -> list[Incoming]:
    data = message.inner("data")
    to = payload.as_list(data.raw("to"))
    if len(to) > 1 and kind != "email.sent":
        raise ItemRefused("The message went to several people, and Resend does not say whose event this is.")
    click = data.inner("click")
    tags = _tags(data)
    bounce = data.inner("bounce")
    signals = Signals(user_agent=click.long_text("userAgent"), ip=click.long_text("ipAddress"))
    return [
        one
        if isinstance(one, Refused)
        else IncomingEvent(
            receipt=receipt if len(to) == 1 else f"{receipt}:{place}",
            recipient=Recipient(contact_id=tags.own_id("contact_id"), email=one),
            type=_TYPES[kind],
            occurred_at=click.at_iso("timestamp") if click.raw("timestamp") else message.at_iso("created_at"),
            message_id=tags.own_id("decision_id") or data.text("email_id"),
            campaign_id=tags.fact("campaign_id") or data.fact("broadcast_id"),
            item=click.link("link") if kind == "email.clicked" else None,
            properties=payload.without_missing(bounce=bounce.fact("type"), bounce_kind=bounce.fact("subType")),
            signals=signals,
        )
        for place, one in enumerate(addresses.addresses_of(to, "data.to"))
    ]


def _tags(data: payload.PayloadReader) -> payload.PayloadReader:
    """Read the tags by name."""
    raw = data.raw("tags")
    tags: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    return payload.PayloadReader(tags, "data.tags.")
