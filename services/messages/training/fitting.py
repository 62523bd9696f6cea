"""Learn a policy, judge it on later decisions, learn it again from all."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.messages.features import contact_features
from services.messages.model.contact_policy import ContactPolicy
from services.messages.model.hierarchy import members
from services.messages.model.messages import MessagePolicy
from services.messages.model.policy import Group, Policy, fit
from services.messages.model.policy_columns import PolicyColumns
from services.messages.model.sends import with_decisions
from services.messages.training.assessment import JudgedDecisions, joined, judged
from services.messages.training.material import DecisionSplit, MessageMaterial, splits_of
from services.messages.training.pressure import PressureFit, fitted_pressure
from services.messages.training.report import PolicyReport, report
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.evaluation.metrics import of_mean
from shared.features import Inputs, matrix
from shared.learners import Columns
from shared.timeline.pasts import outcome_type

Matrix = NDArray[np.float64]
HALF_LIVES: tuple[int | None, ...] = (None, 90, 30)
"""Days after which a decision counts half; None: all count alike."""


@dataclass(frozen=True, slots=True)
class MessageFit:
    """A fitted version with the evidence behind it."""

    model: MessagePolicy
    report: PolicyReport
    values: Matrix
    judged: JudgedDecisions
    by_time: bool
    """Whether what judged is later than what was learned from."""


def fitted(
    material: MessageMaterial,
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
    now: Microseconds,
    progress: Progress = silent,
) -> MessageFit:
    """Learn, judge, learn from all: no store, no registry.

    Args:
        material: decisions with what they earned.
        allowed: attributes used although they are personal or not dated.
        forbidden: attributes that are never used.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.
    """
    progress("computing features", 0.0)
    contact, at = material.contact, material.at
    features = contact_features(material.pasts, contact, at, allowed=allowed, forbidden=forbidden)
    values = matrix(features.feature_set, material.pasts, contact, at)
    inputs = Inputs.of(
        features.feature_set,
        values,
        (material.reward > 0).astype(np.float64),
        contact,
        known=material.pasts.attributes,
    )
    filled = inputs.filled(values)
    named = Columns(features.feature_set.names, features.feature_set.categorical)
    splits, by_time = splits_of(material)
    progress("learning from earlier decisions", 0.3)
    half_life, parts = None, []
    for place, split in enumerate(splits):
        design = columns_of(material, filled, named, split.train).of(filled)
        if by_time and place == 0:
            half_life = chosen_half_life(material, design, split)
        policy = policy_of(material, design, split.train, half_life)
        parts.append(judged(material, design, split.train, split.judged, policy))
        progress("judging on later decisions", 0.4 + 0.3 * (place + 1) / len(splits))
    found = joined(parts)
    progress("learning from all decisions", 0.8)
    columns = columns_of(material, filled, named, np.arange(len(material)))
    design = columns.of(filled)
    policy = policy_of(material, design, np.arange(len(material)), half_life)
    importance = importance_of(policy, columns, len(features.feature_set))
    learned = ContactPolicy(features.feature_set, columns, policy, inputs.weighed(importance), material.messages)
    progress("learning what mails cost", 0.9)
    pressure = pressure_of(material, now=now)
    made = report(material, found, features, importance, by_time=by_time, half_life=half_life, pressure=pressure)
    model = MessagePolicy.of(
        learned,
        outcome=material.outcome.name,
        grade=made.grade,
        horizon_days=material.outcome.horizon_days,
        trained_at=instant_of(now),
        pressure=pressure.model,
    )
    return MessageFit(model, made, values, found, by_time)


def pressure_of(material: MessageMaterial, *, now: Microseconds) -> PressureFit:
    """Learn what mails cost, from events and from decisions that are no events."""
    outcome, pasts = material.outcome, with_decisions(material.pasts, material.contact, material.at)
    code = outcome_type(outcome, pasts)
    return fitted_pressure(
        pasts,
        reward_types=() if code < 0 else (pasts.types[code],),
        reward_days=outcome.horizon_days,
        until=now,
        sums_value=outcome.sums_value,
    )


def columns_of(material: MessageMaterial, filled: Matrix, named: Columns, rows: NDArray[np.intp]) -> PolicyColumns:
    """Choose the columns that tell most of what some decisions earned.

    Args:
        material: decisions with what they earned.
        filled: features of every decision, shape (n, p).
        named: their names and kinds.
        rows: the decisions that may be looked at.
    """
    message, reward = material.decisions.message[rows].astype(np.intp), material.reward[rows]
    groups = [one.groups for one in material.messages]
    member = members(groups, sorted(frozenset[Group]().union(*groups)))
    return PolicyColumns.fit(filled[rows], named, lambda design: relevance(design, message, reward, member))


def relevance(design: Matrix, message: NDArray[np.intp], reward: Matrix, member: Matrix) -> Matrix:
    """Return how much each column says of what messages earn: of all, of those alike, of each, on average.

    A column that says nothing has 3 times the variance of the rewards.

    Args:
        design: standardised columns, shape (n, k).
        message: index of what was sent, shape (n,).
        reward: what it earned, shape (n,).
        member: which groups each message belongs to, shape (messages, 1 + groups); the first column is 1.

    Returns:
        Mean squares of the scores, shape (k,).
    """
    messages = len(member)
    sent = np.bincount(message, minlength=messages).astype(np.float64)
    left = reward - (np.bincount(message, reward, messages) / np.maximum(sent, 1))[message]
    order = np.argsort(message, kind="stable")
    starts = np.flatnonzero(sent)
    sums = np.zeros((messages, design.shape[1]))
    begins = np.searchsorted(message[order], starts)
    sums[starts] = np.add.reduceat(design[order] * left[order, None], begins, axis=0)
    own = (sums[starts] ** 2 / sent[starts, None]).mean(axis=0)
    shared = (member.T @ sums) ** 2 / np.maximum(member.T @ sent, 1)[:, None]
    groups = shared[1:].mean(axis=0) if len(shared) > 1 else 0.0
    found: Matrix = own + shared[0] + groups
    return found


def policy_of(material: MessageMaterial, design: Matrix, rows: NDArray[np.intp], half_life_days: int | None) -> Policy:
    """Learn a policy from some decisions."""
    weight = None
    if half_life_days is not None:
        age = (material.at[rows].max() - material.at[rows]) / (half_life_days * DAY)
        weight = 0.5**age
    return fit(
        design[rows],
        material.decisions.message[rows].astype(np.intp),
        material.reward[rows],
        material.messages,
        weight=weight,
        is_share=material.is_share,
    )


def chosen_half_life(material: MessageMaterial, design: Matrix, split: DecisionSplit) -> int | None:
    """Choose how fast decisions are forgotten: not at all, unless later rewards are surely foretold better so."""
    span = float(np.ptp(material.at[split.train])) / DAY
    found = {}
    for days in HALF_LIVES:
        if days is None or span >= days:
            policy = policy_of(material, design, split.train, days)
            expected = policy.expected(design[split.judged])
            own = expected[np.arange(len(split.judged)), material.decisions.message[split.judged]]
            found[days] = (material.reward[split.judged] - own) ** 2
    best = min(found, key=lambda days: float(found[days].mean()))
    gain = of_mean(found[None] - found[best], material.contact[split.judged])
    return best if gain.low > 0 else None


def importance_of(policy: Policy, columns: PolicyColumns, width: int) -> NDArray[np.float64]:
    """Return how much each feature moves messages apart, shape (p,)."""
    apart = policy.weights[:, 1:].std(axis=0)
    found = np.zeros(width)
    np.add.at(found, columns.source, apart)
    return found
