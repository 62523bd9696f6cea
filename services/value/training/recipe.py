"""Value's recipe: what one run reads, fits, registers, and compares with the champion."""

from pathlib import Path

import numpy as np

from services.value.model import ValueModel
from services.value.schemas import ValueChoices
from services.value.training.fitting import ValueFit, answered, fitted
from services.value.training.material import ValueMaterial, value_material
from services.value.training.plots import plots
from shared.contracts.training import Progress
from shared.evaluation.gate import GateDecision
from shared.features import matrix
from shared.learners.simple import Vector
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.evidence import people_counts, plain_evidence
from shared.training.publish import Fitted, Newer, compared, digest_of_data
from shared.training.recipe import Recipe, Run

CAPABILITY = "value"
ValueRun = Run[ValueChoices]


def _material(run: ValueRun, pasts: Pasts) -> ValueMaterial:
    choices = run.choices
    return value_material(
        pasts,
        now=run.now,
        order_types=choices.order_types,
        horizon_days=choices.horizon_days,
        currency=choices.currency,
    )


def _fit(run: ValueRun, material: ValueMaterial, progress: Progress) -> ValueFit:
    return fitted(material, attributes=run.choices.attributes, now=run.now, progress=progress)


def _to_publish(run: ValueRun, material: ValueMaterial, fit: ValueFit) -> Fitted:
    question = f"How much is a contact worth within the next {material.horizon_days} days, and when does it order next?"
    came = material.came(material.horizon_days).value
    return Fitted(
        capability=CAPABILITY,
        outcome="",
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report),
        question=question,
        horizon_days=material.horizon_days,
        trained_at=run.now,
        trained_until=material.until,
        data_digest=digest_of_data(fit.table.values, came, material.cutoff),
        rows=len(material.contact),
        params={"horizon_days": material.horizon_days, "frames": len(material.contact)},
        first="first version; its error is surely below that of the best plain rule",
        evidence=plain_evidence(
            question,
            fit.report.importance,
            people_counts(run.store, material.pasts, material.contact, int(material.cutoff.max())),
        ),
    )


def _gate(run: ValueRun, material: ValueMaterial, fit: ValueFit, row: VersionRow) -> GateDecision:
    """Compare errors at the main horizon on the judged frames that are newer than what the champion learned from."""
    known_until = int(row.report.get("trained_until") or 0)
    judged = fit.judged
    kept = judged.cutoff >= known_until
    contact, cutoff = judged.owner[kept], judged.cutoff[kept]
    served = judged.nested(judged.served)
    newer = Newer(judged.actual[kept], served[kept], judged.constant[kept], contact)

    def champion_on(folder: Path) -> Vector:
        champion = ValueModel.load(folder)
        values = matrix(champion.feature_set, material.pasts, contact, cutoff)
        return answered(champion, values, cutoff, material.horizon_days)

    return compared(run.settings, run.store.account, row, newer, champion_on, now=run.now, loss=absolute_errors)


def absolute_errors(actual: Vector, expected: Vector) -> Vector:
    """Return how far each expected value lies from what came, shape (n,)."""
    return np.abs(expected - actual)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=ValueChoices,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
