"""From a prediction's shares by column to reasons by thing, in a marketer's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import ReasonPart
from shared.features.feature import Feature, FeatureSet, Kind
from shared.features.phrases import EVEN_TREND, JUST_DUE, phrase, readable_value
from shared.ties import in_words, rounded, rounded_one
from shared.values.words import SENT, UNWELCOME

Hoped = Literal["staying", "reaching"]
"""What a contact's own activity is hoped to lead to: that it stays, or that it reaches the outcome."""

_RISING: tuple[Kind, ...] = ("count", "active_days", "value_sum", "distinct", "trend")
"""More of it is livelier; `value_mean` and `value_max` are no livelier."""
_FALLING: tuple[Kind, ...] = ("days_since_last", "gap_mean", "overdue")
MOSTLY = 0.5
"""Share that lacks a value, from which nothing is expected of those who have one."""
_FIXED: dict[Kind, tuple[float, float]] = {"overdue": JUST_DUE, "trend": (-EVEN_TREND, EVEN_TREND)}
"""What is usual, whatever the others do."""


def liveliness(feature: Feature, value: float, usual: tuple[float, float]) -> int:
    """Return 1 for a value that everybody takes for a sign of life, -1 for one of silence, 0 where nothing is expected.

    Args:
        feature: the column.
        value: of a contact; NaN where there is nothing to say.
        usual: from where to where a value is nothing special; NaN where most have none, which then says nothing.

    >>> liveliness(Feature("r", "days_since_last", "days", "r", "order_placed"), 400.0, (20.0, 60.0))
    -1
    """
    if feature.counts_mailings or feature.type in SENT or feature.type in UNWELCOME:
        return 0
    if feature.kind not in (*_RISING, *_FALLING) or isnan(usual[0]):
        return 0
    if isnan(value):
        return -1 if feature.kind in _FALLING else 0
    low, high = _FIXED.get(feature.kind, usual)
    beyond = int(value > high) - int(value < low)
    return beyond if feature.kind in _RISING else -beyond


def usual_values(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return from where to where the middle 40 % of a reference lie, shape (p, 2); NaN where most have no value.

    Args:
        edges: nine inner edges of each feature's deciles, shape (p, 9).
        shares: of the reference in each of the ten bins, then missing, shape (p, 11).
    """
    return np.where(shares[:, -1:] > MOSTLY, np.nan, edges[:, [2, 6]])


def aside(hoped: Hoped, *, raises: bool) -> str:
    """Say that the data has a value so, though nobody expects it.

    Args:
        hoped: what activity is hoped to lead to.
        raises: whether the reason raises the quantity that is explained: the risk, or the chance.
    """
    if hoped == "staying":
        return f" (in your data, beside all else, a sign of {'leaving' if raises else 'staying'})"
    return f" (in your data, beside all else, it {'raises' if raises else 'lowers'} the chance)"


MOST_REASONS = 10
_NOTHING = 1e-9
"""A smaller share is no reason."""
_NEARLY = 1 - 1e-6
"""What is smaller than the last one listed by more than this is not its equal after rounding either."""
Numbers = Sequence[float] | Mapping[int, float]
"""By position."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What everybody expects of behaviour, where the direction is known."""

    hoped: Hoped
    usual: NDArray[np.float64]
    """From where to where each column is nothing special, shape (p, 2); NaN where nothing is expected."""


@dataclass(frozen=True)
class Things:
    """Which columns speak of the same thing; made once a model."""

    feature_set: FeatureSet
    place: NDArray[np.intp]
    """Thing of each column, shape (p,)."""
    columns: tuple[tuple[int, ...], ...]
    """Columns of each thing, by name."""
    fit: NDArray[np.intp]
    """Columns of attributes."""
    engagement: NDArray[np.intp]
    """Columns of behaviour."""

    @classmethod
    def of(cls, feature_set: FeatureSet) -> "Things":
        """Group the columns of a feature set."""
        features = feature_set.features
        names = list(dict.fromkeys(feature.thing for feature in features))
        place = [names.index(feature.thing) for feature in features]
        by_name = sorted(range(len(features)), key=lambda at: features[at].name)
        columns = tuple(tuple(at for at in by_name if place[at] == number) for number in range(len(names)))
        is_fit = np.array([feature.part == "fit" for feature in features], dtype=bool)
        return cls(
            feature_set, np.array(place, dtype=np.intp), columns, np.flatnonzero(is_fit), np.flatnonzero(~is_fit)
        )

    def reasons(
        self, values: NDArray[np.float64], shares: NDArray[np.float64], most: int, *, expected: Expected | None = None
    ) -> list[list[ReasonPart]]:
        """Sum the variants of each thing and list the strongest things of each row.

        The strongest come first by their contribution, rounded to nine digits; equal ones by the feature's name.

        Args:
            values: the matrix, shape (n, p).
            shares: of each column, shape (n, p) or wider; what stands behind the columns is not looked at.
            most: reasons a row, at most 10.
            expected: what sounds as if it pushed the other way; None where nobody expects anything.
        """
        n, k, p = len(values), len(self.columns), len(self.place)
        if n == 1:
            return [self._reasons_of_one(values[0].tolist(), shares[0, :p].tolist(), most, expected)]
        cells = (np.arange(n)[:, None] * k + self.place).ravel()
        of_thing = np.bincount(cells, weights=shares[:, :p].ravel(), minlength=n * k).reshape(n, k)
        weight = rounded(np.abs(of_thing))
        most = min(most, MOST_REASONS, k)
        order = np.argsort(-weight, axis=1, kind="stable")
        # A tie may lie across the end of the list: all of it is looked at, and the names say who is listed.
        least = np.take_along_axis(weight, order[:, [most - 1]], axis=1) if most else np.inf
        counts = ((weight >= least) & (weight > _NOTHING)).sum(axis=1)
        return [
            _once(self._listed(first[:count], row, (by_column, totals, weights), expected)[:most])
            for row, by_column, totals, weights, first, count in zip(
                values.tolist(),
                rounded(shares).tolist(),
                of_thing.tolist(),
                weight.tolist(),
                order.tolist(),
                counts.tolist(),
                strict=True,
            )
        ]

    def _reasons_of_one(
        self, row: Sequence[float], shares: Sequence[float], most: int, expected: Expected | None
    ) -> list[ReasonPart]:
        """Do for one row what `reasons` does for many: only what may be listed is rounded."""
        totals = [0.0] * len(self.columns)
        for thing, share in zip(self._thing_of, shares, strict=True):
            totals[thing] += share
        most = min(most, MOST_REASONS, len(totals))
        if not most:
            return []
        sizes = list(map(abs, totals))
        least = max(sorted(sizes, reverse=True)[most - 1], _NOTHING)
        near = {place: rounded_one(size) for place, size in enumerate(sizes) if size >= least * _NEARLY}
        least = rounded_one(least)
        things = [place for place, weight in near.items() if weight >= least and weight > _NOTHING]
        by_column = {column: rounded_one(shares[column]) for place in things for column in self.columns[place]}
        return _once(self._listed(things, row, (by_column, totals, near), expected)[:most])

    @cached_property
    def _thing_of(self) -> list[int]:
        things: list[int] = self.place.tolist()
        return things

    def parts(self, share: NDArray[np.float64]) -> dict[str, float]:
        """Divide one row's shares, shape (p + 1,), between attributes, behaviour and the base."""
        return {
            "fit": float(share[self.fit].sum()),
            "engagement": float(share[self.engagement].sum()),
            "base": float(share[-1]),
        }

    def _listed(
        self,
        things: Sequence[int],
        row: Sequence[float],
        shares: tuple[Numbers, Sequence[float], Numbers],
        expected: Expected | None,
    ) -> list[ReasonPart]:
        by_column, totals, weights = shares
        found = [
            (-weights[thing], self._reason(self.columns[thing], totals[thing], row, by_column, expected))
            for thing in things
        ]
        return [reason for _, reason in sorted(found, key=lambda pair: (pair[0], pair[1].feature))]

    def _reason(
        self,
        columns: tuple[int, ...],
        total: float,
        row: Sequence[float],
        share: Numbers,
        expected: Expected | None,
    ) -> ReasonPart:
        """Speak for a thing through the variant that pushes hardest in its direction and is understood.

        Of equal variants the one first by name speaks. Where every variant that pushes so sounds as if it pushed the
        other way, the text says that the data has it so.
        """
        sign = 1.0 if total > 0 else -1.0
        pushing = sorted(columns, key=lambda column: -sign * share[column])
        plain = (
            column
            for column in pushing
            if sign * share[column] > 0 and not self._sounds_wrong(column, row[column], sign, expected)
        )
        chosen = next(plain, pushing[0])
        feature, value = self.feature_set.features[chosen], in_words(row[chosen])
        text = phrase(feature, value)
        if expected is not None and self._sounds_wrong(chosen, value, sign, expected):
            text += aside(expected.hoped, raises=total > 0)
        return ReasonPart(feature.name, readable_value(feature, value), total, text)

    def _sounds_wrong(self, column: int, value: float, sign: float, expected: Expected | None) -> bool:
        """Whether everybody would take a value for a sign of the opposite: an overdue order as one of staying."""
        if expected is None:
            return False
        hopeful = -sign if expected.hoped == "staying" else sign
        low, high = expected.usual[column].tolist()
        found = liveliness(self.feature_set.features[column], value, (low, high))
        return found * hopeful < 0


def _once(listed: list[ReasonPart]) -> list[ReasonPart]:
    """Say a sentence once: what several columns say in the same words is one reason, with the sum of their shares."""
    if len({part.text for part in listed}) == len(listed):
        return listed
    together: dict[str, ReasonPart] = {}
    for part in listed:
        first = together.get(part.text)
        together[part.text] = (
            part if first is None else first._replace(contribution=first.contribution + part.contribution)
        )
    return sorted(together.values(), key=lambda part: -abs(part.contribution))
