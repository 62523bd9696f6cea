"""The contacts of a request: the envelope checked strictly, each contact alone, inline data merged with the store's."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.contact import InlineContact, InlineEvent
from shared.contracts.prediction import MAX_CONTACTS, PredictionRequest, Unresolved
from shared.contracts.rows import ALWAYS, DAY, Microseconds, microseconds
from shared.contracts.validation import mistakes, repeatable_id
from shared.errors import BadRequest, TooManyContacts
from shared.http import problem
from shared.http.middleware import parse_json
from shared.ingest import event_identity
from shared.ingest.rows import canonical
from shared.timeline import ContactFacts, DatedValue, EventTuple, PastRows
from shared.timeline.pasts import LOOKBACK_DAYS
from shared.values.words import same_name_key

_key = lru_cache(maxsize=8_192)(same_name_key)
"""Attributes that came after a training are asked about at every call."""


@dataclass(slots=True)
class MergedPasts:
    """The pasts of a call's contacts as rows; a contact named twice has two keys."""

    keys: list[str] = field(default_factory=list)
    """One a contact of the call, order kept."""
    names: list[str] = field(default_factory=list)
    """One a contact of the call: its id as the client gave it."""
    facts: dict[str, ContactFacts] = field(default_factory=dict)
    """By key; a key without facts is unknown to the store and was sent without data."""
    events: list[EventTuple] = field(default_factory=list)
    """Under their keys."""
    older: list[EventTuple] = field(default_factory=list)
    """Under their keys: from before the lookback, for statuses alone."""


@dataclass(frozen=True, slots=True)
class AttributeNames:
    """The attributes that a model's training saw; others are matched with them as columns are at import."""

    known: frozenset[str]
    by_key: Mapping[str, str]
    """By the name without case and punctuation, where one attribute alone has it."""

    @staticmethod
    @lru_cache(maxsize=256)
    def of(names: tuple[str, ...]) -> "AttributeNames":
        """Gather names; those of a model are gathered once."""
        keys = Counter(same_name_key(name) for name in names)
        return AttributeNames(
            frozenset(names), {same_name_key(name): name for name in names if keys[same_name_key(name)] == 1}
        )

    def matched_facts(self, facts: Mapping[str, ContactFacts]) -> dict[str, ContactFacts]:
        """Write stored attributes under the names that the model knows, where no stored one has such a name."""
        return {contact_id: self._matched_fact(one) for contact_id, one in facts.items()}

    def _matched_fact(self, facts: ContactFacts) -> ContactFacts:
        names = {value.name for value in facts.attributes}
        meant = self._meant(names - self.known, names)
        if not meant:
            return facts
        renamed = tuple([value._replace(name=meant.get(value.name, value.name)) for value in facts.attributes])
        return replace(facts, attributes=renamed)

    def _meant(self, strangers: Collection[str], given: Collection[str]) -> dict[str, str]:
        """Find what strangers mean; of two spellings of one name one counts."""
        meant = {
            known: name
            for name in sorted(strangers, reverse=True)
            if (known := self.by_key.get(_key(name))) is not None and known not in given
        }
        return {name: known for known, name in meant.items()}

    def matched(self, contacts: Sequence[InlineContact]) -> tuple[list[InlineContact], list[frozenset[str]]]:
        """Write inline attributes under the names that the model knows.

        Returns:
            The contacts, order kept, and of each the names that match nothing.
        """
        found, unknown = [], []
        for contact in contacts:
            strangers = contact.attributes.keys() - self.known
            renamed = self._meant(strangers, contact.attributes)
            if renamed:
                attributes = {renamed.get(name, name): value for name, value in contact.attributes.items()}
                contact = contact.model_copy(update={"attributes": attributes})
            found.append(contact)
            unknown.append(frozenset(strangers - renamed.keys()))
        return found, unknown


def merge_inline(
    contacts: Sequence[InlineContact], stored: PastRows, *, cutoff: Microseconds, lookback_days: int = LOOKBACK_DAYS
) -> MergedPasts:
    """Unite stored and inline data for this answer only.

    Inline attributes, zone and consent override what is stored; events are united by id, and the stored one
    wins, since an event never changes.

    Args:
        contacts: of the call, valid ones, in the caller's order; the same id may come twice.
        stored: rows of all these ids; not changed.
        cutoff: nothing at or after it is taken.
        lookback_days: how far back the stored events reach.
    """
    result = MergedPasts()
    own = _own_events(contacts, stored)
    older: dict[str, list[EventTuple]] = {}
    for event in stored.older:
        older.setdefault(event[0], []).append(event)
    shared_ids = set()
    for place, contact in enumerate(contacts):
        first = contact.id not in result.facts and contact.id not in shared_ids
        # Ids hold no control characters, so that a second key can never be another contact's id.
        key = contact.id if first else f"{contact.id}\x00{place}"
        shared_ids.add(contact.id)
        result.keys.append(key)
        result.names.append(contact.id)
        facts = _facts(contact, stored.facts.get(contact.id))
        if facts is not None:
            result.facts[key] = facts
        if contact.id in own:
            result.events.extend(_rekeyed(own[contact.id], key, contact.id))
            for event in _inline(contact, key, {event[1] for event in own[contact.id]}, cutoff):
                (result.events if event[3] >= cutoff - lookback_days * DAY else result.older).append(event)
        result.older.extend(_rekeyed(older.get(contact.id, ()), key, contact.id))
    result.events.extend([event for event in stored.events if event[0] not in own] if own else stored.events)
    return result


def _own_events(contacts: Sequence[InlineContact], stored: PastRows) -> dict[str, list[EventTuple]]:
    """Gather the stored events of those contacts that need a look at each: inline events, or named twice."""
    seen: set[str] = set()
    own: dict[str, list[EventTuple]] = {}
    for contact in contacts:
        if contact.events or contact.id in seen:
            own[contact.id] = []
        seen.add(contact.id)
    if own:
        for event in stored.events:
            if event[0] in own:
                own[event[0]].append(event)
    return own


def _rekeyed(events: Sequence[EventTuple], key: str, contact_id: str) -> Sequence[EventTuple]:
    return events if key == contact_id else [(key, *event[1:]) for event in events]


def _inline(contact: InlineContact, key: str, taken: set[str], cutoff: Microseconds) -> list[EventTuple]:
    rows = []
    for event in contact.events:
        at = microseconds(event.occurred_at)
        identity = event.id or event_identity(
            contact.id,
            event.type,
            at,
            event.value,
            currency=event.currency,
            message_id=event.message_id,
            campaign_id=event.campaign_id,
            item=event.item,
            properties=canonical(event.properties),
        )
        if at < cutoff and identity not in taken:
            taken.add(identity)
            rows.append(_row(key, identity, at, event))
    return rows


def _row(key: str, identity: str, at: Microseconds, event: InlineEvent) -> EventTuple:
    human = None if event.human is None else int(event.human)
    return (key, identity, event.type, at, event.value, event.message_id, event.campaign_id, event.item, human)


def _facts(contact: InlineContact, stored: ContactFacts | None) -> ContactFacts | None:
    if not (contact.attributes or contact.timezone or contact.consent):
        return stored if stored is not None or not contact.events else ContactFacts()
    base = stored if stored is not None else ContactFacts()
    kept = tuple(value for value in base.attributes if value.name not in contact.attributes)
    given = tuple([DatedValue(name, ALWAYS, value) for name, value in contact.attributes.items()])
    inline: Mapping[str, str] = {str(name): choice for name, choice in (contact.consent or {}).items()}
    return ContactFacts(
        base.created_at,
        contact.timezone or base.timezone,
        {**base.consent, **inline},
        kept + given,
        base.unreadable.difference(contact.attributes),
    )


CLOCK_SLACK = timedelta(minutes=1)
"""How far ahead of our clock a cutoff may lie: clocks differ."""


@dataclass(frozen=True, slots=True)
class InvalidContact:
    """A contact that does not fit the contract."""

    contact_id: str | None
    """As sent, where it is a string that may be repeated."""
    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class UnknownContact:
    """A contact named by an address that the account does not know."""

    contact_id: str | None


_ADDRESS_MISTAKES: Final = {
    Unresolved.MALFORMED: "It is not an e-mail address.",
    Unresolved.DIFFERS: "This address belongs to another contact than the id; send one of the two.",
}
Slot = InlineContact | InvalidContact | UnknownContact


def envelope(body: bytes, kind: type[PredictionRequest], *, now: datetime) -> PredictionRequest:
    """Read and check the envelope of a call.

    Args:
        body: of the request.
        kind: the capability's envelope.
        now: aware instant.

    Raises:
        BadRequest: not JSON, or not this envelope, or no contact, or a cutoff in the future.
        TooManyContacts: more than one call may carry.
    """
    content = parse_json(body)
    try:
        read = kind.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    count = len(read.contacts)
    if count == 0:
        raise BadRequest("Send at least one contact.", errors=[_place("/contacts", "Send at least one contact.")])
    if count > MAX_CONTACTS:
        raise TooManyContacts(
            f"A call carries at most {MAX_CONTACTS} contacts; this one has {count}. Send them in several calls.",
            max_contacts=MAX_CONTACTS,
        )
    if read.cutoff_or(now) > now + CLOCK_SLACK:
        sentence = "The cutoff must not lie in the future; leave it out to predict from now."
        raise BadRequest(sentence, errors=[_place("/cutoff", sentence)])
    return read


def slots(contacts: list[Any]) -> list[Slot]:
    """Validate each contact alone, order kept."""
    return [_slot(raw, place) for place, raw in enumerate(contacts)]


def _slot(raw: Any, place: int) -> Slot:
    if isinstance(raw, dict) and "unresolved" in raw and raw.keys() <= {"id", "unresolved"}:
        return _unresolved(raw, place)
    try:
        return InlineContact.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = mistakes([dict(entry) for entry in details], raw, f"/contacts/{place}")
        return InvalidContact(repeatable_id(raw), found)


def _unresolved(raw: dict[str, Any], place: int) -> Slot:
    """Read what the gateway wrote; the pointer is that of the address in the client's own body."""
    if raw["unresolved"] == Unresolved.UNKNOWN:
        return UnknownContact(repeatable_id(raw))
    mistake = Unresolved.DIFFERS if raw["unresolved"] == Unresolved.DIFFERS else Unresolved.MALFORMED
    return InvalidContact(repeatable_id(raw), [_place(f"/contacts/{place}/email", _ADDRESS_MISTAKES[mistake])])


def _place(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
