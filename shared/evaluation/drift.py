"""How far a column moves over time: whether its numbers alone tell early frames from late ones."""

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import auc

SAMPLE_ROWS = 5_000
CALENDAR_AUC = 0.70
"""From here on a column that looks far back mostly tells how old the data is."""


def calendar_auc(values: NDArray[np.float64], cutoff: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """Measure for each column how well it tells the last third of the frames from the first third.

    A past that was not recorded yet looks like a past in which nothing happened; windows longer than the data
    behind the early frames therefore grow with the calendar, and what is learned from them does not hold later.

    Args:
        values: matrix, shape (n, p).
        cutoff: microseconds, shape (n,).
        seed: of the sample.

    Returns:
        AUC of early against late by the column's numbers, folded to 0.5..1, shape (p,); 0.5 where the frames are
        of one moment or the column has no numbers.
    """
    early_end, late_start = np.quantile(cutoff, (1 / 3, 2 / 3))
    result = np.full(values.shape[1], 0.5)
    if early_end >= late_start:
        return result
    generator = np.random.default_rng(seed)
    early = generator.permutation(np.flatnonzero(cutoff <= early_end))[:SAMPLE_ROWS]
    late = generator.permutation(np.flatnonzero(cutoff >= late_start))[:SAMPLE_ROWS]
    rows = np.concatenate([early, late])
    is_late = np.concatenate([np.zeros(len(early)), np.ones(len(late))])
    for column in range(values.shape[1]):
        numbers = values[rows, column]
        present = ~np.isnan(numbers)
        area = auc(is_late[present], numbers[present]) if present.any() else float("nan")
        if np.isfinite(area):
            result[column] = max(area, 1 - area)
    return result
