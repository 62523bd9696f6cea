"""From features to groups: places where a distance means the same everywhere, and groups among them. Pure numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.features import Feature, FeatureSet
from shared.ties import falling

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

FARTHEST = 3.0
"""Standard deviations beyond which nothing is farther: one enormous order moves nobody elsewhere."""
MONTH_DAYS = 30.0
NEVER_DAYS = 730.0
"""What never happened lies as far back as anyone looks."""
TRUSTED_EVENTS = 5.0
"""How many imagined average events a share is drawn by: one order on a Sunday makes no weekend buyer."""
LOG, PLAIN, SHARE, IS = range(4)
_SHARES = frozenset({"weekend_share", "hour_share"})
_DAYS = frozenset({"days_since_last", "days_since_first", "gap_mean"})
_AMOUNTS = frozenset({"value_sum", "value_mean", "value_max"})


@dataclass(frozen=True, slots=True)
class Transform:
    """How each feature becomes one or, for a category, several places; all arrays of shape (q,) but `evidence`."""

    source: NDArray[np.intp]
    """Column of the matrix."""
    kind: NDArray[np.intp]
    """LOG: sign(x) log(1 + |x| / unit). PLAIN: x. SHARE: x, drawn to the centre by few events. IS: x = unit."""
    unit: Vector
    missing: Vector
    """What a missing value counts as."""
    centre: Vector
    scale: Vector
    weight: Vector
    evidence: int
    """Column of the matrix with the number of events behind a share; -1: there is none."""

    @property
    def width(self) -> int:
        """Count the places."""
        return len(self.source)

    def apply(self, values: Matrix) -> Matrix:
        """Place frames.

        Args:
            values: the matrix, shape (n, p).

        Returns:
            Weighted standard deviations from the average contact, shape (n, q); never NaN, never farther than 3.
        """
        return self.standardised(values) * self.weight

    def standardised(self, values: Matrix) -> Matrix:
        """Place frames without the weights: reference standard deviations from the average, shape (n, q)."""
        raw = self._numbers(values)
        with np.errstate(over="ignore"):  # what is too far to be a number lies farthest
            placed: Matrix = np.clip((raw - self.centre) / self.scale, -FARTHEST, FARTHEST)
        shares = self.kind == SHARE
        if self.evidence >= 0 and shares.any():
            seen = np.nan_to_num(values[:, self.evidence])
            placed[:, shares] *= (seen / (seen + TRUSTED_EVENTS))[:, None]
        return placed

    def _numbers(self, values: Matrix) -> Matrix:
        raw: Matrix = values[:, self.source]
        raw = np.where(np.isnan(raw), self.missing, raw)
        logs = self.kind == LOG
        if logs.any():
            raw[:, logs] = np.sign(raw[:, logs]) * np.log1p(np.abs(raw[:, logs]) / self.unit[logs])
        tests = self.kind == IS
        if tests.any():
            raw[:, tests] = raw[:, tests] == self.unit[tests]
        return raw

    @classmethod
    def fit(cls, feature_set: FeatureSet, values: Matrix, *, weights: Sequence[float], evidence: int) -> Self:
        """Learn units, centres and scales; the outermost hundredth on either side has no say.

        Args:
            feature_set: the columns.
            values: the matrix of the reference, shape (n, p).
            weights: how much each column counts; one of weight 0 gets no place.
            evidence: column with the number of events behind a share; -1: there is none.
        """
        rows = [
            row
            for column, feature in enumerate(feature_set.features)
            if weights[column] > 0
            for row in _rows(
                feature, column, weights[column], values[:, column], values[:, _unit_column(feature_set, column)]
            )
        ]
        source, kind, unit, missing, weight = (np.array(column) for column in zip(*rows, strict=True))
        start = cls(
            source.astype(np.intp),
            kind.astype(np.intp),
            unit.astype(np.float64),
            missing.astype(np.float64),
            np.zeros(len(rows)),
            np.ones(len(rows)),
            weight.astype(np.float64),
            evidence,
        )
        raw = start._numbers(values)
        low, high = np.quantile(raw, (0.01, 0.99), axis=0)
        # What fewer than a hundredth have would vanish between the two quantiles.
        calm = np.where(high > low, np.clip(raw, low, high), raw)
        scale = calm.std(axis=0)
        return replace(start, centre=calm.mean(axis=0), scale=np.where(scale > 1e-9, scale, 1.0))

    def to_arrays(self) -> dict[str, Any]:
        """List the arrays by name; `from_arrays` takes them back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Take back what `to_arrays` gave."""
        return cls(**{**arrays, "evidence": int(arrays["evidence"])})

    def columns_of(self, feature_set: FeatureSet) -> Sequence[Feature]:
        """Name the feature behind each place."""
        return [feature_set.features[column] for column in self.source]


def _unit_column(feature_set: FeatureSet, column: int) -> int:
    """Find whose typical value is the unit of a feature: a sum is measured in typical single values."""
    mine = feature_set.features[column]
    if mine.kind == "value_sum":
        for other, feature in enumerate(feature_set.features):
            if feature.kind == "value_mean" and feature.type == mine.type:
                return other
    return column


def _rows(
    feature: Feature, column: int, weight: float, values: Vector, units: Vector
) -> list[tuple[int, int, float, float, float]]:
    """Choose source, kind, unit, missing value and weight of the places of a feature."""
    if feature.is_categorical:
        # Two categories lie as far apart as two places of weight 1/sqrt(2) at right angles.
        codes = range(len(feature.categories))
        return [(column, IS, float(code), -1.0, weight / np.sqrt(2)) for code in codes]
    if feature.kind in _DAYS:
        return [(column, LOG, MONTH_DAYS, NEVER_DAYS, weight)]
    if feature.kind in _AMOUNTS:
        return [(column, LOG, _typical(units[units > 0], 1.0), 0.0, weight)]
    if feature.kind == "numeric":
        return [(column, LOG, _typical(np.abs(units[units != 0]), 1.0), _typical(values, 0.0), weight)]
    if feature.kind == "date":
        return [(column, LOG, MONTH_DAYS, _typical(values, 0.0), weight)]
    if feature.kind in _SHARES:
        return [(column, SHARE, 1.0, _typical(values, 0.0), weight)]
    if feature.kind in ("rate", "boolean"):
        seen = values[~np.isnan(values)]
        return [(column, PLAIN, 1.0, float(seen.mean()) if len(seen) else 0.0, weight)]
    return [(column, LOG, 1.0, 0.0, weight)]


def _typical(values: Vector, otherwise: float) -> float:
    seen = values[~np.isnan(values)]
    return float(np.median(seen)) if len(seen) else otherwise


@dataclass(frozen=True)
class Grouping:
    """k groups among places of q columns.

    Each group is a Gaussian of the same spread in every direction, all equally likely before a contact is looked
    at: then the surest group is the one with the nearest centre, which is what k-means finds.
    Source: Celeux and Govaert (1992), A classification EM algorithm, section 3.
    """

    centres: Matrix
    """(k, q) weighted standard deviations."""
    spread: float
    """Variance inside a group, a column."""

    def __len__(self) -> int:
        """Count the groups."""
        return len(self.centres)

    @classmethod
    def of(cls, places: Matrix, labels: NDArray[np.intp], centres: Matrix) -> Self:
        """Measure the spread of given groups.

        Args:
            places: shape (n, q).
            labels: group of each, shape (n,).
            centres: shape (k, q).
        """
        within = float(np.square(places - centres[labels]).mean())
        return cls(centres, max(within, 1e-3))

    def with_centres(self, centres: Matrix) -> Self:
        """Keep the spread among other columns, shape (k, q): one in which all centres agree changes no answer."""
        return replace(self, centres=centres)

    @cached_property
    def _halves(self) -> NDArray[np.float64]:
        return np.asarray((self.centres**2).sum(axis=1) / 2)

    def margins(self, places: Matrix) -> Matrix:
        """Return the log-odds of each group against an arbitrary common one, shape (n, k).

        >>> Grouping(np.array([[0.0], [2.0]]), 1.0).margins(np.array([[1.0]])).tolist()
        [[0.0, 0.0]]
        """
        margins: Matrix = (places @ self.centres.T - self._halves) / self.spread
        return margins

    def nearest(self, places: Matrix) -> NDArray[np.intp]:
        """Return the group of each place, shape (n,); of equally sure ones the first."""
        return np.asarray(self.surest(places)[:, 0])

    def surest(self, places: Matrix) -> NDArray[np.intp]:
        """Order the groups of each place, the surest first, equally sure ones in their order, shape (n, k)."""
        return falling(self.margins(places))

    def membership(self, places: Matrix) -> Matrix:
        """Return how surely each place belongs to each group, shape (n, k); rows sum to 1.

        >>> Grouping(np.array([[0.0], [2.0]]), 1.0).membership(np.array([[1.0]])).tolist()
        [[0.5, 0.5]]
        """
        margins = self.margins(places)
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        sure: Matrix = odds / odds.sum(axis=1, keepdims=True)
        return sure

    def contributions(self, places: Matrix, first: NDArray[np.intp], second: NDArray[np.intp]) -> Matrix:
        """Share the log-odds of one group against another among the columns; rows sum to them exactly.

        Args:
            places: shape (n, q).
            first: group of each row, shape (n,).
            second: the other group, shape (n,).

        Returns:
            Shape (n, q): ((x - b)^2 - (x - a)^2) / (2 spread) a column, a and b the centres of first and second.

        >>> two = Grouping(np.array([[0.0, 0.0], [2.0, 1.0]]), 1.0)
        >>> two.contributions(np.array([[0.5, 1.0]]), np.array([0]), np.array([1])).tolist()
        [[1.0, -0.5]]
        """
        a, b = self.centres[first], self.centres[second]
        shares: Matrix = (b - a) * ((a + b) / 2 - places) / self.spread
        return shares
