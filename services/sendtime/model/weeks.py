"""What the hours of a week are worth for an average contact, and for each group of look-alikes. Pure."""

from dataclasses import dataclass

import numpy as np

from services.sendtime.model.activity import Activity
from services.sendtime.model.local_week import DAYS, Matrix, Vector, by_hour
from services.sendtime.model.slot_choice import ENOUGH_SENDS
from services.sendtime.model.timing import Timing
from shared.learners.simple import chance
from shared.ties import falling


@dataclass(frozen=True, slots=True)
class GroupWeeks:
    """Groups of look-alikes, the largest first."""

    share: Vector
    """Of the contacts that were learned from, shape (k,)."""
    values: Matrix
    """As `week_values`, shape (k, 168)."""


def week_values(activity: Activity, timing: Timing | None) -> Vector:
    """Return what an hour of the local week is worth for an average contact, shape (168,).

    Args:
        activity: of the population.
        timing: of the engagement; None: the shares of the activity are returned.

    Returns:
        Chances of an answer, NaN at hours that were never tried; or shares.
    """
    if timing is None:
        return activity.population
    return _tried(timing, chance(timing.population_margins()))


def group_weeks(activity: Activity, timing: Timing | None) -> GroupWeeks:
    """Return the same of each group of look-alikes; where there is but one group, of none."""
    share = activity.group_share if timing is None else timing.response.group_share
    if len(share) < 2:
        return GroupWeeks(np.empty(0), np.empty((0, len(activity.population))))
    order = falling(share)
    values = activity.group_weeks() if timing is None else _tried(timing, chance(timing.group_margins()))
    return GroupWeeks(share[order], values[order])


def _tried(timing: Timing, values: Matrix) -> Matrix:
    tried = np.tile(by_hour(timing.response.sent) >= ENOUGH_SENDS, DAYS)
    return np.where(tried, values, np.nan)
