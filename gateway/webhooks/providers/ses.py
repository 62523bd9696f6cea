"""Amazon SES through SNS: RSA over some fields, a certificate of Amazon's, one event a request for many recipients."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from gateway.webhooks import addresses, json_items, payload
from gateway.webhooks.provider import (
    Confirmation,
    Credentials,
    Ignored,
    Incoming,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Refused,
    SecretProblem,
    Signals,
    SignedRequest,
    WebhookRefused,
)
from gateway.webhooks.sns import CertificateSource, FetchedCertificates, require_amazon, require_sns
from shared.errors import BadRequest

_KEPT_FIELDS = ("Type", "MessageId", "TopicArn", "Timestamp", "SubscribeURL")
_TYPES = {
    "Send": "email_sent",
    "Delivery": "email_delivered",
    "Bounce": "email_bounced",
    "Complaint": "email_complained",
    "Reject": "email_dropped",
    "Rendering Failure": "email_dropped",
    "DeliveryDelay": "email_deferred",
    "Open": "email_opened",
    "Click": "email_clicked",
}
_DETAILS = {
    "Send": "send",
    "Delivery": "delivery",
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Reject": "reject",
    "Rendering Failure": "failure",
    "DeliveryDelay": "deliveryDelay",
    "Open": "open",
    "Click": "click",
    "Subscription": "subscription",
}
_RECIPIENTS = {
    "Delivery": "recipients",
    "Bounce": "bouncedRecipients",
    "Complaint": "complainedRecipients",
    "DeliveryDelay": "delayedRecipients",
}


class AmazonSes:
    """Amazon Simple Email Service; its notifications come through Amazon SNS."""

    name: ClassVar[str] = "ses"
    title: ClassVar[str] = "Amazon SES (through SNS)"
    listens_to_topics: ClassVar[bool] = True
    """Its requests are believed by their topic, not by a secret."""
    secret_hint: ClassVar[str] = (
        "None is needed, for Amazon signs with its own certificate: list the ARN of your SNS topic in the setting "
        "topics instead."
    )
    verifies: ClassVar[str] = (
        "The RSA signature (SignatureVersion 1 or 2), that the certificate is for Amazon SNS, valid today and fetched "
        "over verified HTTPS from sns.<region>.amazonaws.com, that the topic is listed and the message at most 1 hour "
        "old; the certificate's own chain is not followed, for Amazon serves it without its issuers."
    )

    def __init__(self, certificates: CertificateSource | None = None) -> None:
        """Set the source of certificates; by default Amazon, each kept for a day."""
        self._certificates = certificates or FetchedCertificates()

    def secret_problem(self, secret: str) -> SecretProblem | None:  # noqa: ARG002 - none is looked at
        """Refuse it: it would prove nothing."""
        return SecretProblem("Amazon signs with a certificate, not with a secret.", guessable=True)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the topic, the age, the certificate and the signature."""
        read = json_items.lenient(request.body, keeps_damage=True)
        topics = credentials.settings.get("topics")
        listed = [topic for topic in topics if isinstance(topic, str)] if isinstance(topics, (list, tuple)) else []
        require_sns(read, listed, self._certificates, request.received_at)

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the message without its envelope and signature."""
        envelope = json_items.single_item(request.body)
        if isinstance(envelope, json_items.DamagedItem):
            return [json_items.map_item(_unwrapped, envelope)]
        item = _unwrapped(envelope)
        message = item.get("Message")
        if isinstance(message, json_items.DamagedItem):
            return [json_items.map_item(lambda read: {**item, "Message": read}, message)]
        return [item]

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - Amazon sends the time
        """Translate a message: one event for each recipient that it names."""
        envelope = payload.PayloadReader(item)
        kind = envelope.text("Type")
        if kind == "SubscriptionConfirmation":
            return [_confirmation(envelope)]
        if kind == "UnsubscribeConfirmation":
            return [Ignored("The topic no longer sends here.")]
        if kind != "Notification":
            raise ItemRefused("Type is none that Amazon SNS documents.")
        if isinstance(envelope.raw("Message"), str) and envelope.raw("Message").startswith("Successfully validated"):
            return [Ignored("Amazon SES tried the topic out.")]
        return _events(envelope, envelope.inner("Message"))


def _unwrapped(envelope: Any) -> dict[str, Any]:
    """Keep of an envelope what says something, with the message that travels in it as a text."""
    if not isinstance(envelope, dict):
        raise BadRequest("The body is not a JSON object.")
    item = {name: envelope[name] for name in _KEPT_FIELDS if name in envelope}
    text = envelope.get("Message")
    if envelope.get("Type") == "Notification":
        # Amazon's own notices are sentences.
        is_json = isinstance(text, str) and text.lstrip()[:1] in ("{", "[")
        item["Message"] = json_items.single_item(str(text).encode("utf-8", "surrogatepass")) if is_json else text
    return item


def _confirmation(envelope: payload.PayloadReader) -> Confirmation:
    url = envelope.long_text("SubscribeURL") or ""
    try:
        require_amazon(url)
    except WebhookRefused as error:
        raise ItemRefused("SubscribeURL does not lead to https://sns.<region>.amazonaws.com.") from error
    return Confirmation(receipt=envelope.text("MessageId"), url=url)


def _events(envelope: payload.PayloadReader, message: payload.PayloadReader) -> Sequence[Incoming]:
    kind = message.maybe_text("eventType") or message.text("notificationType")
    if kind == "AmazonSnsSubscriptionSucceeded":
        return [Ignored("Amazon SES tried the topic out.")]
    if kind not in _DETAILS:
        raise ItemRefused("eventType is none that Amazon SES documents for messages that go out.")
    mail = message.inner("mail")
    details = message.inner(_DETAILS[kind])
    type_ = _subscription(details) if kind == "Subscription" else _TYPES[kind]
    if type_ is None:
        return [Ignored("A change of single topics, not of being written to at all.")]
    tags = mail.inner("tags")
    seen = kind in {"Open", "Click"}
    receipt = envelope.text("MessageId")
    events: list[Incoming] = []
    for index, email in enumerate(_recipients(kind, details, mail)):
        if isinstance(email, Refused):
            events.append(email)
            continue
        event = IncomingEvent(
            receipt=f"{receipt}:{index}",
            recipient=Recipient(contact_id=_tag(tags, "contact_id").own_id("value"), email=email),
            type=type_,
            occurred_at=_at(kind, details, mail, envelope),
            message_id=_tag(tags, "decision_id").own_id("value") or mail.text("messageId"),
            campaign_id=_tag(tags, "campaign_id").fact("value"),
            item=details.link("link") if kind == "Click" else None,
            properties=payload.without_missing(
                bounce=details.fact("bounceType") if kind == "Bounce" else None,
                bounce_detail=details.fact("bounceSubType") if kind == "Bounce" else None,
                complaint=details.fact("complaintFeedbackType") if kind == "Complaint" else None,
                delay=details.fact("delayType") if kind == "DeliveryDelay" else None,
            ),
            # The user agent of a complaint is the mailbox provider's, not the contact's.
            signals=Signals(user_agent=details.long_text("userAgent"), ip=details.long_text("ipAddress"))
            if seen
            else Signals(),
        )
        events.append(event)
    return events


def _recipients(kind: str, details: payload.PayloadReader, mail: payload.PayloadReader) -> list[str | Refused]:
    """List whom an event is about; one of them that is no address costs no other.

    Raises:
        ItemRefused: nobody is named, or several are where only one of them did it.
    """
    if kind in _RECIPIENTS:
        entries = details.entries(_RECIPIENTS[kind])
    else:
        entries = mail.entries("destination")
        if kind in {"Open", "Click", "Subscription"} and len(entries) > 1:
            raise ItemRefused("The message went to several recipients, and Amazon does not say which one it was.")
    if not entries:
        raise ItemRefused("No recipient is named.")
    given = (entry.get("emailAddress") if isinstance(entry, dict) else entry for entry in entries)
    return addresses.addresses_of(given, "the recipient")


def _subscription(details: payload.PayloadReader) -> str | None:
    preferences = details.inner("newTopicPreferences")
    return "email_unsubscribed" if preferences.flag("unsubscribeAll") else None


def _at(
    kind: str, details: payload.PayloadReader, mail: payload.PayloadReader, envelope: payload.PayloadReader
) -> datetime:
    """Read when it happened: as the event says, else as the message was sent, else as the notification was."""
    if details.raw("timestamp") is not None:
        return details.at_iso("timestamp")
    if kind in {"Send", "Reject", "Rendering Failure"} and mail.raw("timestamp") is not None:
        return mail.at_iso("timestamp")
    return envelope.at_iso("Timestamp")


def _tag(tags: payload.PayloadReader, name: str) -> payload.PayloadReader:
    """Find the one `value` of a message tag; Amazon lists it."""
    values = tags.raw(name)
    first = values[0] if isinstance(values, list) and values else values
    return payload.PayloadReader({"value": first}, f"mail.tags.{name}.")
