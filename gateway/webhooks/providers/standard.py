"""Any sender that follows Standard Webhooks, with events and contacts in our own shape."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from gateway.webhooks import attributes, payload, standard_webhooks
from gateway.webhooks.provider import (
    Credentials,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    Recipient,
    SecretProblem,
    Signals,
    SignedRequest,
)

_PREFIX = "webhook"
CONTACT_UPDATED = "contact.updated"
CONTACT_ERASED = "contact.erased"


class StandardWebhooks:
    """Standard Webhooks."""

    name: ClassVar[str] = "standard"
    title: ClassVar[str] = "Standard Webhooks"
    secret_hint: ClassVar[str] = "The secret that the sender signs with: whsec_ and 24 to 64 random bytes in base64."
    verifies: ClassVar[str] = (
        "The v1 HMAC-SHA256 signature over id, timestamp and body, and that the timestamp is at most 5 minutes off; "
        "v1a (ed25519) signatures are passed over, so a sender must make a v1 signature too."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require what the specification requires."""
        return standard_webhooks.secret_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active secret."""
        standard_webhooks.verify(request, credentials, prefix=_PREFIX)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the one message with the id from its header."""
        return standard_webhooks.items(request, prefix=_PREFIX)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - the sender sends the time
        """Translate a message."""
        outer = payload.PayloadReader(item)
        receipt = outer.text(standard_webhooks.ID)
        message = payload.PayloadReader(outer.raw(standard_webhooks.MESSAGE), "message.")
        kind = message.text("type")
        data = message.inner("data")
        at = data.at_iso("occurred_at") if data.raw("occurred_at") is not None else message.at_iso("timestamp")
        recipient = attributes.recipient(
            data,
            "contact_id",
            email=data.address("email") if data.raw("email") else None,
            external_id=data.maybe_text("external_id"),
            anonymous_id=data.maybe_text("anonymous_id"),
        )
        if kind == CONTACT_ERASED:
            return [IncomingErasure(receipt, recipient, at)]
        if kind == CONTACT_UPDATED:
            return [_contact(receipt, recipient, at, data)]
        return [_event(receipt, recipient, at, message)]


def _contact(receipt: str, recipient: Recipient, at: datetime, data: payload.PayloadReader) -> IncomingContact:
    return IncomingContact(
        receipt=receipt,
        recipient=recipient,
        occurred_at=at,
        attributes=attributes.attributes_of(data.mapping("attributes")),
        timezone=attributes.zone(data, "timezone"),
        created_at=data.maybe_at("created_at"),
    )


def _event(receipt: str, recipient: Recipient, at: datetime, message: payload.PayloadReader) -> IncomingEvent:
    data = message.inner("data")
    type_ = attributes.event_type_of(message.text("type"))
    worth = attributes.amount(data, "value", currencies=("currency",), type_=type_)
    human = data.maybe_flag("human")
    return IncomingEvent(
        receipt=receipt,
        recipient=recipient,
        type=type_,
        occurred_at=at,
        message_id=data.maybe_text("message_id"),
        campaign_id=data.fact("campaign_id"),
        item=data.link("item") or data.fact("item"),
        value=worth.value,
        currency=worth.currency,
        properties=attributes.attributes_of(data.mapping("properties")),
        signals=Signals(
            machine="human_false" if human is False else None,
            human="human_true" if human is True else None,
            user_agent=data.long_text("user_agent"),
            ip=data.long_text("ip"),
            method=data.long_text("method"),
        ),
    )
