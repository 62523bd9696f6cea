"""Normalize one item of a webhook before anything is locked: translated, checked against bounds, identities hashed."""

import hashlib
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.webhooks.bot_detection import with_assessment
from gateway.webhooks.identity_resolution import Person, RecipientHasher
from gateway.webhooks.json_items import DamagedItem
from gateway.webhooks.notes import Note, collected
from gateway.webhooks.provider import (
    Confirmation,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Provider,
    Refused,
)
from shared.contracts.contact import ContactId, ContactInput, EventInput
from shared.contracts.rows import MAX_AHEAD, ContactRow, EventRow, Microseconds, microseconds
from shared.contracts.validation import mistakes
from shared.ingest import contact_row, event_row

log = logging.getLogger(__name__)

_MAX_KEY: Final = 200
_PLACEHOLDER_ID: Final = "?"
"""Stands for a contact that is not resolved yet."""
_CONTACT_ID: TypeAdapter[str] = TypeAdapter(ContactId)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item is refused."""

    reason: str
    """A stable code."""
    detail: str
    """A sentence that never repeats a value."""


@dataclass(frozen=True, slots=True)
class NormalizedChange:
    """One change that an item reports: an event, a contact, a merge, an erasure or a confirmation."""

    receipt: str
    incoming: IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation
    person: Person | None = None
    former: Person | None = None
    event: EventRow | None = None
    contact: ContactRow | None = None


@dataclass(frozen=True, slots=True)
class NormalizedItem:
    """An item and the changes that it reports."""

    raw: Any
    """The item as it was read."""
    changes: tuple[NormalizedChange, ...] = ()
    ignored: int = 0
    """How many parts of it say nothing about a contact."""
    refusals: tuple[Refusal, ...] = ()
    """Why parts of it are refused; they become one dead letter."""
    notes: tuple[Note, ...] = ()
    """What was left out of it."""
    token: str | None = None
    """The single-use token that its request was signed with, if the provider has such tokens."""

    @property
    def receipts(self) -> set[str]:
        """Return the keys that are stored so that nothing is taken twice."""
        found = {change.receipt for change in self.changes}
        return found if self.token is None else {*found, self.token}


@dataclass(frozen=True, slots=True)
class Normalizer:
    """Normalizes the items of one request."""

    provider: Provider
    recipient_hasher: RecipientHasher
    received_at: datetime
    recorded_at: Microseconds

    def item(self, raw: Any) -> NormalizedItem:
        """Translate and check one item, each part alone; an error concerns this item only."""
        if isinstance(raw, DamagedItem):
            refusal = Refusal("unreadable_item", raw.reason)
            return NormalizedItem(raw.readable, refusals=(refusal,), token=self._token(raw.readable))
        with collected() as noted:
            parts = self._parts(raw)
        changes = tuple(part for part in parts if isinstance(part, NormalizedChange))
        refusals = tuple(part for part in parts if isinstance(part, Refusal))
        ignored = len(parts) - len(changes) - len(refusals)
        return NormalizedItem(raw, changes, ignored, refusals, tuple(noted), self._token(raw))

    def _parts(self, raw: Any) -> list[NormalizedChange | Refusal | Ignored]:
        try:
            incoming = self.provider.translate(raw, received_at=self.received_at)
        except Exception as error:
            return [_refusal(error)]
        return [self._part(one) for one in incoming]

    def _part(self, incoming: Incoming) -> NormalizedChange | Refusal | Ignored:
        if isinstance(incoming, Ignored):
            return incoming
        if isinstance(incoming, Refused):
            return Refusal("item_refused", incoming.reason)
        try:
            return self._change(incoming)
        except Exception as error:
            return _refusal(error)

    def _token(self, raw: Any) -> str | None:
        """Return the single-use token of a request; it counts as used even if the item is refused."""
        token = raw.get(getattr(self.provider, "spends", None)) if isinstance(raw, dict) else None
        return short_key(token) if isinstance(token, str) else None

    def _change(
        self, incoming: IncomingEvent | IncomingContact | IncomingMerge | IncomingErasure | Confirmation
    ) -> NormalizedChange:
        receipt = short_key(incoming.receipt)
        if isinstance(incoming, Confirmation):
            return NormalizedChange(receipt, incoming)
        person = self._person(incoming.recipient.contact_id, self.recipient_hasher.person(incoming.recipient))
        if isinstance(incoming, IncomingEvent):
            return NormalizedChange(receipt, incoming, person, event=self._event(incoming))
        if isinstance(incoming, IncomingContact):
            return NormalizedChange(receipt, incoming, person, contact=self._contact(incoming))
        if isinstance(incoming, IncomingMerge):
            former = self._person(incoming.former.contact_id, self.recipient_hasher.person(incoming.former))
            return NormalizedChange(receipt, incoming, person, former)
        return NormalizedChange(receipt, incoming, person)

    def _person(self, contact_id: str | None, person: Person) -> Person:
        if contact_id is not None:
            _CONTACT_ID.validate_python(contact_id)
        return person

    def _event(self, event: IncomingEvent) -> EventRow:
        given = EventInput(
            contact_id=_PLACEHOLDER_ID,
            # The source's name, not the provider's: an id is unique only within one source.
            id=short_key(f"{self.recipient_hasher.source_name}:{event.receipt}"),
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
        return with_assessment(row, event.signals)

    def _contact(self, contact: IncomingContact) -> ContactRow:
        since: Mapping[str, Any] = {"valid_from": contact.occurred_at}
        given = ContactInput.model_validate(
            {
                "id": _PLACEHOLDER_ID,
                "attributes": {name: {"value": value, **since} for name, value in contact.attributes.items()},
                "timezone": contact.timezone,
                "created_at": contact.created_at,
            }
        )
        self._refuse_future(microseconds(contact.occurred_at))
        return contact_row(given, recorded_at=self.recorded_at, identity_key=self.recipient_hasher.key)

    def _refuse_future(self, at: Microseconds) -> None:
        if at > self.recorded_at + MAX_AHEAD:
            raise ItemRefused("It lies more than a day in the future; is the clock right?")


def short_key(text: str) -> str:
    """Return a key for a provider's id: the id if it is short and printable, else its hash.

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
    # A bug. Its message may repeat personal data, so only its place is logged.
    log.error("webhooks.item_failed", extra={"error": type(error).__name__, "at": f"{place.name}:{place.lineno}"})
    return Refusal("failed_item", "Foretell failed on this item, which is a mistake of its own; the log says where.")


def _sentence(error: ValidationError) -> str:
    (first, *_) = mistakes([{**entry} for entry in error.errors(include_url=False, include_input=False)], {})
    field = error.errors(include_url=False, include_input=False)[0]["loc"]
    return f"{field[0] if field else 'It'}: {first['detail']}"[:300]
