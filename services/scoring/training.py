"""Scoring's recipe: what one run reads, fits, registers, and compares with the champion."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from services.scoring.adoption import adopted, learnable_frames
from services.scoring.fit import ONE_MOMENT_GRADE, ScoringFit
from services.scoring.model import ScoringModel
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.contracts.training import ColumnChoices, Progress, silent
from shared.evaluation.calibration import Calibrator, Reference
from shared.evaluation.gate import GateDecision
from shared.features import FeatureSet, Inputs, matrix
from shared.learners.simple import Columns, Vector, chance
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.timeline.pasts import outcome_type
from shared.training.comparison import NO_NEWER_FRAMES, Newer, compared
from shared.training.competition import Competition, calibrated, compete, other_rankings
from shared.training.evidence import JudgedFrames, outcome_evidence, people_counts, scoring_question
from shared.training.frames_folder import LearnableFrames, Manifest
from shared.training.material import SEED, Material, digest_of_data, framed, line_notes, order_notes
from shared.training.problem import Problem, chosen_columns, inputs_of, outcome_features
from shared.training.recipe import Elsewhere, Recipe, Run
from shared.training.refit import RefitOnAll, RefitRequest, RefittedOnAll
from shared.training.report import plots, report
from shared.training.versions import Fitted

CAPABILITY = "scoring"
ON_ALL = "The trees that won were grown once more on all {:,} frames; what is judged are those of the drawn ones."
ScoringRun = Run[ColumnChoices]


def fitted(
    stuff: Material,
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
    now: Microseconds,
    progress: Progress = silent,
    refit: RefitOnAll | None = None,
) -> ScoringFit:
    """Learn features, compete, judge, refit on everything: no store, no registry.

    Args:
        stuff: the frames.
        allowed: attributes used although they are personal, not dated, or look like a leak.
        forbidden: attributes that are never features of this run.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.
        refit: grows trees that won on all frames, where `stuff` was drawn from more; None: they stay as they are.

    Raises:
        InsufficientData: no feature distinguishes contacts.
    """
    progress("computing features", 0.0)
    learned = outcome_features(
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
    on_all = None if refit is None else _on_all(stuff, chosen.feature_set, inputs, competition, refit)
    learner = competition.winner.refit().learner if on_all is None else on_all.learner
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
        notes=[
            *order_notes(stuff),
            *line_notes(stuff.pasts),
            *([] if on_all is None else [ON_ALL.format(on_all.frames)]),
        ],
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
    return ScoringFit(model, found, problem, competition)


def _on_all(
    stuff: Material, feature_set: FeatureSet, inputs: Inputs, competition: Competition, refit: RefitOnAll
) -> RefittedOnAll | None:
    """Grow the trees that won on all frames; None: no trees won, or there are no times or no more frames."""
    grown, until = competition.winner.grown, stuff.until
    if grown is None or until is None:
        return None
    code = outcome_type(stuff.outcome, stuff.pasts)
    outcome = stuff.outcome.model_copy(update={"event_types": (stuff.pasts.types[code],)})
    since, frames = int(stuff.frames.cutoff.min()), stuff.thinned_from
    return refit(RefitRequest(outcome, since, until, frames, feature_set, inputs, *grown, SEED))


def _padded(importance: Vector, width: int) -> Vector:
    return np.pad(importance, (0, width - len(importance)))


def _material(run: ScoringRun, pasts: Pasts) -> Material:
    return framed(run.required_outcome, pasts, now=run.now, order_by=run.choices.order_by)


def _fit(run: ScoringRun, stuff: Material, progress: Progress) -> ScoringFit:
    allowed, forbidden = run.choices.allowed, run.choices.forbidden
    return fitted(stuff, allowed=allowed, forbidden=forbidden, now=run.now, progress=progress, refit=run.refit)


def _to_publish(run: ScoringRun, stuff: Material, fit: ScoringFit) -> Fitted:
    code = outcome_type(stuff.outcome, stuff.pasts)
    event_type = None if stuff.flat else stuff.pasts.types[code]
    question = scoring_question(stuff.outcome, event_type, fit.model.horizon_days)
    return Fitted(
        capability=CAPABILITY,
        outcome=stuff.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report),
        question=question,
        horizon_days=fit.model.horizon_days,
        trained_at=run.now,
        trained_until=stuff.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, stuff.frames.cutoff),
        rows=len(stuff.frames),
        params={"outcome": stuff.outcome.model_dump_json(), "frames": len(stuff.frames)},
        evidence=outcome_evidence(
            stuff.pasts,
            _held_out(stuff, fit),
            question=question,
            importance=fit.report.importance,
            people=people_counts(run.store, stuff.pasts, stuff.frames.contact, int(stuff.frames.cutoff.max(initial=0))),
            excluded=stuff.outcome.attribute,
        ),
    )


def _held_out(stuff: Material, fit: ScoringFit) -> JudgedFrames:
    rows, frames = fit.competition.judged, stuff.frames
    return JudgedFrames(frames.label[rows], fit.competition.nested[rows], frames.contact[rows], frames.cutoff[rows])


def _gate(run: ScoringRun, stuff: Material, fit: ScoringFit, row: VersionRow) -> GateDecision:
    """Compare on the judged frames that are newer than what the champion learned from."""
    rows = fit.competition.judged
    known_until = row.report.get("trained_until")
    if stuff.flat or known_until is None:
        return GateDecision(False, False, NO_NEWER_FRAMES)
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

    return compared(run.registry, run.store.account, row, newer, champion_on, now=run.now)


def _frames(run: ScoringRun, stuff: Material) -> LearnableFrames:
    return learnable_frames(stuff, allowed=run.choices.allowed, forbidden=run.choices.forbidden)


def _adopted(run: ScoringRun, stuff: Material, manifest: Manifest, text: str) -> ScoringFit:
    return adopted(stuff, manifest, text, forbidden=run.choices.forbidden, now=run.now)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=ColumnChoices,
    frames=lambda outcome, pasts, now: framed(outcome, pasts, now=now).frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
    elsewhere=Elsewhere(frames=_frames, adopted=_adopted),
)
