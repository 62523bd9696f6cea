"""One frame in plain Python: what lies before a cutoff of one contact, and what is counted from it, each at most once.

It is to `shared.features.scalar` what `pairs` is to the engine. Sums are added in the engine's order: events by time
within a window and type, then windows, then types.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

from shared.contracts.rows import DAY, Microseconds
from shared.features.feature import WINDOWS_DAYS
from shared.features.pairs import QUARTER
from shared.timeline.contact_pasts import ContactPast
from shared.timeline.localtime import offset_runs
from shared.timeline.pasts import LOOKBACK_DAYS, LOOKBACK_EVENTS

_EDGES = tuple(days * DAY for days in WINDOWS_DAYS)
_LOWEST = float("-inf")
UNNAMED = ""
"""Stands for every type that no feature names."""
NONE_OF_ANY = [0.0] * len(_EDGES)
"""Of each window: nothing."""

Type = str | None
"""None: all types together."""


def lookback(past: ContactPast, cutoff: Microseconds) -> tuple[int, int]:
    """Return the first and one past the last event that a frame may look at."""
    end = bisect_left(past.at, cutoff)
    oldest = bisect_left(past.at, cutoff - LOOKBACK_DAYS * DAY, 0, end)
    return max(oldest, end - LOOKBACK_EVENTS), end


class Frame:
    """What lies before one cutoff of one contact; what several features ask for is counted once.

    Mappings have a key for each type that occurs, and None for all types together where that is a count of its own.
    """

    def __init__(self, past: ContactPast, cutoff: Microseconds, types: Sequence[str]) -> None:
        """Cut the past at the cutoff and at the lookback.

        Args:
            past: of the contact.
            cutoff: microseconds.
            types: that any feature names, sorted.
        """
        start, end = lookback(past, cutoff)
        whole = start == 0 and end == len(past.at)
        rows = slice(start, end)
        self.past, self.cutoff, self._types, self._rows = past, cutoff, types, None if whole else rows
        self.at = past.at if whole else past.at[rows]
        self.type = past.type if whole else past.type[rows]
        self.begins = [bisect_left(self.at, cutoff - edge) for edge in _EDGES[:-1]]
        """The first event of each window; the last window holds all."""
        self.begins.append(0)

    def of(self, column: Sequence[Any]) -> Sequence[Any]:
        """Read another column of the same events."""
        return column if self._rows is None else column[self._rows]

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Return the attributes that hold at the cutoff."""
        return self.past.attributes_at(self.cutoff)

    @cached_property
    def counts(self) -> list[dict[Type, float]]:
        """Count the events of each window by type."""
        counter: Counter[Type] = Counter()
        nested = []
        end = len(self.at)
        for begin in self.begins:
            if begin < end:
                counter.update(self.type[begin:end])
                end = begin
            found = {name: float(count) for name, count in counter.items()}
            found[None] = float(len(self.at) - begin)
            nested.append(found)
        return nested

    @cached_property
    def _valued(self) -> list[list[tuple[str, float]]]:
        """List type and value of the events that have one, by the smallest window that reaches back to them."""
        values = self.of(self.past.value)
        listed = []
        end = len(values)
        for begin in self.begins:
            mine = zip(self.type[begin:end], values[begin:end], strict=True)
            listed.append([pair for pair in mine if pair[1] == pair[1]])
            end = begin
        return listed

    @cached_property
    def _values(self) -> tuple[dict[Type, list[float]], dict[Type, list[float]]]:
        """Sum and count the values by type, of each window; without a key where a type has none."""
        named = self._types
        sums: dict[Type, list[float]] = {}
        counts: dict[Type, list[float]] = {}
        for window, pairs in enumerate(self._valued):
            for name, value in pairs:
                code = name if name in named else UNNAMED
                if code not in sums:
                    sums[code], counts[code] = [0.0] * len(_EDGES), [0.0] * len(_EDGES)
                sums[code][window] += value
                counts[code][window] += 1.0
        for by_type in (sums, counts):
            nested = {code: list(accumulate(by_type[code])) for code in (*self._types, UNNAMED) if code in by_type}
            of_all = [list(accumulate(column))[-1] for column in zip(*nested.values(), strict=True)]
            by_type.update(nested)
            by_type[None] = of_all or NONE_OF_ANY
        return sums, counts

    @property
    def sums(self) -> dict[Type, list[float]]:
        """Sum the values by type, of each window."""
        return self._values[0]

    @property
    def valued(self) -> dict[Type, list[float]]:
        """Count the events that have a value by type, of each window."""
        return self._values[1]

    @cached_property
    def largest(self) -> dict[Type, float]:
        """Find the largest value of each type; without a key where there is none."""
        largest: dict[Type, float] = {}
        for name, value in chain.from_iterable(self._valued):
            if value > largest.get(name, _LOWEST):
                largest[name] = value
        if largest:
            largest[None] = max(largest.values())
        return largest

    @cached_property
    def newest(self) -> dict[Type, int]:
        """Find the newest event of each type."""
        newest: dict[Type, int] = dict(zip(self.type, range(len(self.type)), strict=True))
        if newest:
            newest[None] = len(self.type) - 1
        return newest

    @cached_property
    def last_age(self) -> dict[Type, float]:
        """Return the age of the newest event of each type in days."""
        at, cutoff = self.at, self.cutoff
        return {name: (cutoff - at[place]) / DAY for name, place in self.newest.items()}

    @cached_property
    def first_age(self) -> dict[Type, float]:
        """Return the age of the oldest event of each type in days."""
        cutoff = self.cutoff
        oldest: dict[Type, int] = dict(zip(reversed(self.type), reversed(self.at), strict=True))
        if oldest:
            oldest[None] = self.at[0]
        return {name: (cutoff - at) / DAY for name, at in oldest.items()}

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        return offset_runs(self.past.zone, self.at)

    def local_at(self, place: int) -> Microseconds:
        """Return the local wall clock of an event."""
        return self.at[place] + next(offset for _, end, offset in self._runs if place < end)

    @cached_property
    def _quarters(self) -> list[int]:
        """Count the quarters of local days since 1970-01-01: `>> 2` is the day, `& 3` the part of the day."""
        return [(instant + offset) // QUARTER for begin, end, offset in self._runs for instant in self.at[begin:end]]

    @cached_property
    def _days(self) -> list[int]:
        return [quarter >> 2 for quarter in self._quarters]

    @cached_property
    def active_days(self) -> list[dict[Type, float]]:
        """Count the distinct local days with an event, of each window by type."""
        days, types = self._days, self.type
        seen: set[tuple[str, int]] = set()
        counter: Counter[Type] = Counter()
        nested = []
        end = len(days)
        for begin in self.begins:
            if begin < end:
                new = set(zip(types[begin:end], days[begin:end], strict=True)) - seen
                seen |= new
                counter.update([name for name, _ in new])
                end = begin
            nested.append({name: float(count) for name, count in counter.items()})
        return nested

    @cached_property
    def active_days_of_any(self) -> list[float]:
        """Count the distinct local days with any event, of each window."""
        seen: set[int] = set()
        nested = []
        end = len(self.at)
        for begin in self.begins:
            seen.update(self._days[begin:end])
            end = begin
            nested.append(float(len(seen)))
        return nested

    @cached_property
    def _weekly(self) -> dict[int, int]:
        """Count the events of each quarter of the local week, Thursday night 0."""
        return Counter([quarter % 28 for quarter in self._quarters])

    @cached_property
    def _weekly_by_type(self) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        quarters = [quarter % 28 for quarter in self._quarters]
        for (name, quarter), count in Counter(zip(self.type, quarters, strict=True)).items():
            found.setdefault(name, {})[quarter] = count
        return found

    def weekly(self, name: Type) -> dict[int, int]:
        """Count the events of a type in each quarter of the local week: `& 3` is the part of the day."""
        return self._weekly if name is None else self._weekly_by_type.get(name, {})

    @cached_property
    def campaigns(self) -> dict[Type, float]:
        """Count the distinct campaigns by type."""
        return self._distinct(self.of(self.past.campaign))

    @cached_property
    def items(self) -> dict[Type, float]:
        """Count the distinct items by type."""
        return self._distinct(self.of(self.past.item))

    def _distinct(self, column: Sequence[str | None]) -> dict[Type, float]:
        names = set(column) - {None}
        if not names:  # many accounts have no campaigns, or no items
            return {}
        together = set(zip(self.type, column, strict=True))
        counter: Counter[Type] = Counter([type_ for type_, name in together if name is not None])
        found = {type_: float(count) for type_, count in counter.items()}
        found[None] = float(len(names))
        return found
