"""One item of a webhook made ready for the store before anything is locked: translated, bounded, hashed."""

import hashlib
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.ingest.events import FURTHEST_AHEAD
from gateway.webhooks.documents import Damaged
from gateway.webhooks.incoming import (
    Confirmation,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
    Refused,
)
from gateway.webhooks.judging import own
from gateway.webhooks.notes import Note, collected
from gateway.webhooks.people import Person, Register
from gateway.webhooks.provider import ItemRefused, Provider
from shared.contracts.contact import ContactId, ContactInput, EventInput
from shared.contracts.rows import ContactRow, EventRow, Microseconds, microseconds
from shared.contracts.validation import mistakes
from shared.ingest import contact_row, event_row

log = logging.getLogger(__name__)

_MAX_KEY: Final = 200
_SOMEBODY: Final = "?"
"""Stands for a contact that is not known yet."""
_CONTACT_ID: TypeAdapter[str] = TypeAdapter(ContactId)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item is not taken."""

    reason: str
    """A stable code."""
    detail: str
    """What is wrong with it, never with a value of it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that an item says."""

    receipt: str
    incoming: IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation
    person: Person | None = None
    former: Person | None = None
    event: EventRow | None = None
    contact: ContactRow | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An item and everything that it says."""

    raw: Any
    """As it was read."""
    said: tuple[Said, ...] = ()
    ignored: int = 0
    """How much of it says nothing about a contact."""
    refusals: tuple[Refusal, ...] = ()
    """Why parts of it are not taken; they go to one dead letter."""
    notes: tuple[Note, ...] = ()
    """What is left out of it."""
    token: str | None = None
    """What its request proved itself with and may prove nothing more with, where the provider has such a thing."""

    @property
    def receipts(self) -> set[str]:
        """List what is noted so that it is not taken twice."""
        told = {said.receipt for said in self.said}
        return told if self.token is None else {*told, self.token}


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is the same for all items of a request."""

    provider: Provider
    register: Register
    received_at: datetime
    recorded_at: Microseconds

    def item(self, raw: Any) -> Item:
        """Translate and check one item, each part alone; whatever is wrong with it, no other item is harmed."""
        if isinstance(raw, Damaged):
            refusal = Refusal("unreadable_item", raw.reason)
            return Item(raw.readable, refusals=(refusal,), token=self._token(raw.readable))
        with collected() as noted:
            parts = self._parts(raw)
        said = tuple(part for part in parts if isinstance(part, Said))
        refusals = tuple(part for part in parts if isinstance(part, Refusal))
        ignored = len(parts) - len(said) - len(refusals)
        return Item(raw, said, ignored, refusals, tuple(noted), self._token(raw))

    def _parts(self, raw: Any) -> list[Said | Refusal | Ignored]:
        try:
            incoming = self.provider.translate(raw, received_at=self.received_at)
        except Exception as error:
            return [_refusal(error)]
        return [self._part(one) for one in incoming]

    def _part(self, incoming: Incoming) -> Said | Refusal | Ignored:
        if isinstance(incoming, Ignored):
            return incoming
        if isinstance(incoming, Refused):
            return Refusal("item_refused", incoming.reason)
        try:
            return self._said(incoming)
        except Exception as error:
            return _refusal(error)

    def _token(self, raw: Any) -> str | None:
        """Find what a request spends by being sent, though nothing of it may be taken."""
        token = raw.get(getattr(self.provider, "spends", None)) if isinstance(raw, dict) else None
        return short_key(token) if isinstance(token, str) else None

    def _said(self, incoming: IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation) -> Said:
        receipt = short_key(incoming.receipt)
        if isinstance(incoming, Confirmation):
            return Said(receipt, incoming)
        person = self._person(incoming.recipient.contact_id, self.register.person(incoming.recipient))
        if isinstance(incoming, IncomingEvent):
            return Said(receipt, incoming, person, event=self._event(incoming))
        if isinstance(incoming, IncomingContact):
            return Said(receipt, incoming, person, contact=self._contact(incoming))
        if isinstance(incoming, IncomingMerge):
            former = self._person(incoming.former.contact_id, self.register.person(incoming.former))
            return Said(receipt, incoming, person, former)
        return Said(receipt, incoming, person)

    def _person(self, contact_id: str | None, person: Person) -> Person:
        if contact_id is not None:
            _CONTACT_ID.validate_python(contact_id)
        return person

    def _event(self, event: IncomingEvent) -> EventRow:
        given = EventInput(
            contact_id=_SOMEBODY,
            # Not the provider's name: what is unique within one source may be told by another one of it, too.
            id=short_key(f"{self.register.source_name}:{event.receipt}"),
            type=event.type,
            occurred_at=event.occurred_at,
            value=event.value,
            currency=event.currency,
            message_id=event.message_id,
            campaign_id=event.campaign_id,
            item=event.item,
            properties=dict(event.properties) or None,
        )
        row = event_row(given, recorded_at=self.recorded_at)
        self._refuse_future(row.occurred_at)
        return own(row, event.signals)

    def _contact(self, contact: IncomingContact) -> ContactRow:
        since: Mapping[str, Any] = {"valid_from": contact.occurred_at}
        given = ContactInput.model_validate(
            {
                "id": _SOMEBODY,
                "attributes": {name: {"value": value, **since} for name, value in contact.attributes.items()},
                "timezone": contact.timezone,
                "created_at": contact.created_at,
            }
        )
        self._refuse_future(microseconds(contact.occurred_at))
        return contact_row(given, recorded_at=self.recorded_at, identity_key=self.register.key)

    def _refuse_future(self, at: Microseconds) -> None:
        if at > self.recorded_at + FURTHEST_AHEAD:
            raise ItemRefused("It lies more than a day in the future; is the clock right?")


def short_key(text: str) -> str:
    """Make a key of a provider's id: itself where it is short and printable, else a hash of it.

    >>> short_key("sendgrid:14c5d75ce93"), len(short_key("x" * 201))
    ('sendgrid:14c5d75ce93', 33)
    """
    if 0 < len(text) <= _MAX_KEY and text.isprintable():
        return text
    return "~" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, ItemRefused):
        return Refusal("item_refused", error.detail)
    if isinstance(error, ValidationError):
        return Refusal("invalid_item", _sentence(error))
    place = traceback.extract_tb(error.__traceback__)[-1]
    # A bug: its message may repeat what was sent, its place does not.
    log.error("webhooks.item_failed", extra={"error": type(error).__name__, "at": f"{place.name}:{place.lineno}"})
    return Refusal("failed_item", "Foretell failed on this item, which is a mistake of its own; the log says where.")


def _sentence(error: ValidationError) -> str:
    (first, *_) = mistakes([{**entry} for entry in error.errors(include_url=False, include_input=False)], {})
    field = error.errors(include_url=False, include_input=False)[0]["loc"]
    return f"{field[0] if field else 'It'}: {first['detail']}"[:300]
