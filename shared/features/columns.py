"""Each kind of event feature as a formula over the cubes of a block; all columns of a kind at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import WINDOWS_DAYS, Feature, Kind
from shared.features.pairs import Pairs, share
from shared.features.plan import Plan
from shared.timeline.localtime import hour_of_day, weekday

RATE_STRENGTH = 5.0
"""How many imagined events of the denominator pull a rate towards the population's."""
_MONTH, _QUARTER = WINDOWS_DAYS.index(30), WINDOWS_DAYS.index(90)
_LOOKBACK = len(WINDOWS_DAYS) - 1

Columns = NDArray[np.float64]


def fill(result: Columns, plan: Plan, pairs: Pairs) -> None:
    """Write every event column of a block of frames.

    Args:
        result: rows of the matrix, shape (n, n_features), written in place.
        plan: which columns there are.
        pairs: the block's events.
    """
    for kind, formula in _BY_CELL.items():
        if kind in plan:
            columns, types, windows = plan.cells[kind]
            result[:, columns] = formula(pairs, types, windows)
    if "rate" in plan:
        columns, types, _ = plan.cells["rate"]
        result[:, columns] = _rate(pairs, types, plan)
    if "hour_share" in plan:
        columns, types, _ = plan.cells["hour_share"]
        result[:, columns] = pairs.quarter_shares[plan.parts, :, types].T
    for kind, one in _ONE_BY_ONE.items():
        for column, feature in plan.by_kind.get(kind, ()):
            result[:, column] = one(pairs, feature, plan)


def _rate(pairs: Pairs, types: NDArray[np.intp], plan: Plan) -> Columns:
    """Smooth a/b towards the prior: (a + 5 prior) / (b + 5); NaN when there was no b."""
    numerator = pairs.counts[_LOOKBACK, :, types].T
    denominator = pairs.counts[_LOOKBACK, :, plan.denominators].T
    rate: Columns = (numerator + RATE_STRENGTH * plan.priors) / (denominator + RATE_STRENGTH)
    return np.where(denominator > 0, rate, np.nan)


def _value_mean(pairs: Pairs, types: NDArray[np.intp], windows: NDArray[np.intp]) -> Columns:
    n = pairs.valued[windows, :, types].T
    return share(pairs.sums[windows, :, types].T, n)


def _trend(pairs: Pairs, types: NDArray[np.intp], _: NDArray[np.intp]) -> Columns:
    """Compare the last 30 days with the 60 before: log((c30 + 1/2) / ((c90 - c30) / 2 + 1/2))."""
    month = pairs.counts[_MONTH, :, types].T
    before = pairs.counts[_QUARTER, :, types].T - month
    trend: Columns = np.log((month + 0.5) / (before / 2 + 0.5))
    return trend


def _gap_mean(pairs: Pairs, types: NDArray[np.intp], _: NDArray[np.intp]) -> Columns:
    n = pairs.counts[_LOOKBACK, :, types].T
    span = pairs.first_age[:, types] - pairs.last_age[:, types]
    return share(span, n - 1)


def _active_days(pairs: Pairs, types: NDArray[np.intp], windows: NDArray[np.intp]) -> Columns:
    any_type = types < 0
    days = np.empty((pairs.n, len(types)))
    if any_type.any():
        days[:, any_type] = pairs.active_days_of_any[windows[any_type], :, 0].T
    if not any_type.all():
        days[:, ~any_type] = pairs.active_days[windows[~any_type], :, types[~any_type]].T
    return days


def _overdue(pairs: Pairs, types: NDArray[np.intp], windows: NDArray[np.intp]) -> Columns:
    gap = _gap_mean(pairs, types, windows)
    return pairs.last_age[:, types] / np.maximum(gap, 1.0)


_BY_CELL: dict[Kind, Callable[[Pairs, NDArray[np.intp], NDArray[np.intp]], Columns]] = {
    "count": lambda pairs, types, windows: pairs.counts[windows, :, types].T,
    "days_since_last": lambda pairs, types, _: pairs.last_age[:, types],
    "days_since_first": lambda pairs, types, _: pairs.first_age[:, types],
    "value_sum": lambda pairs, types, windows: pairs.sums[windows, :, types].T,
    "value_mean": _value_mean,
    "value_max": lambda pairs, types, _: pairs.largest[:, types],
    "trend": _trend,
    "active_days": _active_days,
    "weekend_share": lambda pairs, types, _: pairs.weekend_shares[1][:, types],
    "gap_mean": _gap_mean,
    "overdue": _overdue,
}


def _distinct(pairs: Pairs, feature: Feature, plan: Plan) -> Columns:
    if feature.type is None:
        return (pairs.campaigns_of_any if feature.other == "campaign" else pairs.items_of_any)[:, 0]
    return (pairs.campaigns if feature.other == "campaign" else pairs.items)[:, plan.code(feature.type)]


def _last_hour(pairs: Pairs, feature: Feature, plan: Plan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(feature.type))
    hours = np.full(pairs.n, np.nan)
    hours[some] = hour_of_day(pairs.local_at[newest])
    return hours


def _last_weekday(pairs: Pairs, feature: Feature, plan: Plan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(feature.type))
    days = np.full(pairs.n, np.nan)
    days[some] = weekday(pairs.local_at[newest])
    return days


def _last_type(pairs: Pairs, feature: Feature, plan: Plan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(None))
    place = {name: code for code, name in enumerate(feature.categories)}
    category = np.array([*(place.get(name, len(place)) for name in plan.types), len(place)], dtype=np.float64)
    types = np.full(pairs.n, np.nan)
    types[some] = category[pairs.code[newest]]
    return types


def _last_item(pairs: Pairs, feature: Feature, plan: Plan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(feature.type))
    place = {name: code for code, name in enumerate(feature.categories)}
    # Item -1, none, reads the last entry.
    category = np.array([*(place.get(name, len(place)) for name in pairs.pasts.items), np.nan])
    items = np.full(pairs.n, np.nan)
    items[some] = category[pairs.of(pairs.pasts.item)[newest]]
    return items


_ONE_BY_ONE: dict[Kind, Callable[[Pairs, Feature, Plan], Columns]] = {
    "distinct": _distinct,
    "last_hour": _last_hour,
    "last_weekday": _last_weekday,
    "last_type": _last_type,
    "last_item": _last_item,
}
