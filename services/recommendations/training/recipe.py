"""The recipe of recommendations: what one run reads, learns, registers, and compares with the champion."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.recommendations.model.history import Vector
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.schemas import RecommendationChoices
from services.recommendations.training.assessment import JudgedWindow, judged
from services.recommendations.training.fitting import RecommendationFit, fitted
from services.recommendations.training.material import ItemSnapshot, RecommendationMaterial, material_of
from services.recommendations.training.report import QUESTION, plots, report
from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.rows import DAY, Microseconds
from shared.contracts.training import Progress
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.evaluation.gate import GateDecision, differences, replaces, too_few
from shared.evaluation.metrics import of_mean
from shared.registry.fetch import artifacts
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import is_old
from shared.training.evidence import people_counts, plain_evidence
from shared.training.material import digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.versions import Fitted

CAPABILITY = "recommendations"
RecommendationRun = Run[RecommendationChoices]
WORSE_BY_AT_MOST = 0.01
"""Share of the champion's NDCG that a challenger may lose."""
LEAST_NEWER_DAYS = 7
"""A window that is newer than what the champion learned from, and shorter, decides nothing."""


def _material(run: RecommendationRun, pasts: Pasts) -> RecommendationMaterial:
    return material_of(pasts, now=run.now, horizon_days=run.choices.horizon_days)


def _fit(run: RecommendationRun, material: RecommendationMaterial, progress: Progress) -> RecommendationFit:
    return fitted(material, now=run.now, progress=progress)


def _to_publish(run: RecommendationRun, material: RecommendationMaterial, fit: RecommendationFit) -> Fitted:
    history, in_catalogue = fit.snapshot.history, None
    if run.store.items.catalogue().items:
        in_catalogue = len(run.store.items.of(fit.model.items))
    found = report(fit, material.until, in_catalogue=in_catalogue)
    buyers = np.unique(history.owner).astype(np.int32)
    bought = np.column_stack([history.owner, history.item, history.count, history.age])
    return Fitted(
        capability=CAPABILITY,
        outcome="",
        model=fit.model,
        report=found,
        plots=plots(fit),
        question=QUESTION,
        horizon_days=material.horizon_days,
        trained_at=run.now,
        trained_until=material.until,
        data_digest=digest_of_data(bought, fit.window.label, np.array([fit.judged_at.cutoff])),
        rows=fit.rows,
        params={"items": len(fit.model.items), "purchases": int(history.count.sum())},
        first="first version; its lists are surely better than what is most popular",
        evidence=plain_evidence(
            QUESTION, found.importance, people_counts(run.store, material.pasts, buyers, material.until)
        ),
    )


@dataclass(frozen=True, slots=True)
class _NewerWindow:
    """What both sides are judged on, by contact."""

    snapshot: ItemSnapshot
    window: JudgedWindow
    challenger: Vector


def _gate(
    run: RecommendationRun, material: RecommendationMaterial, fit: RecommendationFit, row: VersionRow
) -> GateDecision:
    """Compare both lists of the same contacts in a window that neither has learned from."""
    newer = _newer(material, fit, int(row.report.get("trained_until") or 0))
    if newer is None:
        reason = f"less than {LEAST_NEWER_DAYS} days are newer than what the champion learned from"
        return GateDecision(False, False, reason)
    undecided = too_few(len(newer.challenger))
    if undecided is not None:
        return undecided
    try:
        with tempfile.TemporaryDirectory() as scratch:
            where = (run.registry, run.store.account, CAPABILITY, "")
            folder = artifacts(*where, version=row.version, digest=row.digest, into=Path(scratch))
            champion = RecommendationModel.load(folder)
    except ArtifactRefused:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        reason = f"the registry did not give the champion, version {row.version}, to compare with; train again later"
        return GateDecision(False, False, reason)
    before = champion_ndcg(champion, material.pasts, newer.snapshot.cutoff, newer.window, material.until)
    worse = of_mean(before - newer.challenger, np.arange(len(before)))
    figures = {
        "frames": float(len(before)),
        "challenger_ndcg": float(newer.challenger.mean()),
        "champion_ndcg": float(before.mean()),
        **differences(worse),
    }
    margin = WORSE_BY_AT_MOST * float(before.mean())
    old = is_old(row, now=run.now, most_days=CHAMPION_MOST_DAYS)
    return replaces(worse, margin, "1 % of NDCG", figures, champion_is_old=old)


def _newer(material: RecommendationMaterial, fit: RecommendationFit, known_until: Microseconds) -> _NewerWindow | None:
    """Judge the challenger, as it would have been, on what is newer than the champion's data."""
    if known_until <= fit.judged_at.cutoff:
        return _NewerWindow(fit.judged_at, fit.window, fit.served.all_items.ndcg)
    if material.until - known_until < LEAST_NEWER_DAYS * DAY or fit.served.learner is None:
        return None
    snapshot = material.seen_from(known_until)
    window = JudgedWindow.of(material.pasts, snapshot, material.until)
    score = fit.served.learner.margins(window.candidates.values)
    return _NewerWindow(snapshot, window, judged(window, score).ndcg)


def champion_ndcg(
    champion: RecommendationModel, pasts: Pasts, cutoff: Microseconds, window: JudgedWindow, end: Microseconds
) -> Vector:
    """Judge a champion on the contacts of a window, by its own items and candidates."""
    history = champion.history(pasts, np.full(len(pasts), cutoff, dtype=np.int64))
    known = ItemSnapshot(cutoff, champion.items, champion.code_of, history, champion.known)
    own = JudgedWindow.of(pasts, known, end, contacts=window.judged)
    return judged(own, champion.learner.margins(own.candidates.values)).ndcg


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=RecommendationChoices,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
