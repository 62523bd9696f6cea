"""Calibration: a strictly increasing line on the margin, so that the ranking survives."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import calibration_line
from shared.ties import rounded, rounded_one, step_of

Vector = NDArray[np.float64]
SMALLEST_SLOPE = 0.05
IDENTITY_STRENGTH = 20.0
"""Rows of evidence for (1, 0) before any is seen: small sets stay near the raw margin."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """margin -> slope * margin + intercept; the slope is positive. Source: Platt (1999)."""

    slope: float = 1.0
    intercept: float = 0.0

    def margins(self, raw: Vector) -> Vector:
        """Correct raw margins, shape (n,)."""
        corrected: Vector = self.slope * raw + self.intercept
        return corrected


def calibrate(
    labels: Vector, margins: Vector, *, weights: Vector | None = None, steepest: float = np.inf
) -> Calibrator:
    """Fit the line on rows that the margins were not learned from.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        margins: out-of-fold margins, shape (n,).
        weights: how much each row counts, shape (n,); the largest counts once. None: all count once.
        steepest: largest slope; margins that hardly vary would be stretched without end.

    Returns:
        The identity where the labels are all alike.
    """
    if not len(labels) or labels.min() == labels.max():
        return Calibrator()
    times = np.ones(len(labels)) if weights is None else weights / weights.max()
    slope, intercept = calibration_line(labels, margins, times)
    if not np.isfinite(slope) or not np.isfinite(intercept):
        return Calibrator()
    positives = float(times @ labels)
    evidence = min(positives, float(times.sum()) - positives)
    trust = evidence / (evidence + IDENTITY_STRENGTH)
    wanted = trust * slope + 1 - trust
    if SMALLEST_SLOPE <= wanted <= steepest:
        return Calibrator(wanted, trust * intercept)
    held = min(max(SMALLEST_SLOPE, wanted), steepest)
    return Calibrator(held, level(labels, held * margins, times))


def level(labels: Vector, margins: Vector, weights: Vector | None = None) -> float:
    """Find the shift at which the mean chance is the share of positives, by bisection.

    >>> round(level(np.array([0.0, 1.0]), np.array([3.0, 3.0])), 6)
    -3.0
    """
    times = np.full(len(labels), 1 / len(labels)) if weights is None else weights / weights.sum()
    wanted = float(times @ labels)
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(times @ (0.5 * (1.0 + np.tanh(0.5 * (margins + middle)))))
        low, high = (middle, high) if mean < wanted else (low, middle)
    return (low + high) / 2


FEW = 20
"""Margins up to which one after the other is quicker than an array of them."""
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
        if len(margins) > FEW:
            return placed(self.margins, margins)
        edges = self._rounded_margins
        places = [_placed_one(edges, rounded_one(margin)) for margin in margins.tolist()]
        return np.array(places, dtype=np.intp)

    @cached_property
    def _rounded_margins(self) -> list[float]:
        found: list[float] = rounded(self.margins).tolist()
        return found


def _placed_one(edges: list[float], value: float) -> int:
    return min(max((bisect_left(edges, value) + bisect_right(edges, value) + 1) // 2, 1), 99)


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
            shares[column, :10] = _counts(edges[column], present) / len(numbers)
        shares[column, 10] = 1 - len(present) / len(numbers)
    return edges, shares


def bin_counts(edges: Vector, values: Vector) -> NDArray[np.int64]:
    """Count other rows in the bins that `binned` cut.

    Args:
        edges: nine inner edges of each column, shape (p, 9); NaN where a column had no numbers.
        values: matrix, shape (n, p).

    Returns:
        Rows in each of a column's ten bins, then missing, shape (p, 11).

    >>> bin_counts(np.arange(1.0, 10.0)[None], np.array([[0.5], [1.5], [99.0], [np.nan]])).tolist()
    [[1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]]
    """
    counts = np.zeros((values.shape[1], 11), dtype=np.int64)
    for column, numbers in enumerate(values.T):
        present = numbers[~np.isnan(numbers)]
        inner = edges[column]
        # Without edges there was no number to cut at: whatever comes is one bin, which the reference had not.
        counts[column, :10] = [len(present), *[0] * 9] if np.isnan(inner).any() else _counts(inner, present)
        counts[column, 10] = len(numbers) - len(present)
    return counts


def _counts(edges: Vector, present: Vector) -> NDArray[np.intp]:
    return np.bincount(step_of(edges, present, includes_edge=False), minlength=10)
