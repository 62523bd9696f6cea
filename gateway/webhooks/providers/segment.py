"""The Segment specification, which RudderStack, Jitsu and Dittofeed send too: one message a request, or a batch."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from gateway.webhooks import attributes, json_items, payload, secrets, signatures
from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Recipient,
    SecretProblem,
    Signals,
    SignedRequest,
)
from shared.errors import BadRequest

SIGNATURE = "x-signature"
_OURS = "Foretell"
_PAGES = {"page", "screen"}
_BEGINNINGS = ("createdAt", "created_at")
_FACTS = ("order_id", "category", "quantity", "plan", "brand", "coupon", "position", "form_id")
"""Of an event's properties; everything else may be free text."""
_COUNTS = ("quantity", "position")


class Segment:
    """The Segment specification."""

    name: ClassVar[str] = "segment"
    title: ClassVar[str] = "Segment, RudderStack, Jitsu, Dittofeed"
    secret_hint: ClassVar[str] = (
        "A secret of your own: the shared secret of the webhook (it signs the body), or the write key that the "
        "sender uses as the user of Basic authentication, or a Bearer token."
    )
    verifies: ClassVar[str] = (
        "The HMAC-SHA1 signature over the body in X-Signature, or else that the secret came along (Basic with the "
        "write key, Bearer or X-Foretell-Secret); no age is signed, so only messageId keeps a replay from counting."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature if there is one, else the secret that came along."""
        active = signatures.secrets_of(credentials)
        if not request.headers.get(SIGNATURE, "").strip():
            # A write key is a user without a password.
            accepted = [*active, *(f"{secret}:" for secret in active)]
            signatures.require_shared_secret(request, Credentials(accepted))
            return
        given = signatures.header(request, SIGNATURE).lower().removeprefix("sha1=")
        signatures.require_signature(
            given, [hmac.new(secret.encode(), request.body, hashlib.sha1).hexdigest() for secret in active]
        )

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the messages of a batch, each with its time of arrival, by which its clock is corrected."""
        try:
            beside, batch = json_items.envelope(request.body, "batch")
        except BadRequest:
            batch = None  # a list, or a message a line
        if batch is None:
            beside, batch = {}, json_items.items(request.body)
        shared = {name: beside[name] for name in ("sentAt", "context", "integrations") if name in beside}
        noted = partial(_noted, shared=shared, received_at=request.received_at)
        return [json_items.map_item(noted, one) for one in batch]

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:
        """Translate a message."""
        fields = payload.PayloadReader(item)
        kind = fields.text("type").lower()
        if _is_withheld(fields.mapping("integrations")):
            return [Ignored("The message says that it is not for us.")]
        at = _occurred_at(fields, received_at)
        if kind == "alias":
            return [_alias(fields, at)]
        if kind == "identify":
            return [_contact(fields, at)]
        if kind == "group":
            return [_group(fields, at)]
        if kind == "track" or kind in _PAGES:
            return [_event(fields, at, viewed=kind in _PAGES)]
        raise ItemRefused("type is none of identify, track, page, screen, group and alias.")


def _noted(message: Any, *, shared: Mapping[str, Any], received_at: datetime) -> Any:
    """Write into a message what only its request knows, and what has to last."""
    if not isinstance(message, dict):
        return message
    given = {**shared, **message}
    if "receivedAt" not in given and "originalTimestamp" not in given and "timestamp" in given:
        # It comes from the sender itself, whose clock nobody has put right yet.
        given["originalTimestamp"] = given.pop("timestamp")
    # Where a dead letter keeps them: of what is called name it keeps nothing.
    context = given.get("context")
    campaign = context.get("campaign") if isinstance(context, dict) else None
    given["campaign"] = campaign.get("name") if isinstance(campaign, dict) else None
    given["page"] = given.get("name")
    return {"receivedAt": received_at.astimezone(UTC).isoformat(), **given}


def _is_withheld(integrations: Mapping[str, Any]) -> bool:
    allowed = [name for name, value in integrations.items() if name != "All" and value not in (False, None)]
    return integrations.get(_OURS) is False or (integrations.get("All") is False and not allowed)


def _occurred_at(fields: payload.PayloadReader, received_at: datetime) -> datetime:
    """Return when it happened, corrected by how far the sender's clock was off when it sent."""
    if fields.raw("timestamp") is not None:
        return fields.at_iso("timestamp")
    received = fields.at_iso("receivedAt") if fields.raw("receivedAt") is not None else received_at
    sent = fields.at_iso("sentAt") if fields.raw("sentAt") is not None else None
    if fields.raw("originalTimestamp") is None:
        return received
    original = fields.at_iso("originalTimestamp")
    if sent is None:
        return original
    at = received - (sent - original)
    if not 1970 < at.year <= 2200:
        raise ItemRefused("originalTimestamp and sentAt lie too far apart.")
    return at


def _recipient(fields: payload.PayloadReader, *, person: bool = True) -> Recipient:
    """Return the recipient, by all ids in the message.

    That a visitor is somebody known is stated by both ids in one recipient, not by a merge: two people at one device
    share the visitor's id, and must not become one person. An address among the properties may be somebody else's.
    """
    given = (
        fields.inner("traits") if person else payload.PayloadReader({}),  # of a group the address is the company's
        fields.inner("context").inner("traits"),
    )
    addresses = (attributes.maybe_address(one, "email") for one in given)
    return attributes.recipient(
        fields,
        "userId",
        email=next((one for one in addresses if one), None),
        anonymous_id=fields.maybe_text("anonymousId"),
    )


def _alias(fields: payload.PayloadReader, at: datetime) -> IncomingMerge:
    previous = fields.text("previousId")
    return IncomingMerge(
        receipt=fields.text("messageId"),
        # An id of either kind.
        former=attributes.recipient(fields, "previousId", email=None, anonymous_id=previous),
        recipient=attributes.recipient(fields, "userId", email=None),
        occurred_at=at,
    )


def _contact(fields: payload.PayloadReader, at: datetime) -> IncomingContact:
    given = fields.mapping("traits")
    return IncomingContact(
        receipt=fields.text("messageId"),
        recipient=_recipient(fields),
        occurred_at=at,
        attributes=attributes.attributes_of({name: value for name, value in given.items() if name not in _BEGINNINGS}),
        timezone=attributes.zone(fields.inner("context"), "timezone"),
        created_at=_created_at(fields.inner("traits")),
    )


def _group(fields: payload.PayloadReader, at: datetime) -> IncomingContact:
    kept = attributes.attributes_of(fields.mapping("traits"), prefix="group_")
    kept |= attributes.attributes_of({"group_id": fields.text("groupId")})
    return IncomingContact(fields.text("messageId"), _recipient(fields, person=False), at, kept)


def _created_at(given: payload.PayloadReader) -> datetime | None:
    return next((at for name in _BEGINNINGS if (at := given.maybe_at(name)) is not None), None)


def _event(fields: payload.PayloadReader, at: datetime, *, viewed: bool) -> IncomingEvent:
    given, context = fields.inner("properties"), fields.inner("context")
    type_ = "page_viewed" if viewed else attributes.event_type_of(fields.text("event"))
    worth = attributes.amount(given, "revenue", "total", "value", currencies=("currency",), type_=type_)
    link = given.link("link_url")
    page = (given.fact("path"), fields.fact("page"))
    product = (given.fact("product_id"), given.fact("sku"))
    email = given.maybe_text("email_id") if type_.startswith("email_") else None
    return IncomingEvent(
        receipt=fields.text("messageId"),
        recipient=_recipient(fields),
        type=type_,
        occurred_at=at,
        message_id=email,
        campaign_id=(given.fact("campaign_id") if email else None) or fields.fact("campaign"),
        item=link or next((one for one in (page if viewed else product) if one), None),
        value=worth.value,
        currency=worth.currency,
        properties=payload.without_missing(
            **_facts(given),
            # Segment says so of what the person did not do: it is no sign of life.
            active=False if context.raw("active") is False else None,
        ),
        signals=Signals(user_agent=context.long_text("userAgent"), ip=context.long_text("ip")),
    )


def _facts(given: payload.PayloadReader) -> dict[str, attributes.Scalar]:
    """Keep the properties that are facts; a count is a number however it is written."""
    facts = attributes.attributes_of({name: given.raw(name) for name in _FACTS if given.raw(name) is not None})
    for name in _COUNTS:
        value = facts.get(name)
        if isinstance(value, str):
            facts[name] = attributes.read_text(value)
    return facts
