"""The pasts of a small call's contacts one by one, in plain Python: for few events numpy's fixed costs dominate.

The same rows and the same rules as `Pasts`: events made by machines are out, and those of one instant are ordered by
what they are. Who needs columns asks for them: they are built at most once.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, compress, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, Microseconds
from shared.timeline.past_rows import (
    ContactFacts,
    EventTuple,
    GivenValues,
    PackedEvents,
    StoredValues,
    build,
    named_values,
)
from shared.timeline.pasts import (
    LOOKBACK_DAYS,
    LOOKBACK_EVENTS,
    NEVER,
    UNVERIFIED_OPEN,
    Pasts,
    clock_changes,
    whole_orders,
)

FEW = 2_000
CONTACT_EVENTS = 200
"""One by one is quicker up to FEW events, where a contact counts as so many more. Measured with 185 features, 20 of
them of attributes: the two ways cost the same at 1 contact with 1,600 events, 4 with 200, 6 with 50, 9 with none; with
60 features one by one costs half there (`bench.features`)."""
NEW_WITHIN = 7 * DAY
"""A contact known for less is new: little can be said of its habits."""

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class ContactPast:
    """One contact's events in time order, column by column, and its facts; what nobody asks for is not put in order."""

    contact_id: str
    facts: ContactFacts | None
    """None: an unknown contact."""
    columns: Sequence[Sequence[Any]]
    """Type, instant, value, campaign and item of each event, in any order."""

    @classmethod
    def of(cls, contact_id: str, facts: ContactFacts | None, events: Iterable[EventTuple]) -> "ContactPast":
        """Take one contact's events; those made by machines are taken out.

        Args:
            contact_id: whose events they are; the tuples are not asked.
            facts: what is known of the contact.
            events: in any order.
        """
        _, _, type_, at, value, _, campaign, item, human = columns = PackedEvents.of(events).columns
        if 0 in human:
            kept = [made_by != 0 for made_by in human]
            _, _, type_, at, value, _, campaign, item, human = [list(compress(column, kept)) for column in columns]
        if None in human and "email_opened" in type_:
            type_ = [
                UNVERIFIED_OPEN if name == "email_opened" and is_human is None else name
                for name, is_human in zip(type_, human, strict=True)
            ]
        return cls(contact_id, facts, (type_, at, value, campaign, item))

    @cached_property
    def instants(self) -> Mapping[str, Sequence[Microseconds]]:
        """List the instants of each type's events, ascending; without a key where a type has none."""
        types, instants, *_ = self.columns
        found = instants_by_type(types, instants)
        for listed in found.values():
            listed.sort()
        return found

    @cached_property
    def at(self) -> Sequence[Microseconds]:
        """List all instants, ascending."""
        return sorted(chain.from_iterable(self.instants.values()))

    @cached_property
    def _order(self) -> Sequence[int]:
        """Find the place of each event: in time order, at one instant by type, item, campaign, then value."""
        at = self.columns[1]
        order = sorted(range(len(at)), key=at.__getitem__)
        if len(set(at)) < len(at):
            order.sort(key=list(map(_place, *self.columns)).__getitem__)
        return order

    @cached_property
    def type(self) -> Sequence[str]:
        """List the types as features know them: an unverified open is a type of its own."""
        return self._in_order(0)

    @cached_property
    def value(self) -> Sequence[float]:
        """List the values; NaN where there is none."""
        return [_NAN if one is None else one for one in self._in_order(2)]

    @cached_property
    def campaign(self) -> Sequence[str | None]:
        """List the campaigns."""
        return self._in_order(3)

    @cached_property
    def item(self) -> Sequence[str | None]:
        """List the items."""
        return self._in_order(4)

    def _in_order(self, column: int) -> Sequence[Any]:
        return list(map(self.columns[column].__getitem__, self._order))

    @property
    def created_at(self) -> Microseconds:
        """Return since when the contact is known to exist; NEVER where nobody said."""
        return NEVER if self.facts is None or self.facts.created_at is None else self.facts.created_at

    @property
    def zone(self) -> str | None:
        """Name the contact's time zone."""
        return None if self.facts is None else self.facts.timezone

    def lookback(self, cutoff: Microseconds) -> tuple[int, int]:
        """Return the first and one past the last event that a frame may look at."""
        end = bisect_left(self.at, cutoff)
        oldest = bisect_left(self.at, cutoff - LOOKBACK_DAYS * DAY, 0, end)
        return max(oldest, end - LOOKBACK_EVENTS), end

    def attributes_at(self, cutoff: Microseconds) -> Mapping[str, Any]:
        """Return the attributes that hold at a cutoff: of each the last value that is valid from before it."""
        attributes = () if self.facts is None else self.facts.attributes
        if isinstance(attributes, GivenValues):
            return attributes.by_name
        if isinstance(attributes, StoredValues) and attributes.last_valid_from < cutoff:
            return dict(named_values(attributes))
        since: dict[str, Microseconds] = {}
        held: dict[str, Any] = {}
        for name, valid_from, value, _ in attributes:
            if valid_from < cutoff and valid_from >= since.get(name, valid_from):
                since[name] = valid_from
                held[name] = value
        return held


def instants_by_type(types: Sequence[str], instants: Sequence[Microseconds]) -> dict[str, list[Microseconds]]:
    """List the instants of each type's events in the order in which they come."""
    found: dict[str, list[Microseconds]] = defaultdict(list)
    for name, at in zip(types, instants, strict=True):
        found[name].append(at)
    return found


def offset_runs(zone: str | None, at: Sequence[int]) -> list[tuple[int, int, int]]:
    """List runs of one contact's instants between two changes of its clocks, in plain Python.

    Args:
        zone: IANA name; None counts as UTC.
        at: microseconds since the epoch, ascending.

    Returns:
        First and one past the last of each run, and the zone's offset from UTC in it, as `utc_offsets` gives it.
    """
    if not zone or zone == "UTC" or not at:
        return [(0, len(at), 0)]
    starts, values = _clock_changes(zone)
    place = max(bisect_right(starts, at[0]) - 1, 0)
    last = max(bisect_right(starts, at[-1]) - 1, 0)
    runs = []
    begin = 0
    while place < last:
        end = bisect_left(at, starts[place + 1], begin)
        runs.append((begin, end, values[place]))
        place, begin = place + 1, end
    return [*runs, (begin, len(at), values[place])]


@lru_cache(maxsize=600)
def _clock_changes(zone: str) -> tuple[list[int], list[int]]:
    starts, values = clock_changes(zone)
    return starts.tolist(), values.tolist()


def _joined(runs: Sequence[PackedEvents]) -> Iterable[EventTuple]:
    """Join one contact's events; mostly they lie together."""
    return runs[0] if len(runs) == 1 else chain.from_iterable(runs)


def _place(
    type_: str, at: Microseconds, value: float | None, campaign: str | None, item: str | None
) -> tuple[Any, ...]:
    """Order events as columns do: what is absent comes first, only an absent value last."""
    absent = value is None or value != value
    names = (item is not None, item or "", campaign is not None, campaign or "")
    return (at, type_, *names, absent, 0.0 if absent else value)


class ContactPasts:
    """The pasts of a call's contacts: one by one where they are few, and in columns for whoever asks."""

    def __init__(
        self, contact_ids: Sequence[str], facts: Mapping[str, ContactFacts], events: Iterable[EventTuple]
    ) -> None:
        """Take rows as they come from the store or a request; nothing is computed yet.

        Args:
            contact_ids: one per row, in the caller's order, each once.
            facts: what is known of each; a missing one is an unknown contact.
            events: in any order; those of contacts not in `contact_ids` are skipped.
        """
        self.contact_ids = tuple(contact_ids)
        self._facts = facts
        self._events = events if isinstance(events, Sequence) else list(events)
        self._built = False

    @classmethod
    def of_columns(cls, columns: Pasts) -> "ContactPasts":
        """Take many contacts that are columns already; they are never looked at one by one."""
        pasts = cls(columns.contact_ids, {}, ())
        pasts._built = True
        pasts.columns = columns
        return pasts

    def with_whole_orders(self, types: Collection[str]) -> "ContactPasts":
        """Return the same pasts with the lines of each order joined; see `whole_orders`."""
        if self._built:
            return ContactPasts.of_columns(whole_orders(self.columns, types))
        events = whole_order_rows(self._events, types)
        return self if events is self._events else ContactPasts(self.contact_ids, self._facts, events)

    def __len__(self) -> int:
        """Count the contacts."""
        return len(self.contact_ids)

    @property
    def are_few(self) -> bool:
        """Whether one by one is the quicker way."""
        return not self._built and CONTACT_EVENTS * len(self.contact_ids) + len(self._events) <= FEW

    @cached_property
    def one_by_one(self) -> tuple[ContactPast, ...]:
        """Order each contact's events, in the caller's order of contacts."""
        events = PackedEvents.of(self._events)
        names, begins = events.runs
        own: dict[str, list[PackedEvents]] = {contact_id: [] for contact_id in self.contact_ids}
        for name, (begin, end) in zip(names, pairwise([*begins, len(events)]), strict=True):
            if name in own:
                own[name].append(events[begin:end])
        return tuple([ContactPast.of(name, self._facts.get(name), _joined(runs)) for name, runs in own.items()])

    @cached_property
    def columns(self) -> Pasts:
        """Build the columns."""
        return build(self.contact_ids, self._facts, [self._events])


class JoinedLines(NamedTuple):
    """One contact's events in time order, each order one of them."""

    at: list[Microseconds]
    type: list[str]
    value: list[float]
    """NaN where there is none."""
    last_line: list[int]
    """Of each event, where its last line lies among the lines."""


def joined_lines(
    at: Sequence[Microseconds], type_: Sequence[str], value: Sequence[float], types: Collection[str]
) -> JoinedLines:
    """Join one contact's lines, column by column, their values added up one after the other."""
    found = JoinedLines([], [], [], [])
    for line, (instant, name, worth) in enumerate(zip(at, type_, value, strict=True)):
        if name in types and found.at and instant == found.at[-1] and name == found.type[-1]:
            so_far = found.value[-1]
            found.value[-1] = so_far if worth != worth else worth if so_far != so_far else so_far + worth
            found.last_line[-1] = line
        else:
            found.at.append(instant)
            found.type.append(name)
            found.value.append(worth)
            found.last_line.append(line)
    return found


def whole_order_rows(events: Sequence[EventTuple], types: Collection[str]) -> Sequence[EventTuple]:
    """Join rows as `whole_orders` joins columns; machine-made ones, which no model sees, stay as they are."""
    place: dict[tuple[str, str, int], int] = {}
    kept: list[EventTuple] = []
    for row in events:
        if row[2] in types and row[8] != 0:
            key = (row[0], row[2], row[3])
            before = place.setdefault(key, len(kept))
            if before < len(kept):
                so_far, more = kept[before][4], row[4]
                value = so_far if more is None else more if so_far is None else so_far + more
                kept[before] = (*kept[before][:4], value, *kept[before][5:])
                continue
        kept.append(row)
    return events if len(kept) == len(events) else kept


MISSING = ("no_timezone", "no_events", "no_attributes", "new_contact")


def missing_in(pasts: ContactPasts, cutoff: Microseconds, *, needs_zone: bool) -> list[Sequence[str]]:
    """Name what is missing in each past.

    Args:
        pasts: one a contact.
        cutoff: microseconds, of all.
        needs_zone: whether the model looks at local hours.

    Returns:
        For each contact some of MISSING.
    """
    if pasts.are_few:
        return [_missing_in_one(past, cutoff, needs_zone=needs_zone) for past in pasts.one_by_one]
    marks = missing_marks(pasts.columns, cutoff, needs_zone=needs_zone)
    named = [tuple(compress(MISSING, bits)) for bits in product((False, True), repeat=len(MISSING))]
    return list(map(named.__getitem__, (_PLACES @ marks).tolist()))


_PLACES = 1 << np.arange(len(MISSING))[::-1]
"""Of each mark in the number that says which hold; the first one changes last in a product."""


def missing_marks(pasts: Pasts, cutoff: Microseconds, *, needs_zone: bool) -> NDArray[np.bool_]:
    """Do the same for columns: whether each of MISSING holds for each contact, shape (len(MISSING), n)."""
    has_events = pasts.offsets[1:] > pasts.offsets[:-1]
    has_attributes = np.zeros(len(pasts), dtype=bool)
    for column in pasts.attributes.values():
        has_attributes[column.contact[column.valid_from < cutoff]] = True
    since = pasts.created_at.copy()
    since[has_events] = np.minimum(since[has_events], pasts.at[pasts.offsets[:-1][has_events]])
    without_zone = np.zeros(len(pasts), dtype=bool)
    if needs_zone and None in pasts.zones:
        without_zone = np.fromiter((zone is None for zone in pasts.zones), bool, len(pasts))
    return np.stack([without_zone, ~has_events, ~has_attributes, has_events & (cutoff - since < NEW_WITHIN)])


def _missing_in_one(past: ContactPast, cutoff: Microseconds, *, needs_zone: bool) -> Sequence[str]:
    attributes = () if past.facts is None else past.facts.attributes
    marks = (
        needs_zone and past.zone is None,
        not past.at,
        not any(value.valid_from < cutoff for value in attributes),
        bool(past.at) and cutoff - min(past.at[0], past.created_at) < NEW_WITHIN,
    )
    return tuple(compress(MISSING, marks))
