"""What a version of value answers about contacts: value, orders, interval, the next order, and the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Histories, Matrix, Vector
from services.value.model.curves import ValueCurves, read_at
from services.value.model.explain import SPEAKERS, closed_shares
from services.value.model.intervals import LEVEL, OUTSIDE
from services.value.model.value import BANDS, WEIGHTS, ValueModel
from shared.contracts.prediction import Band, Prediction, ReasonPart, Source
from shared.contracts.rows import DAY, instant_of
from shared.features import observed
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import whole_orders

BEYOND = "horizon_beyond_judged"
MEDIAN = 0.5
WEEK, MONTH = 7.0, 30.0
CENTS = 2


class NextOrder(NamedTuple):
    """When the next order comes, seen from the cutoff."""

    median_on: date | None
    low_on: date | None
    high_on: date | None
    within_7_days: float
    within_30_days: float
    last_order_on: date


@dataclass(slots=True, kw_only=True)
class ScoredValue(Prediction):
    """What is answered about one contact. The margin is the log of the expected value within the horizon."""

    source: Source | None = "model"
    horizon_days: int
    expected_orders: float
    expected_value: float
    currency: str | None
    low: float
    high: float
    alive: float
    next_order: NextOrder

    def own_fields(self) -> Mapping[str, object]:
        """Return what value adds to the head."""
        return {
            "horizon_days": self.horizon_days,
            "expected_orders": self.expected_orders,
            "expected_value": self.expected_value,
            "currency": self.currency,
            "interval": {"low": self.low, "high": self.high, "level": LEVEL},
            "alive": self.alive,
            "next_order": self.next_order._asdict(),
        }


class _ExplainedValues(NamedTuple):
    margins: list[float]
    bases: list[float]
    reasons: list[list[ReasonPart]]


def predict(
    model: ValueModel,
    pasts: Pasts | ContactPasts,
    cutoffs: NDArray[np.int64],
    *,
    horizon_days: int | None = None,
    reasons: int = 0,
) -> list[ScoredValue]:
    """Answer about every contact of the pasts.

    Args:
        model: the version.
        pasts: one row a contact; lines of an order are joined here.
        cutoffs: microseconds, shape (len(pasts),).
        horizon_days: how far ahead; None: the version's own horizon.
        reasons: how many at most; 0 computes none.

    Returns:
        One ScoredValue a contact, in order; `not_eligible` without an order in the lookback.
    """
    types = model.order_types
    orders = whole_orders(pasts, types) if isinstance(pasts, Pasts) else pasts.with_whole_orders(types)
    seen = observed(model.feature_set, model.inputs, orders, cutoffs)
    days = horizon_days or model.horizon_days
    buyer, known = model.columns.of(seen.values)
    curves, margin = model.curves(seen.values, known, cutoffs)
    read = _read(model, curves, days)
    coming = _next_orders(model, curves, known, cutoffs)
    explained = _explained(model, seen.values, known, (read.value, days), reasons) if reasons else None
    marks = (BEYOND,) if days > model.judged_days else ()
    scores = model.reference.scores(margin).tolist()
    columns = (read.orders, read.value, read.low, read.high, read.alive)
    rows = zip(buyer.tolist(), scores, *(column.tolist() for column in columns), coming, strict=True)
    return [
        ScoredValue(
            status="ok" if bought else "not_eligible",
            detail=None if bought else _why_not_eligible(model),
            score=score,
            band=band_of(score),
            horizon_days=days,
            expected_orders=orders,
            expected_value=value,
            currency=model.currency,
            low=low,
            high=high,
            alive=alive,
            next_order=following,
            margin=None if explained is None else explained.margins[i],
            base=None if explained is None else explained.bases[i],
            reasons=[] if explained is None else explained.reasons[i],
            truncated=seen.truncated[i],
            inputs=seen.inputs[i],
            data_quality=marks,
        )
        for i, (bought, score, orders, value, low, high, alive, following) in enumerate(rows)
    ]


class _Read(NamedTuple):
    """Of each contact within the horizon."""

    value: Vector
    orders: Vector
    low: Vector
    high: Vector
    alive: Vector


def _read(model: ValueModel, curves: ValueCurves, days: int) -> _Read:
    value = curves.value_at(days)
    low, high = (read_at(curves.days, end, days) for end in model.intervals.ends(curves))
    return _Read(value, curves.orders_at(days), low, high, curves.ordered_at(2.0 * days))


def band_of(score: int) -> Band:
    """Return the band of a score.

    >>> band_of(1), band_of(50), band_of(94), band_of(95)
    ('low', 'medium', 'high', 'very_high')
    """
    found: Band = "low"
    for least, name in BANDS:
        found = name if score >= least else found
    return found


def _next_orders(
    model: ValueModel, curves: ValueCurves, known: Histories, cutoffs: NDArray[np.int64]
) -> list[NextOrder]:
    """Read when the next order comes; a day beyond what was judged is not named."""
    days = curves.days_of((MEDIAN, OUTSIDE, 1 - OUTSIDE))
    since = known.age - known.recency
    soon = [curves.ordered_at(within).tolist() for within in (WEEK, MONTH)]
    found = []
    for cutoff, reached, ago, week, month in zip(cutoffs.tolist(), days.tolist(), since.tolist(), *soon, strict=True):
        today = instant_of(cutoff).date()
        median, low, high = (_day(today, one, model.judged_days) for one in reached)
        last = instant_of(cutoff - round(ago * DAY)).date()
        found.append(NextOrder(median, low, high, week, month, last))
    return found


def _day(today: date, days: float, most: float) -> date | None:
    return today + timedelta(days=int(days)) if days <= most else None


def _explained(
    model: ValueModel,
    values: Matrix,
    known: Histories,
    at: tuple[Vector, int],
    most: int,
) -> _ExplainedValues:
    """Share the log of the expected value among the features; the rest is the base."""
    value, days = at
    total = np.log(np.maximum(value, 1e-12))
    shares = np.zeros((len(values), len(model.feature_set)))
    slope = 0.0
    if model.trees is not None:
        knots = model.maker.knots
        slope = WEIGHTS[model.kind] * float(np.interp(np.log(days), np.log(knots.days), knots.value_slope))
        filled = model.inputs.filled(values)
        shares += slope * model.trees.value.contributions(filled)[:, : shares.shape[1]]
        # What stands in for a missing value is no reason: its share goes to the base.
        shares[np.isnan(values) & ~np.isnan(filled)] = 0.0
    if days != model.horizon_days or slope != 1.0:
        own, _ = closed_shares(
            model.maker.form, known, model.usual, days=days, less_days=model.horizon_days, less=slope
        )
        for place, columns in enumerate(_speakers(model)):
            shares[:, columns[0]] += own[:, place]
    base = total - shares.sum(axis=1)
    return _ExplainedValues(total.tolist(), base.tolist(), model.things.reasons(values, shares, most))


def _speakers(model: ValueModel) -> list[list[int]]:
    """Return the columns that speak for each part of the closed form."""
    counts, last, first, sums = model.columns.places
    named = {"730d": counts, "days_since_last": last, "days_since_first": first, "value_730d": sums}
    return [named[ending] for ending in SPEAKERS]


def _why_not_eligible(model: ValueModel) -> str:
    return f"No {' or '.join(model.order_types)} in the last two years; only contacts with one are asked about."
