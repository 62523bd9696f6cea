"""Postmark's webhooks: nothing is signed, so a secret must travel along; one event a request."""

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

_TIMES = {
    "Delivery": "DeliveredAt",
    "Bounce": "BouncedAt",
    "SpamComplaint": "BouncedAt",
    "Open": "ReceivedAt",
    "Click": "ReceivedAt",
    "SubscriptionChange": "ChangedAt",
}
_TYPES = {
    "Delivery": "email_delivered",
    "SpamComplaint": "email_complained",
    "Open": "email_opened",
    "Click": "email_clicked",
}
_BOUNCES = {
    "Transient": "email_deferred",
    "Unsubscribe": "email_unsubscribed",
    "SpamComplaint": "email_complained",
}
_NO_BOUNCES = {"AutoResponder", "AddressChange", "ChallengeVerification", "OpenRelayTest", "InboundError", "Subscribe"}
"""What Postmark counts among the bounces, but is no fate of a message."""


class Postmark:
    """ActiveCampaign Postmark."""

    name: ClassVar[str] = "postmark"
    title: ClassVar[str] = "Postmark"
    secret_hint: ClassVar[str] = (
        "A secret of your own: user:password when you give Postmark a Basic auth in the webhook's settings, or the "
        "value of a header X-Foretell-Secret that you add there."
    )
    verifies: ClassVar[str] = (
        "That the secret came along (Basic, Bearer or X-Foretell-Secret); Postmark signs nothing, so neither the body "
        "nor its age is proved, and the secret is only as safe as TLS."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a token, or a password, that nobody can guess."""
        return secrets.own_secret_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the secret that came along."""
        signatures.require_shared_secret(request, credentials)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the one event."""
        return json_items.items(request.body)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Postmark sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        record = fields.text("RecordType")
        if record not in _TIMES:
            raise ItemRefused("RecordType is none that Postmark documents for outgoing messages.")
        type_ = _type(record, fields)
        if isinstance(type_, Ignored):
            return [type_]
        metadata = fields.inner("Metadata")
        tag = fields.fact("Tag")
        at = fields.at_iso(_TIMES[record])
        message_id = fields.text("MessageID")
        clicked = record == "Click"
        email = fields.address("Email" if record in {"Bounce", "SpamComplaint"} else "Recipient")
        return [
            IncomingEvent(
                # The recipient too: a message to several people has one id, and reaches them in the same second.
                receipt=payload.receipt_of(
                    message_id,
                    type_,
                    at,
                    fields.maybe_text("ID"),
                    email.lower(),
                    fields.long_text("OriginalLink") if clicked else None,
                ),
                recipient=Recipient(
                    contact_id=metadata.own_id("contact_id"),
                    email=email,
                ),
                type=type_,
                occurred_at=at,
                message_id=metadata.own_id("decision_id") or message_id,
                campaign_id=metadata.fact("campaign_id") or tag,
                item=fields.link("OriginalLink") if clicked else None,
                properties=payload.without_missing(
                    bounce=fields.fact("Type") if record == "Bounce" else None,
                    stream=fields.fact("MessageStream"),
                    tags=[tag] if tag else [],
                ),
                signals=Signals(user_agent=fields.long_text("UserAgent"), ip=fields.inner("Geo").long_text("IP")),
            )
        ]


def _type(record: str, fields: payload.PayloadReader) -> str | Ignored:
    if record == "Bounce":
        kind = fields.text("Type")
        if kind in _NO_BOUNCES:
            return Ignored("A bounce that is an answer, not a fate of the message.")
        return _BOUNCES.get(kind, "email_bounced")
    if record == "SubscriptionChange":
        if not fields.flag("SuppressSending"):
            return "email_resubscribed"
        if fields.fact("SuppressionReason") in {"HardBounce", "SpamComplaint"}:
            return Ignored(
                "The suppression follows a bounce or a complaint, which Postmark tells in a webhook of its own."
            )
        return "email_unsubscribed"
    return _TYPES[record]
