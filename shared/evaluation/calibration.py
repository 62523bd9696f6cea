"""Calibration: a strictly increasing line on the margin, so that the ranking survives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import calibration_line

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
