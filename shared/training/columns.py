"""Which columns a run learns from.

Left out are columns that give the calendar away, and leaks: columns that know the answer because they were filled in,
or changed, with it or after it.
"""

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.contracts.defaults import FILLED_AUC
from shared.contracts.outcome import Outcome
from shared.errors import InsufficientData
from shared.evaluation.metrics import auc
from shared.features import ColumnRead, FeatureSet, Inputs, Kind, Learned, LeftOut, learn, matrix
from shared.learners.simple import Columns, Matrix, Vector, single_column_margins
from shared.ties import rounded
from shared.timeline import Pasts
from shared.timeline.pasts import AttributeColumn, Frames, entry_at
from shared.training.candidates import Problem, trees_entry
from shared.training.competition import SHAPES
from shared.training.material import Material
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
            + (f" once the suspicious ones are left out ({', '.join(sorted(leaking))})." if leaking else ".")
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


def other_rankings(problem: Problem, chosen: Chosen, suspected_values: Matrix) -> dict[str, float]:
    """Measure what an answer would change: the held-out AUC of small trees, by the name of the figure.

    Args:
        problem: without the suspects.
        chosen: its columns, what is suspected of them and what was left out.
        suspected_values: of the suspects, in the rows of the problem, shape (n, number of suspected columns).
    """
    found = {}
    if chosen.suspects:
        found["auc_with_suspects"] = _auc_with(problem, chosen, suspected_values)
    questioned = {leak.name for leak in chosen.questioned}
    kept = [place for place, one in enumerate(chosen.feature_set.features) if one.attribute not in questioned]
    if questioned and kept:
        found["auc_without_questioned"] = _auc_of(problem, kept)
    return found


def _auc_with(problem: Problem, chosen: Chosen, values: Matrix) -> float:
    width = len(problem.columns)
    columns = Columns(
        (*problem.columns.names, *chosen.suspected.names),
        (*problem.columns.categorical, *(width + column for column in chosen.suspected.categorical)),
    )
    return _auc(replace(problem, matrix=np.hstack([problem.matrix, values]), columns=columns))


def _auc_of(problem: Problem, kept: Sequence[int]) -> float:
    columns = Columns(
        tuple(problem.columns.names[place] for place in kept),
        tuple(new for new, place in enumerate(kept) if place in problem.columns.categorical),
    )
    return _auc(replace(problem, matrix=problem.matrix[:, list(kept)], columns=columns))


def _auc(problem: Problem) -> float:
    entry = trees_entry(problem, SHAPES[0])
    return auc(problem.labels[problem.judged], entry.margin[problem.judged])
