"""Which columns a run learns from: those that tell the calendar or give the outcome away are named and left out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.errors import InsufficientData
from shared.evaluation.leaks import CALENDAR_AUC, Leak, calendar_auc, leaks
from shared.evaluation.metrics import auc
from shared.features import ColumnRead, FeatureSet, Inputs, Kind, Learned, LeftOut, matrix
from shared.features.engine import entry_at
from shared.learners.simple import Columns, Matrix, Vector, single_column_margins
from shared.timeline.pasts import AttributeColumn, Frames
from shared.timeline.splits import SEED
from shared.training.candidates import Problem, trees_entry
from shared.training.competition import SHAPES
from shared.training.material import Material

TELLS_THE_CALENDAR = "looks back further than the data goes for the earliest dates asked about: it would tell the date"
ORDERS_THE_ROWS = "tells in which order the rows came; later ones lie outside all that it has seen"
FOLLOWS_THE_CALENDAR = "rises or falls with time itself, so that what it taught would not hold later"
LEAST_DATED = 20
"""Contacts with a dated value without which nothing is said of when a column was filled in."""
FOLLOWS_AUC = 0.90
"""From here on an attribute of a flat table mostly tells when its row came."""


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
        ageless: kinds of features that are used although they tell the calendar: what they measure is the question.

    Raises:
        InsufficientData: nothing is left that tells contacts apart.
    """
    values = matrix(learned.feature_set, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    found = _suspects(stuff, learned.feature_set, values, allowed)
    suspects = [leak for leak in found if leak.evidence != "strong"]
    leaking = {leak.name for leak in suspects}
    times = stuff.times
    calendar = np.full(values.shape[1], 0.5) if times is None else calendar_auc(values, times)
    features = learned.feature_set.features
    dated = [
        LeftOut(feature.name, ORDERS_THE_ROWS if mine else FOLLOWS_THE_CALENDAR, f"--allow {feature.attribute}")
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
        *(LeftOut(features[i].name, TELLS_THE_CALENDAR, "more past data") for i in aging),
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
    """Return since when each frame's value holds, and whether anybody said so; both of shape (n,)."""
    entry = entry_at(stored, frames.contact, frames.cutoff)
    held = np.maximum(entry, 0)
    return stored.valid_from[held], (entry >= 0) & stored.dated[held]


def other_rankings(problem: Problem, chosen: Chosen, suspected_values: Matrix, *, seed: int = SEED) -> dict[str, float]:
    """Measure what an answer would change: the held-out AUC of small trees, by the name of the figure.

    Args:
        problem: without the suspects.
        chosen: its columns, what is suspected of them and what was left out.
        suspected_values: of the suspects, in the rows of the problem, shape (n, number of suspected columns).
        seed: of the trees' samples.
    """
    found = {}
    if chosen.suspects:
        found["auc_with_suspects"] = _auc_with(problem, chosen, suspected_values, seed)
    questioned = {leak.name for leak in chosen.questioned}
    kept = [place for place, one in enumerate(chosen.feature_set.features) if one.attribute not in questioned]
    if questioned and kept:
        found["auc_without_questioned"] = _auc_of(problem, kept, seed)
    return found


def _auc_with(problem: Problem, chosen: Chosen, values: Matrix, seed: int) -> float:
    width = len(problem.columns)
    columns = Columns(
        (*problem.columns.names, *chosen.suspected.names),
        (*problem.columns.categorical, *(width + column for column in chosen.suspected.categorical)),
    )
    return _auc(replace(problem, matrix=np.hstack([problem.matrix, values]), columns=columns), seed)


def _auc_of(problem: Problem, kept: Sequence[int], seed: int) -> float:
    columns = Columns(
        tuple(problem.columns.names[place] for place in kept),
        tuple(new for new, place in enumerate(kept) if place in problem.columns.categorical),
    )
    return _auc(replace(problem, matrix=problem.matrix[:, list(kept)], columns=columns), seed)


def _auc(problem: Problem, seed: int) -> float:
    entry = trees_entry(problem, SHAPES[0], seed)
    return auc(problem.labels[problem.judged], entry.margin[problem.judged])
