"""One item of a webhook made ready for the store before anything is locked: translated, bounded, hashed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.ingest.events import FURTHEST_AHEAD
from gateway.webhooks.incoming import (
    Confirmation,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
)
from gateway.webhooks.judging import own
from gateway.webhooks.people import Person, Register
from gateway.webhooks.provider import ItemRefused, Provider
from shared.contracts.contact import ContactId, ContactInput, EventInput
from shared.contracts.instants import microseconds
from shared.contracts.mistakes import mistakes
from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.ingest import contact_row, event_row

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
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is the same for all items of a request."""

    provider: Provider
    register: Register
    received_at: datetime
    recorded_at: Microseconds

    def item(self, raw: Any) -> Item:
        """Translate and check one item; nothing of it is taken when a part of it is wrong."""
        try:
            incoming = self.provider.translate(raw, received_at=self.received_at)
            said = tuple(self._said(one) for one in incoming if not isinstance(one, Ignored))
        except ItemRefused as error:
            return Item(raw, refusal=Refusal("item_refused", error.detail))
        except ValidationError as error:
            return Item(raw, refusal=Refusal("invalid_item", _sentence(error)))
        return Item(raw, said, ignored=len(incoming) - len(said))

    def _said(self, incoming: Incoming) -> Said:
        assert not isinstance(incoming, Ignored)  # noqa: S101 - told by the caller
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


def _sentence(error: ValidationError) -> str:
    (first, *_) = mistakes([{**entry} for entry in error.errors(include_url=False, include_input=False)], {})
    field = error.errors(include_url=False, include_input=False)[0]["loc"]
    return f"{field[0] if field else 'It'}: {first['detail']}"[:300]
