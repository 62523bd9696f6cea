"""Scoring's recipe: what one run reads, fits, registers, and compares with the champion."""

from pathlib import Path

from services.scoring.model import ScoringModel
from services.scoring.train import ScoringFit, fitted
from shared.contracts.training import ColumnChoices, Progress
from shared.evaluation.gate import GateDecision
from shared.features import matrix
from shared.learners.simple import Vector, chance
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.material import Material, framed
from shared.training.publish import NO_NEWER_FRAMES, Fitted, Newer, compared, digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.report import card, plots

CAPABILITY = "scoring"
ScoringRun = Run[ColumnChoices]


def _material(run: ScoringRun, pasts: Pasts) -> Material:
    return framed(run.required_outcome, pasts, now=run.now, order_by=run.choices.order_by)


def _fit(run: ScoringRun, stuff: Material, progress: Progress) -> ScoringFit:
    allowed, forbidden = run.choices.allowed, run.choices.forbidden
    return fitted(stuff, allowed=allowed, forbidden=forbidden, now=run.now, progress=progress)


def _to_publish(run: ScoringRun, stuff: Material, fit: ScoringFit) -> Fitted:
    question = f"How likely is a contact to reach {stuff.outcome.name}?"
    return Fitted(
        capability=CAPABILITY,
        outcome=stuff.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report),
        card=card(fit.report, name=run.model_name, question=question, horizon_days=fit.model.horizon_days),
        columns=fit.model.feature_set.names,
        horizon_days=fit.model.horizon_days,
        trained_at=run.now,
        trained_until=stuff.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, stuff.frames.cutoff),
        params={"outcome": stuff.outcome.model_dump_json(), "frames": len(stuff.frames)},
    )


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

    return compared(run.settings, run.store.account, row, newer, champion_on, now=run.now)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=ColumnChoices,
    frames=lambda outcome, pasts, now: framed(outcome, pasts, now=now).frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
