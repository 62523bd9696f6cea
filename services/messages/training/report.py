"""The report of a run and its plot: what the policy would earn, beside plain rules, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.messages.training.assessment import BEST, EQUAL, LOGGING, POLICY, JudgedDecisions
from services.messages.training.material import MessageMaterial
from services.messages.training.pressure import PressureFit, pressure_notes
from shared.contracts.prediction import Grade
from shared.contracts.rows import instant_of
from shared.evaluation.gate import grade
from shared.evaluation.metrics import Interval, of_mean
from shared.features import Learned
from shared.training.report import axes_of, png

Figures = dict[str, Any]
MARGIN = 0.01
"""Share of what equal chances earn, or the champion, that a policy could earn less and still be let through."""
LEAST_REWARDS = 10.0
"""Effective decisions that earned something, below which an interval says nothing."""
_BLUE, _GREY = "#1f5fa8", "#8a8f98"


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What one training found."""

    grade: Grade
    data: Figures
    candidates: Sequence[Figures]
    messages: Sequence[Figures]
    """What each message earned, whoever got it."""
    figures: Mapping[str, Interval | float]
    importance: Sequence[tuple[str, float]]
    left_out: Sequence[Figures]
    columns: Sequence[Figures]
    notes: Sequence[str]
    usable: bool
    unusable_because: str
    pressure: Figures | None
    """How well it is known what mails cost; None: too few contacts left."""
    winner: str = POLICY
    kind: str = "thompson"

    def to_json(self) -> Figures:
        """Write as plain values."""
        return {
            "winner": self.winner,
            "kind": self.kind,
            "grade": self.grade,
            "usable": self.usable,
            "data": self.data,
            "candidates": list(self.candidates),
            "messages": list(self.messages),
            "figures": {
                name: figure.to_json() if isinstance(figure, Interval) else round(float(figure), 6)
                for name, figure in self.figures.items()
            },
            "importance": [list(pair) for pair in self.importance],
            "left_out": list(self.left_out),
            "columns": list(self.columns),
            "notes": list(self.notes),
            "pressure": self.pressure,
        }


def report(
    material: MessageMaterial,
    found: JudgedDecisions,
    features: Learned,
    importance: NDArray[np.float64],
    *,
    by_time: bool,
    half_life: int | None,
    pressure: PressureFit,
) -> PolicyReport:
    """Write down what a fit found.

    Args:
        material: decisions with what they earned.
        found: policies on decisions that they did not learn from.
        features: what is looked at.
        importance: of each feature, any unit.
        by_time: whether what judged is later.
        half_life: days after which a decision counts half; None: all count alike.
        pressure: what mails cost.
    """
    value = found.value(found.policy)
    over_equal, over_best = found.gain(found.policy, found.equal), found.gain(found.policy, found.best)
    refused = value.refused or found.value(found.equal).refused
    because = refused or _not_surely_better(found, over_equal, value.effective_rewards)
    figures = _figures(found, over_equal, over_best)
    return PolicyReport(
        grade=_grade(found, over_equal, over_best),
        data=_data(material, found),
        candidates=_candidates(found),
        messages=_messages(material),
        figures=figures,
        importance=_shares(features.feature_set.names, importance),
        left_out=[{"name": one.name, "reason": one.reason, "remedy": one.remedy} for one in features.left_out],
        columns=[one.to_json() for one in features.columns],
        notes=_notes(material, found, by_time=by_time, half_life=half_life) + pressure_notes(pressure),
        usable=not because,
        unusable_because=because,
        pressure=None if pressure.report is None else pressure.report.to_json(),
    )


def margin_of(found: JudgedDecisions) -> float:
    """Return how much less than equal chances is tolerated."""
    value = found.value(found.equal).value
    return MARGIN * max(0.0, 0.0 if value is None else value.value)


def _not_surely_better(found: JudgedDecisions, over_equal: Interval | None, rewards: float) -> str:
    if over_equal is None:
        return "what it would earn cannot be compared with equal chances"
    if rewards < LEAST_REWARDS:
        return (
            f"the later decisions say as much of it as {rewards:.0f} rewards would, and {LEAST_REWARDS:.0f} are needed"
        )
    if over_equal.low < -margin_of(found):
        return f"it could earn less a decision than equal chances (difference {_small(over_equal)})"
    return ""


def _small(interval: Interval) -> str:
    """Write an interval of what may be small.

    >>> _small(Interval(0.0012, -0.0003, 0.0027))
    '0.0012 (-0.0003 to 0.0027)'
    """
    return f"{interval.value:.4g} ({interval.low:.4g} to {interval.high:.4g})"


def _figures(
    found: JudgedDecisions, over_equal: Interval | None, over_best: Interval | None
) -> Mapping[str, Interval | float]:
    figures: dict[str, Interval | float] = {}
    for name, target in (("policy", found.policy), ("equal_chances", found.equal), ("best_message", found.best)):
        value = found.value(target)
        if value.value is not None:
            figures[f"reward_of_{name}"] = value.value
    figures["reward_of_what_was_done"] = found.done
    if over_equal is not None:
        figures["gain_over_equal_chances"] = over_equal
    if over_best is not None:
        figures["gain_over_best_message"] = over_best
    value = found.value(found.policy)
    figures["effective_decisions"] = value.effective_decisions
    figures["effective_rewards"] = value.effective_rewards
    figures["unsupported"] = value.unsupported
    return figures


def _grade(found: JudgedDecisions, over_equal: Interval | None, over_best: Interval | None) -> Grade:
    """Grade by how much the policy surely earns more than the better of equal chances and the best single message."""
    gains = [one for one in (over_equal, over_best) if one is not None]
    values = [found.value(one).value for one in (found.equal, found.best)]
    earned = max((one.value for one in values if one is not None), default=0.0)
    if len(gains) < 2 or earned <= 0:
        return "D"
    least = min(gains, key=lambda one: one.value)
    rewarded = len(np.unique(found.logged.contact[found.logged.reward > 0]))
    share = Interval(*(one / earned for one in (least.value, least.low, least.high)))
    return grade(share, positive_contacts=rewarded)


def _data(material: MessageMaterial, found: JudgedDecisions) -> Figures:
    decisions = material.decisions
    rewarded = decisions.contact[material.reward > 0]
    arms = np.bincount(decisions.arm, minlength=len(decisions.arms))
    return {
        "decisions": len(material),
        "contacts": len(np.unique(material.contact)),
        "messages": len(np.unique(decisions.message)),
        "rewarded_contacts": len(np.unique(rewarded)),
        "reward": round(float(material.reward.mean()), 6),
        "sums_value": material.outcome.sums_value,
        "by_arm": {name: int(count) for name, count in zip(decisions.arms, arms, strict=True) if count},
        "judged_decisions": len(found.logged),
        "judged_from": instant_of(int(material.at[found.rows].min())).date().isoformat(),
        "judged_to": instant_of(int(material.at.max())).date().isoformat(),
    }


def _candidates(found: JudgedDecisions) -> list[Figures]:
    listed = [(POLICY, found.policy), (f"{BEST}, {found.best_message}", found.best), (EQUAL, found.equal)]
    values = [(label, found.value(target).value) for label, target in listed]
    return [
        *(
            {"label": label, **({} if value is None else value.to_json()), "served": label == POLICY}
            for label, value in values
        ),
        {"label": LOGGING, **found.done.to_json(), "served": False},
    ]


def _messages(material: MessageMaterial) -> list[Figures]:
    """Return what each message earned on average: a comparison of messages only where chances were equal."""
    found = []
    for code, message in enumerate(material.messages):
        rows = np.flatnonzero(material.decisions.message == code)
        if len(rows):
            reward = of_mean(material.reward[rows], material.contact[rows])
            found.append({"message": message.id, "sent": len(rows), "reward": reward.to_json()})
    return sorted(found, key=lambda one: (-one["reward"]["value"], one["message"]))


def _shares(names: Sequence[str], importance: NDArray[np.float64]) -> list[tuple[str, float]]:
    shares = importance / (importance.sum() or 1.0)
    order = np.argsort(-shares, kind="stable")
    return [(names[place], round(float(shares[place]), 4)) for place in order if shares[place] > 0]


def _notes(material: MessageMaterial, found: JudgedDecisions, *, by_time: bool, half_life: int | None) -> list[str]:
    begun = instant_of(int(material.at[found.rows].min()))
    how = (
        f"The policy learned from decisions whose time to earn was over on {begun:%Y-%m-%d}, and was judged on the "
        f"{len(found.logged):,} later ones."
        if by_time
        else "All decisions were made at about one time: the policy was judged on contacts that it did not learn from."
    )
    forgets = [] if half_life is None else [f"A decision counts half after {half_life} days: what works changes."]
    return [
        how,
        "What a policy would earn is estimated from decisions with known chances (doubly robust, 95 % interval by "
        "contact); what each message earned on average is no comparison where some contacts got it more often.",
        *forgets,
        *material.notes,
    ]


def plots(found: PolicyReport) -> dict[str, bytes]:
    """Draw the plot of a report, PNG bytes by name."""
    rows = [one for one in found.candidates if one.get("value") is not None][::-1]
    figure, axes = axes_of(8, 0.55 * len(rows) + 1.4)
    for place, one in enumerate(rows):
        color = _BLUE if one["served"] else _GREY
        low, high = (one[name] if one[name] is not None else one["value"] for name in ("low", "high"))
        axes.plot([low, high], [place, place], color=color, linewidth=2)
        axes.plot([one["value"]], [place], "o", color=color)
    axes.set_yticks(range(len(rows)), [one["label"] for one in rows], fontsize=9)
    axes.set_xlabel("Reward a decision, with its 95 % interval")
    axes.set_title("What each would have earned, on later decisions", loc="left", fontsize=11)
    return {"rewards": png(figure)}
