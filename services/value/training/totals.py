"""Recalibrate totals to what cohorts really spent: in the latest closed period, and a year before."""

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Vector
from services.value.model.curves import ValueCurves, read_at
from services.value.model.levels import TotalLevels
from services.value.training.material import ValueMaterial
from shared.contracts.rows import DAY, Microseconds

PERIOD_DAYS = 31
"""Cohorts whose cutoffs lie so close together are one."""
YEAR_DAYS = 365
AHEAD_DAYS = (0, 30, 60, 90, 120)
"""For which times after the training the season is looked up."""
FURTHEST = float(np.log(3.0))
"""No total is changed by more than three times."""


def measured_levels(
    material: ValueMaterial, rows: NDArray[np.intp], curves: ValueCurves, days: Vector, at: Microseconds
) -> TotalLevels:
    """Measure how much more or less cohorts brought than a candidate expects of them.

    With a year and a horizon of data the season counts: the ratio of the cohort a year before the question, times how
    much the latest closed cohort lies above the one a year before it, where that is known. Otherwise the ratio of the
    latest closed cohort. A ratio counts as far as it surely differs from 1.
    Source of the last: James and Stein (1961), the positive part of their estimator.

    Args:
        material: of the run.
        rows: frames with a horizon that is over.
        curves: expected of these.
        days: the judged horizons.
        at: the instant up to which anything is known.
    """
    times = np.array([at + ahead * DAY for ahead in AHEAD_DAYS], dtype=np.int64)
    value, orders = np.zeros((len(times), len(days))), np.zeros((len(times), len(days)))
    contact, cutoff = material.contact[rows], material.cutoff[rows]
    for place, one in enumerate(days.tolist()):
        came = material.came(one, contact, cutoff)
        over = cutoff + round(one * DAY) <= at
        pairs = ((value, came.value, curves.value), (orders, came.orders, curves.orders))
        for target, actual, curve in pairs:
            expected = read_at(curves.days, curve, one)
            cohorts = Cohorts(contact[over], cutoff[over], actual[over], expected[over])
            target[:, place] = [cohorts.level(int(time), at - round(one * DAY)) for time in times]
    if (value == value[0]).all() and (orders == orders[0]).all():
        times, value, orders = times[:1], value[:1], orders[:1]
    return TotalLevels(times, days, value, orders)


class Cohorts:
    """What contacts brought and what was expected of them, by the time of the question."""

    def __init__(self, contact: NDArray[np.int32], cutoff: NDArray[np.int64], actual: Vector, expected: Vector) -> None:
        """Keep the closed frames of one horizon; shape (n,) each."""
        self._contact, self._cutoff, self._actual, self._expected = contact, cutoff, actual, expected

    def level(self, asked_at: Microseconds, latest: Microseconds) -> float:
        """Return the log of the ratio that is to be expected.

        Args:
            asked_at: the time of a question.
            latest: the last time at which a cohort could be closed.
        """
        year = YEAR_DAYS * DAY
        recent = self._ratio(latest)
        season = self._ratio(min(asked_at - year, latest))
        if season is None:
            return 0.0 if recent is None else _surely(*recent)
        before = self._ratio(latest - year)
        drift = 0.0 if recent is None or before is None else _surely(recent[0] - before[0], recent[1] + before[1])
        return float(np.clip(_surely(*season) + drift, -FURTHEST, FURTHEST))

    def _ratio(self, at: Microseconds) -> tuple[float, float] | None:
        """Return the log of actual over expected of the cohorts near an instant, with its variance; None: none is."""
        near = np.abs(self._cutoff - at) <= PERIOD_DAYS * DAY // 2 + DAY
        actual, expected = self._actual[near], self._expected[near]
        if not near.any() or actual.sum() <= 0 or expected.sum() <= 0:
            return None
        # The delta method: each contact's part in the log of the ratio; those of one contact belong together.
        parts = actual / actual.sum() - expected / expected.sum()
        _, group = np.unique(self._contact[near], return_inverse=True)
        variance = float((np.bincount(group, weights=parts) ** 2).sum())
        return float(np.log(actual.sum() / expected.sum())), variance


def _surely(log_ratio: float, variance: float) -> float:
    """Draw a log ratio towards 0 by as much as chance explains of it.

    >>> _surely(0.5, 0.05), _surely(0.1, 0.05)
    (0.4, 0.0)
    """
    if log_ratio == 0:
        return 0.0
    share = max(0.0, 1.0 - variance / log_ratio**2)
    return float(np.clip(share * log_ratio, -FURTHEST, FURTHEST))
