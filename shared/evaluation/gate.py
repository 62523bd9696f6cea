"""The gate: whether a challenger may replace the champion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.bootstrap import of_mean
from shared.ties import rounded

Vector = NDArray[np.float64]
WORSE_BY_AT_MOST = 0.01
FEWEST_FRAMES = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided and why, in one sentence."""

    promote: bool
    decided: bool
    """False: too few frames are newer than both trainings; nobody can tell yet."""
    reason: str


def judged(
    challenger: Vector, champion: Vector, constant: Vector, owner: NDArray[np.integer], *, champion_is_old: bool = False
) -> Verdict:
    """Compare log losses of the same frames, newer than both trainings.

    The challenger passes when, with 95 % confidence over contacts, it loses at most 1 % of the champion's log loss,
    and when it beats the constant. A champion past its maximum age is replaced on equality of the means.

    Args:
        challenger: log loss of each frame, shape (n,).
        champion: on the same frames, shape (n,).
        constant: of predicting the base rate, shape (n,).
        owner: contact of each frame, shape (n,).
        champion_is_old: whether the champion is past its maximum age.
    """
    if len(challenger) < FEWEST_FRAMES:
        return Verdict(
            False, False, f"only {len(challenger)} frames are newer than both trainings; {FEWEST_FRAMES} are needed"
        )
    if rounded(challenger.mean()) >= rounded(constant.mean()):
        return Verdict(False, True, "the challenger is no better than predicting the base rate")
    margin = WORSE_BY_AT_MOST * float(champion.mean())
    worse = of_mean(challenger - champion, owner)
    if worse.high <= margin:
        return Verdict(True, True, f"not worse than the champion by more than 1 % of log loss (difference {worse})")
    if champion_is_old and worse.value <= 0:
        return Verdict(
            True, True, f"the champion is past its maximum age and the challenger is as good (difference {worse})"
        )
    return Verdict(False, True, f"could be worse than the champion by more than 1 % of log loss (difference {worse})")
