"""Uplift's recipe: what one run reads, fits, registers, and compares with the champion."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.uplift.model import UpliftModel
from services.uplift.model.effects import Vector
from services.uplift.schemas import UpliftChoices
from services.uplift.training.assessment import curve_for
from services.uplift.training.fitting import UpliftFit, fitted
from services.uplift.training.material import UpliftMaterial, material_of
from services.uplift.training.plots import plots
from services.uplift.training.report import report
from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.training import Progress
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.evaluation.gate import GateDecision, differences, replaces, too_few
from shared.evaluation.metrics import of_mean
from shared.features import matrix
from shared.registry.fetch import artifacts
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import NO_NEWER_FRAMES, is_old
from shared.training.evidence import people_counts, plain_evidence
from shared.training.material import digest_of_data, framed
from shared.training.recipe import Recipe, Run
from shared.training.versions import Fitted

CAPABILITY = "uplift"
UpliftRun = Run[UpliftChoices]
WORSE_BY_AT_MOST = 0.01
"""Share of the champion's error that a challenger may lose."""


def _material(run: UpliftRun, pasts: Pasts) -> UpliftMaterial:
    return material_of(run.store, pasts, run.required_outcome, run.choices, now=run.now)


def _fit(run: UpliftRun, material: UpliftMaterial, progress: Progress) -> UpliftFit:
    return fitted(material, now=run.now, progress=progress)


def _to_publish(run: UpliftRun, material: UpliftMaterial, fit: UpliftFit) -> Fitted:
    found = report(material, fit)
    days = fit.model.horizon_days
    within = "" if days is None else f" within {days} days"
    question = f"How much does a treatment change {material.outcome.name}{within}, and for whom?"
    assigned = material.assigned
    return Fitted(
        capability=CAPABILITY,
        outcome=material.outcome.name,
        model=fit.model,
        report=found,
        plots=plots(found),
        question=question,
        horizon_days=days,
        trained_at=run.now,
        trained_until=material.until,
        data_digest=digest_of_data(material.table.matrix, material.table.label, assigned.at),
        rows=len(assigned),
        params={
            "outcome": material.outcome.model_dump_json(),
            "experiment": material.source,
            "assignments": len(assigned),
        },
        first="first version; the effect of an arm is surely not nothing",
        evidence=plain_evidence(
            question,
            found.importance,
            people_counts(run.store, material.pasts, assigned.contact, int(assigned.at.max(initial=0))),
        ),
    )


def _gate(run: UpliftRun, material: UpliftMaterial, fit: UpliftFit, row: VersionRow) -> GateDecision:
    """Compare how far both versions' effects lie from what newer assignments measured.

    A single contact's effect is never seen; the doubly robust number stands for it: its noise is the same for both.
    """
    known_until = row.report.get("trained_until")
    if material.is_flat or known_until is None:
        return GateDecision(False, False, NO_NEWER_FRAMES)
    held = fit.evidence.held
    newer = np.flatnonzero(material.assigned.at[held.rows] >= int(known_until))
    undecided = too_few(len(newer))
    if undecided is not None:
        return undecided
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                run.registry,
                run.store.account,
                CAPABILITY,
                row.outcome,
                version=row.version,
                digest=row.digest,
                into=Path(scratch),
            )
            champion = UpliftModel.load(folder)
    except ArtifactRefused:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        reason = f"the registry did not give the champion, version {row.version}, to compare with; train again later"
        return GateDecision(False, False, reason)
    old = is_old(row, now=run.now, most_days=CHAMPION_MOST_DAYS)
    return _compared(material, fit, champion, newer, champion_is_old=old)


def _compared(
    material: UpliftMaterial,
    fit: UpliftFit,
    champion: UpliftModel,
    newer: NDArray[np.intp],
    *,
    champion_is_old: bool,
) -> GateDecision:
    held, known = fit.evidence.held, {one.name for one in champion.arms}
    shared = [number for number, name in enumerate(fit.evidence.names) if number and name in known]
    if not shared or champion.control != fit.evidence.names[0]:
        return GateDecision(True, True, "the champion knows another experiment: none of its arms is in this one")
    rows = held.rows[newer]
    values = matrix(champion.feature_set, material.pasts, material.assigned.contact[rows], material.assigned.at[rows])
    table = champion.answer_table(values)
    ours, theirs = np.zeros(len(newer)), np.zeros(len(newer))
    for number in shared:
        gained = held.gained(number)[newer]
        place = [one.name for one in champion.arms].index(fit.evidence.names[number]) + 1
        ours += (gained - _held_out_effects(fit, number)[newer]) ** 2 / len(shared)
        theirs += (gained - table[f"effect_{place}"]) ** 2 / len(shared)
    worse = of_mean(ours - theirs, held.owner[newer])
    figures = {
        "frames": float(len(newer)),
        "challenger_loss": float(ours.mean()),
        "champion_loss": float(theirs.mean()),
        **differences(worse),
    }
    margin = WORSE_BY_AT_MOST * float(theirs.mean())
    return replaces(worse, margin, "1 % of the error of effects", figures, champion_is_old=champion_is_old)


def _held_out_effects(fit: UpliftFit, number: int) -> Vector:
    """Return what would have been answered about each judged row: its own effect, or the average of the other folds."""
    found = fit.evidence
    held, effects = found.held, np.zeros(len(found.held.table))
    predicted, place = held.predicted[found.learner][:, number - 1], found.places[:, number - 1]
    for fold in np.unique(held.fold):
        mine, others = np.flatnonzero(held.fold == fold), np.flatnonzero(held.fold != fold)
        if not len(others):
            continue
        if found.is_personal[number - 1]:
            effects[mine] = curve_for(held, number, place, predicted, others).at(place[mine]).value
        else:
            effects[mine] = held.gained(number)[others].mean()
    return effects


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=UpliftChoices,
    frames=lambda outcome, pasts, now: framed(outcome, pasts, now=now).frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
