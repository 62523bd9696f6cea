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
from shared.training.publish import NO_NEWER_FRAMES, Fitted, Newer, compared, digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.report import card, plots

CAPABILITY = "churn"
ChurnRun = Run[ColumnChoices]


def _material(run: ChurnRun, pasts: Pasts) -> ChurnMaterial:
    return churn_material(run.required_outcome, pasts, now=run.now, order_by=run.choices.order_by)


def _fit(run: ChurnRun, material: ChurnMaterial, progress: Progress) -> ChurnFit:
    allowed, forbidden = run.choices.allowed, run.choices.forbidden
    return fitted(material, allowed=allowed, forbidden=forbidden, now=run.now, progress=progress)


def _to_publish(run: ChurnRun, material: ChurnMaterial, fit: ChurnFit) -> Fitted:
    frames = material.closed.frames
    drawn = plots(fit.report)
    if fit.curve:
        drawn["curve"] = curve_plot(fit.curve, contractual=material.wanted.contractual)
    return Fitted(
        capability=CAPABILITY,
        outcome=material.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=drawn,
        card=card(fit.report, name=run.model_name, question=_question(material), horizon_days=fit.model.horizon_days),
        question=_question(material),
        horizon_days=fit.model.horizon_days,
        trained_at=run.now,
        trained_until=material.closed.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, frames.cutoff),
        rows=len(frames),
        params={"outcome": material.outcome.model_dump_json(), "frames": len(frames)},
    )


def _question(material: ChurnMaterial) -> str:
    if material.waits is None:
        return f"How likely is a contact to leave, as {material.outcome.attribute} says?"
    named = " or ".join(material.wanted.waited_for)
    return f"How likely is {named}?" if material.wanted.contractual else f"How likely is it that no {named} comes?"


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

    return compared(run.settings, run.store.account, row, newer, champion_on, now=run.now)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=ColumnChoices,
    frames=lambda outcome, pasts, now: churn_material(outcome, pasts, now=now).closed.frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
