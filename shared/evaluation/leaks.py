"""Leaks: a column that alone nearly knows the answer, or that is filled in only after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import auc
from shared.ties import rounded

Vector = NDArray[np.float64]
SUSPICIOUS_AUC = 0.90


@dataclass(frozen=True, slots=True)
class Leak:
    """A suspect column."""

    name: str
    auc: float
    by_missingness: bool
    """Whether being filled in at all, not the value, gives the answer away."""

    def __str__(self) -> str:
        """Say what was found."""
        what = "being filled in" if self.by_missingness else "its value"
        return f"{self.name}: {what} alone predicts the outcome with an AUC of {self.auc:.2f}"


def leaks(
    matrix: NDArray[np.float64],
    labels: Vector,
    names: Sequence[str],
    margins_of: Callable[[int], Vector],
) -> list[Leak]:
    """Name every column whose out-of-fold AUC alone, or that of its missingness, reaches 0.90.

    Args:
        matrix: shape (n, p).
        labels: shape (n,).
        names: of the columns.
        margins_of: gives a column's out-of-fold margins, shape (n,); NaN where a row is not judged.
    """
    found = []
    for column, name in enumerate(names):
        missing = np.isnan(matrix[:, column])
        by_missingness = 0.5
        if 0 < missing.mean() < 1:
            by_missingness = auc(labels, missing.astype(np.float64))
            by_missingness = max(by_missingness, 1 - by_missingness)
        margins = margins_of(column)
        judged = ~np.isnan(margins)
        by_value = auc(labels[judged], margins[judged])
        by_value, by_missingness = (float(area) for area in rounded([by_value, by_missingness]))
        area = float(np.nanmax([by_value, by_missingness]))
        if area >= SUSPICIOUS_AUC:
            found.append(Leak(name, area, not by_value > by_missingness))
    return found
