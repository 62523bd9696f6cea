"""What a run is to learn: the columns that it may learn from, and their rows with labels and splits.

Left out are columns that give the calendar away, and leaks: columns that know the answer because they were filled in,
or changed, with it or after it.
"""

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.contracts.defaults import FILLED_AUC
from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.errors import InsufficientData
from shared.evaluation.metrics import auc
from shared.features import ColumnRead, FeatureSet, Inputs, Kind, Learned, LeftOut, learn, matrix
from shared.learners.simple import Columns, Matrix, Vector, log_odds, single_column_margins
from shared.ties import rounded
from shared.timeline import Pasts
from shared.timeline.pasts import AttributeColumn, Frames, entry_at
from shared.training.material import Material, Split, contact_folds
from shared.values.words import speaks_of_the_outcome

GIVES_THE_DATE_AWAY = "looks back further than the data goes for the earliest dates asked about: it would tell the date"
ORDERS_THE_ROWS = "tells in which order the rows came; later ones lie outside all that it has seen"
FOLLOWS_THE_CALENDAR = "rises or falls with time itself, so that what it taught would not hold later"
LEAST_DATED = 20
"""Contacts with a dated value without which it is not judged when a column was filled in."""
FOLLOWS_AUC = 0.90
"""From here on an attribute of a flat table mostly gives away when its row came."""

Evidence = Literal["alone", "strong", "name", "after"]
ALONE_AUC = 0.95
"""From here on a column's value nearly knows the answer by itself: what is known before rarely reaches it."""
STRONG_AUC = 0.80
"""From here on somebody has to say whether it is known before the outcome; until then it is learned from."""
NAMED_AUC = 0.65
"""The same for a column whose name speaks of what happens with the outcome."""
SAMPLE_ROWS = 5_000
CALENDAR_AUC = 0.70
"""From here on a column that looks far back mostly measures how old the data is."""
ENOUGH_TO_CHOOSE = 100
"""Positive contacts among the judged rows below which folds of contacts choose."""
HORIZONS_TO_CHOOSE = 2
"""Horizons that the judged rows must span for time to choose."""
STRATUM_PULL = 10.0
"""Imagined rows at the overall rate with which the base rate of a stratum starts."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A suspect column."""

    name: str
    auc: float
    by_missingness: bool
    """Whether being filled in at all, not the value, gives the answer away."""
    evidence: Evidence = "alone"

    def __str__(self) -> str:
        """Say what was found."""
        what = "being filled in" if self.by_missingness else "its value"
        found = f"{self.name}: {what} alone predicts the outcome with an AUC of {self.auc:.2f}"
        return found + {
            "alone": "",
            "strong": ", which is rare for what is known before",
            "name": ", and its name speaks of something that happens with the outcome",
            "after": ", and it was mostly filled in or changed after the outcome",
        }.get(self.evidence, "")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns of a run, and what it does without."""

    feature_set: FeatureSet
    values: Matrix
    """Of the material's frames, shape (n, p)."""
    left_out: tuple[LeftOut, ...]
    suspects: tuple[Leak, ...]
    """Left out until somebody says that they are known before the outcome."""
    questioned: tuple[Leak, ...]
    """Kept, for nothing speaks against them but that they are strong; somebody should say so all the same."""
    suspected: FeatureSet
    """The columns of the suspects."""
    suspected_values: Matrix
    """Of the material's frames, shape (n, number of suspected columns)."""
    columns: tuple[ColumnRead, ...] = ()
    """What each attribute was read as."""


def outcome_features(
    outcome: Outcome,
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
) -> Learned:
    """Learn the feature set of one outcome: everything the past can feed, but what would give the outcome away.

    Args:
        outcome: its attribute, if it is one, is never a feature.
        pasts: the contacts that are trained on.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        allowed: attributes used although they are personal, not dated or suspicious.
        forbidden: attributes that are never features.

    Returns:
        The feature set, and the attributes left out with the reason.
    """
    own = {outcome.attribute, *forbidden} if outcome.attribute else set(forbidden)
    return learn(pasts, contact, cutoff, excluded=own, allowed=allowed, dated_only=outcome.attribute is None)


def chosen_columns(
    stuff: Material,
    learned: Learned,
    allowed: Collection[str],
    *,
    ageless: Collection[Kind] = (),
) -> Chosen:
    """Compute the matrix and take out the columns that would not hold later.

    Args:
        stuff: frames with labels and splits.
        learned: what the data can feed.
        allowed: attributes used although they look like a leak.
        ageless: kinds of features that are used although they give the date away: what they measure is the question.

    Raises:
        InsufficientData: nothing is left that distinguishes contacts.
    """
    values = matrix(learned.feature_set, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    found = _suspects(stuff, learned.feature_set, values, allowed)
    suspects = [leak for leak in found if leak.evidence != "strong"]
    leaking = {leak.name for leak in suspects}
    times = stuff.times
    calendar = np.full(values.shape[1], 0.5) if times is None else calendar_auc(values, times)
    features = learned.feature_set.features
    dated = [
        LeftOut(
            feature.name,
            ORDERS_THE_ROWS if mine else FOLLOWS_THE_CALENDAR,
            f"--allow {shlex.quote(feature.attribute or '')}",
        )
        for feature, area in zip(features, calendar, strict=True)
        if stuff.flat
        and feature.attribute not in allowed
        and ((mine := stuff.order is not None and feature.attribute == stuff.order.attribute) or area >= FOLLOWS_AUC)
    ]
    unfit = {left.name for left in dated}
    aging = [
        i
        for i, feature in enumerate(features)
        if feature.reach_days > 90 and calendar[i] >= CALENDAR_AUC and feature.kind not in ageless
    ]
    kept = [
        i
        for i, feature in enumerate(features)
        if i not in set(aging) and feature.attribute not in leaking and feature.name not in unfit
    ]
    if not kept:
        raise InsufficientData(
            f"Outcome {stuff.outcome.name}: no attribute and no event tells contacts apart"
            + (f" once the suspicious ones are left out ({', '.join(sorted(leaking))})" if leaking else "")
            + ". Import what else is known of the contacts"
            + (", or allow (--allow COLUMN) what was known before the outcome." if leaking else " and what they did.")
        )
    left_out = (
        *learned.left_out,
        *dated,
        *(LeftOut(features[i].name, GIVES_THE_DATE_AWAY, "more past data") for i in aging),
    )
    suspected = [i for i, feature in enumerate(features) if feature.attribute in leaking]
    return Chosen(
        learned.feature_set.take(kept),
        values[:, kept],
        left_out,
        tuple(suspects),
        tuple(leak for leak in found if leak.evidence == "strong"),
        learned.feature_set.take(suspected),
        values[:, suspected],
        learned.columns,
    )


def inputs_of(stuff: Material, chosen: Chosen) -> Inputs:
    """Learn what the inputs of a version look like: its columns, and which attributes there were at all."""
    return Inputs.of(
        chosen.feature_set, chosen.values, stuff.frames.label, stuff.frames.contact, known=stuff.pasts.attributes
    )


def _suspects(stuff: Material, feature_set: FeatureSet, values: Matrix, allowed: Collection[str]) -> list[Leak]:
    """Find the attributes that nearly know the answer; event features are honest by construction."""
    attributes = [i for i, feature in enumerate(feature_set.features) if feature.part == "fit"]
    categorical = set(feature_set.categorical)

    def margins_of(position: int) -> Vector:
        column = attributes[position]
        return single_column_margins(
            values[:, column], stuff.frames.label, stuff.splits, is_categorical=column in categorical
        )

    names = [feature_set.features[column].attribute or "" for column in attributes]
    found = leaks(values[:, attributes], stuff.frames.label, names, margins_of, later=_later(stuff, names))
    return [leak for leak in found if leak.name not in allowed]


def leaks(
    matrix: NDArray[np.float64],
    labels: Vector,
    names: Sequence[str],
    margins_of: Callable[[int], Vector],
    *,
    later: Collection[str] = (),
) -> list[Leak]:
    """Name every column about which somebody has to say whether it is known before the outcome.

    Args:
        matrix: shape (n, p).
        labels: shape (n,).
        names: of the columns.
        margins_of: gives a column's out-of-fold margins, shape (n,); NaN where a row is not judged.
        later: columns that were mostly filled in or changed after the outcome.
    """
    found = []
    for column, name in enumerate(names):
        missing = np.isnan(matrix[:, column])
        by_missingness = 0.5
        if 0 < missing.mean() < 1:
            by_missingness = auc(labels, missing.astype(np.float64))
            by_missingness = max(by_missingness, 1 - by_missingness)
        margins = margins_of(column)
        judged = ~np.isnan(margins)
        by_value = auc(labels[judged], margins[judged])
        by_value, by_missingness = (float(area) for area in rounded([by_value, by_missingness]))
        area = float(np.nanmax([by_value, by_missingness]))
        alone = bool(by_value >= ALONE_AUC or by_missingness >= FILLED_AUC)
        evidence = _evidence(area, name, is_alone=alone, is_later=name in later)
        if evidence is not None:
            found.append(Leak(name, area, not by_value > by_missingness, evidence))
    return found


def _evidence(area: float, name: str, *, is_alone: bool, is_later: bool) -> Evidence | None:
    if is_alone:
        return "alone"
    if is_later:
        return "after"
    if area >= NAMED_AUC and speaks_of_the_outcome(name):
        return "name"
    return "strong" if area >= STRONG_AUC else None


def calendar_auc(values: NDArray[np.float64], cutoff: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """Measure for each column how well it separates the last third of the frames from the first third.

    A past that was not recorded yet looks like a past in which nothing happened; windows longer than the data
    behind the early frames therefore grow with the calendar, and what is learned from them does not hold later.

    Args:
        values: matrix, shape (n, p).
        cutoff: microseconds, shape (n,).
        seed: of the sample.

    Returns:
        AUC of early against late by the column's numbers, folded to 0.5..1, shape (p,); 0.5 where the frames are
        of one moment or the column has no numbers.
    """
    early_end, late_start = np.quantile(cutoff, (1 / 3, 2 / 3))
    result = np.full(values.shape[1], 0.5)
    if early_end >= late_start:
        return result
    generator = np.random.default_rng(seed)
    early = generator.permutation(np.flatnonzero(cutoff <= early_end))[:SAMPLE_ROWS]
    late = generator.permutation(np.flatnonzero(cutoff >= late_start))[:SAMPLE_ROWS]
    rows = np.concatenate([early, late])
    is_late = np.concatenate([np.zeros(len(early)), np.ones(len(late))])
    for column in range(values.shape[1]):
        numbers = values[rows, column]
        present = ~np.isnan(numbers)
        area = auc(is_late[present], numbers[present]) if present.any() else float("nan")
        if np.isfinite(area):
            result[column] = max(area, 1 - area)
    return result


def _later(stuff: Material, names: Collection[str]) -> set[str]:
    """Find the attributes of a flat table that most of those who reached the outcome got, or changed, after it."""
    outcome = stuff.pasts.attributes.get(stuff.outcome.attribute or "")
    if not stuff.flat or outcome is None:
        return set()
    reached = stuff.frames.take(np.flatnonzero(stuff.frames.label == 1))
    at, dated = _valid_from(outcome, reached)
    found = set()
    for name in names:
        since, known = _valid_from(stuff.pasts.attributes[name], reached)
        both = dated & known
        if both.sum() >= LEAST_DATED and np.mean(since[both] > at[both]) > 0.5:
            found.add(name)
    return found


def _valid_from(stored: AttributeColumn, frames: Frames) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return since when each frame's value holds, and whether that is stated; both of shape (n,)."""
    entry = entry_at(stored, frames.contact, frames.cutoff)
    held = np.maximum(entry, 0)
    return stored.valid_from[held], (entry >= 0) & stored.dated[held]


@dataclass(frozen=True)
class Problem:
    """What is to be learned: rows, their labels, whose they are, and how they may be split."""

    matrix: Matrix
    labels: Vector
    owner: NDArray[np.int32]
    """Contact of each row."""
    columns: Columns
    splits: tuple[Split, ...]
    """What the figures come from."""
    cutoff: NDArray[np.int64] | None = None
    """None: flat data, the splits are folds."""
    horizon: Microseconds = 0
    known_at: NDArray[np.int64] | None = None
    """When each row's label was known; None: one horizon after its cutoff."""
    strata: NDArray[np.intp] | None = None
    """Rows whose base rates differ by nature, such as the periods of a hazard: each candidate starts from the base
    rate of a row's stratum, as seen in training; None: there is one."""
    recency: float = 1.5
    """How many times the block before it a block counts when rounds and candidates are chosen: what is served learns
    from more data than any block did and answers about what comes next, so that the last block is the most like it."""

    @property
    def chained(self) -> bool:
        """Return whether the splits follow each other in time."""
        return self.cutoff is not None

    @property
    def judged(self) -> NDArray[np.intp]:
        """List the rows that figures come from: where time allows, the first block only chooses."""
        return np.sort(np.concatenate([split.test for split in self.counted]))

    @property
    def counted(self) -> tuple[Split, ...]:
        """List the splits that figures come from."""
        return self.splits[1:] if self.chained and len(self.splits) > 2 else self.splits

    @cached_property
    def choosing(self) -> tuple[Split, ...]:
        """Return on which splits candidates and rounds are chosen.

        The judged rows themselves, by blocks. Where they span less than two horizons, or fewer than 100 contacts
        among them are positive, a choice would be chance made on models that saw a third of the data: then folds
        of contacts over all closed frames choose, and time still judges.
        """
        if self.cutoff is None or self._can_choose(self.cutoff[self.judged]):
            return self.splits
        return tuple(contact_folds(self.owner, self.labels))

    def _can_choose(self, judged_at: NDArray[np.int64]) -> bool:
        positives = self.owner[self.judged][self.labels[self.judged] == 1]
        spans = judged_at.max() - judged_at.min() >= HORIZONS_TO_CHOOSE * self.horizon
        return bool(spans) and len(np.unique(positives)) >= ENOUGH_TO_CHOOSE

    @property
    def chosen_by_folds(self) -> bool:
        """Return whether folds of contacts chose, because time left too little."""
        return self.choosing is not self.splits

    def weights_of(self, splits: tuple[Split, ...]) -> list[float]:
        """Weigh splits that choose by their rows and, in a chain of blocks, by how recent they are."""
        steps = range(len(splits)) if self.chained and splits is self.splits else [0] * len(splits)
        return [len(split.test) * self.recency**step for step, split in zip(steps, splits, strict=True)]

    @cached_property
    def row_weights(self) -> Vector:
        """Weigh each row by how recent its block is when candidates are chosen, shape (n,); 0 where nobody judged."""
        return np.ones(len(self.labels)) if self.chosen_by_folds else self.recent

    @cached_property
    def recent(self) -> Vector:
        """Weigh each judged row by how recent its block is, shape (n,); 0 where nobody judged, 1 in folds."""
        weight = np.zeros(len(self.labels))
        for step, split in enumerate(self.splits):
            weight[split.test] = self.recency**step if self.chained else 1.0
        return weight

    @property
    def choosing_rows(self) -> NDArray[np.intp]:
        """List the rows on which candidates are chosen for what is served."""
        return np.arange(len(self.labels)) if self.chosen_by_folds else self.judged

    def judged_before(self, position: int) -> NDArray[np.intp]:
        """List the rows on which the blocks before a split were judged, or the other folds, split by split."""
        others = [split.test for place, split in enumerate(self.splits) if place != position]
        rows = others[:position] if self.chained else others
        return np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)

    def chosen_before(self, position: int) -> NDArray[np.intp]:
        """List the rows that may choose a candidate for a split: of the blocks before it, or of the other folds."""
        if self.chosen_by_folds:
            return self.known_before(position, np.arange(len(self.labels)))
        return np.sort(self.judged_before(position))

    @property
    def blocks(self) -> list[NDArray[np.intp]]:
        """List the places in `judged` of each counted split's rows."""
        place = np.full(len(self.labels), -1, dtype=np.intp)
        place[self.judged] = np.arange(len(self.judged))
        return [place[split.test] for split in self.counted]

    def seen(self, split: Split, rows: NDArray[np.intp]) -> Matrix:
        """Take rows of the matrix as a split sees them: hidden columns are missing."""
        return hidden(self.matrix[rows], split)

    def base(self, rows: NDArray[np.intp]) -> Vector:
        """Return the log-odds of each stratum as seen in some rows, shape (n_strata,).

        A stratum with few rows is drawn towards the rate of all.
        """
        strata = self.strata_of(rows)
        count = np.bincount(strata, minlength=self.n_strata)
        hits = np.bincount(strata, weights=self.labels[rows], minlength=self.n_strata)
        if self.strata is None:
            return log_odds(hits / count)
        rate = self.labels[rows].mean()
        return log_odds((hits + STRATUM_PULL * rate) / (count + STRATUM_PULL))

    def strata_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the stratum of each row."""
        return np.zeros(len(rows), dtype=np.intp) if self.strata is None else self.strata[rows]

    @cached_property
    def n_strata(self) -> int:
        """Count the strata."""
        return 1 if self.strata is None else int(self.strata.max()) + 1

    def known_before(self, position: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Keep the rows whose labels were known when a split began; flat data has always known them."""
        if self.cutoff is None:
            return rows
        known = self.cutoff[rows] + self.horizon if self.known_at is None else self.known_at[rows]
        closed: NDArray[np.intp] = rows[known <= self.cutoff[self.splits[position].test].min()]
        return closed


def hidden(matrix: Matrix, split: Split) -> Matrix:
    """Make the columns that a split does not see missing; the matrix itself is not changed."""
    if not split.hidden:
        return matrix
    seen = matrix.copy()
    seen[:, list(split.hidden)] = np.nan
    return seen
