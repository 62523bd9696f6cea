"""Scoring's frames for a data scientist, and a model trained on them elsewhere, judged on what was kept back."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.scoring.fit import ONE_MOMENT_GRADE, ScoringFit
from services.scoring.model import ScoringModel
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.errors import FileRefused, InsufficientData
from shared.evaluation.calibration import Calibrator, Reference, calibrate
from shared.evaluation.metrics import losses
from shared.features import FeatureSet, Inputs, matrix
from shared.learners.simple import Columns, Vector, chance
from shared.learners.trees import Trees
from shared.timeline import NEVER
from shared.timeline.pasts import Frames
from shared.training.competition import (
    CandidateEntry,
    Competition,
    Refitted,
    constant_margins,
    logistic_entry,
    rule_entry,
)
from shared.training.frames_folder import LearnableFrames, Manifest
from shared.training.material import (
    Material,
    Split,
    contact_folds,
    digest_of_data,
    forward_chain,
    order_notes,
    require_enough,
    splits_in_time,
    stratified,
)
from shared.training.problem import Problem, chosen_columns, inputs_of, outcome_features
from shared.training.report import report

Rows = NDArray[np.intp]
EVERY = 5
"""One contact in so many is kept back where no time divides the frames."""
LEAST_HELD_BACK = 20
"""Contacts of each kind that must be among what is kept back, or nothing could be said of a model."""
RIDGE = 30.0
"""Of the logistic regression that an adopted model is compared with."""


@dataclass(frozen=True, slots=True)
class Divided:
    """Frames that may be learned from elsewhere, and those that are kept back; between both lies one horizon."""

    learnable: Rows
    held_back: Rows
    since: Microseconds | None
    """None: contacts divide them, not time."""


def divided(stuff: Material) -> Divided:
    """Divide frames for an export: the last test period of a training is kept back; without times, every fifth contact.

    Args:
        stuff: the frames as of now.

    Raises:
        InsufficientData: too few contacts of either kind are kept back.
    """
    times = stuff.times
    return divided_at(stuff, None if times is None else int(times[stuff.splits[-1].test].min()))


def divided_at(stuff: Material, since: Microseconds | None) -> Divided:
    """Divide frames as they were divided before, whatever has come since.

    Args:
        stuff: the frames as of now.
        since: from when frames are kept back; None: those of every fifth contact are.

    Raises:
        InsufficientData: too few contacts of either kind are kept back.
    """
    times = stuff.times
    if since is None or times is None:
        held = _dealt(stuff) if since is None else np.zeros(len(stuff.frames), dtype=bool)
        found = Divided(np.flatnonzero(~held), np.flatnonzero(held), since)
    else:
        learnable = times < since if stuff.flat else times + stuff.outcome.horizon_days * DAY <= since
        found = Divided(np.flatnonzero(learnable), np.flatnonzero((times >= since) & (times < NEVER)), since)
    _require_judges(stuff, stuff.frames.take(found.held_back))
    return found


def _dealt(stuff: Material) -> NDArray[np.bool_]:
    """Choose contacts by a hash of their id: the same ones at every later time."""
    chosen = np.array(
        [
            hashlib.sha256(f"{stuff.outcome.name}\n{name}".encode()).digest()[0] % EVERY == 0
            for name in stuff.pasts.contact_ids
        ],
        dtype=bool,
    )
    return chosen[stuff.frames.contact]


def _require_judges(stuff: Material, held: Frames) -> None:
    counts = [len(np.unique(held.contact[held.label == label])) for label in (1.0, 0.0)]
    if min(counts) < LEAST_HELD_BACK:
        raise InsufficientData(
            f"Outcome {stuff.outcome.name}: of the frames that would be kept back to judge a model, {counts[0]} "
            f"contacts reached it and {counts[1]} did not; {LEAST_HELD_BACK} of each are needed. Import more data, or "
            "wait until more of it is closed.",
            with_outcome=counts[0],
            without_outcome=counts[1],
        )


def learnable_frames(
    stuff: Material, *, allowed: Collection[str] = (), forbidden: Collection[str] = ()
) -> LearnableFrames:
    """Compute what may leave: features are chosen, and missing values filled, as if nothing later existed.

    Args:
        stuff: the frames.
        allowed: attributes used although they are personal, not dated, or look like a leak.
        forbidden: attributes that are never features.

    Raises:
        InsufficientData: too little is left to learn from, or is kept back.
    """
    parts = divided(stuff)
    earlier = _earlier(stuff, parts.learnable)
    frames = earlier.frames
    learned = outcome_features(
        stuff.outcome, stuff.pasts, frames.contact, frames.cutoff, allowed=allowed, forbidden=forbidden
    )
    chosen = chosen_columns(earlier, learned, allowed)
    inputs = inputs_of(earlier, chosen)
    filled = inputs.filled(chosen.values)
    fold = np.zeros(len(frames), dtype=np.int64)
    for number, split in enumerate(earlier.splits, 1):
        fold[split.test] = number
    return LearnableFrames(
        contact=frames.contact,
        cutoff=frames.cutoff,
        label=frames.label,
        fold=fold,
        matrix=filled,
        feature_set=chosen.feature_set,
        inputs=inputs,
        held_back_since=parts.since,
        held_back=len(parts.held_back),
        outcome=stuff.outcome,
        horizon_days=None if stuff.flat else stuff.outcome.horizon_days,
        data_digest=digest_of_data(filled, frames.label, frames.cutoff),
    )


def _earlier(stuff: Material, rows: Rows) -> Material:
    """Keep some frames, with splits of their own."""
    frames = stuff.frames.take(rows)
    require_enough(stuff.outcome, frames, stuff.pasts)
    order = None if stuff.order is None else replace(stuff.order, at=stuff.order.at[rows])
    splits: tuple[Split, ...]
    if stuff.one_moment:
        splits = tuple(contact_folds(frames.contact, frames.label))
    elif not stuff.flat:
        splits = splits_in_time(stuff.outcome, frames, stuff.pasts)
    elif order is not None:
        splits = tuple(forward_chain(order.at, horizon=1))
    else:
        splits = tuple(stratified(frames.label))
    return replace(stuff, frames=frames, splits=splits, order=order)


def adopted(
    stuff: Material, manifest: Manifest, text: str, *, forbidden: Collection[str] = (), now: Microseconds
) -> ScoringFit:
    """Judge and calibrate a model that was trained elsewhere, on frames that its training cannot have seen.

    Args:
        stuff: the frames as of now.
        manifest: of the export that it was trained on.
        text: of the model, checked.
        forbidden: attributes that are never features, by what is answered now.
        now: becomes `trained_at`.

    Raises:
        InsufficientData: too little was kept back.
        FileRefused: it looks at an attribute that has been forbidden since the export.
        ArtifactRefused: the frames were exported by another feature engine.
    """
    parts = divided_at(stuff, manifest.held_back_since)
    feature_set, inputs = FeatureSet.from_json(manifest.feature_set), Inputs.from_json(manifest.inputs)
    _require_allowed(feature_set, forbidden)
    values = matrix(feature_set, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    problem = Problem(
        matrix=inputs.filled(values),
        labels=stuff.frames.label,
        owner=stuff.frames.contact,
        columns=Columns(feature_set.names, feature_set.categorical),
        splits=(Split(parts.learnable, parts.held_back),),
        cutoff=None if parts.since is None else stuff.times,
        horizon=0 if stuff.flat else stuff.outcome.horizon_days * DAY,
    )
    trees = Trees(text)
    entry, calibrator = _entered(problem, trees)
    rivals = (rule_entry(problem), logistic_entry(problem, RIDGE))
    competition = Competition(
        entry, (*rivals, entry), problem.judged, constant_margins(problem), _only(problem, entry.margin)
    )
    rows = competition.judged
    importance = trees.importance()
    answers = calibrator.margins(trees.margins(problem.matrix))
    found = report(
        problem,
        competition,
        importance=importance,
        notes=order_notes(stuff),
        how_judged=[_how_judged(manifest, rows)],
        most=ONE_MOMENT_GRADE if stuff.one_moment else "A",
    )
    model = ScoringModel(
        outcome=stuff.outcome.name,
        kind=trees.kind,
        grade=found.grade,
        horizon_days=manifest.horizon_days,
        trained_at=instant_of(now),
        reached_by=stuff.reached_by,
        flag=stuff.outcome.flag,
        feature_set=feature_set,
        learner=trees,
        calibrator=calibrator,
        reference=Reference.of(entry.margin[rows], values[rows]),
        inputs=inputs.weighed(importance),
        bounds=(float(answers.min()), float(answers.max())),
    )
    return ScoringFit(model, found, problem, competition)


def _require_allowed(feature_set: FeatureSet, forbidden: Collection[str]) -> None:
    found = sorted({one.attribute for one in feature_set.features if one.attribute is not None} & {*forbidden})
    if found:
        raise FileRefused(
            f"The frames hold {found[0]}, which has been forbidden since they were exported: no training uses it. "
            "Export the frames again, and train on those."
        )


def _entered(problem: Problem, trees: Trees) -> tuple[CandidateEntry, Calibrator]:
    """Enter the model; the calibration of each contact's frames is learned from those of the others."""
    rows = problem.judged
    labels, margins = problem.labels[rows], trees.margins(problem.matrix[rows])
    crossed = np.empty(len(rows))
    for split in contact_folds(problem.owner[rows], labels):
        known = calibrate(labels[split.train], margins[split.train])
        crossed[split.test] = known.margins(margins[split.test])
    helps = bool(losses(labels, chance(crossed)).mean() < losses(labels, chance(margins)).mean())
    raw, margin = np.full((2, len(problem.labels)), np.nan)
    raw[rows], margin[rows] = margins, crossed if helps else margins
    label = f"LightGBM model trained elsewhere, {trees.booster.num_trees():,} trees"
    loss = losses(problem.labels, chance(margin))
    entry = CandidateEntry(trees.kind, label, margin, raw, loss, helps, (), lambda: Refitted(trees, np.zeros(1)))
    return entry, calibrate(labels, margins) if helps else Calibrator()


def _only(problem: Problem, margin: Vector) -> Vector:
    nested = np.full(len(problem.labels), np.nan)
    nested[problem.judged] = margin[problem.judged]
    return nested


def _how_judged(manifest: Manifest, rows: Rows) -> str:
    since = manifest.held_back_since
    which = "of every fifth contact" if since is None else f"since {instant_of(since).date().isoformat()}"
    return (
        f"It was trained elsewhere on {manifest.frames:,} exported frames of {manifest.contacts:,} contacts. The "
        f"{len(rows):,} frames {which} were kept back from that export: they judge it, and they calibrate it, those of "
        "each contact by the others' alone."
    )
