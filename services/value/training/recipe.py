"""Value's recipe: what one run reads, fits, registers, and compares with the champion."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from services.value.model import ValueModel
from services.value.model.history import REFUND_TYPE
from services.value.schemas import ValueChoices
from services.value.training.fitting import ValueFit, answered, fitted
from services.value.training.material import ValueMaterial, value_material
from services.value.training.plots import plots
from shared.contracts.engagement import ORDERS
from shared.contracts.training import Progress
from shared.errors import InsufficientData
from shared.evaluation.gate import GateDecision
from shared.features import matrix
from shared.learners.simple import Vector
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import Newer, compared
from shared.training.evidence import people_counts, plain_evidence
from shared.training.material import digest_of_data, scanned
from shared.training.recipe import Recipe, Run
from shared.training.versions import Fitted

CAPABILITY = "value"
ValueRun = Run[ValueChoices]


def _material(run: ValueRun, pasts: Pasts) -> ValueMaterial:
    choices = run.choices
    counts = run.store.events.currencies({*(choices.order_types or ORDERS), REFUND_TYPE})
    currency, others = one_currency(counts, choices.currency)
    return value_material(
        scanned(run.store, currency=currency) if others else pasts,
        now=run.now,
        order_types=choices.order_types,
        horizon_days=choices.horizon_days,
        currency=currency,
        notes=others,
    )


def one_currency(counts: Mapping[str | None, int], wanted: str | None) -> tuple[str | None, list[str]]:
    """Choose the currency of the values, and say what is left out for it.

    Args:
        counts: of orders and refunds with a value, by currency; None: they name none, and count as the chosen one.
        wanted: by the caller.

    Raises:
        InsufficientData: there are several and none was named, or none of the one that was; in counts.

    >>> one_currency({"EUR": 3, None: 2}, None), one_currency({"EUR": 3, "USD": 1}, "EUR")
    (('EUR', []), ('EUR', ['1 event in USD was left out: values are in EUR.']))
    """
    named = {one: count for one, count in sorted(counts.items(), key=lambda pair: -pair[1]) if one is not None}
    listed = ", ".join(f"{one} {count:,}" for one, count in named.items())
    if wanted is None and len(named) > 1:
        raise InsufficientData(
            f"Orders are in several currencies ({listed}), which are not added up. Name the one that counts: foretell "
            f"train value --currency {next(iter(named))}; events in the others are left out then.",
            **{f"events_in_{one}": count for one, count in named.items()},
        )
    if wanted is not None and named and wanted not in named:
        raise InsufficientData(
            f"No order is in {wanted}: there are {listed}. Name one of these with --currency, or import orders in "
            f"{wanted}.",
            **{f"events_in_{one}": count for one, count in named.items()},
        )
    currency = wanted or next(iter(named), None)
    left = {one: count for one, count in named.items() if one != currency}
    if not left:
        return currency, []
    total = sum(left.values())
    were = "1 event in {} was" if total == 1 else f"{total:,} events in {{}} were"
    return currency, [f"{were.format(', '.join(left))} left out: values are in {currency}."]


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
    judged = fit.assessed
    kept = judged.cutoff >= known_until
    contact, cutoff = judged.owner[kept], judged.cutoff[kept]
    served = judged.nested(judged.served)
    newer = Newer(judged.actual[kept], served[kept], judged.constant[kept], contact)

    def champion_on(folder: Path) -> Vector:
        champion = ValueModel.load(folder)
        values = matrix(champion.feature_set, material.pasts, contact, cutoff)
        return answered(champion, values, cutoff, material.horizon_days)

    return compared(run.registry, run.store.account, row, newer, champion_on, now=run.now, loss=absolute_errors)


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
