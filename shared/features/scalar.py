"""The features of few contacts, evaluated once more from the same declarations, in plain Python.

For one contact numpy's fixed costs are many times the work. Every number is the engine's exactly, except that 0.0 and
-0.0 are one: property tests hold both against each other and against their oracle.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from shared.contracts.rows import DAY, HOUR, Microseconds
from shared.features.engine import RATE_STRENGTH, FloatMatrix, matrix, parser_of, truncated
from shared.features.feature import ATTRIBUTE_KINDS, DAY_PARTS, WINDOWS_DAYS, Feature, FeaturePlan, FeatureSet, Kind
from shared.features.frame import NONE_OF_ANY, Frame, Type, lookback
from shared.timeline.contact_pasts import ContactPast, ContactPasts
from shared.timeline.pasts import NEVER

_NAN = float("nan")
_MONTH, _QUARTER = WINDOWS_DAYS.index(30), WINDOWS_DAYS.index(90)
_LOOKBACK = len(WINDOWS_DAYS) - 1
_WEEKEND = [quarter for quarter in range(28) if ((quarter >> 2) + 3) % 7 >= 5]

Row = list[float]
Cells = list[tuple[int, Type, int]]
"""Column, event type and window of each feature of a kind."""


def _count(frame: Frame, cells: Cells, row: Row) -> None:
    counts = frame.counts
    for column, name, window in cells:
        row[column] = counts[window].get(name, 0.0)


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
    month, quarter = frame.counts[_MONTH], frame.counts[_QUARTER]
    for column, name, _ in cells:
        row[column] = _trend_of(month.get(name, 0.0), quarter.get(name, 0.0))


def _active_days(frame: Frame, cells: Cells, row: Row) -> None:
    for column, name, window in cells:
        row[column] = frame.active_days_of_any[window] if name is None else frame.active_days[window].get(name, 0.0)


def _gap(frame: Frame, name: Type) -> float:
    count = frame.counts[_LOOKBACK].get(name, 0.0)
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
    counts = frame.counts[_LOOKBACK]
    for column, name, _ in cells:
        if counts.get(name):
            weekly = frame.weekly(name)
            row[column] = sum([weekly.get(quarter, 0) for quarter in _WEEKEND]) / counts[name]


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
        counts = frame.counts[_LOOKBACK]
        sent = counts.get(feature.other, 0.0)
        return (counts.get(feature.type, 0.0) + drawn) / (sent + RATE_STRENGTH) if sent else _NAN

    return rate


def _distinct(feature: Feature) -> Formula:
    name = feature.type
    if feature.other == "campaign":
        return lambda frame: frame.campaigns.get(name, 0.0)
    return lambda frame: frame.items.get(name, 0.0)


def _hour_share(feature: Feature) -> Formula:
    part, name = DAY_PARTS.index(feature.other or ""), feature.type

    def hour_share(frame: Frame) -> float:
        count = frame.counts[_LOOKBACK].get(name)
        if not count:
            return _NAN
        weekly = frame.weekly(name)
        return sum([weekly.get(quarter, 0) for quarter in range(part, 28, 4)]) / count

    return hour_share


def _last_hour(feature: Feature) -> Formula:
    def last_hour(frame: Frame) -> float:
        newest = frame.newest.get(feature.type)
        return _NAN if newest is None else float(frame.local_at(newest) % DAY // HOUR)

    return last_hour


def _last_weekday(feature: Feature) -> Formula:
    def last_weekday(frame: Frame) -> float:
        newest = frame.newest.get(feature.type)
        return _NAN if newest is None else float((frame.local_at(newest) // DAY + 3) % 7)

    return last_weekday


def _last_type(feature: Feature) -> Formula:
    place = {name: float(code) for code, name in enumerate(feature.categories)}
    rare = float(len(place))
    return lambda frame: place.get(frame.type[-1], rare) if frame.type else _NAN


def _last_item(feature: Feature) -> Formula:
    place = {name: float(code) for code, name in enumerate(feature.categories)}
    rare = float(len(place))

    def last_item(frame: Frame) -> float:
        newest = frame.newest.get(feature.type)
        item = None if newest is None else frame.of(frame.past.item)[newest]
        return _NAN if item is None else place.get(item, rare)

    return last_item


def _known_days(_: Feature) -> Formula:
    def known_days(frame: Frame) -> float:
        since = frame.past.created_at
        if since == NEVER and frame.at:
            since = frame.at[0]
        return float(frame.cutoff - since) / DAY if since < frame.cutoff else _NAN

    return known_days


_ONE_BY_ONE: dict[Kind, Callable[[Feature], Formula]] = {
    "rate": _rate,
    "distinct": _distinct,
    "hour_share": _hour_share,
    "last_hour": _last_hour,
    "last_weekday": _last_weekday,
    "last_type": _last_type,
    "last_item": _last_item,
    "known_days": _known_days,
}


class ScalarPlan:
    """The plain form of a feature set; made once, used for every contact."""

    def __init__(self, plan: FeaturePlan) -> None:
        """Sort the columns by how they are computed.

        Args:
            plan: of the engine, whose windows and types are the same here.
        """
        self._types = plan.types
        self._cells: list[tuple[Callable[[Frame, Cells, Row], None], Cells]] = []
        self._formulas: list[tuple[int, Formula]] = []
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
            else:
                self.covers_all = False

    def row(self, past: ContactPast, cutoff: Microseconds) -> Row:
        """Compute every feature of one contact from what lies strictly before the cutoff; NaN: nothing to say."""
        row = [_NAN] * self.width
        frame = Frame(past, cutoff, self._types)
        for fill, cells in self._cells:
            fill(frame, cells, row)
        for column, formula in self._formulas:
            row[column] = formula(frame)
        if self._attributes:
            held = past.attributes_at(cutoff)
            for column, name, parse, is_date in self._attributes:
                if name in held:
                    number = float(parse(held[name]))
                    row[column] = float(cutoff) / DAY - number if is_date else number
        return row


def _cells(listed: Sequence[tuple[int, Feature]]) -> Cells:
    return [
        (column, feature.type, WINDOWS_DAYS.index(feature.window_days or WINDOWS_DAYS[-1]))
        for column, feature in listed
    ]


_PLANS: WeakKeyDictionary[FeaturePlan, ScalarPlan] = WeakKeyDictionary()
"""By the engine's plan, and gone with it: a model that is put away leaves nothing behind."""


def scalar_plan(plan: FeaturePlan) -> ScalarPlan:
    """Return the plain form of an engine's plan, made once."""
    found = _PLANS.get(plan)
    if found is None:
        found = _PLANS[plan] = ScalarPlan(plan)
    return found


def covers(feature_set: FeatureSet) -> bool:
    """Whether every column can be evaluated one contact at a time; otherwise the engine answers for few as well."""
    return scalar_plan(feature_set.plan).covers_all


def values_of(feature_set: FeatureSet, pasts: ContactPasts, cutoffs: Sequence[Microseconds]) -> FloatMatrix:
    """Compute the features of a call's contacts, the quicker way for their number.

    Args:
        feature_set: which columns.
        pasts: one row a contact.
        cutoffs: microseconds, one a contact.

    Returns:
        Shape (len(pasts), len(feature_set)); NaN where there is nothing to say.
    """
    plan = scalar_plan(feature_set.plan)
    if pasts.are_few and plan.covers_all:
        rows = [plan.row(past, int(cutoff)) for past, cutoff in zip(pasts.one_by_one, cutoffs, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(feature_set))
    contact = np.arange(len(pasts), dtype=np.int32)
    return matrix(feature_set, pasts.columns, contact, np.asarray(cutoffs, dtype=np.int64))


def truncated_of(pasts: ContactPasts, cutoffs: Sequence[Microseconds]) -> list[bool]:
    """Return which contacts have more events before the cutoff than any feature looks at."""
    if pasts.are_few:
        return [lookback(past, int(cutoff))[0] > 0 for past, cutoff in zip(pasts.one_by_one, cutoffs, strict=True)]
    contact = np.arange(len(pasts), dtype=np.int32)
    found: list[bool] = truncated(pasts.columns, contact, np.asarray(cutoffs, dtype=np.int64)).tolist()
    return found
