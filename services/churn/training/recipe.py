"""Churn's recipe: what one run reads, fits, registers, and compares with the champion."""

from pathlib import Path

from services.churn.model import ChurnModel
from services.churn.training.curves import curve_plot
from services.churn.training.fitting import ChurnFit, fitted
from services.churn.training.material import ChurnMaterial, churn_material
from shared.contracts.training import ColumnChoices, Progress
from shared.evaluation.gate import GateDecision
from shared.features import matrix
from shared.learners.simple import Vector, chance
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import NO_NEWER_FRAMES, Newer, compared
from shared.training.evidence import JudgedFrames, churn_question, outcome_evidence, people_counts
from shared.training.material import digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.report import plots
from shared.training.versions import Fitted

CAPABILITY = "churn"
ChurnRun = Run[ColumnChoices]


def _material(run: ChurnRun, pasts: Pasts) -> ChurnMaterial:
    return churn_material(run.required_outcome, pasts, now=run.now, order_by=run.choices.order_by)


def _fit(run: ChurnRun, material: ChurnMaterial, progress: Progress) -> ChurnFit:
    allowed, forbidden = run.choices.allowed, run.choices.forbidden
    return fitted(material, allowed=allowed, forbidden=forbidden, now=run.now, progress=progress)


def _to_publish(run: ChurnRun, material: ChurnMaterial, fit: ChurnFit) -> Fitted:
    frames = material.closed.frames
    question = _question(material, fit.model.horizon_days)
    drawn = plots(fit.report)
    if fit.curve:
        drawn["curve"] = curve_plot(fit.curve, contractual=material.wanted.contractual)
    return Fitted(
        capability=CAPABILITY,
        outcome=material.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=drawn,
        question=question,
        horizon_days=fit.model.horizon_days,
        trained_at=run.now,
        trained_until=material.closed.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, frames.cutoff),
        rows=len(frames),
        params={"outcome": material.outcome.model_dump_json(), "frames": len(frames)},
        evidence=outcome_evidence(
            material.pasts,
            _held_out(material, fit),
            question=question,
            importance=fit.report.importance,
            people=people_counts(run.store, material.pasts, frames.contact, int(frames.cutoff.max(initial=0))),
            excluded=material.outcome.attribute,
        ),
    )


def _question(material: ChurnMaterial, horizon_days: int | None) -> str:
    waited_for = () if material.waits is None else material.wanted.waited_for
    return churn_question(material.outcome, waited_for, horizon_days, contractual=material.wanted.contractual)


def _held_out(material: ChurnMaterial, fit: ChurnFit) -> JudgedFrames:
    rows, frames = fit.graded.judged, material.closed.frames
    cutoff = frames.cutoff if material.waits is None or fit.problem.cutoff is None else fit.problem.cutoff
    return JudgedFrames(fit.problem.labels[rows], fit.graded.nested[rows], fit.problem.owner[rows], cutoff[rows])


def _gate(run: ChurnRun, material: ChurnMaterial, fit: ChurnFit, row: VersionRow) -> GateDecision:
    """Compare at the graded horizon on the judged frames that are newer than what the champion learned from."""
    known_until, cutoff = row.report.get("trained_until"), fit.problem.cutoff
    if cutoff is None or known_until is None:
        return GateDecision(False, False, NO_NEWER_FRAMES)
    rows = fit.graded.judged
    kept = rows[cutoff[rows] >= known_until]
    contact, cutoffs = fit.problem.owner[kept], cutoff[kept]
    newer = Newer(fit.problem.labels[kept], chance(fit.graded.nested[kept]), chance(fit.graded.constant[kept]), contact)

    def champion_on(folder: Path) -> Vector:
        champion = ChurnModel.load(folder)
        values = matrix(champion.feature_set, material.pasts, contact, cutoffs)
        days = min(float(material.outcome.horizon_days), champion.periods.last_day)
        return champion.risk(champion.hazard(values, cutoffs), None if champion.is_flat else days)

    return compared(run.registry, run.store.account, row, newer, champion_on, now=run.now)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=ColumnChoices,
    frames=lambda outcome, pasts, now: churn_material(outcome, pasts, now=now).closed.frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
