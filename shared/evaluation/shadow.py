"""How the answers of two versions about the same contacts differ, and which of them came closer to what happened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import Interval, average_ranks, losses, of_mean

Vector = NDArray[np.float64]
FEWEST_CLOSED = 40
"""Contacts whose outcome is known; of fewer no loss is shown."""


def rank_correlation(one: Vector, other: Vector) -> float:
    """Return the correlation of the ranks, ties sharing theirs; NaN where one side is a single value.

    Source: Spearman (1904).

    >>> rank_correlation(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.1, 0.3, 0.2, 0.4])).__round__(6)
    0.8
    """
    if min(len(np.unique(one)), len(np.unique(other))) < 2:
        return float("nan")
    return float(np.corrcoef(average_ranks(one), average_ranks(other))[0, 1])


@dataclass(frozen=True, slots=True)
class PairedLoss:
    """Log loss of two versions on the same frames."""

    shadow: float
    champion: float
    difference: Interval
    """Shadow less champion; the interval draws contacts again."""


def paired_loss(labels: Vector, shadow: Vector, champion: Vector, owner: NDArray[np.integer]) -> PairedLoss | None:
    """Compare the log losses of two versions on the same frames.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        shadow: probabilities, shape (n,).
        champion: on the same frames, shape (n,).
        owner: contact of each frame, shape (n,).

    Returns:
        None while there are fewer than 40 contacts, or only one kind of label: then nothing can be said.
    """
    if len(np.unique(owner)) < FEWEST_CLOSED or len(np.unique(labels)) < 2:
        return None
    mine, theirs = losses(labels, shadow), losses(labels, champion)
    return PairedLoss(float(mine.mean()), float(theirs.mean()), of_mean(mine - theirs, owner))
