"""The recipe of messages: which decisions one run reads, what it fits, registers, and compares with the champion."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.messages.model.messages import MessagePolicy
from services.messages.schemas import FLOOR, MessageChoices
from services.messages.training.assessment import JudgedDecisions, candidates_of, target
from services.messages.training.fitting import MessageFit, fitted
from services.messages.training.material import MessageMaterial, message_material
from services.messages.training.report import MARGIN, plots
from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.training import Progress
from shared.decisions.account_rewards import earned, joined
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.evaluation.gate import GateDecision, differences, replaces, too_few
from shared.evaluation.metrics import Interval
from shared.evaluation.off_policy import Target
from shared.features import matrix
from shared.registry.fetch import artifacts
from shared.store import VersionRow
from shared.timeline import Pasts
from shared.training.comparison import is_old
from shared.training.evidence import people_counts, plain_evidence
from shared.training.material import digest_of_data, framed
from shared.training.recipe import Recipe, Run
from shared.training.versions import Fitted

CAPABILITY = "messages"
QUESTION = "Which message earns most with this contact?"
MessageRun = Run[MessageChoices]


def _material(run: MessageRun, pasts: Pasts) -> MessageMaterial:
    outcome = run.required_outcome
    decisions, reward, _ = joined(earned(run.store, outcome, 0, run.now, now=run.now))
    known = {one.id: dict(one.attributes) for one in run.store.experiments.messages.all()}
    return message_material(outcome, pasts, decisions, reward, known)


def _fit(run: MessageRun, material: MessageMaterial, progress: Progress) -> MessageFit:
    choices = run.choices
    return fitted(material, allowed=choices.allowed, forbidden=choices.forbidden, now=run.now, progress=progress)


def _to_publish(run: MessageRun, material: MessageMaterial, fit: MessageFit) -> Fitted:
    last = int(material.at.max())
    return Fitted(
        capability=CAPABILITY,
        outcome=material.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=plots(fit.report),
        question=QUESTION,
        horizon_days=material.outcome.horizon_days,
        trained_at=run.now,
        trained_until=last + material.horizon,
        data_digest=digest_of_data(fit.values, material.reward, material.at),
        rows=len(material),
        params={"outcome": material.outcome.model_dump_json(), "decisions": len(material)},
        first="first version; it surely does not earn less than equal chances",
        evidence=plain_evidence(
            QUESTION, fit.report.importance, people_counts(run.store, material.pasts, material.contact, last)
        ),
    )


def _gate(run: MessageRun, material: MessageMaterial, fit: MessageFit, row: VersionRow) -> GateDecision:
    """Compare what both would have earned on decisions that neither has learned from."""
    known_until = int(row.report.get("trained_until") or 0) - material.horizon
    newer = material.at[fit.judged.rows] > known_until
    if not fit.by_time:
        return GateDecision(False, False, "all decisions were made at about one time: none is newer than the champion")
    undecided = too_few(int(newer.sum()))
    if undecided is not None:
        return undecided
    try:
        with tempfile.TemporaryDirectory() as scratch:
            where = (run.registry, run.store.account, CAPABILITY, material.outcome.name)
            folder = artifacts(*where, version=row.version, digest=row.digest, into=Path(scratch))
            champion = MessagePolicy.load(folder)
    except ArtifactRefused:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        reason = f"the registry did not give the champion, version {row.version}, to compare with; train again later"
        return GateDecision(False, False, reason)
    old = is_old(row, now=run.now, most_days=CHAMPION_MOST_DAYS)
    return against_champion(material, fit.judged.take(newer), champion, champion_is_old=old)


def against_champion(
    material: MessageMaterial, found: JudgedDecisions, champion: MessagePolicy, *, champion_is_old: bool
) -> GateDecision:
    """Decide by what challenger and champion would have earned on the same decisions."""
    before = champion_target(material, found.rows, champion, found.predicted)
    gain = found.gain(found.policy, before)
    challenger, champions = found.value(found.policy), found.value(before)
    if gain is None or challenger.value is None or champions.value is None:
        refused = challenger.refused or champions.refused
        return GateDecision(False, False, f"the newer decisions cannot tell the two apart: {refused}")
    figures = {
        "frames": float(len(found.logged)),
        "challenger_reward": challenger.value.value,
        "champion_reward": champions.value.value,
        "effective_decisions": min(challenger.effective_decisions, champions.effective_decisions),
    }
    worse = Interval(-gain.value, -gain.high, -gain.low)
    margin = MARGIN * abs(champions.value.value)
    return replaces(
        worse,
        margin,
        "1 % of its reward",
        {**figures, **differences(worse)},
        champion_is_old=champion_is_old,
    )


def champion_target(
    material: MessageMaterial, rows: NDArray[np.intp], champion: MessagePolicy, predicted: NDArray[np.float64]
) -> Target:
    """Lay the champion beside decisions, by its own columns."""
    learned = champion.learned
    candidates = candidates_of(material, rows)
    if learned is None:
        raise ArtifactRefused("The champion holds no policy.")
    values = matrix(learned.feature_set, material.pasts, material.contact[rows], material.at[rows])
    design = learned.columns.of(learned.inputs.filled(values))
    policy = learned.policy.with_messages(material.messages)
    return target(material, rows, policy.chances(design, candidates, floor=FLOOR), candidates, predicted)


RECIPE = Recipe(
    capability=CAPABILITY,
    choices=MessageChoices,
    frames=lambda outcome, pasts, now: framed(outcome, pasts, now=now).frames,
    material=_material,
    fit=_fit,
    to_publish=_to_publish,
    gate=_gate,
)
