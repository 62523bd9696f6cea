"""The reference: the population that a version was validated on, as a base of scores and later of drift."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ties import step_of

Vector = NDArray[np.float64]
PERCENTILES = np.arange(1, 100) / 100


def percentiles(values: Vector) -> Vector:
    """Cut values at their percentiles 1..99, ascending, shape (99,)."""
    cut: Vector = np.quantile(values, PERCENTILES)
    return cut


def placed(reference: Vector, values: Vector) -> NDArray[np.intp]:
    """Place values in a reference population: percentile 1-99, shape (n,).

    A value that many share stands in the middle of them: a rule that knows two groups must not call the larger one
    high because nobody in it is higher.

    Args:
        reference: percentiles 1..99 of the population, ascending, shape (99,).
        values: shape (n,).

    >>> placed(np.arange(1.0, 100.0), np.array([-5.0, 50.0, 1_000.0])).tolist()
    [1, 50, 99]
    """
    below = step_of(reference, values, includes_edge=False)
    up_to = step_of(reference, values, includes_edge=True)
    place: NDArray[np.intp] = np.clip((below + up_to + 1) // 2, 1, 99)
    return place


@dataclass(frozen=True)
class Reference:
    """The population a version was validated on: base of score and band, and later of drift."""

    margins: Vector
    """Calibrated margins at the percentiles 1..99, ascending, shape (99,)."""
    edges: Vector
    """Nine inner edges of each feature's deciles, shape (p, 9); NaN where a feature has no numbers."""
    shares: Vector
    """Share of the reference in each of the ten bins, then missing, shape (p, 11)."""

    @classmethod
    def of(cls, margins: Vector, values: Vector) -> "Reference":
        """Summarise the held-out frames; nothing of a single row is kept.

        Args:
            margins: calibrated held-out margins, shape (n,).
            values: the matrix of the same frames, shape (n, p).
        """
        edges, shares = binned(values)
        return cls(percentiles(margins), edges, shares)

    def scores(self, margins: Vector) -> NDArray[np.intp]:
        """Place calibrated margins among those of the reference: percentile 1-99, shape (n,)."""
        return placed(self.margins, margins)


def binned(values: Vector) -> tuple[Vector, Vector]:
    """Cut each column at its deciles and count.

    Args:
        values: matrix, shape (n, p).

    Returns:
        Nine inner edges of each column, shape (p, 9), and the shares of its ten bins, then of missing, shape (p, 11).
    """
    p = values.shape[1]
    edges, shares = np.full((p, 9), np.nan), np.zeros((p, 11))
    for column in range(p):
        numbers = values[:, column]
        present = numbers[~np.isnan(numbers)]
        if len(present):
            edges[column] = np.quantile(present, np.arange(1, 10) / 10)
            counts = np.bincount(step_of(edges[column], present, includes_edge=False), minlength=10)
            shares[column, :10] = counts / len(numbers)
        shares[column, 10] = 1 - len(present) / len(numbers)
    return edges, shares
