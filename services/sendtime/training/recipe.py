"""Send time's recipe: what one run reads, learns, registers, and compares with the champion."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.model.timing import Timing
from services.sendtime.model.weeks import week_values
from services.sendtime.training.activity import Shares, chosen_pooling, judged_from, judged_shares, shares_under
from services.sendtime.training.material import LEAST_ACTIVE, SendTimeMaterial, material_of
from services.sendtime.training.report import of_activity, of_answers, plots
from services.sendtime.training.timing import LearnedTiming, laid_out, learned
from shared.contracts.engagement import ENGAGEMENTS
from shared.contracts.rows import Microseconds, instant_of
from shared.contracts.training import Choices, Progress, silent
from shared.errors import InsufficientData
from shared.evaluation.gate import GateDecision
from shared.learners.simple import Vector, chance
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import Newer, compared
from shared.training.evidence import JudgedFrames, group_evidence, people_counts, plain_evidence
from shared.training.material import digest_of_data
from shared.training.recipe import Recipe, Run
from shared.training.report import Report
from shared.training.versions import Fitted

CAPABILITY = "sendtime"
SendTimeRun = Run[Choices]
QUESTION = "When should this contact's next message go out?"


@dataclass(frozen=True)
class SendTimeFit:
    """A fitted model with the evidence behind it."""

    model: SendTimeModel
    report: Report
    learned: dict[str, LearnedTiming]
    shares: Shares

    @property
    def timing(self) -> Timing | None:
        """Of the default engagement."""
        return None if self.model.default is None else self.model.timings[self.model.default]


def _material(run: SendTimeRun, pasts: Pasts) -> SendTimeMaterial:
    return material_of(pasts, now=run.now)


def _fit(run: SendTimeRun, material: SendTimeMaterial, progress: Progress) -> SendTimeFit:
    return fitted(material, now=run.now, progress=progress)


def fitted(material: SendTimeMaterial, *, now: Microseconds, progress: Progress = silent) -> SendTimeFit:
    """Learn activity and answers, judge them, fit on everything: no store, no registry.

    Args:
        material: the account.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.

    Raises:
        InsufficientData: too few contacts were ever seen active.
    """
    if material.active < LEAST_ACTIVE:
        raise InsufficientData(
            f"{material.active} contacts were ever seen active (clicks, opens by people, orders, visits); "
            f"{LEAST_ACTIVE} are needed. Import more events.",
            active_contacts=material.active,
            needed_active_contacts=LEAST_ACTIVE,
        )
    progress("activity: choosing how strongly to pool", 0.0)
    pooling = chosen_pooling(material)
    shares = judged_shares(material, pooling, judged_from(material), material.until)
    found: dict[str, LearnedTiming] = {}
    for number, engagement in enumerate(material.sends):
        begin, width = 0.2 + 0.8 * number / len(material.sends), 0.8 / len(material.sends)
        found[engagement] = learned(
            material,
            engagement,
            pooling,
            progress=lambda text, part, b=begin, w=width: progress(text, b + w * part),  # type: ignore[misc]
        )
    default = _default(found)
    report = of_activity(material, shares) if default is None else of_answers(material, found[default], shares)
    model = SendTimeModel(
        grade=report.grade,
        trained_at=instant_of(now),
        zones=material.zones,
        activity=material.activity(material.until, pooling),
        timings={name: one.timing for name, one in found.items()},
        default=default,
    )
    return SendTimeFit(model, report, found, shares)


def _default(found: dict[str, LearnedTiming]) -> str | None:
    """Choose the engagement meant when none is named: clicks before opens before orders, compared hours before none."""
    names = [name for name in ENGAGEMENTS if name in found]
    return next((name for name in names if found[name].timing.varied), names[0] if names else None)


def _to_publish(run: SendTimeRun, material: SendTimeMaterial, fit: SendTimeFit) -> Fitted:
    sends = material.sends[fit.timing.engagement] if fit.timing is not None else None
    acts = np.column_stack([material.acts.at, material.acts.slot]).astype(np.float64)
    labels, at = (np.empty(0), np.empty(0, np.int64)) if sends is None else (sends.engaged, sends.at)
    return Fitted(
        capability=CAPABILITY,
        outcome="",
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report, fit.model.activity, fit.timing),
        question=QUESTION,
        horizon_days=fit.model.horizon_days,
        trained_at=run.now,
        trained_until=material.until,
        data_digest=digest_of_data(acts, labels, at),
        rows=len(at) if len(at) else len(acts),
        params={"engagements": ", ".join(material.sends) or "none", "acts": len(material.acts.at)},
        evidence=_evidence(run, material, fit),
    )


def _evidence(run: SendTimeRun, material: SendTimeMaterial, fit: SendTimeFit) -> dict[str, Any]:
    """Summarise who was learned from, and the week of an average contact."""
    learned_from = np.flatnonzero(np.diff(material.acts.offsets) > 0)
    if fit.timing is not None:
        learned_from = np.union1d(learned_from, material.sends[fit.timing.engagement].owner)
    people = people_counts(run.store, material.pasts, learned_from.astype(np.int32), material.until)
    unit = "activity" if fit.timing is None else fit.timing.engagement
    values = [round(one, 6) if np.isfinite(one) else None for one in week_values(fit.model.activity, fit.timing)]
    found = {**plain_evidence(QUESTION, fit.report.importance, people), "week": {"unit": unit, "values": values}}
    if fit.timing is None:
        return found
    judged, sends = fit.learned[fit.timing.engagement].judged, material.sends[fit.timing.engagement]
    held_out = JudgedFrames(judged.labels, judged.served, sends.owner[judged.rows], sends.at[judged.rows])
    return {**found, "groups": group_evidence(material.pasts, held_out)}


def _gate(run: SendTimeRun, material: SendTimeMaterial, fit: SendTimeFit, row: VersionRow) -> GateDecision:
    """Judge challenger and champion on sends (or acts) newer than what the champion learned from."""
    known_until = row.report.get("trained_until") or 0
    if fit.timing is None:
        return _gate_of_activity(run, material, fit, row, known_until)
    found, sends = fit.learned[fit.timing.engagement].judged, material.sends[fit.timing.engagement]
    newer = np.flatnonzero(sends.at[found.rows] >= known_until)

    def champion_on(folder: Path) -> Vector:
        champion = SendTimeModel.load(folder)
        timing = champion.timings.get(fit.timing.engagement) if fit.timing is not None else None
        if timing is None:
            return chance(found.constant[newer])
        return chance(timing.margins(laid_out(material, sends, found.rows[newer], timing.response, champion.activity)))

    newer_frames = Newer(
        found.labels[newer],
        chance(found.served[newer]),
        chance(found.constant[newer]),
        sends.owner[found.rows[newer]],
    )
    return compared(run.registry, run.store.account, row, newer_frames, champion_on, now=run.now)


def _gate_of_activity(
    run: SendTimeRun, material: SendTimeMaterial, fit: SendTimeFit, row: VersionRow, known_until: int
) -> GateDecision:
    shares = fit.shares
    newer = np.flatnonzero(shares.at >= known_until)

    def champion_on(folder: Path) -> Vector:
        champion = SendTimeModel.load(folder)
        again = shares_under(material, champion.activity, judged_from(material), material.until)
        return again.personal[newer]

    newer_frames = Newer(
        np.ones(len(newer)), shares.personal[newer], shares.uniform[newer], shares.owner[newer].astype(np.int32)
    )
    return compared(run.registry, run.store.account, row, newer_frames, champion_on, now=run.now)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=Choices,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
