"""The engine: one vectorised evaluation from one contact to millions, used by training, batch and serving alike.

Frames are expanded into (frame, event) pairs in blocks of bounded size (where a feature set has whole orders, the
lines of one are one pair for all that does not look at items); every window of every type comes out of
one `bincount` over (frame, type, age bin), because the windows are nested: a cumulative sum over the bins gives
them all. What a feature set does not ask for is not computed.
"""

from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, MAX_NUMBER
from shared.features.feature import ATTRIBUTE_KINDS, WINDOWS_DAYS, Feature, FeaturePlan, FeatureSet, Kind, parser_of
from shared.features.pairs import Basis, Pairs, share
from shared.timeline.pasts import (
    LOOKBACK_DAYS,
    LOOKBACK_EVENTS,
    NEVER,
    AttributeColumn,
    Pasts,
    entry_at,
    further_lines,
    hour_of_day,
    positions_before,
    weekday,
)

RATE_STRENGTH = 5.0
"""How many imagined events of the denominator pull a rate towards the population's."""
_MONTH, _QUARTER = WINDOWS_DAYS.index(30), WINDOWS_DAYS.index(90)
_LOOKBACK = len(WINDOWS_DAYS) - 1

Columns = NDArray[np.float64]


def fill(result: Columns, plan: FeaturePlan, pairs: Pairs) -> None:
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


def _rate(pairs: Pairs, types: NDArray[np.intp], plan: FeaturePlan) -> Columns:
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


def _distinct(pairs: Pairs, feature: Feature, plan: FeaturePlan) -> Columns:
    lines = pairs.lines
    if feature.type is None:
        return (lines.campaigns_of_any if feature.other == "campaign" else lines.items_of_any)[:, 0]
    return (lines.campaigns if feature.other == "campaign" else lines.items)[:, plan.code(feature.type)]


def _last_hour(pairs: Pairs, feature: Feature, plan: FeaturePlan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(feature.type))
    hours = np.full(pairs.n, np.nan)
    hours[some] = hour_of_day(pairs.local_at[newest])
    return hours


def _last_weekday(pairs: Pairs, feature: Feature, plan: FeaturePlan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(feature.type))
    days = np.full(pairs.n, np.nan)
    days[some] = weekday(pairs.local_at[newest])
    return days


def _last_type(pairs: Pairs, feature: Feature, plan: FeaturePlan) -> Columns:
    some, newest = pairs.newest_pair(plan.code(None))
    place = {name: code for code, name in enumerate(feature.categories)}
    category = np.array([*(place.get(name, len(place)) for name in plan.types), len(place)], dtype=np.float64)
    types = np.full(pairs.n, np.nan)
    types[some] = category[pairs.code[newest]]
    return types


def _last_item(pairs: Pairs, feature: Feature, plan: FeaturePlan) -> Columns:
    lines = pairs.lines
    some, newest = lines.newest_pair(plan.code(feature.type))
    place = {name: code for code, name in enumerate(feature.categories)}
    # Item -1, none, reads the last entry.
    category = np.array([*(place.get(name, len(place)) for name in pairs.pasts.items), np.nan])
    items = np.full(pairs.n, np.nan)
    items[some] = category[lines.of(pairs.pasts.item)[newest]]
    return items


_ONE_BY_ONE: dict[Kind, Callable[[Pairs, Feature, FeaturePlan], Columns]] = {
    "distinct": _distinct,
    "last_hour": _last_hour,
    "last_weekday": _last_weekday,
    "last_type": _last_type,
    "last_item": _last_item,
}


class _Entries:
    """Which entry of an attribute is valid at each frame; most attributes of one account came at the same instants."""

    def __init__(self, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> None:
        self._contact, self._cutoff = contact, cutoff
        self._found: tuple[bytes, bytes, NDArray[np.int64]] | None = None

    def of(self, stored: AttributeColumn) -> NDArray[np.int64]:
        """Find them, shape (n,); -1: none."""
        contacts, instants = stored.contact.tobytes(), stored.valid_from.tobytes()
        if self._found is None or self._found[:2] != (contacts, instants):
            self._found = contacts, instants, entry_at(stored, self._contact, self._cutoff)
        return self._found[2]


def _attribute_column(
    feature: Feature, pasts: Pasts, entries: _Entries, cutoff: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute one attribute feature for each frame, shape (n,); NaN where nothing is known or it does not parse."""
    stored = pasts.attributes.get(feature.attribute or "")
    if stored is None or not stored.value:
        return np.full(len(cutoff), np.nan)
    entry = entries.of(stored)
    # Entry -1, none, reads the last number.
    result = np.where(entry >= 0, numbers_of(feature, stored.value)[entry], np.nan)
    return cutoff / DAY - result if feature.kind == "date" else result


_NUMBERS, _TEXTS, _TRUTHS = (frozenset({*kinds, NoneType}) for kinds in ((int, float), (str,), (bool,)))


def numbers_of(feature: Feature, values: Sequence[Any]) -> NDArray[np.float64]:
    """Read all stored values of an attribute as `parser_of` reads each, shape (n,)."""
    parse = parser_of(feature)
    kinds = set(map(type, values))
    if feature.kind == "numeric" and kinds <= _NUMBERS:
        try:
            numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        except OverflowError:
            return np.array([parse(value) for value in values], dtype=np.float64)
        return np.where(np.abs(numbers) <= MAX_NUMBER, numbers, np.nan)
    if kinds <= _TEXTS or kinds <= _TRUTHS:  # each value that comes is read once
        read = {value: parse(value) for value in set(values)}
        return np.fromiter(map(read.__getitem__, values), np.float64, len(values))
    return np.array([parse(value) for value in values], dtype=np.float64)


FloatMatrix = NDArray[np.float64]
PAIRS_PER_BLOCK = 200_000
"""Few enough that the arrays of a block stay in the processor's cache."""


def matrix(feature_set: FeatureSet, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> FloatMatrix:
    """Compute the features of each frame from what lies strictly before its cutoff.

    Args:
        feature_set: which columns.
        pasts: the contacts' events and attributes.
        contact: row in `pasts` of each frame, shape (n,).
        cutoff: microseconds, shape (n,).

    Returns:
        Shape (n, len(feature_set)); NaN where there is nothing to say.
    """
    result = np.full((len(contact), len(feature_set)), np.nan)
    plan = feature_set.plan
    end = positions_before(pasts, contact, cutoff)
    start = _lookback_start(pasts, contact, cutoff, end)
    marked = further_lines(pasts, plan.whole_orders) if plan.whole_orders else None
    basis = Basis(pasts, plan.codes_of(pasts.types), plan.n_types, marked)
    is_quiet = len(contact) > 1 and bool((end == start).all())
    for rows in (slice(0, 1),) if is_quiet else _blocks(end - start + plan.n_types):
        pairs = Pairs(basis, contact[rows], cutoff[rows], (start[rows], end[rows]))
        fill(result[rows], plan, pairs.with_whole_orders())
    if is_quiet:  # where nothing happened, one frame is like the other
        result[1:] = result[0]
    for column, _ in plan.by_kind.get("known_days", ()):
        result[:, column] = _known_days(pasts, contact, cutoff, (start, end))
    entries = _Entries(contact, cutoff)
    for kind in ATTRIBUTE_KINDS:
        for column, feature in plan.by_kind.get(kind, ()):
            result[:, column] = _attribute_column(feature, pasts, entries, cutoff)
    return result


def truncated(pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which frames have more events before the cutoff than the engine looks at, shape (n,)."""
    end = positions_before(pasts, contact, cutoff)
    return _lookback_start(pasts, contact, cutoff, end) > pasts.offsets[contact]


def _lookback_start(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    oldest = positions_before(pasts, contact, cutoff - LOOKBACK_DAYS * DAY)
    return np.maximum(oldest, end - LOOKBACK_EVENTS)


def _blocks(sizes: NDArray[np.int64]) -> Iterator[slice]:
    """Cut the frames into runs of about PAIRS_PER_BLOCK pairs at most; a frame without events costs its cells."""
    if len(sizes) == 1:
        yield slice(0, 1)
        return
    total = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        done = int(total[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(total, done + PAIRS_PER_BLOCK, side="right")))
        yield slice(begin, stop)
        begin = stop


def _known_days(
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Count from `created_at`, else from the first event that the lookback shows: serving sees no older one."""
    start, end = bounds
    created = pasts.created_at[contact]
    first = np.full(len(contact), NEVER, dtype=np.int64)
    seen = end > start
    first[seen] = pasts.at[start[seen]]
    since = np.where(created == NEVER, first, created)
    return np.where(since < cutoff, (cutoff - since) / DAY, np.nan)
