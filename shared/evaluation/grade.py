"""The grade: how much a model knows beyond the best plain rule, in one letter."""

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import Grade
from shared.evaluation.bootstrap import Interval, of_mean

Vector = NDArray[np.float64]
A_SKILL, B_SKILL = 0.10, 0.05
EXACT_SLOPE = (0.9, 1.1)
"""Calibration holds where the interval of its slope overlaps this."""
SMALL_SAMPLE_POSITIVES = 200
TOO_GOOD_AUC = 0.97
"""From here on a result is more likely a leak than a fact about people."""


def skill(loss: Vector, baseline: Vector, owner: NDArray[np.integer]) -> Interval:
    """Tell the share of the baseline's log loss that the model saves, with its contact-bootstrap interval.

    Args:
        loss: the model's log loss of each row, shape (n,).
        baseline: the baseline's on the same rows, shape (n,).
        owner: contact of each row, shape (n,).
    """
    gain = of_mean(baseline - loss, owner)
    scale = float(baseline.mean()) or 1.0
    return Interval(gain.value / scale, gain.low / scale, gain.high / scale)


def calibration_holds(slope: Interval) -> bool:
    """Whether the interval of the calibration slope overlaps 0.9 to 1.1; a slope that cannot be told does not hold.

    >>> calibration_holds(Interval(1.3, 1.05, 1.5)), calibration_holds(Interval(1.3, 1.15, 1.5))
    (True, False)
    """
    return slope.low <= EXACT_SLOPE[1] and slope.high >= EXACT_SLOPE[0]


def grade(skill_over_rule: Interval, *, positive_contacts: int, slope: Interval | None = None) -> Grade:
    """Choose the letter by the lower bound: A from 10 %, B from 5 %, C above 0, else D.

    Args:
        skill_over_rule: log-loss skill over the best single rule, or over the constant where that is better.
        positive_contacts: fewer than 200 allow C at most.
        slope: of the calibration; where it does not hold, C is the most.

    >>> grade(Interval(0.2, 0.12, 0.3), positive_contacts=500)
    'A'
    """
    if skill_over_rule.low <= 0:
        return "D"
    held_back = positive_contacts < SMALL_SAMPLE_POSITIVES or (slope is not None and not calibration_holds(slope))
    if held_back or skill_over_rule.low < B_SKILL:
        return "C"
    return "A" if skill_over_rule.low >= A_SKILL else "B"
