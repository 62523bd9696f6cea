"""HubSpot's webhooks: signature version 3 over method, address, body and timestamp; many events a request."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from gateway.webhooks import attributes, json_items, payload, secrets, signatures
from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Recipient,
    SecretProblem,
    SignedRequest,
)

SIGNATURE = "x-hubspot-signature-v3"
TIMESTAMP = "x-hubspot-request-timestamp"
_ESCAPES: Final = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""HubSpot decodes these of the address before it signs, and no others."""
_CONTACT: Final = "0-1"
_TO_DEAL: Final = {"CONTACT_TO_DEAL": ("toObjectId", "fromObjectId"), "DEAL_TO_CONTACT": ("fromObjectId", "toObjectId")}
"""Where an association has its deal and its contact."""
_DELETED: Final = Ignored("A deleted contact can be restored at HubSpot; contact.privacyDeletion erases it here.")


class HubSpot:
    """HubSpot."""

    name: ClassVar[str] = "hubspot"
    title: ClassVar[str] = "HubSpot"
    secret_hint: ClassVar[str] = "The client secret of your HubSpot app, on its Auth tab."
    verifies: ClassVar[str] = (
        "The version 3 HMAC-SHA256 signature over method, address, body and timestamp, and that the timestamp is at "
        "most 5 minutes off; the address must be the one HubSpot calls: behind a proxy set FORETELL_PUBLIC_URL."
    )

    def secret_problem(self, secret: str) -> SecretProblem | None:
        """Require a key that nobody can guess."""
        return secrets.key_problem(secret)

    def verify(self, request: SignedRequest, credentials: Credentials) -> None:
        """Check the signature with each active client secret."""
        active = signatures.secrets_of(credentials)
        timestamp = signatures.header(request, TIMESTAMP)
        given = signatures.header(request, SIGNATURE)
        signatures.require_fresh(signatures.signed_at(timestamp, milliseconds=True), request.received_at)
        # HubSpot's guide decodes the address, its libraries do not.
        addresses = {_ESCAPES.sub(lambda found: chr(int(found[1], 16)), request.url), request.url}
        signatures.require_signature(
            given,
            [
                _signature(secret, f"{request.method}{address}".encode(), request.body, timestamp.encode())
                for secret in active
                for address in sorted(addresses)
            ],
        )

    def items(self, request: SignedRequest) -> Sequence[Any]:
        """Return the events of the array."""
        return json_items.items(request.body)

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:  # noqa: ARG002 - HubSpot sends the time
        """Translate an event."""
        fields = payload.PayloadReader(item)
        about, _, what = fields.text("subscriptionType").partition(".")
        if what == "associationChange":
            return [_associated(fields)]
        if about == "object":
            about = "contact" if fields.maybe_text("objectTypeId") == _CONTACT else "other"
        if about != "contact":
            return [Ignored("Not about a contact.")]
        return _contact(what, fields)


def _contact(what: str, fields: payload.PayloadReader) -> Sequence[Incoming]:
    at = fields.at_milliseconds("occurredAt")
    if what == "merge":
        return _merged(fields, at)
    recipient = Recipient(external_id=fields.text("objectId"))
    receipt = _receipt(fields)
    if what == "creation":
        return [IncomingContact(receipt, recipient, at, created_at=at)]
    if what == "privacyDeletion":
        return [IncomingErasure(receipt, recipient, at)]
    if what == "propertyChange":
        return [_property(fields, receipt, recipient, at)]
    if what == "deletion":
        return [_DELETED]
    if what == "restore":
        return [Ignored("A restored contact was never removed here.")]
    raise ItemRefused("subscriptionType is none that HubSpot documents for contacts.")


def _property(fields: payload.PayloadReader, receipt: str, recipient: Recipient, at: datetime) -> Incoming:
    name, value = fields.text("propertyName"), fields.raw("propertyValue")
    if name == "email":
        address = attributes.maybe_address(fields, "propertyValue")
        if address is None:
            return Ignored("The address was taken off the contact.")
        return IncomingContact(receipt, Recipient(email=address, external_id=recipient.external_id), at)
    kept = attributes.attributes_of({name: attributes.read_text(value) if isinstance(value, str) else value})
    return IncomingContact(receipt, recipient, at, kept) if kept else Ignored("A property that is not kept.")


def _merged(fields: payload.PayloadReader, at: datetime) -> list[Incoming]:
    # A merge may give the contact a new id, which its later events carry.
    stays = fields.maybe_text("newObjectId") or fields.text("primaryObjectId")
    gone = [
        payload.PayloadReader({"id": one}, "mergedObjectIds.").text("id") for one in fields.entries("mergedObjectIds")
    ]
    gone.append(fields.text("primaryObjectId"))
    receipt = _receipt(fields)
    return [
        IncomingMerge(f"{receipt}:{former}", Recipient(external_id=former), Recipient(external_id=stays), at)
        for former in dict.fromkeys(gone)
        if former != stays
    ] or [Ignored("A merge of a contact with itself.")]


def _associated(fields: payload.PayloadReader) -> Incoming:
    """Translate a deal that is linked to a contact; both ends report it, with one receipt."""
    kind = fields.maybe_text("associationType") or ""
    if kind not in _TO_DEAL or fields.flag("associationRemoved"):
        return Ignored("Not a deal that is linked to a contact.")
    deal, contact = (fields.text(name) for name in _TO_DEAL[kind])
    return IncomingEvent(
        receipt=f"deal:{deal}:{contact}",
        recipient=Recipient(external_id=contact),
        type="opportunity_created",
        occurred_at=fields.at_milliseconds("occurredAt"),
        properties={"deal_id": deal},
    )


def _receipt(fields: payload.PayloadReader) -> str:
    # HubSpot does not promise that eventId alone is unique; attemptNumber differs between tellings of the same.
    parts = (fields.text(name) for name in ("eventId", "occurredAt", "objectId"))
    return ":".join((*parts, fields.maybe_text("subscriptionId") or ""))


def _signature(secret: str, *signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), b"".join(signed), hashlib.sha256).digest()).decode()
