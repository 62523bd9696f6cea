"""What describes each group: size, value, what is typical, and how it ranks beside the other groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import EVIDENCE, FREQUENCY, MONEY, RECENCY
from services.segmentation.model import Transform
from shared.features import Feature, FeatureSet, phrase, readable_value
from shared.ties import largest, rounded

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Trait:
    """One feature of a group beside the whole."""

    feature: Feature
    typical: float
    """Median of the members; NaN where most have none."""
    overall: float
    """Median of everybody."""
    difference: float
    """Mean of the members in standard deviations from the mean of everybody."""

    @property
    def text(self) -> str:
        """Say what is typical, in the feature's own phrase; of a category, which one is had more often."""
        text_of_value = phrase(self.feature, self.typical)
        if not self.feature.is_categorical or not self.difference:
            return text_of_value
        return f"{text_of_value} {'more' if self.difference > 0 else 'less'} often than elsewhere"

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {
            "feature": self.feature.name,
            "text": self.text,
            "typical": readable_value(self.feature, self.typical),
            "overall": readable_value(self.feature, self.overall),
            "difference": round(self.difference, 3),
        }


@dataclass(frozen=True, slots=True)
class Profile:
    """A group as a marketer reads it."""

    size: int
    share: float
    value_per_contact: float | None
    """Mean money a member in the year before; None where events carry no values."""
    value_share: float | None
    """Share of all that money."""
    traits: tuple[Trait, ...]
    """Every feature, in the order of the columns."""

    def difference(self, *things: str) -> float:
        """Average the differences of the features of some things; 0.0 where there are none."""
        found = [trait.difference for trait in self.traits if trait.feature.thing in things]
        return float(rounded(np.mean(found))) if found else 0.0

    @property
    def distinctive(self) -> list[Trait]:
        """List what sets the group apart, the strongest first, one trait a thing."""
        best: dict[str, Trait] = {}
        for trait in sorted(self.traits, key=lambda trait: (-abs(trait.difference), trait.feature.name)):
            best.setdefault(trait.feature.thing, trait)
        return list(best.values())

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {
            "size": self.size,
            "share": round(self.share, 4),
            "value_per_contact": None if self.value_per_contact is None else round(self.value_per_contact, 2),
            "value_share": None if self.value_share is None else round(self.value_share, 4),
            "traits": [trait.to_json() for trait in self.distinctive],
        }


def profiles(feature_set: FeatureSet, transform: Transform, values: Matrix, labels: Labels, *, k: int) -> list[Profile]:
    """Describe groups by their members.

    Args:
        feature_set: the columns.
        transform: how they become places.
        values: the matrix, shape (n, p).
        labels: group of each row, shape (n,).
        k: how many groups.

    Returns:
        One a group, in order.
    """
    places = transform.standardised(values)
    average = places.mean(axis=0)
    overall = _medians(values)
    money = _money(feature_set, values)
    total = 0.0 if money is None else float(money.sum())
    found = []
    for group in range(k):
        mine = labels == group
        # An empty group is nobody's; it is described as if it were average.
        apart = places[mine].mean(axis=0) - average if mine.any() else np.zeros(transform.width)
        typical = _medians(values[mine]) if mine.any() else overall
        found.append(
            Profile(
                size=int(mine.sum()),
                share=float(mine.mean()),
                value_per_contact=None if money is None else float(money[mine].mean()) if mine.any() else 0.0,
                value_share=None if money is None else float(money[mine].sum()) / total if total else 0.0,
                traits=tuple(_traits(feature_set, transform, (typical, overall), apart)),
            )
        )
    return found


def _traits(
    feature_set: FeatureSet, transform: Transform, medians: tuple[Matrix, Matrix], apart: Matrix
) -> Sequence[Trait]:
    typical, overall = medians
    traits = []
    for column, feature in enumerate(feature_set.features):
        at = np.flatnonzero(transform.source == column)
        if feature.thing == EVIDENCE or not len(at):
            continue
        # Of a category the value speaks that members have most beyond all contacts, whatever is most frequent.
        strongest = at[largest(apart[at] if feature.is_categorical else np.abs(apart[at]))]
        shown = transform.unit[strongest] if feature.is_categorical else typical[column]
        traits.append(Trait(feature, float(shown), float(overall[column]), float(rounded(apart[strongest]))))
    return traits


def _medians(values: Matrix) -> Matrix:
    """Take medians with a missing value counted as larger than all: what most members lack is missing."""
    middle: Matrix = np.sort(values, axis=0)[(len(values) - 1) // 2]
    return middle


def _money(feature_set: FeatureSet, values: Matrix) -> Matrix | None:
    for column, feature in enumerate(feature_set.features):
        if feature.thing == MONEY and feature.window_days == 365:
            return np.nan_to_num(values[:, column])
    return None


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
class GroupRank:
    """Words that a group may be given, as levels."""

    lost: bool
    """Seen longer ago than any group that is not lost."""
    lately: bool
    """Seen within what its own rhythm lets expect."""
    often: int
    """-1 little, 0 usual, 1 much, 2 very much; only of those seen lately."""
    spend: int
    size: int


def group_ranks(described: Sequence[Profile]) -> list[GroupRank]:
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
    return [GroupRank(lost[at], lately[at], often.get(at, -1), spend[at], size[at]) for at in range(len(described))]


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
    proposed = []
    for profile, median in zip(described, medians, strict=True):
        difference, usual = profile.difference(thing), overall(profile, thing)
        much = (difference >= CLEAR) + (difference >= STRONG) if median > usual else 0
        proposed.append(-1 if difference <= -CLEAR and median < usual else much)
    levels = []
    for mine in medians:
        above = min(level for level, median in zip(proposed, medians, strict=True) if median >= mine)
        below = max(level for level, median in zip(proposed, medians, strict=True) if median <= mine)
        levels.append(max(above, 0) if above > 0 else min(below, 0))
    least = min((median for median, level in zip(medians, levels, strict=True) if level == 1), default=np.inf)
    return [
        2 if level == 1 and median >= TWICE * least else level for level, median in zip(levels, medians, strict=True)
    ]
