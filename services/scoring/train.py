"""The door of training: from an account and an outcome to a version in the registry, and its report."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.scoring.features import scoring_features
from services.scoring.model import ScoringModel
from shared.contracts.instants import instant_of
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY, Microseconds
from shared.evaluation.calibration import Calibrator
from shared.evaluation.gate import Verdict
from shared.evaluation.reference import Reference
from shared.features import matrix
from shared.learners.columns import Columns, Vector, chance
from shared.settings import Settings
from shared.store import Database, VersionRow
from shared.training.candidates import calibrated
from shared.training.card import card
from shared.training.choices import Choices, Progress, silent
from shared.training.columns import chosen_columns, inputs_of
from shared.training.competition import Competition, compete
from shared.training.gating import NO_NEWER_FRAMES, Newer, compared
from shared.training.material import Material, material, order_notes
from shared.training.plots import plots
from shared.training.problem import Problem
from shared.training.publish import Fitted, Published, SettingsRegistry, digest_of_data, publish
from shared.training.report import Report, report
from shared.training.suspects import other_rankings

CAPABILITY = "scoring"
ONE_MOMENT_GRADE: Grade = "C"
"""The most that is given where only contacts of the same day could judge."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model with the evidence behind it."""

    model: ScoringModel
    report: Report
    problem: Problem
    competition: Competition


def train(
    database: Database,
    settings: Settings,
    account: str,
    outcome_name: str,
    *,
    choices: Choices | None = None,
    now: Microseconds,
    progress: Progress = silent,
) -> Published:
    """Train one outcome of one account, register the version, and promote it when the gate lets it through.

    Args:
        database: the store.
        settings: tell where the registry is.
        account: whose contacts and events.
        outcome_name: defined in the account or built in.
        choices: promote or not; attributes that are allowed, beside those that the outcome allows.
        now: nothing after it exists.
        progress: told what is done and how far the run is.

    Raises:
        UnknownOutcome: there is no such outcome; the known ones are listed.
        InsufficientData: too few contacts or too short a time, in counts.
    """
    choices = choices or Choices()
    store = database.of(account)
    outcome = store.outcomes.require(CAPABILITY, outcome_name)
    choices = choices.for_outcome(outcome)
    progress("reading contacts and events", 0.0)
    stuff = material(store, outcome, now=now, order_by=choices.order_by)
    fit = fitted(
        stuff,
        allowed=choices.allowed,
        forbidden=choices.forbidden,
        now=now,
        progress=lambda text, part: progress(text, 0.1 + 0.8 * part),
    )
    progress("registering the version", 0.92)
    name = f"{account}.{CAPABILITY}.{outcome.name}"
    published = publish(
        SettingsRegistry(settings),
        store,
        _to_publish(stuff, fit, name, now),
        gate=lambda row: _gate(settings, account, stuff, fit, row, now),
        may_promote=choices.promote,
    )
    progress("done", 1.0)
    return published


def fitted(
    stuff: Material,
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
    now: Microseconds,
    progress: Progress = silent,
) -> Fit:
    """Learn features, compete, judge, refit on everything: no store, no registry.

    Args:
        stuff: the frames.
        allowed: attributes used although they are personal, not dated, or look like a leak.
        forbidden: attributes that are never features of this run.
        now: becomes `trained_at`.
        progress: told what is done and how far, 0 to 1.

    Raises:
        InsufficientData: nothing can be told apart by any feature.
    """
    progress("computing features", 0.0)
    learned = scoring_features(
        stuff.outcome, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff, allowed=allowed, forbidden=forbidden
    )
    chosen = chosen_columns(stuff, learned, allowed)
    columns = Columns(chosen.feature_set.names, chosen.feature_set.categorical)
    inputs = inputs_of(stuff, chosen)
    problem = Problem(
        matrix=inputs.filled(chosen.values),
        labels=stuff.frames.label,
        owner=stuff.frames.contact,
        columns=columns,
        splits=stuff.splits,
        cutoff=stuff.times,
        horizon=0 if stuff.flat else stuff.outcome.horizon_days * DAY,
    )
    competition = compete(problem, progress=lambda text, part: progress(text, 0.2 + 0.55 * part))
    progress("comparing with the suspected columns", 0.78)
    rankings = other_rankings(problem, chosen, chosen.suspected_values)
    progress("fitting on all frames", 0.85)
    learner = competition.winner.refit().learner
    rows = competition.judged
    out_of_fold = competition.winner.raw[rows]
    winner = competition.winner
    calibrator = calibrated(problem, winner.raw, rows) if winner.calibrates else Calibrator()
    importance = _padded(learner.importance(), len(columns))
    answers = calibrator.margins(np.concatenate([out_of_fold, learner.margins(problem.matrix)]))
    progress("judging", 0.9)
    found = report(
        problem,
        competition,
        importance=importance,
        leaks=chosen.suspects,
        questioned=chosen.questioned,
        left_out=chosen.left_out,
        columns=chosen.columns,
        notes=order_notes(stuff),
        other_rankings=rankings,
        most=ONE_MOMENT_GRADE if stuff.one_moment else "A",
    )
    model = ScoringModel(
        outcome=stuff.outcome.name,
        kind=learner.kind,
        grade=found.grade,
        horizon_days=None if stuff.flat else stuff.outcome.horizon_days,
        trained_at=instant_of(now),
        reached_by=stuff.reached_by,
        flag=stuff.outcome.flag,
        feature_set=chosen.feature_set,
        learner=learner,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(out_of_fold), chosen.values[rows]),
        inputs=inputs.weighed(importance),
        bounds=(float(answers.min()), float(answers.max())),
    )
    return Fit(model, found, problem, competition)


def _padded(importance: Vector, width: int) -> Vector:
    return np.pad(importance, (0, width - len(importance)))


def _to_publish(stuff: Material, fit: Fit, name: str, now: Microseconds) -> Fitted:
    question = f"How likely is a contact to reach {stuff.outcome.name}?"
    return Fitted(
        capability=CAPABILITY,
        outcome=stuff.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report),
        card=card(fit.report, name=name, question=question, horizon_days=fit.model.horizon_days),
        columns=fit.model.feature_set.names,
        horizon_days=fit.model.horizon_days,
        trained_at=now,
        trained_until=stuff.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, stuff.frames.cutoff),
        params={"outcome": stuff.outcome.model_dump_json(), "frames": len(stuff.frames)},
    )


def _gate(settings: Settings, account: str, stuff: Material, fit: Fit, row: VersionRow, now: Microseconds) -> Verdict:
    """Compare on the judged frames that are newer than what the champion learned from."""
    rows = fit.competition.judged
    known_until = row.report.get("trained_until")
    if stuff.flat or known_until is None:
        return Verdict(False, False, NO_NEWER_FRAMES)
    kept = rows[stuff.frames.cutoff[rows] >= known_until]
    frames = stuff.frames.take(kept)
    newer = Newer(
        frames.label,
        chance(fit.competition.nested[kept]),
        chance(fit.competition.constant[kept]),
        frames.contact,
    )

    def champion_on(folder: Path) -> Vector:
        champion = ScoringModel.load(folder)
        return champion.predict_matrix(matrix(champion.feature_set, stuff.pasts, frames.contact, frames.cutoff))

    return compared(settings, account, row, newer, champion_on, now=now)
