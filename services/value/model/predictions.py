"""What is answered about one contact: value, orders, interval, band, and when the next order comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Histories
from services.value.model.curves import ValueCurves
from services.value.model.intervals import LEVEL, OUTSIDE
from shared.contracts.prediction import Band, Prediction, Source
from shared.contracts.rows import DAY, instant_of

BANDS: tuple[tuple[int, Band], ...] = ((50, "medium"), (80, "high"), (95, "very_high"))
"""From which score on a contact is in a band; below is low."""
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


def band_of(score: int) -> Band:
    """Return the band of a score.

    >>> band_of(1), band_of(50), band_of(94), band_of(95)
    ('low', 'medium', 'high', 'very_high')
    """
    found: Band = "low"
    for least, name in BANDS:
        found = name if score >= least else found
    return found


def next_orders(
    curves: ValueCurves, known: Histories, cutoffs: NDArray[np.int64], *, judged_days: float
) -> list[NextOrder]:
    """Read when the next order of each contact comes.

    Args:
        curves: of the contacts.
        known: their histories.
        cutoffs: microseconds, shape (n,).
        judged_days: a day beyond is not named.
    """
    days = curves.days_of((MEDIAN, OUTSIDE, 1 - OUTSIDE))
    since = known.age - known.recency
    soon = [curves.ordered_at(within).tolist() for within in (WEEK, MONTH)]
    found = []
    for cutoff, reached, ago, week, month in zip(cutoffs.tolist(), days.tolist(), since.tolist(), *soon, strict=True):
        today = instant_of(cutoff).date()
        median, low, high = (_day(today, one, judged_days) for one in reached)
        last = instant_of(cutoff - round(ago * DAY)).date()
        found.append(NextOrder(median, low, high, week, month, last))
    return found


def _day(today: date, days: float, most: float) -> date | None:
    return today + timedelta(days=int(days)) if days <= most else None


def why_not_eligible(order_types: Sequence[str]) -> str:
    """Return why a contact is not asked about, in words."""
    return f"No {' or '.join(order_types)} in the last two years; only contacts with one are asked about."
