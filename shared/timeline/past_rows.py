"""Rows of pasts as a store or a request gives them, and how they become columns.

Strings become codes once, and everything after it is arithmetic.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, compress, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import ALWAYS, Microseconds
from shared.timeline.pasts import NEVER, UNVERIFIED_OPEN, AttributeColumn, Pasts

EventTuple = tuple[str, str, str, Microseconds, float | None, str | None, str | None, str | None, int | None]
"""contact_id, event_id, type, occurred_at, value, message_id, campaign_id, item, human."""


EVENT_FIELDS = len(get_args(EventTuple))
FURTHER_FIELDS = frozenset({"event_id", "value", "message_id", "campaign_id", "item"})
"""What not everybody looks at of an event: a past that was read without one of them has None in its place."""


class PackedEvents(Sequence[EventTuple]):
    """Events column by column, as a store hands over many; a row is made only where somebody asks for one."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take one column a field of `EventTuple`, all of one length."""
        self.columns = columns

    @classmethod
    def of(cls, events: Iterable[EventTuple]) -> "PackedEvents":
        """Turn rows into columns: strides of one list, as `zip(*rows)` would make an iterator a row."""
        if isinstance(events, PackedEvents):
            return events
        flat = list(chain.from_iterable(events))
        return cls([flat[place::EVENT_FIELDS] for place in range(EVENT_FIELDS)])

    @cached_property
    def runs(self) -> tuple[list[str], list[int]]:
        """Return whose the events are: each contact for as many as lie together, and where that run begins."""
        ids = self.columns[0]
        if ids and ids[0] == ids[-1] and ids.count(ids[0]) == len(ids):
            return [ids[0]], [0]
        begins = [place for place, (before, own) in enumerate(pairwise(chain([None], ids))) if own != before]
        return [ids[begin] for begin in begins], begins

    def __len__(self) -> int:
        """Count the events."""
        return len(self.columns[0])

    def __iter__(self) -> Iterator[EventTuple]:
        """Make one row after the other."""
        rows: Iterator[Any] = zip(*self.columns, strict=True)
        return rows

    def __getitem__(self, place: Any) -> Any:
        """Make one row, or keep a stretch of them."""
        taken = [column[place] for column in self.columns]
        return PackedEvents(taken) if isinstance(place, slice) else tuple(taken)


class DatedValue(NamedTuple):
    """One value of one attribute, valid from an instant until the next one."""

    name: str
    valid_from: Microseconds
    value: Any
    dated: bool = True
    """False: nobody said since when; only an attribute declared static may be trained on."""


class GivenValues(Collection[DatedValue]):
    """Values that a call brings of one contact: they hold at any cutoff.

    Each is made when it is asked for: a call brings tens of thousands, and columns are built without them.
    """

    __slots__ = ("by_name",)

    def __init__(self, by_name: Mapping[str, Any]) -> None:
        self.by_name = by_name

    def __len__(self) -> int:
        """Count the values."""
        return len(self.by_name)

    def __iter__(self) -> Iterator[DatedValue]:
        """Make one after the other."""
        return (DatedValue(name, ALWAYS, value) for name, value in self.by_name.items())

    def __contains__(self, value: object) -> bool:
        """Whether it is one of them."""
        return value in tuple(self)


class StoredValues(Collection[DatedValue]):
    """Values of one contact, column by column, in the order of name and instant; each is made when it is asked for."""

    __slots__ = ("columns", "names")

    def __init__(self, names: tuple[str, ...], *columns: Sequence[Any]) -> None:
        """Take the names, and further columns in the order of `DatedValue`."""
        self.names = names
        self.columns = (names, *columns)

    @property
    def last_valid_from(self) -> Microseconds:
        """Return the instant from which on all of them are valid."""
        return max(self.columns[1], default=ALWAYS)

    def __len__(self) -> int:
        """Count the values."""
        return len(self.names)

    def __iter__(self) -> Iterator[DatedValue]:
        """Make one after the other."""
        return map(DatedValue, *self.columns)

    def __contains__(self, value: object) -> bool:
        """Whether it is one of them."""
        return value in tuple(self)

    def __eq__(self, other: object) -> bool:
        """Whether it holds the same values in the same order."""
        return isinstance(other, Collection) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared by value


def names_of(values: Collection[DatedValue]) -> Collection[str]:
    """Return the names of a contact's values."""
    if isinstance(values, StoredValues):
        return values.names
    return values.by_name.keys() if isinstance(values, GivenValues) else [value.name for value in values]


_VALUE = DatedValue._fields.index("value")


def named_values(values: Collection[DatedValue]) -> Iterable[tuple[str, Any]]:
    """Return name and value of each of a contact's values."""
    if isinstance(values, GivenValues):
        return values.by_name.items()
    if isinstance(values, StoredValues):
        return zip(values.names, values.columns[_VALUE], strict=True)
    return ((value.name, value.value) for value in values)


class ContactFacts(NamedTuple):
    """What is known of a contact apart from events."""

    created_at: Microseconds | None = None
    timezone: str | None = None
    consent: Mapping[str, str] = {}
    attributes: Collection[DatedValue] = ()
    unreadable: frozenset[str] = frozenset()
    """Names of attributes whose last value could not be read, and is None."""


@dataclass(slots=True)
class PastRows:
    """Rows as they come from the store or from a request, before they become columns."""

    facts: dict[str, ContactFacts]
    """Known contacts only."""
    events: Sequence[EventTuple]
    """In any order; each (contact_id, event_id) once."""
    older: list[EventTuple] = field(default_factory=list)
    """Events from before the lookback, of the types asked for; no feature ever sees them."""
    other_currency: frozenset[str] = frozenset()
    """Contacts of whom events in another currency than the wanted one were left out."""


def contacts_of(events: Sequence[EventTuple]) -> set[str]:
    """Return who has any of some events."""
    return set(events.runs[0] if isinstance(events, PackedEvents) else map(itemgetter(0), events))


def perhaps_of_types(events: Sequence[EventTuple], types: Collection[str]) -> Iterable[EventTuple]:
    """Keep the events that may be of some types as `seen_type` knows them; of many the others are never rows."""
    recorded = {*types, "email_opened"} if UNVERIFIED_OPEN in types else set(types)
    names = events.columns[2] if isinstance(events, PackedEvents) else map(itemgetter(2), events)
    return compress(events, [name in recorded for name in names])


def seen_type(event: EventTuple) -> str | None:
    """Return the type under which features and labels know an event; None where a machine made it.

    >>> seen_type(("c-1", "e-1", "email_opened", 0, None, None, None, None, None))
    'email_opened_unverified'
    """
    type_, human = event[2], event[8]
    if human == 0:
        return None
    return UNVERIFIED_OPEN if type_ == "email_opened" and human is None else type_


_NAN = float("nan")
VALUE_FIELDS = len(DatedValue._fields)
BLOCK = 1_024
"""Rows read together: few enough to stay in the processor's cache while column after column is taken from them."""


class _Codes(dict[str | None, int]):
    """Codes of names while rows are read, in order of first appearance; None is -1."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, name: str | None) -> int:
        code = len(self) - 1
        self[name] = code
        return code

    def of(self, column: Sequence[str | None]) -> NDArray[np.int32]:
        """Code a column; many columns of a request hold nothing at all."""
        n = len(column)
        if n and column[0] is None and column.count(None) == n:
            return np.full(n, -1, dtype=np.int32)
        return np.fromiter(map(self.__getitem__, column), np.int32, n)

    def settled(self, codes: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """List the names in their own order and recode a column: nothing may depend on who came first."""
        first_seen = [name for name in self if name is not None]
        names = tuple(sorted(first_seen))
        if names == tuple(first_seen):
            return names, codes
        place = {name: code for code, name in enumerate(names)}
        # Code -1 reads the last entry.
        recoded = np.array([*(place[name] for name in first_seen), -1], dtype=np.int32)
        return names, recoded[codes]


def build(
    contact_ids: Sequence[str],
    facts: Mapping[str, ContactFacts],
    events: Iterable[Sequence[EventTuple]],
) -> Pasts:
    """Turn rows into columns; events made by machines are taken out here, once, for everybody.

    Args:
        contact_ids: one per row, in the caller's order, each once.
        facts: what is known of each; a missing one is an unknown contact.
        events: chunks of event tuples in any order; contacts not in `contact_ids` are skipped.

    Returns:
        The pasts of these contacts, in the caller's order.
    """
    row_of = {contact_id: row for row, contact_id in enumerate(contact_ids)}
    types, messages, campaigns, items = _Codes(), _Codes(), _Codes(), _Codes()
    chunks = [_columns(block, row_of, types, messages, campaigns, items) for block in _blocks(events)] or [
        _columns((), row_of, types, messages, campaigns, items)
    ]
    contact, at, type_, value, message, campaign, item = (
        chunks[0][i] if len(chunks) == 1 else np.concatenate([chunk[i] for chunk in chunks]) for i in range(7)
    )
    del chunks
    type_names, type_ = types.settled(type_)
    campaign_names, campaign = campaigns.settled(campaign)
    item_names, item = items.settled(item)
    order = time_order(contact, at, (type_, item, campaign, value))
    if order is not None:
        contact, at, value, message = contact[order], at[order], value[order], message[order]
        type_, campaign, item = type_[order], campaign[order], item[order]
    n = len(contact_ids)
    counts = np.bincount(contact, minlength=n)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    known_facts = [facts.get(contact_id) for contact_id in contact_ids]
    return Pasts(
        contact_ids=tuple(contact_ids),
        known=np.array([fact is not None for fact in known_facts], dtype=bool) | (counts > 0),
        created_at=np.array(
            [NEVER if fact is None or fact.created_at is None else fact.created_at for fact in known_facts],
            dtype=np.int64,
        ),
        zones=tuple(None if fact is None else fact.timezone for fact in known_facts),
        consents=tuple({} if fact is None else fact.consent for fact in known_facts),
        offsets=offsets,
        at=at,
        type=type_,
        value=value,
        message=message,
        campaign=campaign,
        item=item,
        types=type_names,
        campaigns=campaign_names,
        items=item_names,
        attributes=_attribute_columns(known_facts),
    )


def _blocks(events: Iterable[Sequence[EventTuple]]) -> Iterator[Sequence[EventTuple]]:
    for chunk in events:
        if len(chunk) <= BLOCK or isinstance(chunk, PackedEvents):
            yield from (chunk,) if chunk else ()
        else:
            for begin in range(0, len(chunk), BLOCK):
                yield chunk[begin : begin + BLOCK]


def time_order(
    contact: NDArray[np.int32], at: NDArray[np.int64], ties: tuple[NDArray[Any], ...]
) -> NDArray[np.intp] | None:
    """Order events by contact and time, and those of one instant by what they are, never by how the rows came.

    The store gives each contact's events together and in time order: then hardly anything is left to do.

    Args:
        contact: shape (n,).
        at: microseconds, shape (n,).
        ties: columns that decide between events of one contact at one instant, the first one first.

    Returns:
        Shape (n,); None where they are in order as they came.
    """
    order = None
    if (contact[1:] < contact[:-1]).any():
        order = np.argsort(contact, kind="stable")  # quick, as what is together is found together
        contact, at = contact[order], at[order]
    same = contact[1:] == contact[:-1]
    if (same & (at[1:] < at[:-1])).any():
        again = _by_contact_and_time(contact, at)
        order = again if order is None else order[again]
        contact, at = contact[again], at[again]
        same = contact[1:] == contact[:-1]
    equal = np.zeros(len(at) + 1, dtype=bool)
    np.logical_and(same, at[1:] == at[:-1], out=equal[1:-1])
    places = np.flatnonzero(equal[1:] | equal[:-1])
    if len(places):
        order = np.arange(len(at)) if order is None else order
        rows = order[places]
        keys = (*(column[rows] for column in reversed(ties)), at[places], contact[places])
        order[places] = rows[np.lexsort(keys)]
    return order


def _by_contact_and_time(contact: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order events by contact, then time; one number of both is sorted in a fifth of the time of two."""
    since, n_contacts = int(at.min()), int(contact.max()) + 1
    span = int(at.max()) - since + 1
    if n_contacts * span > np.iinfo(np.int64).max:
        return np.lexsort((at, contact))
    return np.argsort(contact.astype(np.int64) * span + (at - since), kind="stable")


def _columns(
    chunk: Sequence[EventTuple],
    row_of: Mapping[str, int],
    types: _Codes,
    messages: _Codes,
    campaigns: _Codes,
    items: _Codes,
) -> tuple[NDArray[Any], ...]:
    packed = PackedEvents.of(chunk)
    if 0 in packed.columns[8] or not row_of.keys() >= set(packed.runs[0]):  # machines' rows, or others', are among them
        ids, human = packed.columns[0], packed.columns[8]
        kept = [made_by != 0 and contact_id in row_of for contact_id, made_by in zip(ids, human, strict=True)]
        packed = PackedEvents([list(compress(column, kept)) for column in packed.columns])
    _, _, type_, at, value, message, campaign, item, human = packed.columns
    names, begins = packed.runs
    n = len(at)
    if None in human and "email_opened" in type_:
        type_ = [
            UNVERIFIED_OPEN if name == "email_opened" and is_human is None else name
            for name, is_human in zip(type_, human, strict=True)
        ]
    return (
        np.repeat(np.fromiter(map(row_of.__getitem__, names), np.int32, len(names)), np.diff([*begins, n])),
        np.fromiter(at, np.int64, n),
        types.of(type_),
        _numbers(value),
        messages.of(message),
        campaigns.of(campaign),
        items.of(item),
    )


def _numbers(column: Sequence[float | None]) -> NDArray[np.float64]:
    """Read numbers; NaN where there is none."""
    n, absent = len(column), column.count(None)
    if absent == n:
        return np.full(n, _NAN)
    return np.fromiter([_NAN if one is None else one for one in column] if absent else column, np.float64, n)


def _attribute_columns(facts: Sequence[ContactFacts | None]) -> dict[str, AttributeColumn]:
    own: list[Collection[DatedValue]] = [() if fact is None else fact.attributes for fact in facts]
    if (alike := _given_columns(own)) is not None:
        return alike
    n = len(own)
    counts = np.fromiter(map(len, own), np.int64, n)
    contact = np.repeat(np.arange(n, dtype=np.int32), counts)
    names, instants, values, marks = _value_columns(own)
    valid_from, dated = np.fromiter(instants, np.int64, len(contact)), np.fromiter(marks, bool, len(contact))
    first = names[: len(own[0])] if own else []
    if len(set(first)) == len(first) and (counts == len(first)).all() and names == first * n:
        # Contacts of one call mostly have the same attributes in the same order: nothing has to be gathered or sorted.
        width = len(first)
        every = {name: slice(place, None, width) for place, name in enumerate(first)}
        return {
            name: AttributeColumn(contact[rows], valid_from[rows], tuple(values[rows]), dated[rows])
            for name, rows in sorted(every.items())
        }
    codes = _Codes()
    code = codes.of(names)
    order = np.argsort(code, kind="stable")
    begins = np.searchsorted(code[order], np.arange(len(codes)))
    found = {}
    for name, place in codes.items():
        if name is not None:
            rows = order[begins[place] : begins[place + 1]]
            mine = [values[row] for row in rows.tolist()]
            found[name] = _attribute_column(contact[rows], valid_from[rows], mine, dated[rows])
    return {name: found[name] for name in sorted(found)}


def _value_columns(own: Sequence[Collection[DatedValue]]) -> tuple[list[Any], ...]:
    """Put the columns of all values one below the other."""
    stored = [one.columns for one in own if isinstance(one, StoredValues)]
    if len(stored) == len(own):
        return tuple([list(chain.from_iterable(map(itemgetter(place), stored))) for place in range(VALUE_FIELDS)])
    entries = list(chain.from_iterable(own))
    return tuple([list(map(itemgetter(place), entries)) for place in range(VALUE_FIELDS)])


def _given_columns(own: Sequence[Collection[DatedValue]]) -> dict[str, AttributeColumn] | None:
    """Take the columns of contacts that a call brings with the same names in the same order; None: they are others."""
    given = [one.by_name for one in own if isinstance(one, GivenValues)]
    if not given or len(given) < len(own) or not all(map(list(given[0]).__eq__, map(list, given))):
        return None
    contact = np.arange(len(given), dtype=np.int32)
    valid_from, dated = np.full(len(given), ALWAYS, dtype=np.int64), np.ones(len(given), dtype=bool)
    columns = dict(zip(given[0], zip(*[one.values() for one in given], strict=True), strict=True))
    return {name: AttributeColumn(contact, valid_from, columns[name], dated) for name in sorted(columns)}


def _attribute_column(
    contact: NDArray[np.int32], valid_from: NDArray[np.int64], value: list[Any], dated: NDArray[np.bool_]
) -> AttributeColumn:
    later = valid_from[1:] < valid_from[:-1]
    if not (later & (contact[1:] == contact[:-1])).any():
        return AttributeColumn(
            contact, valid_from, tuple(value), dated
        )  # contacts come in order, and mostly values too
    order = np.lexsort((valid_from, contact))
    return AttributeColumn(
        contact[order], valid_from[order], tuple([value[place] for place in order.tolist()]), dated[order]
    )
