"""Learn features, compete on the hazard, judge the curves, refit on everything: no store, no registry."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.churn.model import ChurnModel, ChurnReference, Periods, cumulative_hazard
from services.churn.model.periods import BOUNDS_DAYS, Matrix, Vector
from services.churn.training.curves import curve_groups, curves, horizon_figures
from services.churn.training.hazard import HazardRows, hazard_rows
from services.churn.training.material import ChurnMaterial, type_counts
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.evaluation.calibration import Calibrator
from shared.features import Inputs, Kind, matrix
from shared.learners.simple import Columns
from shared.learners.trees import TreeShape
from shared.training.competition import (
    CandidateEntry,
    Competition,
    Refitted,
    calibrated,
    compete,
    entered,
    other_rankings,
)
from shared.training.material import SEED, line_notes, order_notes
from shared.training.problem import Chosen, Problem, chosen_columns, inputs_of, outcome_features
from shared.training.report import CHOSEN_BY_FOLDS, Report, report

LEAVES = (7, 15)
LEAST_CONTACTS = 10
"""How many contacts' worth of rows a leaf holds: one contact makes dozens of rows that say much the same."""
RANGE_FRAMES = 5_000
"""Frames of which the range of the answers is taken, beside all that were judged."""
RIDGES = (300.0, 30.0)
"""The strongest first; the weakest is blended with trees."""
VALUED = ("order_placed", "subscription_renewed", "subscription_started", "deal_won")
"""Types whose values are what a contact is worth, the first one that the account has with values."""


@dataclass(frozen=True, slots=True)
class ChurnFit:
    """A fitted model with the evidence behind it."""

    model: ChurnModel
    report: Report
    graded: Competition
    """On the closed frames at the graded horizon."""
    problem: Problem
    """Those frames."""
    curve: dict[str, Any]
    """Predicted and seen curves of four groups; empty for flat data."""
    served: CandidateEntry
    """The candidate that serves, on the rows of the hazard; for flat data the winner of `graded`."""
    rows: HazardRows | None
    """None for flat data."""


def fitted(
    material: ChurnMaterial,
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
    now: Microseconds,
    progress: Progress = silent,
) -> ChurnFit:
    """Fit one churn outcome.

    Args:
        material: the frames.
        allowed: attributes used although they are personal, not dated, or look like a leak.
        forbidden: attributes that are never features of this run.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.

    Raises:
        InsufficientData: no feature distinguishes anything, or there is too short a time.
    """
    progress("computing features", 0.0)
    frames = material.closed.frames
    learned = outcome_features(
        material.outcome, material.pasts, frames.contact, frames.cutoff, allowed=allowed, forbidden=forbidden
    )
    tenure: tuple[Kind, ...] = ("known_days",) if material.wanted.contractual else ()
    chosen = chosen_columns(material.closed, learned, allowed, ageless=tenure)
    run = _flat if material.waits is None else _in_time
    return run(material, chosen, now, progress)


def _in_time(material: ChurnMaterial, chosen: Chosen, now: Microseconds, progress: Progress) -> ChurnFit:
    assert material.waits is not None  # noqa: S101 - flat data has a way of its own
    waits = material.waits
    inputs = inputs_of(material.closed, chosen)
    values = inputs.filled(matrix(chosen.feature_set, material.pasts, waits.contact, waits.cutoff))
    rows = hazard_rows(material, chosen.feature_set, waits, values)
    entries = entered(
        rows.problem,
        shapes=_shapes(rows.problem),
        ridges=RIDGES,
        progress=lambda text, part: progress(text, 0.15 + 0.6 * part),
        blended=True,
    )
    progress("comparing curves", 0.78)
    found = curves(material, rows, entries)
    progress("fitting on all frames", 0.82)
    refitted = found.served.refit()
    importance = _padded(refitted.learner.importance(), len(rows.problem.columns))[: len(chosen.feature_set)]
    progress("judging", 0.88)
    full_report = report(
        found.problem,
        found.graded,
        importance=importance,
        leaks=chosen.suspects,
        questioned=chosen.questioned,
        left_out=chosen.left_out,
        columns=chosen.columns,
        competed_on=rows.problem,
        other_rankings=other_rankings(found.problem, chosen, _suspected(material, chosen, rows)),
    )
    full_report = replace(
        full_report,
        data={**full_report.data, **_hazard_data(material, rows)},
        figures={**full_report.figures, **horizon_figures(material, rows, found)},
        notes=[*_of_the_hazard(full_report.notes, rows.problem, found.problem), *_notes(material, rows)],
    )
    risk = -np.expm1(-found.winner) if material.wanted.contractual else np.exp(-found.winner)
    reference = ChurnReference.of(found.winner, risk, rows.values[found.frames])
    served = _served(rows.problem, found.served, refitted, reference, inputs.weighed(importance))
    time = {"periods": rows.periods, "seasonal": rows.seasonal, "value_types": _value_types(material)}
    model = _model(material, chosen, served, grade=full_report.grade, now=now, **time)
    model = replace(model, curves=_curve_range(model, rows, found.winner))
    groups = curve_groups(rows, found, rows.periods)
    return ChurnFit(model, full_report, found.graded, found.problem, groups, found.served, rows)


def _flat(material: ChurnMaterial, chosen: Chosen, now: Microseconds, progress: Progress) -> ChurnFit:
    frames = material.closed.frames
    inputs = inputs_of(material.closed, chosen)
    problem = Problem(
        matrix=inputs.filled(chosen.values),
        labels=frames.label,
        owner=frames.contact,
        columns=Columns(chosen.feature_set.names, chosen.feature_set.categorical),
        splits=material.closed.splits,
        cutoff=material.closed.times,
    )
    competed = compete(problem, progress=lambda text, part: progress(text, 0.15 + 0.6 * part))
    progress("fitting on all frames", 0.8)
    refitted = competed.winner.refit()
    progress("judging", 0.88)
    importance = _padded(refitted.learner.importance(), len(problem.columns))
    full_report = report(
        problem,
        competed,
        importance=importance,
        leaks=chosen.suspects,
        questioned=chosen.questioned,
        left_out=chosen.left_out,
        columns=chosen.columns,
        notes=order_notes(material.closed),
        other_rankings=other_rankings(problem, chosen, chosen.suspected_values),
    )
    hazard = cumulative_hazard(competed.winner.margin[competed.judged][:, None])
    reference = ChurnReference.of(hazard, -np.expm1(-hazard), chosen.values[competed.judged])
    served = _served(problem, competed.winner, refitted, reference, inputs.weighed(importance))
    model = _model(material, chosen, served, grade=full_report.grade, now=now, periods=Periods((1.0,)), seasonal=False)
    return ChurnFit(model, full_report, competed, problem, {}, competed.winner, None)


def _suspected(material: ChurnMaterial, chosen: Chosen, rows: HazardRows) -> Matrix:
    """Compute the suspected columns of the closed frames that are left after sampling."""
    closed = rows.waits.take(rows.waits.closed(material.outcome.horizon_days * DAY))
    return matrix(chosen.suspected, material.pasts, closed.contact, closed.cutoff)


def _shapes(problem: Problem) -> list[TreeShape]:
    rows_a_contact = len(problem.labels) / len(np.unique(problem.owner))
    return [TreeShape(leaves=leaves, min_rows=round(LEAST_CONTACTS * rows_a_contact)) for leaves in LEAVES]


@dataclass(frozen=True, slots=True)
class _Served:
    """The parts of a version that were fitted."""

    refitted: Refitted
    calibrator: Calibrator
    reference: ChurnReference
    inputs: Inputs
    bounds: tuple[float, float]


def _served(
    problem: Problem, entry: CandidateEntry, refitted: Refitted, reference: ChurnReference, inputs: Inputs
) -> _Served:
    """Calibrate on the hazard's own rows, never per horizon (one curve stays one curve), and bound the answers."""
    held_out = entry.raw[problem.judged]
    calibrator = calibrated(problem, entry.raw, problem.judged) if entry.calibrates else Calibrator()
    own = refitted.base[problem.strata_of(np.arange(len(problem.labels)))] + refitted.learner.margins(problem.matrix)
    answers = calibrator.margins(np.concatenate([held_out, own]))
    return _Served(refitted, calibrator, reference, inputs, (float(answers.min()), float(answers.max())))


def _model(
    material: ChurnMaterial, chosen: Chosen, served: _Served, *, grade: Grade, now: Microseconds, **time: Any
) -> ChurnModel:
    return ChurnModel(
        outcome=material.outcome.name,
        kind=served.refitted.learner.kind,
        grade=grade,
        horizon_days=None if material.waits is None else material.outcome.horizon_days,
        trained_at=instant_of(now),
        episode=material.wanted,
        feature_set=chosen.feature_set,
        learner=served.refitted.learner,
        calibrator=served.calibrator,
        base=served.refitted.base,
        reference=served.reference,
        band_lifts=material.outcome.band_lifts,
        inputs=served.inputs,
        bounds=served.bounds,
        flag=material.outcome.flag,
        **time,
    )


def _curve_range(model: ChurnModel, rows: HazardRows, held_out: Matrix) -> Matrix:
    """Return the smallest and largest cumulative hazard at the end of each period, shape (2, n_periods).

    Args:
        model: without a range yet.
        rows: the frames that it learned from; a sample of them answers.
        held_out: cumulative hazards of the judged frames, shape (n, n_periods).
    """
    some = np.random.default_rng(SEED).permutation(len(rows.waits))[:RANGE_FRAMES]
    answers = np.concatenate([held_out, model.hazard(rows.values[some], rows.waits.cutoff[some])])
    return np.stack([answers.min(axis=0), answers.max(axis=0)])


def _value_types(material: ChurnMaterial) -> tuple[str, ...]:
    """Choose whose values a contact is worth: those of the activity waited for, else of the first type with any."""
    valued = {name for name, (_, count) in type_counts(material.pasts).items() if count}
    own = () if material.wanted.contractual else tuple(name for name in material.wanted.waited_for if name in valued)
    return own or tuple(name for name in VALUED if name in valued)[:1]


def _hazard_data(material: ChurnMaterial, rows: HazardRows) -> dict[str, Any]:
    return {
        "waits_for": " or ".join(material.wanted.waited_for),
        "contractual": material.wanted.contractual,
        "hazard_rows": len(rows.frame),
        "curve_days": rows.periods.last_day,
        "looks_at_season": rows.seasonal,
    }


def _notes(material: ChurnMaterial, rows: HazardRows) -> list[str]:
    notes = line_notes(material.pasts)
    if rows.periods.last_day < BOUNDS_DAYS[-1]:
        notes.append(
            f"The data follows 40 contacts or more for {rows.periods.last_day:g} days; nothing is answered beyond."
        )
    if rows.thinned_from > len(rows.waits):
        drawn = f"{len(rows.waits):,} of {rows.thinned_from:,} cases (a contact at a date)"
        notes.append(f"{drawn} were drawn at random to learn from.")
    if material.wanted.begun_by:
        notes.append(f"A contact is at risk from {' or '.join(material.wanted.begun_by)} on, again after a return.")
    return notes


def _of_the_hazard(notes: Sequence[str], problem: Problem, graded: Problem) -> list[str]:
    """Say that folds chose only where neither the graded horizon nor the rows of the hazard had enough to choose."""
    kept = [note for note in notes if note != CHOSEN_BY_FOLDS]
    return [*kept, CHOSEN_BY_FOLDS] if graded.chosen_by_folds and problem.chosen_by_folds else kept


def _padded(importance: Vector, width: int) -> Vector:
    return np.pad(importance, (0, width - len(importance)))
