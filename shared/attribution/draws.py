"""Draws: how often each journey counts when the same people are drawn anew; sums over journeys for every draw.

People are drawn in up to 1,000 groups of equal size and random membership: the spread of a sum over them is that over
people, to 2 %, and a draw costs the same however many there are. Paths with counts are drawn one by one (Poisson).
Source: Efron, Tibshirani, "An introduction to the bootstrap" (1993); groups: Kleiner and others, "A scalable bootstrap
for massive data" (2014).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from shared.attribution.journeys import Journeys, Whole
from shared.learners.simple import Vector

GROUPS: Final = 1_000
SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Draws:
    """Weights of rows, a row being a group of people or a path; the first draw is what was observed."""

    journeys: Journeys
    row: Whole
    """(n,) of each journey."""
    idle: Vector
    """(n_rows,) journeys without touches for which those of each row stand of whom there is none else."""
    won: NDArray[np.float64]
    """(n_rows, n_draws) how often a conversion counts."""
    lost: NDArray[np.float64]
    """(n_rows, n_draws) the same of a journey that ended in none."""

    def __len__(self) -> int:
        """Count the draws, the observed one too."""
        return int(self.won.shape[1])

    def idle_of(self, draw: int) -> float:
        """Count the journeys of the idle in a draw."""
        return float(self.idle @ self.lost[:, draw])


def drawn(journeys: Journeys, number: int) -> Draws:
    """Draw so many times what was observed; always the same draws of the same journeys."""
    random = np.random.default_rng(SEED)
    if journeys.counted:
        won, lost = (_poisson(random, counts, number) for counts in (journeys.conversions, journeys.nulls))
        return Draws(journeys, np.arange(len(journeys)), np.zeros(len(journeys)), won, lost)
    whose, unit = np.unique(journeys.unit, return_inverse=True)
    people = len(whose) + journeys.idle
    groups = min(GROUPS, max(1, people))
    group = random.permutation(people)[: len(whose)] % groups
    size = np.bincount(np.arange(people) % groups, minlength=groups)
    idle = (size - np.bincount(group, minlength=groups)).astype(np.float64)
    weights = random.multinomial(groups, np.full(groups, 1.0 / groups), size=number).T
    weighed: NDArray[np.float64] = np.column_stack([np.ones(groups), weights]).astype(np.float64)
    return Draws(journeys, group[unit], idle * journeys.idle_nulls, weighed, weighed)


def _poisson(random: np.random.Generator, counts: Vector, number: int) -> NDArray[np.float64]:
    """Return by which factor a count is another one in each draw."""
    again = random.poisson(counts[:, None], (len(counts), number)) / np.where(counts > 0, counts, 1.0)[:, None]
    return np.column_stack([np.ones(len(counts)), again])


class Sums:
    """Sums over journeys by column, in any draw: how many conversions, and how many journeys that ended in none."""

    def __init__(
        self, draws: Draws, journey: Whole, column: NDArray[Any], size: int, share: Vector | None = None
    ) -> None:
        """Prepare the sums.

        Args:
            draws: of the journeys.
            journey: of each entry.
            column: into which it is summed.
            size: number of columns.
            share: of the journey that each entry is; None: the whole.
        """
        self._draws = draws
        place, shape = (column, draws.row[journey]), (size, draws.won.shape[0])
        part = 1.0 if share is None else share
        self._won = csr_array((draws.journeys.conversions[journey] * part, place), shape=shape)
        self._lost = csr_array((draws.journeys.nulls[journey] * part, place), shape=shape)

    def of(self, draw: int) -> tuple[Vector, Vector]:
        """Return conversions and other journeys of a draw, shape (size,) each."""
        return self._won @ self._draws.won[:, draw], self._lost @ self._draws.lost[:, draw]

    def conversions(self) -> NDArray[np.float64]:
        """Return conversions of all draws, shape (size, n_draws)."""
        found: NDArray[np.float64] = self._won @ self._draws.won
        return found
