"""What everybody expects of a feature: that a longer silence speaks for leaving, and a newer order against it.

Only behaviour that is the contact's own and welcome has such a direction. An attribute has none, nor has what was sent
to the contact, a return, a complaint, an hour of the day, or how long somebody is known.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, Kind
from shared.features.names_in_words import SENT, UNWELCOME
from shared.features.phrases import EVEN_TREND, JUST_DUE

Hoped = Literal["staying", "reaching"]
"""What a contact's own activity is hoped to lead to: that it stays, or that it reaches the outcome."""

_RISING: tuple[Kind, ...] = ("count", "active_days", "value_sum", "distinct", "trend")
"""More of it is livelier; `value_mean` and `value_max` are no livelier."""
_FALLING: tuple[Kind, ...] = ("days_since_last", "gap_mean", "overdue")
MOSTLY = 0.5
"""Share that lacks a value, from which nothing is expected of those who have one."""
_FIXED: dict[Kind, tuple[float, float]] = {"overdue": JUST_DUE, "trend": (-EVEN_TREND, EVEN_TREND)}
"""What is usual, whatever the others do."""


def liveliness(feature: Feature, value: float, usual: tuple[float, float]) -> int:
    """Return 1 for a value that everybody takes for a sign of life, -1 for one of silence, 0 where nothing is expected.

    Args:
        feature: the column.
        value: of a contact; NaN where there is nothing to say.
        usual: from where to where a value is nothing special; NaN where most have none, which then says nothing.

    >>> liveliness(Feature("r", "days_since_last", "days", "r", "order_placed"), 400.0, (20.0, 60.0))
    -1
    """
    if feature.counts_mailings or feature.type in SENT or feature.type in UNWELCOME:
        return 0
    if feature.kind not in (*_RISING, *_FALLING) or np.isnan(usual[0]):
        return 0
    if np.isnan(value):
        return -1 if feature.kind in _FALLING else 0
    low, high = _FIXED.get(feature.kind, usual)
    beyond = int(value > high) - int(value < low)
    return beyond if feature.kind in _RISING else -beyond


def usual_values(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return from where to where the middle 40 % of a reference lie, shape (p, 2); NaN where most have no value.

    Args:
        edges: nine inner edges of each feature's deciles, shape (p, 9).
        shares: of the reference in each of the ten bins, then missing, shape (p, 11).
    """
    return np.where(shares[:, -1:] > MOSTLY, np.nan, edges[:, [2, 6]])


def aside(hoped: Hoped, *, raises: bool) -> str:
    """Say that the data has a value so, though nobody expects it.

    Args:
        hoped: what activity is hoped to lead to.
        raises: whether the reason raises the quantity that is explained: the risk, or the chance.
    """
    if hoped == "staying":
        return f" (in your data, beside all else, a sign of {'leaving' if raises else 'staying'})"
    return f" (in your data, beside all else, it {'raises' if raises else 'lowers'} the chance)"
