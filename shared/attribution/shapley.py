"""Credit by Shapley value: what each channel adds to the chance of converting, averaged over every order of joining.

The game: a journey that met the channels T would have converted at the rate r(S) had it met only S of them. Rates are
observed over all journeys, those without any touch included, and drawn towards a logistic model of the channels as far
as few journeys met exactly S. Over all journeys each channel gets the sum of its Shapley values, and what would have
converted without any touch is nobody's. Sources: Shapley, "A value for n-person games" (1953); Shao and Li,
"Data-driven multi-touch attribution models" (KDD 2011), for rates of sets of channels. The logistic model: `shared.
learners`' penalised likelihood, by Newton's method.
"""

from dataclasses import dataclass
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.attribution.journeys import Journeys
from shared.learners.simple import Vector, chance

EXACT_CHANNELS: Final = 12
"""Of one journey: up to here every order is counted, above it `SAMPLES` of them."""
SAMPLES: Final = 500
PULL: Final = 20.0
"""How many imagined journeys at the model's rate each set of channels starts with."""
RIDGE: Final = 1.0
NEWTON_STEPS: Final = 8
SEED: Final = 5


@dataclass(frozen=True, slots=True)
class ShapleyCredits:
    """Conversions by channel, those that need none, and how exact the former are."""

    credits: Vector
    """(n_channels,)"""
    without: float
    """Conversions that are expected without any touch."""
    sampling_error: float
    """Largest standard error of a credit by sampling orders, in conversions; 0 where all orders were counted."""


class ShapleyGame:
    """The sets of channels of all journeys, and the joins of each, numbered once."""

    def __init__(self, journeys: Journeys) -> None:
        self._size = len(journeys.channels)
        masks = np.zeros(len(journeys), dtype=np.int64)
        np.bitwise_or.at(masks, journeys.owner, np.int64(1) << journeys.channel.astype(np.int64))
        self._knows_untouched = bool((masks == 0).any())
        played, self._played = np.unique(masks, return_inverse=True)
        joins = [_joins(int(mask), self._size) for mask in played]
        without = np.concatenate([one.without for one in joins]) if joins else np.zeros(0, dtype=np.int64)
        self._channel = np.concatenate([one.channel for one in joins]) if joins else np.zeros(0, dtype=np.intp)
        self._weight = np.concatenate([one.weight for one in joins]) if joins else np.zeros(0)
        self._game = np.repeat(np.arange(len(joins)), [len(one.weight) for one in joins])
        self._exact = np.array([one.exact for one in joins], dtype=bool)
        joined = without | (np.int64(1) << self._channel.astype(np.int64))
        self._sets = np.unique(np.concatenate([np.zeros(1, dtype=np.int64), played, without, joined]))
        self._of_played = np.searchsorted(self._sets, played)
        self._without, self._joined = np.searchsorted(self._sets, without), np.searchsorted(self._sets, joined)
        bits = np.arange(self._size, dtype=np.int64)
        self._design = np.column_stack([np.ones(len(self._sets)), (self._sets[:, None] >> bits) & 1]).astype(np.float64)

    def credits(self, conversions: Vector, nulls: Vector) -> ShapleyCredits:
        """Share conversions out.

        Args:
            conversions: how often each journey ended in one, shape (n,).
            nulls: how often in none, shape (n,).
        """
        won = np.bincount(self._played, weights=conversions, minlength=len(self._of_played))
        gone = np.bincount(self._played, weights=conversions + nulls, minlength=len(self._of_played))
        rates = self._rates(won, gone)
        gain = self._weight * (rates[self._joined] - rates[self._without])
        played = gone[self._game] * gain
        found = np.bincount(self._channel, weights=played, minlength=self._size)
        without = float(gone.sum() * rates[0])
        whole = float(found.sum() + without)
        scale = float(won.sum()) / whole if whole > 0 else 0.0  # rates that were drawn towards a model sum nearly right
        return ShapleyCredits(found * scale, without * scale, self._error(gain, gone) * scale)

    def _rates(self, won: Vector, gone: Vector) -> Vector:
        """Estimate the rate of each set, shape (n_sets,), the empty one first."""
        design = self._design[self._of_played]
        weight = _logistic(design, won, gone)
        expected = chance(self._design @ weight)
        seen, hits = np.zeros(len(self._sets)), np.zeros(len(self._sets))
        seen[self._of_played], hits[self._of_played] = gone, won
        rates: Vector = (hits + PULL * expected) / (seen + PULL)
        if not self._knows_untouched:
            rates[0] = 0.0  # nobody was seen without a touch: all conversions are somebody's
        return rates

    def _error(self, gain: Vector, gone: Vector) -> float:
        """Return the largest standard error of a credit: orders of a sampled journey differ among themselves."""
        sampled = ~self._exact[self._game]
        if not sampled.any():
            return 0.0
        spread = np.zeros(self._size)
        for game in np.flatnonzero(~self._exact):
            mine = self._game == game
            each = gain[mine] / self._weight[mine]
            for channel in np.unique(self._channel[mine]):
                spread[channel] += gone[game] ** 2 * each[self._channel[mine] == channel].var() / SAMPLES
        return float(np.sqrt(spread.max()))


@dataclass(frozen=True, slots=True)
class _Joins:
    without: NDArray[np.int64]
    """Set before a channel joins."""
    channel: NDArray[np.intp]
    weight: Vector
    exact: bool


def _joins(mask: int, size: int) -> _Joins:
    """List every way in which a channel of a set joins others of it, with its weight over all orders."""
    members = np.array([channel for channel in range(size) if mask >> channel & 1], dtype=np.int64)
    if len(members) > EXACT_CHANNELS:
        return _sampled(members)
    number = len(members)
    subsets = np.arange(1 << number, dtype=np.int64)
    inside = (subsets[:, None] >> np.arange(number)) & 1
    spelled = inside @ (np.int64(1) << members) if number else np.zeros(1, dtype=np.int64)
    in_it = inside.sum(axis=1)
    by_size = np.array([factorial(k) * factorial(number - k - 1) / factorial(number) for k in range(number)])
    subset, place = np.nonzero(inside == 0)
    return _Joins(spelled[subset], members[place].astype(np.intp), by_size[in_it[subset]], exact=True)


def _sampled(members: NDArray[np.int64]) -> _Joins:
    orders = np.random.default_rng(SEED).permuted(np.tile(members, (SAMPLES, 1)), axis=1)
    bits = np.int64(1) << orders
    before = np.cumsum(bits, axis=1) - bits
    return _Joins(before.ravel(), orders.ravel().astype(np.intp), np.full(orders.size, 1.0 / SAMPLES), exact=False)


def _logistic(design: NDArray[np.float64], won: Vector, gone: Vector) -> Vector:
    """Fit the log-odds of converting to which channels were met; the intercept is free."""
    rate = float(np.clip(won.sum() / max(gone.sum(), 1.0), 1e-6, 1 - 1e-6))
    weight = np.zeros(design.shape[1])
    weight[0] = np.log(rate / (1 - rate))
    ridge = np.full(design.shape[1], RIDGE)
    ridge[0] = 1e-6
    for _ in range(NEWTON_STEPS):
        expected = chance(design @ weight)
        slope = design.T @ (won - gone * expected) - ridge * weight
        curve = design.T @ (design * (gone * expected * (1 - expected))[:, None]) + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weight += np.clip(step, -4.0, 4.0)
    return weight
