"""Joins: how each channel of a set comes to others of it, in every order or in as many as there is time for."""

from math import factorial
from typing import Final

import numpy as np

from shared.attribution.journeys import Whole
from shared.learners.simple import Vector

MOST_JOINS: Final = 2_000_000
MOST_EXACT: Final = 12
SAMPLES: Final = 500
LEAST_SAMPLES: Final = 2
SEED: Final = 5
_Listed = tuple[Whole, Whole, Whole, Vector, Vector]
"""Of each join: set played, channel, set before it, weight, and how many orders were drawn (0: all are counted)."""


class Joins:
    """The joins of the sets that journeys met: exact for small sets, by drawn orders for large ones."""

    def __init__(self, played: Whole, size: int) -> None:
        """List them.

        Args:
            played: sets as bits, ascending.
            size: number of channels.
        """
        self._size = size
        inside = (played[:, None] >> np.arange(size)) & 1
        number = inside.sum(axis=1)
        budget = max(LEAST_SAMPLES, int(MOST_JOINS // max(1, int(number.sum()))))
        parts = [(*(np.zeros(0, dtype=np.int64),) * 3, np.zeros(0), np.zeros(0))]
        for count in np.unique(number[number > 0]).tolist():
            game = np.flatnonzero(number == count)
            members = np.nonzero(inside[game])[1].reshape(len(game), count)
            if count <= MOST_EXACT and 1 << (count - 1) <= budget:
                parts.append(_exact(game, members))
            else:
                parts.append(_sampled(game, members, min(budget, SAMPLES)))
        columns = [np.concatenate(one) for one in zip(*parts, strict=True)]
        self._game, self._channel, without, self._weight, self._samples = columns
        joined = without | (np.int64(1) << self._channel)
        self.sets: Whole = np.unique(np.concatenate([np.zeros(1, dtype=np.int64), played, without, joined]))
        self._without, self._joined = np.searchsorted(self.sets, without), np.searchsorted(self.sets, joined)

    def credits(self, rates: Vector, gone: Vector) -> Vector:
        """Sum the Shapley values over journeys: rates (n_sets,), journeys by set played (n_played,)."""
        gain = self._weight * (rates[self._joined] - rates[self._without])
        return np.bincount(self._channel, weights=gone[self._game] * gain, minlength=self._size).astype(np.float64)

    def error(self, rates: Vector, gone: Vector) -> float:
        """Return the largest standard error of a credit: the drawn orders of a set differ among themselves."""
        mine = np.flatnonzero(self._samples)
        if not len(mine):
            return 0.0
        game, channel, samples = self._game[mine], self._channel[mine], self._samples[mine]
        gain = rates[self._joined[mine]] - rates[self._without[mine]]
        place = game * self._size + channel
        keys, of = np.unique(place, return_inverse=True)
        mean, square = np.bincount(of, weights=gain / samples), np.bincount(of, weights=gain**2 / samples)
        drawn = np.zeros(len(keys))
        drawn[of] = samples
        spread = np.maximum(square - mean**2, 0.0) / np.maximum(drawn - 1, 1) * gone[keys // self._size] ** 2
        return float(np.sqrt(np.bincount(keys % self._size, weights=spread).max()))


def _exact(game: Whole, members: Whole) -> _Listed:
    """List every way in which a channel of each set joins others of it: see `_Listed`.

    Args:
        game: number of each set, shape (n,).
        members: its channels, shape (n, k).
    """
    k = members.shape[1]
    inside = (np.arange(1 << k)[:, None] >> np.arange(k)) & 1
    spelled = (np.int64(1) << members) @ inside.T
    weights = np.array([factorial(one) * factorial(k - one - 1) / factorial(k) for one in range(k)])
    subset, place = np.nonzero(inside == 0)
    without, channel = spelled[:, subset].ravel(), members[:, place].ravel()
    weight = np.tile(weights[inside.sum(axis=1)[subset]], len(game))
    return np.repeat(game, len(subset)), channel, without, weight, np.zeros(len(weight))


def _sampled(game: Whole, members: Whole, samples: int) -> _Listed:
    """List the joins of each set in so many drawn orders."""
    random = np.random.default_rng((SEED, members.shape[1]))
    orders = random.permuted(np.repeat(members, samples, axis=0), axis=1)
    bits = np.int64(1) << orders
    before = np.cumsum(bits, axis=1) - bits
    whose = np.repeat(game, samples * members.shape[1])
    drawn = np.full(orders.size, float(samples))
    return whose, orders.ravel(), before.ravel(), 1.0 / drawn, drawn
