"""Credit by Shapley value: what each channel adds to the chance of converting, averaged over every order of joining.

The game: a journey that met the channels T would have converted at the rate r(S) had it met only S of them. Rates are
observed over all journeys, those without any touch included, and drawn towards a logistic model of the channels as far
as few journeys met exactly S. Over all journeys each channel gets the sum of its Shapley values, and what would have
converted without any touch is nobody's. Sources: Shapley, "A value for n-person games" (1953); Shao and Li,
"Data-driven multi-touch attribution models" (KDD 2011), for rates of sets of channels.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.attribution.draws import Draws, Sums
from shared.attribution.joins import Joins
from shared.attribution.journeys import Whole
from shared.learners.simple import Vector, chance

EXACT_CHANNELS: Final = 12
"""Up to here every set of channels is counted, by dividends; above it, the joins of the journeys that there were."""
PULL: Final = 20.0
"""How many imagined journeys at the model's rate each set of channels starts with."""
RIDGE: Final = 1.0
NEWTON_STEPS: Final = 12
CLOSE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class ShapleyCredits:
    """Conversions by channel, those that need none, and how exact the former are."""

    credits: Vector
    """(n_channels,)"""
    without: float
    """Conversions that are expected without any touch."""
    sampling_error: float
    """Largest standard error of a credit by sampling orders, in conversions; 0 where all orders were counted."""


class _Sets(Protocol):
    """The sets of channels whose rates are asked for, the empty one first, and what follows from the rates."""

    sets: Whole
    """(n_sets,) as bits, ascending."""

    def credits(self, rates: Vector, gone: Vector) -> Vector:
        """Sum the Shapley values over journeys: rates (n_sets,), journeys by set played (n_played,)."""

    def error(self, rates: Vector, gone: Vector) -> float:
        """Return the largest standard error by sampling."""


class ShapleyGame:
    """The sets of channels of all journeys, numbered once."""

    def __init__(self, draws: Draws) -> None:
        """Number them."""
        journeys = draws.journeys
        self._draws, self._size = draws, len(journeys.channels)
        masks = np.zeros(len(journeys), dtype=np.int64)
        np.bitwise_or.at(masks, journeys.owner, np.int64(1) << journeys.channel.astype(np.int64))
        self._knows_untouched = bool((masks == 0).any()) or journeys.idle > 0
        played, place = np.unique(np.concatenate([[0], masks]), return_inverse=True)
        self._played = Sums(draws, np.arange(len(journeys)), place[1:], len(played))
        self._sets: _Sets = Dividends(played, self._size) if self._size <= EXACT_CHANNELS else Joins(played, self._size)
        self._of_played = np.searchsorted(self._sets.sets, played)
        self._design = _met(self._sets.sets, self._size)
        self._weight: Vector | None = None

    def credits(self, draw: int = 0) -> ShapleyCredits:
        """Share the conversions of a draw out."""
        won, lost = self._played.of(draw)
        lost[0] += self._draws.idle_of(draw)
        gone = won + lost
        rates = self._rates(won, gone)
        found = self._sets.credits(rates, gone)
        without = float(gone.sum() * rates[0])
        whole = float(found.sum() + without)
        scale = float(won.sum()) / whole if whole > 0 else 0.0  # rates that were drawn towards a model sum nearly right
        error = self._sets.error(rates, gone) if draw == 0 else 0.0
        return ShapleyCredits(found * scale, without * scale, error * scale)

    def _rates(self, won: Vector, gone: Vector) -> Vector:
        """Estimate the rate of each set, shape (n_sets,), the empty one first."""
        weight = _logistic(self._design[self._of_played].astype(np.float64), won, gone, self._weight)
        if self._weight is None:
            self._weight = weight  # every draw is near the first
        expected = chance((self._design @ weight.astype(np.float32)).astype(np.float64))
        seen, hits = np.zeros(len(expected)), np.zeros(len(expected))
        seen[self._of_played], hits[self._of_played] = gone, won
        rates: Vector = (hits + PULL * expected) / (seen + PULL)
        if not self._knows_untouched:
            rates[0] = 0.0  # nobody was seen without a touch: all conversions are somebody's
        return rates


class Dividends:
    """All sets of few channels: a channel gets its part of what each set yields beyond its own subsets.

    Source: Harsanyi, "A simplified bargaining model for the n-person cooperative game" (1963): the Shapley value is the
    sum of the dividends of the sets that a player is in, each divided by the size of the set.
    """

    def __init__(self, played: Whole, size: int) -> None:
        """Take sets as bits, ascending, and the number of channels."""
        self.sets = np.arange(1 << size, dtype=np.int64)
        self._played, self._size = played, size
        self._members = (self.sets[:, None] >> np.arange(size)) & 1
        self._parts = self._members / np.maximum(self._members.sum(axis=1), 1)[:, None]

    def credits(self, rates: Vector, gone: Vector) -> Vector:
        """Sum the Shapley values over journeys."""
        dividends, within = rates.copy(), np.zeros(len(rates))
        within[self._played] = gone
        for channel in range(self._size):
            cube, met = (one.reshape(-1, 2, 1 << channel) for one in (dividends, within))
            cube[:, 1] -= cube[:, 0]
            met[:, 0] += met[:, 1]  # journeys that met all of a set, and perhaps more
        credit: Vector = (dividends * within) @ self._parts
        return credit

    def error(self, rates: Vector, gone: Vector) -> float:  # noqa: ARG002
        """Return 0: every order is counted."""
        return 0.0


def _met(sets: Whole, size: int) -> NDArray[np.float32]:
    """Return an intercept and which channels each set has, shape (n_sets, 1 + size)."""
    design = np.ones((len(sets), 1 + size), dtype=np.float32)
    for channel in range(size):
        design[:, 1 + channel] = (sets >> channel) & 1
    return design


def _logistic(design: NDArray[np.float64], won: Vector, gone: Vector, begin: Vector | None) -> Vector:
    """Fit the log-odds of converting to which channels were met, by Newton's method; the intercept is free."""
    rate = float(np.clip(won.sum() / max(gone.sum(), 1.0), 1e-6, 1 - 1e-6))
    weight = np.zeros(design.shape[1])
    weight[0] = np.log(rate / (1 - rate))
    weight = weight if begin is None else begin.copy()
    ridge = np.full(design.shape[1], RIDGE)
    ridge[0] = 1e-6
    for _ in range(NEWTON_STEPS):
        expected = chance(design @ weight)
        slope = design.T @ (won - gone * expected) - ridge * weight
        curve = design.T @ (design * (gone * expected * (1 - expected))[:, None]) + np.diag(ridge)
        step = np.clip(np.linalg.solve(curve, slope), -4.0, 4.0)
        weight += step
        if np.abs(step).max() < CLOSE:
            break
    return weight
