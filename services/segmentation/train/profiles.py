"""What is told of each group: how many, what they are worth, what is typical, what sets them apart from the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import EVIDENCE, MONEY
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
        told = phrase(self.feature, self.typical)
        if not self.feature.is_categorical or not self.difference:
            return told
        return f"{told} {'more' if self.difference > 0 else 'less'} often than elsewhere"

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
    def telling(self) -> list[Trait]:
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
            "traits": [trait.to_json() for trait in self.telling],
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
        # An empty group is nobody's; it is told of as if it were average.
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
