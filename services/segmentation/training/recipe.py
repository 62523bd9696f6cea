"""Segmentation's recipe: what one run reads, finds, registers, and compares with the champion."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.segmentation.model import SegmentationModel
from services.segmentation.schemas import SegmentChoices
from services.segmentation.training.fitting import SEED, SegmentationFit, SegmentationOptions, fitted
from services.segmentation.training.plots import plots
from services.segmentation.training.report import QUESTION, report
from services.segmentation.training.selection import squared_errors
from services.segmentation.training.snapshot import assigned
from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.rows import Microseconds
from shared.contracts.training import Progress
from shared.errors import ArtifactRefused
from shared.evaluation.gate import GateDecision, differences, replaces, too_few
from shared.evaluation.metrics import of_mean
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.store import AccountStore, VersionRow
from shared.timeline import Pasts
from shared.training.comparison import is_old
from shared.training.evidence import people_counts, plain_evidence
from shared.training.material import digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.versions import Fitted

CAPABILITY = "segmentation"
SegmentRun = Run[SegmentChoices]
WORSE_BY_AT_MOST = 0.01
"""Share explained that a challenger may lose against the champion."""
EXPLAINED = "0.01 of the share of the next period explained"
NO_NEXT_PERIOD = "there is no next period to compare on yet; promote by hand when the segments look right"


@dataclass(frozen=True, slots=True)
class SegmentMaterial:
    """An account's pasts, and the segments whose identities are to be kept."""

    pasts: Pasts
    until: Microseconds
    """The end of the data."""
    previous: SegmentationModel | None
    names: Mapping[str, str]
    """What the account calls its segments, by id."""


def _material(run: SegmentRun, pasts: Pasts) -> SegmentMaterial:
    until = min(run.now, int(pasts.at.max()) + 1) if len(pasts.at) else run.now
    return SegmentMaterial(pasts, until, _champion(run.registry, run.store), run.store.segments.names())


def _fit(run: SegmentRun, material: SegmentMaterial, progress: Progress) -> SegmentationFit:
    seed = SEED if run.choices.seed is None else run.choices.seed
    wanted = SegmentationOptions(run.choices.segments, run.choices.attributes, material.names, seed)
    return fitted(
        material.pasts, until=material.until, now=run.now, wanted=wanted, previous=material.previous, progress=progress
    )


def _champion(registry: MlflowRegistry, store: AccountStore) -> SegmentationModel | None:
    """Load the version whose identities are to be kept; None where there is none, or none that can be read."""
    row = store.models.champion(CAPABILITY, "")
    if row is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                registry, store.account, CAPABILITY, "", version=row.version, digest=row.digest, into=Path(scratch)
            )
            return SegmentationModel.load(folder)
    except ArtifactRefused:
        return None


def _to_publish(run: SegmentRun, material: SegmentMaterial, fit: SegmentationFit) -> Fitted:
    old_ids = [] if material.previous is None else [segment.named.id for segment in material.previous.segments]
    found = report(fit, old_ids)
    return Fitted(
        capability=CAPABILITY,
        outcome="",
        model=fit.model,
        report=found,
        plots=plots(fit),
        question=QUESTION,
        horizon_days=None,
        trained_at=run.now,
        trained_until=material.until,
        data_digest=digest_of_data(fit.snapshot.values, fit.labels.astype(np.float64), fit.snapshot.cutoff),
        first="the first segments of this account",
        rows=len(fit.snapshot.contact),
        params={"segments": len(fit.model.segments), "contacts": len(fit.snapshot.contact)},
        evidence=plain_evidence(
            QUESTION, (), people_counts(run.store, material.pasts, fit.snapshot.contact, material.until)
        ),
    )


def _gate(run: SegmentRun, material: SegmentMaterial, fit: SegmentationFit, row: VersionRow) -> GateDecision:
    """Let a challenger through that surely explains as much of the next period as the champion, or a point less.

    Both assign the same contacts at the same earlier cutoff; neither has seen what came after as a label.
    """
    previous = material.previous
    if previous is None:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    if fit.before is None:
        return GateDecision(False, False, NO_NEXT_PERIOD)
    contact, cutoff, after = fit.before.contact, fit.before.cutoff, fit.before.after
    undecided = too_few(len(contact))
    if undecided is not None:
        return undecided
    lost = np.zeros(len(contact))
    challenger, champion = (assigned(model, material.pasts, contact, cutoff) for model in (fit.model, previous))
    for outcome in after:
        scale = 2 * float(outcome.var())
        lost += (squared_errors(challenger, outcome)[0] - squared_errors(champion, outcome)[0]) / scale
    worse = of_mean(lost, contact)
    figures = {"frames": float(len(contact)), **differences(worse)}
    old = is_old(row, now=run.now, most_days=CHAMPION_MOST_DAYS)
    return replaces(worse, WORSE_BY_AT_MOST, EXPLAINED, figures, champion_is_old=old)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=SegmentChoices,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
