"""What is answered about one contact, what a request may want to know of it, and what the contact is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import Prediction, Source
from shared.contracts.rows import DAY, Microseconds
from shared.timeline import ContactPast, Pasts
from shared.timeline.pasts import known_since
from shared.timeline.risk import Episode

LOOK_BACK_DAYS = 365
LEAST_DAYS = 30
"""A contact known for a shorter time is taken to have spent over so many days: one order is no rhythm yet."""


def value_rates(pasts: Pasts, cutoffs: NDArray[np.int64], types: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the value that each contact brought a day, over the last year or since it is known or was first seen.

    Args:
        pasts: one row a contact.
        cutoffs: microseconds, shape (n,).
        types: event types whose values count.

    Returns:
        Per day, shape (n,); NaN where there was no such event with a value.
    """
    codes = [pasts.type_code(name) for name in types if pasts.type_code(name) >= 0]
    n = len(pasts)
    owner = np.repeat(np.arange(n), np.diff(pasts.offsets))
    before = pasts.at < cutoffs[owner]
    recent = pasts.at >= cutoffs[owner] - LOOK_BACK_DAYS * DAY
    rows = np.isin(pasts.type, codes) & before & recent & ~np.isnan(pasts.value)
    total = np.bincount(owner[rows], weights=pasts.value[rows], minlength=n)
    count = np.bincount(owner[rows], minlength=n)
    since = np.minimum(known_since(pasts), cutoffs)
    np.minimum.at(since, owner[before], pasts.at[before])  # a contact moved here from elsewhere ordered before
    days = np.clip((cutoffs - since) / DAY, LEAST_DAYS, LOOK_BACK_DAYS)
    rates: NDArray[np.float64] = np.where(count > 0, total / days, np.nan)
    return rates


def value_rate(past: ContactPast, cutoff: Microseconds, types: tuple[str, ...]) -> float:
    """Return the same of one contact."""
    least, values, at = cutoff - LOOK_BACK_DAYS * DAY, [], past.at
    for name, when, value in zip(past.type, at, past.value, strict=True):
        if name in types and least <= when < cutoff and value == value:
            values.append(value)
    if not values:
        return np.nan
    since = min(past.created_at, cutoff, at[0])
    total = list(accumulate(values))[-1]  # `sum` adds in another way from Python 3.12 on
    return total / min(max((cutoff - since) / DAY, LEAST_DAYS), LOOK_BACK_DAYS)


class ChurnQuery(NamedTuple):
    """What a request wants to know of each contact."""

    horizon_days: int | None = None
    """None: the version's own."""
    horizons: tuple[int, ...] = ()
    survival: bool = False
    reasons: int = 0


@dataclass(slots=True, kw_only=True)
class ScoredChurn(Prediction):
    """What is answered about one contact: the probability of leaving within the horizon, and what is read beside it.

    Probability, score and band are None beyond what the data can know. The margin is the mean log-odds of the periods
    up to the horizon, each weighted by how likely the event is to come in it; for silence with its sign turned, so
    that more is more likely to leave.
    """

    source: Source | None = "model"
    horizon_days: int | None
    horizons: list[tuple[int, float | None]]
    """Day and probability of leaving."""
    survival: list[tuple[int, float]]
    """Day and chance that the event has not come by then."""
    days_to_event: float | None
    """Median; None where it lies beyond the curve."""
    contractual: bool
    """Whether the event is that the contact leaves, or its next activity."""
    value_at_risk: float | None

    def own_fields(self) -> Mapping[str, object]:
        """Return what churn adds to the head; the median is named for what is waited for."""
        return {
            "horizon_days": self.horizon_days,
            "horizons": [{"days": days, "probability": risk} for days, risk in self.horizons] or None,
            "survival": [{"days": days, "survival": left} for days, left in self.survival] or None,
            "days_to_leave": self.days_to_event if self.contractual else None,
            "days_to_next_activity": None if self.contractual else self.days_to_event,
            "value_at_risk": self.value_at_risk,
        }


def why_not_eligible(episode: Episode) -> str:
    """Return why a contact is not asked about, in words."""
    named = " or ".join(episode.waited_for) if not episode.contractual else "activity"
    days = episode.active_within_days
    if days is None:
        return f"No {named} yet; only contacts with one are asked about."
    return f"No {named} in the last {days} days; only contacts active so lately are asked about."
