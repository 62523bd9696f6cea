"""The pasts of a small call's contacts one by one, in plain Python: for few events numpy's fixed costs dominate.

The same rows and the same rules as `Pasts`: events made by machines are out, and those of one instant are ordered by
what they are. Who needs columns asks for them: they are built at most once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress, product
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, Microseconds
from shared.timeline.columns import build
from shared.timeline.localtime import clock_changes
from shared.timeline.pasts import (
    LOOKBACK_DAYS,
    LOOKBACK_EVENTS,
    NEVER,
    UNVERIFIED_OPEN,
    ContactFacts,
    EventTuple,
    GivenValues,
    Pasts,
)
from shared.timeline.whole_orders import whole_order_rows, whole_orders

FEW = 1_000
CONTACT_EVENTS = 120
"""One by one is quicker up to FEW events, where a contact counts as so many more. Measured with 165 learned features:
the two ways cost the same at 1 contact with 1,100 events, 3 with 190, 5 with 50, 6 with none (`bench.features`)."""
NEW_WITHIN = 7 * DAY
"""A contact known for less is new: little can be said of its habits."""

_NAN = float("nan")
_AT = itemgetter(3)


@dataclass(frozen=True, slots=True)
class ContactPast:
    """One contact's events in time order, column by column, and its facts."""

    contact_id: str
    facts: ContactFacts | None
    """None: an unknown contact."""
    at: Sequence[Microseconds]
    """Ascending; at one instant by type, item, campaign, then value."""
    type: Sequence[str]
    """As features know it: an unverified open is a type of its own."""
    value: Sequence[float]
    """NaN where there is none."""
    campaign: Sequence[str | None]
    item: Sequence[str | None]

    @classmethod
    def of(cls, contact_id: str, facts: ContactFacts | None, events: Iterable[EventTuple]) -> "ContactPast":
        """Order one contact's events; those made by machines are taken out.

        Args:
            contact_id: whose events they are; the tuples are not asked.
            facts: what is known of the contact.
            events: in any order.
        """
        rows = [row for row in events if row[8] != 0]
        if not rows:
            return cls(contact_id, facts, (), (), (), (), ())
        rows.sort(key=_AT)
        at = list(map(_AT, rows))
        if len(set(at)) < len(at):
            rows.sort(key=_place)
        _, _, type_, _, value, _, campaign, item, human = zip(*rows, strict=True)
        if None in human and "email_opened" in type_:
            type_ = tuple(
                [
                    UNVERIFIED_OPEN if name == "email_opened" and is_human is None else name
                    for name, is_human in zip(type_, human, strict=True)
                ]
            )
        return cls(contact_id, facts, at, type_, [_NAN if one is None else one for one in value], campaign, item)

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
        if self.facts is not None and isinstance(self.facts.attributes, GivenValues):
            return self.facts.attributes.by_name
        since: dict[str, Microseconds] = {}
        held: dict[str, Any] = {}
        for name, valid_from, value, _ in () if self.facts is None else self.facts.attributes:
            if valid_from < cutoff and valid_from >= since.get(name, valid_from):
                since[name] = valid_from
                held[name] = value
        return held


def offset_runs(zone: str | None, at: Sequence[int]) -> list[tuple[int, int, int]]:
    """List runs of one contact's instants between two changes of its clocks, in plain Python.

    Args:
        zone: IANA name; None counts as UTC.
        at: microseconds since the epoch, ascending.

    Returns:
        First and one past the last of each run, and the zone's offset from UTC in it, as `offsets` gives it.
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


def _place(row: EventTuple) -> tuple[Any, ...]:
    """Order events as columns do: what is absent comes first, only an absent value last."""
    _, _, type_, at, value, _, campaign, item, human = row
    seen = UNVERIFIED_OPEN if type_ == "email_opened" and human is None else type_
    absent = value is None or value != value
    names = (item is not None, item or "", campaign is not None, campaign or "")
    return (at, seen, *names, absent, 0.0 if absent else value)


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
        """Return the same pasts with the lines of each order joined; see `shared.timeline.whole_orders`."""
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
        if len(self.contact_ids) == 1:
            only = self.contact_ids[0]
            mine = [event for event in self._events if event[0] == only]
            return (ContactPast.of(only, self._facts.get(only), mine),)
        own: dict[str, list[EventTuple]] = {contact_id: [] for contact_id in self.contact_ids}
        for event in self._events:
            if event[0] in own:
                own[event[0]].append(event)
        return tuple([ContactPast.of(name, self._facts.get(name), events) for name, events in own.items()])

    @cached_property
    def columns(self) -> Pasts:
        """Build the columns."""
        return build(self.contact_ids, self._facts, [self._events])


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
