"""What a model was taught its inputs look like, and what of a contact it therefore cannot understand."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import fsum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import INPUT_CODES, MOST_INPUT_NAMES, UNDERSTOOD, InputQuality
from shared.contracts.rows import Microseconds
from shared.features.engine import matrix, truncated
from shared.features.feature import FeatureSet
from shared.features.scalar import scalar_plan
from shared.timeline.contact_pasts import ContactPasts
from shared.timeline.pasts import Pasts, entry_at
from shared.values.words import is_missing

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
LEAST_MISSING = 10
"""Contacts with and without the outcome that must lack a value, and as many that must have one, before that it is
missing is learned from."""
SLACK = 0.1
"""Share of the range seen in training by which a number may lie outside it without a word."""
MOST_MISSING = 0.5
"""Share of the model's weight that may be missing and still give an answer."""
DRIFTED = 0.2
"""Share of the model's weight in inputs outside all that was seen, from which on the answer is about another world."""
USUALLY_RARE = 0.01
"""Share of the training with a category too rare to be named, from which on one more such is no drift."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one version as its training saw them; all vectors have shape (p,)."""

    fill: Vector
    """What stands in for a missing value; NaN: that it is missing was learned from."""
    low: Vector
    """Smallest number seen in training; NaN for what is no number."""
    high: Vector
    weight: Vector
    """Share of the model's importance; sums to 1, or to 0 for a model that looks at nothing."""
    other: Vector
    """Share of the training that had a category too rare to be named; 0 for numbers."""
    known: tuple[str, ...]
    """Every attribute that the training saw, those it left out too."""

    @classmethod
    def of(
        cls,
        feature_set: FeatureSet,
        values: Matrix,
        labels: Vector,
        owner: NDArray[np.integer],
        *,
        known: Collection[str],
    ) -> "Inputs":
        """Learn what the inputs look like; the weights are added once the model is fitted.

        Eleven empty cells among seven thousand say nothing, but trees would learn whatever those eleven did. Where
        too few contacts lack a value, its middle stands in for it.

        Args:
            feature_set: of the columns.
            values: the training matrix, shape (n, p).
            labels: 0.0 or 1.0, shape (n,).
            owner: contact of each row, shape (n,).
            known: names of all attributes that the training saw.
        """
        p = values.shape[1]
        fill, low, high, other = np.full(p, np.nan), np.full(p, np.nan), np.full(p, np.nan), np.zeros(p)
        for column, feature in enumerate(feature_set.features):
            numbers = values[:, column]
            missing = np.isnan(numbers)
            present = numbers[~missing]
            if not len(present):
                continue
            if not _is_taught(missing, labels, owner):
                fill[column] = _middle(present, is_category=feature.is_categorical or feature.kind == "boolean")
            if feature.kind in ("numeric", "date"):
                low[column], high[column] = present.min(), present.max()
            elif feature.is_categorical:
                other[column] = float(np.mean(present == len(feature.categories)))
        return cls(fill, low, high, np.zeros(p), other, tuple(sorted(known)))

    @classmethod
    def without_ranges(cls, feature_set: FeatureSet) -> "Inputs":
        """Return what a feature set alone says: which values are missing, do not read, or are of no known category."""
        none = np.full(len(feature_set), np.nan)
        zeros = np.zeros(len(feature_set))
        return cls(none, none, none, zeros, zeros, ())

    def weighed(self, importance: Vector) -> "Inputs":
        """Add how much of the model each column is, any unit, shape (p,)."""
        total = float(importance.sum())
        weight = importance / total if total > 0 else np.zeros(len(self.fill))
        return replace(self, weight=weight)

    @cached_property
    def _stands_in(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.fill)

    def filled(self, values: Matrix) -> Matrix:
        """Put in what stands in for missing values; the matrix itself is not changed."""
        return np.where(np.isnan(values) & self._stands_in, self.fill, values)

    def qualities(
        self, feature_set: FeatureSet, pasts: Pasts, cutoffs: NDArray[np.int64], values: Matrix
    ) -> list[InputQuality]:
        """Name what a model does not understand of each contact.

        Args:
            feature_set: of the columns.
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            values: the matrix as the engine gave it, shape (len(pasts), p).
        """
        found: list[InputQuality] = [UNDERSTOOD] * len(values)
        watched = feature_set.attribute_columns
        if not watched:
            return found
        columns = [column for column, _, _ in watched]
        mine = values[:, columns]
        low, high = np.array([self._limits[column] for column in columns]).T
        unseen = mine == np.array([code for _, _, code in watched])
        has_events = (np.diff(pasts.offsets) > 0).tolist()
        holds = _filled_in(pasts, cutoffs)
        for row in np.flatnonzero((np.isnan(mine) | (mine < low) | (mine > high) | unseen).any(axis=1)).tolist():
            found[row] = self._quality(watched, values[row].tolist(), holds(row), has_events=has_events[row])
        return found

    def qualities_of(
        self, feature_set: FeatureSet, pasts: ContactPasts, cutoffs: Sequence[int], values: Matrix
    ) -> list[InputQuality]:
        """Name what a model does not understand of each of a call's contacts, the quicker way for their number.

        Args:
            feature_set: of the columns.
            pasts: one row a contact.
            cutoffs: microseconds, one a contact.
            values: the matrix as `values_of` gave it, shape (len(pasts), p).
        """
        watched = feature_set.attribute_columns
        if not watched:
            return [UNDERSTOOD] * len(values)
        if not pasts.are_few:
            return self.qualities(feature_set, pasts.columns, np.asarray(cutoffs, dtype=np.int64), values)
        found = []
        for past, cutoff, row in zip(pasts.one_by_one, cutoffs, values.tolist(), strict=True):
            held = past.attributes_at(int(cutoff))
            found.append(self._quality(watched, row, _holds(held), has_events=bool(past.at)))
        return found

    @cached_property
    def _limits(self) -> list[tuple[float, float]]:
        """Return from where to where each column's numbers are nothing strange; NaN for what is no number."""
        reach = SLACK * (self.high - self.low)
        return list(zip((self.low - reach).tolist(), (self.high + reach).tolist(), strict=True))

    def _quality(
        self,
        watched: Sequence[tuple[int, str, float]],
        row: Sequence[float],
        holds: Callable[[str], bool],
        *,
        has_events: bool,
    ) -> InputQuality:
        """Look at one contact's columns.

        Args:
            watched: columns that look at an attribute, with the code of a name not listed.
            row: the contact's values of all columns.
            holds: whether the contact has an attribute, filled in.
            has_events: whether it has any event.
        """
        names: dict[str, list[str]] = {}
        missing: list[int] = []
        strange: list[int] = []
        limits = self._limits
        for column, attribute, unlisted in watched:
            value = row[column]
            low, high = limits[column]
            if value != value:
                missing.append(column)
                code = "unreadable_values" if holds(attribute) else "missing_attributes"
            elif value == unlisted:
                code = "unseen_categories"
                # A rare category is as strange as those that the training had plenty of.
                if self.other[column] < USUALLY_RARE:
                    strange.append(column)
            elif value < low or value > high:
                code = "out_of_range"
                strange.append(column)
            else:
                continue
            names.setdefault(code, []).append(attribute)
        if not names:
            return UNDERSTOOD
        nothing = len(missing) == len(watched) and not has_events
        drifted = ["drifted_inputs"] if self._weight_of(strange) >= DRIFTED else []
        untaught = self._weight_of([column for column in missing if self._stands_in[column]])
        suffices = not nothing and untaught <= MOST_MISSING
        return _named(names, drifted, self._weight_of(missing), suffices=suffices)

    def _weight_of(self, columns: Sequence[int]) -> float:
        weights = self._weights
        return fsum([weights[column] for column in columns])

    @cached_property
    def _weights(self) -> list[float]:
        listed: list[float] = self.weight.tolist()
        return listed

    def nothing(self, attributes: Sequence[str | None]) -> InputQuality:
        """Name everything as missing, for a contact without any attribute that the model looks at, and any event.

        Args:
            attributes: of each column; None: it looks at none.
        """
        columns = [column for column, name in enumerate(attributes) if name]
        names = [name for name in attributes if name]
        return _named({"missing_attributes": names}, [], float(self.weight[columns].sum()), suffices=False)

    def to_json(self) -> dict[str, Any]:
        """Write as plain values; NaN as None."""
        return {
            **{name: [None if np.isnan(x) else x for x in getattr(self, name).tolist()] for name in _VECTORS},
            "known": list(self.known),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Inputs":
        """Read what `to_json` wrote."""
        zeros = [0.0] * len(fields["fill"])  # `other` came later than the rest
        vectors = {
            name: np.array([np.nan if x is None else float(x) for x in fields.get(name, zeros)]) for name in _VECTORS
        }
        return cls(**vectors, known=tuple(fields["known"]))


def inputs_of(model: object) -> Inputs | None:
    """Return what a model's training saw; None for models that do not keep it."""
    return getattr(model, "inputs", None)


def _named(
    names: Mapping[str, Collection[str]], more: Collection[str], missing: float, *, suffices: bool
) -> InputQuality:
    listed = {code: tuple(sorted(names[code])[:MOST_INPUT_NAMES]) for code in INPUT_CODES if names.get(code)}
    further = sum(max(0, len(found) - MOST_INPUT_NAMES) for found in names.values())
    return InputQuality((*listed, *more), listed, round(missing, 4), suffices, further)


_VECTORS = ("fill", "low", "high", "weight", "other")


def _is_taught(missing: NDArray[np.bool_], labels: Vector, owner: NDArray[np.integer]) -> bool:
    """Whether enough contacts of both kinds lack a value, and enough have one, to learn from that it is missing."""
    return all(
        len(np.unique(owner[lacking & (labels == label)])) >= LEAST_MISSING
        for lacking in (missing, ~missing)
        for label in (0.0, 1.0)
    )


def _middle(present: Vector, *, is_category: bool) -> float:
    if not is_category:
        return float(np.median(present))
    codes, counts = np.unique(present, return_counts=True)
    return float(codes[np.argmax(counts)])


def _holds(attributes: Mapping[str, Any]) -> Callable[[str], bool]:
    return lambda name: not is_missing(attributes.get(name))


def _filled_in(pasts: Pasts, cutoffs: NDArray[np.int64]) -> Callable[[int], Callable[[str], bool]]:
    """Look up which attributes a row has at its cutoff, each attribute at most once for all rows."""
    contact = np.arange(len(pasts), dtype=np.int32)
    entries: dict[str, list[int]] = {}

    def holds(row: int, attribute: str) -> bool:
        stored = pasts.attributes.get(attribute)
        if stored is None:
            return False
        if attribute not in entries:
            entries[attribute] = entry_at(stored, contact, cutoffs).tolist()
        entry = entries[attribute][row]
        return entry >= 0 and not is_missing(stored.value[entry])

    return lambda row: lambda attribute: holds(row, attribute)


def values_of(feature_set: FeatureSet, pasts: ContactPasts, cutoffs: Sequence[Microseconds]) -> Matrix:
    """Compute the features of a call's contacts, the quicker way for their number.

    Args:
        feature_set: which columns.
        pasts: one row a contact.
        cutoffs: microseconds, one a contact.

    Returns:
        Shape (len(pasts), len(feature_set)); NaN where there is nothing to say.
    """
    plan = scalar_plan(feature_set.plan)
    if pasts.are_few and plan.covers_all:
        rows = [plan.row(past, int(cutoff)) for past, cutoff in zip(pasts.one_by_one, cutoffs, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(feature_set))
    contact = np.arange(len(pasts), dtype=np.int32)
    return matrix(feature_set, pasts.columns, contact, np.asarray(cutoffs, dtype=np.int64))


def truncated_of(pasts: ContactPasts, cutoffs: Sequence[Microseconds]) -> list[bool]:
    """Return which contacts have more events before the cutoff than any feature looks at."""
    if pasts.are_few:
        return [past.lookback(int(cutoff))[0] > 0 for past, cutoff in zip(pasts.one_by_one, cutoffs, strict=True)]
    contact = np.arange(len(pasts), dtype=np.int32)
    found: list[bool] = truncated(pasts.columns, contact, np.asarray(cutoffs, dtype=np.int64)).tolist()
    return found


class Observed(NamedTuple):
    """What a model sees of contacts, one entry each."""

    values: Matrix
    """Of the feature set, shape (n, p)."""
    truncated: Sequence[bool]
    inputs: Sequence[InputQuality]


def observed(
    feature_set: FeatureSet, inputs: Inputs | None, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64]
) -> Observed:
    """Compute what a model sees: of a call's contacts the quicker way for their number, of columns by the engine.

    Args:
        feature_set: of the model.
        inputs: as its training saw them; None: nothing is said of them.
        pasts: one row a contact.
        cutoffs: microseconds, shape (n,).
    """
    understood: Sequence[InputQuality] = [UNDERSTOOD] * len(pasts)
    if isinstance(pasts, ContactPasts):
        at = cutoffs.tolist()
        values = values_of(feature_set, pasts, at)
        if inputs is not None:
            understood = inputs.qualities_of(feature_set, pasts, at, values)
        return Observed(values, truncated_of(pasts, at), understood)
    contact = np.arange(len(pasts), dtype=np.int32)
    values = matrix(feature_set, pasts, contact, cutoffs)
    if inputs is not None:
        understood = inputs.qualities(feature_set, pasts, cutoffs, values)
    return Observed(values, truncated(pasts, contact, cutoffs).tolist(), understood)
