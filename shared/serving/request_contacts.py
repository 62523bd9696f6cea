"""The contacts of a request: the envelope checked strictly, each contact alone, inline data merged with the store's."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple, overload

import numpy as np
import orjson
from pydantic import ValidationError

from shared.contracts.contact import InlineContact, InlineEvent
from shared.contracts.prediction import MAX_CONTACTS, Prediction, PredictionRequest, Unresolved
from shared.contracts.rows import (
    DAY,
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    MAX_NUMBER,
    MAX_TEXT_CHARACTERS,
    Microseconds,
    are_plain,
    microseconds,
)
from shared.contracts.validation import MAX_ID, mistakes, repeatable_id
from shared.errors import BadRequest, TooManyContacts
from shared.http import problem
from shared.http.middleware import parse_json
from shared.ingest import event_identity
from shared.ingest.rows import canonical
from shared.timeline import ContactFacts, EventTuple, GivenValues, PastRows, names_of
from shared.timeline.pasts import LOOKBACK_DAYS
from shared.values.words import same_name_key

_key = lru_cache(maxsize=8_192)(same_name_key)
"""Attributes that came after a training are asked about at every call."""
_NO_NAMES: Final[frozenset[str]] = frozenset()


class RequestContact(NamedTuple):
    """A valid contact of a request: its id, and what counts for this answer only."""

    id: str
    attributes: Mapping[str, Any] = {}
    timezone: str | None = None
    consent: Mapping[str, str] | None = None
    events: Sequence[InlineEvent] = ()


class AlikeContacts(Sequence[RequestContact]):
    """Valid contacts that bring the same attributes in the same order; each is made when it is asked for."""

    __slots__ = ("_own", "attributes", "ids")

    def __init__(self, ids: Sequence[str], own: Sequence[dict[str, Any]]) -> None:
        """Lay out the attributes as columns.

        Args:
            ids: one a contact, at least one.
            own: the attributes of each, with the same names in the same order.
        """
        self.ids, self._own = ids, own
        columns = zip(*map(dict.values, own), strict=True)
        self.attributes: Mapping[str, tuple[Any, ...]] = dict(zip(own[0], columns, strict=True))

    def __len__(self) -> int:
        """Count the contacts."""
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> RequestContact: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[RequestContact]: ...

    def __getitem__(self, place: int | slice) -> RequestContact | Sequence[RequestContact]:
        """Make one, or some."""
        if isinstance(place, slice):
            return list(map(RequestContact, self.ids[place], self._own[place]))
        return RequestContact(self.ids[place], self._own[place])

    def __iter__(self) -> Iterator[RequestContact]:
        """Make one after the other."""
        return map(RequestContact, self.ids, self._own)


@dataclass(slots=True)
class MergedPasts:
    """The pasts of a call's contacts as rows; a contact named twice has two keys."""

    keys: Sequence[str]
    """One a contact of the call, order kept."""
    names: Sequence[str]
    """One a contact of the call: its id as the client gave it."""
    facts: Mapping[str, ContactFacts]
    """By key; a key without facts is unknown to the store and was sent without data."""
    events: Sequence[EventTuple]
    """Under their keys."""
    older: Sequence[EventTuple]
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
        names = names_of(facts.attributes)
        if self.known.issuperset(names):
            return facts
        meant = self._meant(set(names) - self.known, names)
        if not meant:
            return facts
        renamed = tuple([value._replace(name=meant.get(value.name, value.name)) for value in facts.attributes])
        return facts._replace(attributes=renamed)

    def _meant(self, strangers: Collection[str], given: Collection[str]) -> dict[str, str]:
        """Find what strangers mean; of two spellings of one name one counts."""
        meant = {
            known: name
            for name in sorted(strangers, reverse=True)
            if (known := self.by_key.get(_key(name))) is not None and known not in given
        }
        return {name: known for known, name in meant.items()}

    def matched(self, contacts: Sequence[RequestContact]) -> tuple[list[RequestContact], list[frozenset[str]]]:
        """Write inline attributes under the names that the model knows.

        Returns:
            The contacts, order kept, and of each the names that match nothing.
        """
        found, unknown = list(contacts), [_NO_NAMES] * len(contacts)
        for place, contact in enumerate(contacts):
            if contact.attributes.keys() <= self.known:
                continue
            strangers = contact.attributes.keys() - self.known
            renamed = self._meant(strangers, contact.attributes)
            if renamed:
                attributes = {renamed.get(name, name): value for name, value in contact.attributes.items()}
                found[place] = contact._replace(attributes=attributes)
            unknown[place] = frozenset(strangers - renamed.keys())
        return found, unknown


def merge_inline(
    contacts: Sequence[RequestContact], stored: PastRows, *, cutoff: Microseconds, lookback_days: int = LOOKBACK_DAYS
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
    names, first = [contact.id for contact in contacts], dict[str, int]()
    # Ids hold no control characters, so that a second key can never be another contact's id.
    keys = [
        name if first.setdefault(name, place) == place else f"{name}\x00{place}" for place, name in enumerate(names)
    ]
    given = list(zip(keys, contacts, strict=True))
    facts = {key: one for key, contact in given if (one := _facts(contact, stored.facts.get(contact.id))) is not None}
    # Those with inline events, or named twice, need a look at each event; where nobody does, columns stay columns.
    own = {contact.id for key, contact in given if contact.events or key != contact.id}
    result = MergedPasts(keys, names, facts, stored.events, stored.older)
    if own:
        since, united, older = cutoff - lookback_days * DAY, list[EventTuple](), list[EventTuple]()
        newer_of, older_of = _of_contacts(own, stored.events), _of_contacts(own, stored.older)
        for key, contact in given:
            if contact.id in own:
                united.extend(_rekeyed(newer_of[contact.id], key, contact.id))
                older.extend(_rekeyed(older_of[contact.id], key, contact.id))
                for event in _inline(contact, key, {event[1] for event in newer_of[contact.id]}, cutoff):
                    (united if event[3] >= since else older).append(event)
        result.events = [*united, *(event for event in stored.events if event[0] not in own)]
        result.older = [*older, *(event for event in stored.older if event[0] not in own)]
    return result


def _of_contacts(names: Collection[str], events: Iterable[EventTuple]) -> dict[str, list[EventTuple]]:
    """Gather the events of some contacts."""
    found: dict[str, list[EventTuple]] = {name: [] for name in names}
    for event in events:
        if event[0] in found:
            found[event[0]].append(event)
    return found


def _rekeyed(events: Sequence[EventTuple], key: str, contact_id: str) -> Sequence[EventTuple]:
    return events if key == contact_id else [(key, *event[1:]) for event in events]


def _inline(contact: RequestContact, key: str, taken: set[str], cutoff: Microseconds) -> list[EventTuple]:
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


def _facts(contact: RequestContact, stored: ContactFacts | None) -> ContactFacts | None:
    if not (contact.attributes or contact.timezone or contact.consent):
        return stored if stored is not None or not contact.events else ContactFacts()
    given = GivenValues(contact.attributes)
    if stored is None:
        return ContactFacts(None, contact.timezone, contact.consent or {}, given)
    kept = [value for value in stored.attributes if value.name not in contact.attributes]
    return ContactFacts(
        stored.created_at,
        contact.timezone or stored.timezone,
        {**stored.consent, **(contact.consent or {})},
        (*kept, *given),
        stored.unreadable.difference(contact.attributes),
    )


CLOCK_SLACK = timedelta(minutes=1)
"""How far ahead of our clock a cutoff may lie: clocks differ."""


_ADDRESS_MISTAKES: Final = {
    Unresolved.MALFORMED: "It is not an e-mail address.",
    Unresolved.DIFFERS: "This address belongs to another contact than the id; send one of the two.",
}
NOBODY: Final = "No contact of this account has this e-mail address; import the contact with it, or send its id."
Slot = RequestContact | Prediction
"""A valid contact, or the whole answer to one that is not."""


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
    read = _envelope(body, kind)
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


def _envelope(body: bytes, kind: type[PredictionRequest]) -> PredictionRequest:
    content = _read_at_once(body)
    if content is not None:
        try:
            return kind.model_validate(content)
        except ValidationError:
            pass  # what is refused is read exactly, and its mistakes are named
    content = parse_json(body)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None


_COLONS_APART: Final = (b" :", b"\t:", b"\n:", b"\r:")


def _read_at_once(body: bytes) -> Any:
    """Read JSON by a fast reader; None where it may differ from `parse_json` in a value that a field takes.

    The fast reader takes a name that is given twice, so the names are counted. A colon follows each name in the text:
    where there are more colons than names were read, a name came twice or a text holds a colon, and where no colon
    stands apart, those right after a quote are counted. A number too large for one reader is out of bounds for both.
    """
    try:
        content = orjson.loads(body)
    except ValueError:
        return None
    text = np.frombuffer(body, np.uint8)
    colons, objects, lists = [int(np.count_nonzero(text == mark)) for mark in b":{["]
    names = _names(content, objects + lists)
    if names == colons:
        return content
    return content if names == body.count(b'":') and not any(mark in body for mark in _COLONS_APART) else None


def _names(value: Any, opened: int) -> int:
    """Count the names in all objects of a JSON value, level by level.

    Args:
        value: as it was read.
        opened: how many marks of the text may open an object or a list: once so many are seen, nothing is left to see.
    """
    names, level = 0, [value] if value.__class__ in _NESTED else list[Any]()
    while level:
        objects: list[dict[str, Any]] = [one for one in level if one.__class__ is dict]
        lists = [one for one in level if one.__class__ is list]
        names, opened = names + sum(map(len, objects)), opened - len(level)
        inner = chain(*[one.values() for one in objects], *lists) if opened else ()
        level = [one for one in inner if one.__class__ in _NESTED]
    return names


_NESTED: Final = frozenset({dict, list})


def slots(contacts: list[Any], exactly: Callable[[], list[Any]] | None = None) -> Sequence[Slot]:
    """Validate each contact alone, order kept.

    Args:
        contacts: as they were read.
        exactly: reads them again as `parse_json` does, so that the mistakes of those refused are named; None: they
            were read so.
    """
    if (alike := _alike(contacts)) is not None:
        return alike
    known = set[str]()
    found: list[Slot] = [_plain(raw, known) or _slot(raw, place) for place, raw in enumerate(contacts)]
    refused = [place for place, slot in enumerate(found) if isinstance(slot, Prediction) and slot.status == "invalid"]
    if refused and exactly is not None:
        again = exactly()
        for place in refused:
            found[place] = _slot(again[place], place)
    return found


def _alike(contacts: Sequence[Any]) -> AlikeContacts | None:
    """Check contacts that bring the same attributes in the same order, column by column; None: one by one.

    A column of a thousand is checked in the time of a few values; what is refused here is looked at again.
    """
    if len(contacts) == 1 or set(map(type, contacts)) != {dict} or set(map(len, contacts)) != {len(_PLAIN_FIELDS)}:
        return None
    try:
        ids, own = list(map(itemgetter("id"), contacts)), list(map(itemgetter("attributes"), contacts))
    except KeyError:
        return None
    if set(map(type, own)) != {dict} or len(own[0]) > MAX_ATTRIBUTES:
        return None
    names = list(own[0])
    if not all(map(names.__eq__, map(list, own))):
        return None
    if not (_are_texts(ids, MAX_ID) and "" not in ids and _are_texts(names, MAX_NAME_CHARACTERS) and "" not in names):
        return None
    alike = AlikeContacts(ids, own)
    return alike if all(map(are_plain, alike.attributes.values())) else None


def _are_texts(column: Sequence[Any], longest: int) -> bool:
    return (
        set(map(type, column)) <= {str}
        and max(map(len, column), default=0) <= longest
        and "".join(column).isprintable()
    )


_PLAIN_FIELDS: Final = frozenset({"id", "attributes"})


def _plain(raw: Any, known: set[str]) -> RequestContact | None:
    """Check the usual contact as `InlineContact` does, many times faster; None: it has to be checked there.

    Args:
        raw: JSON.
        known: names of attributes that were found valid; more are added.
    """
    if raw.__class__ is not dict or not raw.keys() <= _PLAIN_FIELDS:
        return None
    contact_id, attributes = raw.get("id"), raw.get("attributes", {})
    if contact_id.__class__ is not str or not 0 < len(contact_id) <= MAX_ID or not contact_id.isprintable():
        return None
    if attributes.__class__ is not dict or len(attributes) > MAX_ATTRIBUTES:
        return None
    for name in () if attributes.keys() <= known else attributes.keys() - known:
        if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
            return None
        known.add(name)
    for value in attributes.values():
        kind = value.__class__
        if kind is str:
            if len(value) > MAX_TEXT_CHARACTERS or not value.isprintable():
                return None
        elif kind is int or kind is float:
            if not -MAX_NUMBER <= value <= MAX_NUMBER:
                return None
        elif value is not None and kind is not bool:
            return None
    return RequestContact(contact_id, attributes)


def _slot(raw: Any, place: int) -> Slot:
    if isinstance(raw, dict) and "unresolved" in raw and raw.keys() <= {"id", "unresolved"}:
        return _unresolved(raw, place)
    try:
        read = InlineContact.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = mistakes([dict(entry) for entry in details], raw, f"/contacts/{place}")
        return Prediction(contact_id=repeatable_id(raw), status="invalid", errors=found)
    consent = None if read.consent is None else {str(name): str(choice) for name, choice in read.consent.items()}
    return RequestContact(read.id, read.attributes, read.timezone, consent, read.events)


def _unresolved(raw: dict[str, Any], place: int) -> Slot:
    """Read what the gateway wrote; the pointer is that of the address in the client's own body."""
    contact_id = repeatable_id(raw)
    if raw["unresolved"] == Unresolved.UNKNOWN:
        return Prediction(contact_id=contact_id, status="unknown_contact", detail=NOBODY)
    mistake = Unresolved.DIFFERS if raw["unresolved"] == Unresolved.DIFFERS else Unresolved.MALFORMED
    errors = [_place(f"/contacts/{place}/email", _ADDRESS_MISTAKES[mistake])]
    return Prediction(contact_id=contact_id, status="invalid", errors=errors)


def _place(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
