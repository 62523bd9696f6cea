"""Where groups stand beside each other: levels that never contradict the medians which a reader sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.segmentation.features import FREQUENCY, MONEY, RECENCY
from services.segmentation.train.profiles import Profile

CLEAR = 0.5
"""Standard deviations from which a difference is worth a word."""
STRONG = 1.5
"""The same for a stronger word."""
YEAR_DAYS = 365.0
LONG_DAYS = 365.0
"""Since the last event, from which somebody lapsed is long lost."""
LATELY_DAYS = (30.0, 180.0)
"""Who was seen so lately may be called regular, the second only with a rhythm as slow."""
GAPS = 1.5
"""Usual gaps between events after which somebody is not regular any more."""
LEAST_REGULAR = 2.0
"""Events a year without which there is no rhythm."""
MOST_OCCASIONAL = 12.0
"""Events a year from which nobody is called occasional, however often others come."""
LEAST_FREQUENT = (6.0, 9.0)
"""Events a year below which nobody is called frequent, and very frequent."""
TWICE = 2.0
"""How many times the smallest median called high a median is called top."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Words that a group may be given, as levels."""

    lost: bool
    """Seen longer ago than any group that is not lost."""
    lately: bool
    """Seen within what its own rhythm lets expect."""
    often: int
    """-1 little, 0 usual, 1 much, 2 very much; only of those seen lately."""
    spend: int
    size: int


def standings(described: Sequence[Profile]) -> list[Standing]:
    """Compare groups with each other, so that a larger word never stands beside a smaller median.

    Args:
        described: the groups.

    Returns:
        One a group, in order.
    """
    ago = [typical(profile, RECENCY) for profile in described]
    count = [typical(profile, FREQUENCY) for profile in described]
    apart = [
        last
        for profile, last in zip(described, ago, strict=True)
        if profile.difference(RECENCY) >= CLEAR and last >= overall(profile, RECENCY)
    ]
    lost = [last >= min(apart, default=np.inf) for last in ago]
    lately = [not gone and _lately(last, often) for gone, last, often in zip(lost, ago, count, strict=True)]
    active = [at for at, seen in enumerate(lately) if seen]
    levels = _levels([described[at] for at in active], FREQUENCY)
    often = {
        at: min(level, sum(count[at] >= least for least in LEAST_FREQUENT))
        for at, level in zip(active, levels, strict=True)
    }
    spend, size = _levels(described, MONEY), _levels(described, "size")
    return [Standing(lost[at], lately[at], often.get(at, -1), spend[at], size[at]) for at in range(len(described))]


def typical(profile: Profile, thing: str) -> float:
    """Return the median of a thing's longest window, which a reader sees; 0.0 where most have none.

    For recency that is infinity: never is longer ago than ever.
    """
    return _median(profile, thing, of_all=False)


def overall(profile: Profile, thing: str) -> float:
    """Return the same of everybody."""
    return _median(profile, thing, of_all=True)


def _median(profile: Profile, thing: str, *, of_all: bool) -> float:
    found = [trait for trait in profile.traits if trait.feature.thing == thing]
    if not found:
        return 0.0
    longest = max(found, key=lambda trait: trait.feature.window_days or 0)
    value = longest.overall if of_all else longest.typical
    return (np.inf if thing == RECENCY else 0.0) if np.isnan(value) else value


def _lately(last: float, often: float) -> bool:
    if often < LEAST_REGULAR:
        return last <= LATELY_DAYS[0]
    return last <= max(LATELY_DAYS[0], min(LATELY_DAYS[1], GAPS * YEAR_DAYS / often))


def _levels(described: Sequence[Profile], thing: str) -> list[int]:
    """Choose levels by the difference of the means, held back where the medians say otherwise."""
    medians = [typical(profile, thing) for profile in described]
    wished = []
    for profile, median in zip(described, medians, strict=True):
        difference, usual = profile.difference(thing), overall(profile, thing)
        much = (difference >= CLEAR) + (difference >= STRONG) if median > usual else 0
        wished.append(-1 if difference <= -CLEAR and median < usual else much)
    levels = []
    for mine in medians:
        above = min(level for level, median in zip(wished, medians, strict=True) if median >= mine)
        below = max(level for level, median in zip(wished, medians, strict=True) if median <= mine)
        levels.append(max(above, 0) if above > 0 else min(below, 0))
    least = min((median for median, level in zip(medians, levels, strict=True) if level == 1), default=np.inf)
    return [
        2 if level == 1 and median >= TWICE * least else level for level, median in zip(levels, medians, strict=True)
    ]
