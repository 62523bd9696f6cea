"""Credit by rule: what the position or the time of a touch alone says. No effect is measured by any of them."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.attribution.draws import Draws, Sums
from shared.attribution.journeys import Journeys
from shared.learners.simple import Vector

HALF_LIFE_DAYS: Final = 7.0
"""A touch so many days earlier counts half."""
ENDS: Final = 0.4
"""Of position: the share of the first and of the last touch; the rest is shared by those between."""


def _first(journeys: Journeys) -> Vector:
    weight = np.zeros(len(journeys.channel))
    weight[journeys.offsets[:-1][np.diff(journeys.offsets) > 0]] = 1.0
    return weight


def _last(journeys: Journeys) -> Vector:
    weight = np.zeros(len(journeys.channel))
    weight[journeys.offsets[1:][np.diff(journeys.offsets) > 0] - 1] = 1.0
    return weight


def _linear(journeys: Journeys) -> Vector:
    return np.ones(len(journeys.channel))


def _time_decay(journeys: Journeys) -> Vector:
    """Without times, a touch earlier counts as one half-life earlier."""
    steps = journeys.offsets[1:][journeys.owner] - 1 - np.arange(len(journeys.channel))
    age = np.where(np.isnan(journeys.age_days), steps * HALF_LIFE_DAYS, journeys.age_days)
    youngest = np.full(len(journeys), np.inf)
    np.minimum.at(youngest, journeys.owner, age)
    weight: Vector = np.exp2(-(age - youngest[journeys.owner]) / HALF_LIFE_DAYS)
    return weight


def _position(journeys: Journeys) -> Vector:
    """Two touches share equally; one has all."""
    length = np.diff(journeys.offsets)[journeys.owner]
    weight = np.where(length > 2, (1.0 - 2 * ENDS) / np.maximum(length - 2, 1), 0.5)
    weight[(_first(journeys) + _last(journeys) > 0) & (length > 2)] = ENDS
    return weight


RULES: Final[Mapping[str, Callable[[Journeys], Vector]]] = {
    "first_touch": _first,
    "last_touch": _last,
    "linear": _linear,
    "time_decay": _time_decay,
    "position": _position,
}
"""Each returns the weight of each touch, up to a factor of its journey, shape (n_touches,)."""


class Ruled:
    """The share of each touch in its journey by one rule, found once."""

    def __init__(self, draws: Draws, rule: str) -> None:
        """Find the shares."""
        self._journeys = journeys = draws.journeys
        weight, owner = RULES[rule](journeys), journeys.owner
        whole = np.bincount(owner, weights=weight, minlength=len(journeys))
        self._share = weight / whole[owner]
        self._sums = Sums(draws, owner, journeys.channel, len(journeys.channels), self._share)

    def credits(self) -> NDArray[np.float64]:
        """Share the conversions of every draw out, shape (n_channels, n_draws)."""
        return self._sums.conversions()

    def values(self) -> Vector:
        """Share the value of the conversions out, shape (n_channels,)."""
        journeys = self._journeys
        worth = self._share * journeys.value[journeys.owner]
        return np.bincount(journeys.channel, weights=worth, minlength=len(journeys.channels)).astype(np.float64)
