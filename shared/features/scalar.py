"""The features of few contacts, evaluated once more from the same declarations, in plain Python.

For one contact numpy's fixed costs are many times the work. Every number is the engine's exactly, except that 0.0 and
-0.0 are one: property tests hold both against each other and against their oracle. A frame counts each thing at most
once, as `pairs` does for the engine; sums are added in the engine's order: events by time within a window and type,
then windows, then types.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, chain, groupby
from operator import itemgetter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from shared.contracts.rows import DAY, HOUR, Microseconds
from shared.features.engine import RATE_STRENGTH
from shared.features.feature import ATTRIBUTE_KINDS, DAY_PARTS, WINDOWS_DAYS, Feature, FeaturePlan, Kind, parser_of
from shared.features.pairs import QUARTER
from shared.timeline.contact_pasts import ContactPast, JoinedLines, instants_by_type, joined_lines, offset_runs
from shared.timeline.pasts import NEVER

_EDGES = tuple(days * DAY for days in WINDOWS_DAYS)
_LOWEST = float("-inf")
UNNAMED = ""  # stands for every type that no feature names
NONE_OF_ANY = [0.0] * len(_EDGES)
"""Of each window: nothing."""

Type = str | None
"""None: all types together."""
Row = list[float]
Instants = Mapping[Type, Sequence[Microseconds]]
"""Of each type's events, ascending."""
Cells = list[tuple[int, Type, int]]
"""Column, event type, window; by type, the shortest window first."""
_NAN = float("nan")
_MONTH, _QUARTER = WINDOWS_DAYS.index(30), WINDOWS_DAYS.index(90)
_LOOKBACK = len(WINDOWS_DAYS) - 1
_WEEKEND = [quarter for quarter in range(28) if ((quarter >> 2) + 3) % 7 >= 5]
Made = TypeVar("Made")


class _ByType(dict[Type, Made]):
    """Something of each type, made when it is first asked for; not by the frame, which would hold itself then."""

    def __init__(self, make: Callable[..., Made], *known: Any) -> None:
        super().__init__()
        self._make, self._known = make, known

    def __missing__(self, name: Type) -> Made:
        found = self[name] = self._make(name, *self._known)
        return found


def _begins_of(name: Type, instants: Instants, since: Sequence[Microseconds]) -> list[int]:
    at = instants.get(name, ())
    return [*[bisect_left(at, one) for one in since], 0]


def _counts_of(name: Type, instants: Instants, begins: _ByType[list[int]]) -> Row:
    count = len(instants.get(name, ()))
    return [float(count - begin) for begin in begins[name]]


def _weekly_of(name: Type, instants: Instants, zone: str | None) -> dict[int, int]:
    return Counter([quarter % 28 for quarter in _local(instants.get(name, ()), zone, QUARTER)])


def _local(at: Sequence[Microseconds], zone: str | None, unit: int) -> list[int]:
    """Count the days, or quarters of one, from 1970-01-01 until each local instant."""
    return [(one + offset) // unit for begin, end, offset in offset_runs(zone, at) for one in at[begin:end]]


class Frame:
    """What lies before one cutoff of one contact; what several features ask for is counted once.

    Mappings have a key for each type that occurs, and None for all types together where that is a count of its own.
    """

    def __init__(self, past: ContactPast, cutoff: Microseconds, types: Sequence[str], joined: Sequence[str]) -> None:
        """Cut the past at cutoff and lookback; features name `types`, lines of `joined` are one event."""
        start, end = past.lookback(cutoff)
        whole = start == 0 and end == len(past.at)
        rows = slice(start, end)
        self.past, self.cutoff, self._types, self._rows = past, cutoff, types, None if whole else rows
        self.at = past.at if whole else past.at[rows]
        self._orders: JoinedLines | None = None
        if joined and len(set(self.at)) < len(self.at):
            self._orders = joined_lines(self.at, self.line_types, self.of(past.value), joined)
            self.at = self._orders.at
        self.since = [cutoff - edge for edge in _EDGES[:-1]]
        """Where each window begins; the last one holds all."""

    def of(self, column: Sequence[Any]) -> Sequence[Any]:
        """Read another column of every line."""
        return column if self._rows is None else column[self._rows]

    @property
    def line_types(self) -> Sequence[str]:
        """List the type of every line."""
        return self.of(self.past.type)

    @property
    def type(self) -> Sequence[str]:
        """List the type of every event."""
        return self.line_types if self._orders is None else self._orders.type

    @cached_property
    def instants(self) -> Instants:
        """List the instants of each type's events, ascending; without a key where a type has none."""
        whole = self._rows is None and self._orders is None
        listed = self.past.instants if whole else instants_by_type(self.type, self.at)
        found = dict[Type, Sequence[Microseconds]](listed.items())
        if found:
            found[None] = self.at
        return found

    @cached_property
    def begins(self) -> _ByType[list[int]]:
        """Find the first event of each window among those of a type."""
        return _ByType(_begins_of, self.instants, self.since)

    @cached_property
    def counts(self) -> _ByType[Row]:
        """Count the events of a type in each window."""
        return _ByType(_counts_of, self.instants, self.begins)

    @cached_property
    def _valued(self) -> list[list[tuple[str, float]]]:
        """List type and value of the events that have one, by the smallest window that reaches back to them."""
        values = self.of(self.past.value) if self._orders is None else self._orders.value
        listed = []
        end = len(values)
        for begin in self.begins[None]:
            mine = zip(self.type[begin:end], values[begin:end], strict=True)
            listed.append([pair for pair in mine if pair[1] == pair[1]])
            end = begin
        return listed

    @cached_property
    def _values(self) -> tuple[dict[Type, list[float]], dict[Type, list[float]]]:
        """Sum and count the values by type, of each window; without a key where a type has none."""
        sums: dict[Type, list[float]] = {}
        counts: dict[Type, list[float]] = {}
        for window, pairs in enumerate(self._valued):
            for name, value in pairs:
                code = name if name in self._types else UNNAMED
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
    def _newest(self) -> dict[Type, int]:
        newest: dict[Type, int] = dict(zip(self.type, range(len(self.type)), strict=True))
        if newest:
            newest[None] = len(self.type) - 1
        return newest

    def newest_line(self, name: Type) -> int | None:
        """Find the newest line of a type."""
        place = self._newest.get(name)
        return place if place is None or self._orders is None else self._orders.last_line[place]

    @cached_property
    def last_age(self) -> dict[Type, float]:
        """Return the age of the newest event of each type in days."""
        return {name: (self.cutoff - at[-1]) / DAY for name, at in self.instants.items()}

    @cached_property
    def first_age(self) -> dict[Type, float]:
        """Return the age of the oldest event of each type in days."""
        return {name: (self.cutoff - at[0]) / DAY for name, at in self.instants.items()}

    def local_newest(self, name: Type) -> Microseconds | None:
        """Return the local wall clock of the newest event of a type."""
        at = self.instants.get(name)
        return None if at is None else at[-1] + offset_runs(self.past.zone, at[-1:])[0][2]

    def active_days(self, name: Type, windows: Iterable[int]) -> Iterator[float]:
        """Count the distinct local days with an event of a type in some windows, the shortest first."""
        at, seen = self.instants.get(name, ()), set[int]()
        end = len(at)
        for window in windows:
            begin = self.begins[name][window]
            seen.update(_local(at[begin:end], self.past.zone, DAY))
            end = begin
            yield float(len(seen))

    @cached_property
    def weekly(self) -> _ByType[dict[int, int]]:
        """Count the events of a type in each quarter of the local week, Thursday night 0."""
        return _ByType(_weekly_of, self.instants, self.past.zone)

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
        of_type: dict[Type, set[str | None]] = defaultdict(lambda: {None})
        for name, thing in zip(self.line_types, column, strict=True):
            of_type[name].add(thing)
        found = {name: float(len(things) - 1) for name, things in of_type.items()}
        found[None] = float(len(names))
        return found


def _count(frame: Frame, cells: Cells, row: Row) -> None:
    counts = frame.counts
    for column, name, window in cells:
        row[column] = counts[name][window]


def _days_since_last(frame: Frame, cells: Cells, row: Row) -> None:
    ages = frame.last_age
    for column, name, _ in cells:
        row[column] = ages.get(name, _NAN)


def _days_since_first(frame: Frame, cells: Cells, row: Row) -> None:
    ages = frame.first_age
    for column, name, _ in cells:
        row[column] = ages.get(name, _NAN)


def _value_sum(frame: Frame, cells: Cells, row: Row) -> None:
    sums = frame.sums
    for column, name, window in cells:
        row[column] = sums.get(name, NONE_OF_ANY)[window]


def _value_mean(frame: Frame, cells: Cells, row: Row) -> None:
    sums, valued = frame.sums, frame.valued
    for column, name, window in cells:
        count = valued.get(name, NONE_OF_ANY)[window]
        if count:
            row[column] = sums[name][window] / count


def _value_max(frame: Frame, cells: Cells, row: Row) -> None:
    largest = frame.largest
    for column, name, _ in cells:
        row[column] = largest.get(name, _NAN)


@lru_cache(maxsize=4_096)
def _trend_of(month: float, quarter: float) -> float:
    """Compare as the engine does; numpy's logarithm, since another one may differ in its last bit."""
    return float(np.log((month + 0.5) / ((quarter - month) / 2 + 0.5)))


def _trend(frame: Frame, cells: Cells, row: Row) -> None:
    for column, name, _ in cells:
        counts = frame.counts[name]
        row[column] = _trend_of(counts[_MONTH], counts[_QUARTER])


def _active_days(frame: Frame, cells: Cells, row: Row) -> None:
    for name, wanted in groupby(cells, key=itemgetter(1)):
        columns, _, windows = zip(*wanted, strict=True)
        for column, days in zip(columns, frame.active_days(name, windows), strict=True):
            row[column] = days


def _gap(frame: Frame, name: Type) -> float:
    count = frame.counts[name][_LOOKBACK]
    return (frame.first_age[name] - frame.last_age[name]) / (count - 1) if count > 1 else _NAN


def _gap_mean(frame: Frame, cells: Cells, row: Row) -> None:
    for column, name, _ in cells:
        row[column] = _gap(frame, name)


def _overdue(frame: Frame, cells: Cells, row: Row) -> None:
    for column, name, _ in cells:
        gap = _gap(frame, name)
        if gap == gap:
            row[column] = frame.last_age[name] / max(gap, 1.0)


def _weekend_share(frame: Frame, cells: Cells, row: Row) -> None:
    for column, name, _ in cells:
        if count := frame.counts[name][_LOOKBACK]:
            weekly = frame.weekly[name]
            row[column] = sum([weekly.get(quarter, 0) for quarter in _WEEKEND]) / count


_BY_CELL: dict[Kind, Callable[[Frame, Cells, Row], None]] = {
    "count": _count,
    "days_since_last": _days_since_last,
    "days_since_first": _days_since_first,
    "value_sum": _value_sum,
    "value_mean": _value_mean,
    "value_max": _value_max,
    "trend": _trend,
    "active_days": _active_days,
    "weekend_share": _weekend_share,
    "gap_mean": _gap_mean,
    "overdue": _overdue,
}

Formula = Callable[[Frame], float]
"""How one feature is computed from a frame."""


def _rate(feature: Feature) -> Formula:
    drawn = RATE_STRENGTH * feature.prior

    def rate(frame: Frame) -> float:
        sent = frame.counts[feature.other][_LOOKBACK]
        return (frame.counts[feature.type][_LOOKBACK] + drawn) / (sent + RATE_STRENGTH) if sent else _NAN

    return rate


def _distinct(feature: Feature) -> Formula:
    name = feature.type
    if feature.other == "campaign":
        return lambda frame: frame.campaigns.get(name, 0.0)
    return lambda frame: frame.items.get(name, 0.0)


def _hour_share(feature: Feature) -> Formula:
    part, name = DAY_PARTS.index(feature.other or ""), feature.type

    def hour_share(frame: Frame) -> float:
        count = frame.counts[name][_LOOKBACK]
        if not count:
            return _NAN
        weekly = frame.weekly[name]
        return sum([weekly.get(quarter, 0) for quarter in range(part, 28, 4)]) / count

    return hour_share


def _last_hour(feature: Feature) -> Formula:
    def last_hour(frame: Frame) -> float:
        newest = frame.local_newest(feature.type)
        return _NAN if newest is None else float(newest % DAY // HOUR)

    return last_hour


def _last_weekday(feature: Feature) -> Formula:
    def last_weekday(frame: Frame) -> float:
        newest = frame.local_newest(feature.type)
        return _NAN if newest is None else float((newest // DAY + 3) % 7)

    return last_weekday


def _last_type(feature: Feature) -> Formula:
    place = {name: float(code) for code, name in enumerate(feature.categories)}
    return lambda frame: place.get(frame.type[-1], float(len(place))) if frame.type else _NAN


def _last_item(feature: Feature) -> Formula:
    place = {name: float(code) for code, name in enumerate(feature.categories)}
    rare = float(len(place))

    def last_item(frame: Frame) -> float:
        newest = frame.newest_line(feature.type)
        item = None if newest is None else frame.of(frame.past.item)[newest]
        return _NAN if item is None else place.get(item, rare)

    return last_item


def _known_days(frame: Frame) -> float:
    since = frame.past.created_at
    if since == NEVER and frame.at:
        since = frame.at[0]
    return float(frame.cutoff - since) / DAY if since < frame.cutoff else _NAN


_ONE_BY_ONE: dict[Kind, Callable[[Feature], Formula]] = {
    "rate": _rate,
    "distinct": _distinct,
    "hour_share": _hour_share,
    "last_hour": _last_hour,
    "last_weekday": _last_weekday,
    "last_type": _last_type,
    "last_item": _last_item,
}


class ScalarPlan:
    """The plain form of a feature set; made once, used for every contact."""

    def __init__(self, plan: FeaturePlan) -> None:
        """Sort the columns by how they are computed.

        Args:
            plan: of the engine, whose windows and types are the same here.
        """
        self._types, self._joined = plan.types, plan.whole_orders
        self._cells: list[tuple[Callable[[Frame, Cells, Row], None], Cells]] = []
        self._formulas: list[tuple[int, Formula]] = []
        self._known_days = [column for column, _ in plan.by_kind.get("known_days", ())]
        self._attributes: list[tuple[int, str, Callable[[object], float], bool]] = []
        self.width = sum(map(len, plan.by_kind.values()))
        self.covers_all = True
        """False where a kind is unknown here: then the engine answers."""
        for kind, listed in plan.by_kind.items():
            if kind in _BY_CELL:
                self._cells.append((_BY_CELL[kind], _cells(listed)))
            elif kind in _ONE_BY_ONE:
                self._formulas += [(column, _ONE_BY_ONE[kind](feature)) for column, feature in listed]
            elif kind in ATTRIBUTE_KINDS:
                self._attributes += [
                    (column, feature.attribute or "", parser_of(feature), kind == "date") for column, feature in listed
                ]
            elif kind != "known_days":
                self.covers_all = False

    def row(self, past: ContactPast, cutoff: Microseconds) -> Row:
        """Compute every feature of one contact from what lies strictly before the cutoff; NaN: nothing to say."""
        frame = Frame(past, cutoff, self._types, self._joined)
        row = self._of_events(frame) if frame.at else self._quiet.copy()
        for column in self._known_days:
            row[column] = _known_days(frame)
        if self._attributes:
            held = past.attributes_at(cutoff)
            for column, name, parse, is_date in self._attributes:
                if name in held:
                    number = float(parse(held[name]))
                    row[column] = float(cutoff) / DAY - number if is_date else number
        return row

    @cached_property
    def _quiet(self) -> Row:
        """Columns of events where nothing happened: one such contact is like the other."""
        return self._of_events(Frame(ContactPast.of("", None, ()), 0, self._types, self._joined))

    def _of_events(self, frame: Frame) -> Row:
        row = [_NAN] * self.width
        for fill, cells in self._cells:
            fill(frame, cells, row)
        for column, formula in self._formulas:
            row[column] = formula(frame)
        return row


def _cells(listed: Sequence[tuple[int, Feature]]) -> Cells:
    cells = [(column, one.type, WINDOWS_DAYS.index(one.window_days or WINDOWS_DAYS[-1])) for column, one in listed]
    return sorted(cells, key=lambda cell: (cell[1] or "", cell[2]))


_PLANS: WeakKeyDictionary[FeaturePlan, ScalarPlan] = WeakKeyDictionary()
"""By the engine's plan, and gone with it: a model that is put away leaves nothing behind."""


def scalar_plan(plan: FeaturePlan) -> ScalarPlan:
    """Return the plain form of an engine's plan, made once."""
    if (found := _PLANS.get(plan)) is None:
        found = _PLANS[plan] = ScalarPlan(plan)
    return found
