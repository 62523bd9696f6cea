"""What another policy would have earned, from decisions whose chances are known. Pure.

Three estimators, each a mean over decisions of which those count most that the other policy would make more often
than the one that made them: weight = its chance of what was chosen / the chance with which it was chosen.

- `ips`, inverse propensity scores: mean of weight * reward. Source: Horvitz and Thompson (1952).
- `snips`, self-normalised: the same divided by the mean of the weights. Source: Swaminathan and Joachims, "The
  self-normalized estimator for counterfactual learning" (2015).
- `dr`, doubly robust: what a model of rewards expects, and the weighted mean of what it missed. Source: Dudik,
  Langford, Li, "Doubly robust policy evaluation and learning" (2011). The predictions must come from a model that did
  not learn from the contact's own decisions (cross-fitting, by whoever calls).

Intervals are 95 %, by contact: decisions of one contact count as one observation. A percentile bootstrap of 46 clicks
covers the truth in 87 % of runs and less, as it knows no click of a weight that happened not to click. Here the
variance is that of the linearised estimator between contacts (to which the bootstrap's converges), drawn towards what
it were if rewards did not hang on weights (`PRIOR_REWARDS`), never below itself; and an interval of what cannot be
negative is one of its logarithm, which is as skewed as few clicks are. docs/benchmarks.md has the coverage of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import Interval

Vector = NDArray[np.float64]
Method = Literal["ips", "snips", "dr"]

Z_95: Final = 1.959964
PRIOR_REWARDS: Final = 5.0
"""As many effective rewards the variance that knows no weights is worth."""
MOST_UNSUPPORTED: Final = 0.01
"""Share of a policy on what could not have been chosen, above which nothing is estimated."""
LEAST_EFFECTIVE: Final = 10.0
"""Decisions, after weights, below which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class Logged:
    """Decisions with what they earned; all arrays of shape (n,)."""

    contact: NDArray[np.integer]
    """Numbers from 0 on, of whoever the decision is about."""
    reward: Vector
    """No NaN: only decisions whose window is over."""
    propensity: Vector
    """Chance with which just this was chosen."""

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.reward)


@dataclass(frozen=True, slots=True)
class Target:
    """A policy on the same decisions; all arrays of shape (n,)."""

    chance: Vector
    """With which it would have chosen what was chosen."""
    unsupported: Vector
    """Its share on what could not have been chosen."""
    predicted: Vector | None = None
    """Reward that a model expects of what was chosen; for `dr`."""
    expected: Vector | None = None
    """Reward that the model expects of the policy: the mean over its choices; for `dr`."""

    @classmethod
    def joined(cls, parts: Sequence["Target"]) -> "Target":
        """Put parts together, in order."""

        def one(name: str) -> Vector | None:
            found = [getattr(part, name) for part in parts]
            return None if any(each is None for each in found) else np.concatenate(found)

        return cls(*(one(name) for name in ("chance", "unsupported", "predicted", "expected")))  # type: ignore[arg-type]


def target_of(
    chances: NDArray[np.float64],
    chosen: NDArray[np.integer],
    candidates: NDArray[np.bool_],
    predicted: NDArray[np.float64] | None = None,
) -> Target:
    """Lay a policy beside what was decided.

    Args:
        chances: of the policy, shape (n, choices); each row sums to 1.
        chosen: column that was chosen, shape (n,).
        candidates: what could have been chosen, shape (n, choices).
        predicted: reward that a model expects of each choice, shape (n, choices).
    """
    rows = np.arange(len(chosen))
    outside = np.where(candidates, 0.0, chances).sum(axis=1)
    if predicted is None:
        return Target(chances[rows, chosen], outside)
    return Target(chances[rows, chosen], outside, predicted[rows, chosen], (chances * predicted).sum(axis=1))


class PolicyValue(NamedTuple):
    """What a policy earns a decision."""

    method: Method
    value: Interval | None
    """None: refused."""
    refused: str
    """Why there is no value, as a sentence; empty where there is one."""
    decisions: int
    contacts: int
    effective_decisions: float
    """As many equally weighted ones would say as much. Source: Kish (1965)."""
    effective_rewards: float
    """The same of decisions that earned something: below ten an interval is hardly worth reading."""
    unsupported: float
    """Share of the policy on what could not have been chosen."""
    clipped: float
    """Share of the decisions whose weight was cut: what they earned is undervalued by so much."""
    largest_weight: float


def policy_value(logged: Logged, target: Target, method: Method = "snips", *, clip: float | None = None) -> PolicyValue:
    """Estimate what a policy earns a decision, or say why that cannot be known.

    Args:
        logged: what was decided.
        target: the policy.
        method: `dr` needs predictions.
        clip: the greatest weight; None: none is cut, which is unbiased and may be wide.
    """
    found = _estimate(logged, target, method, clip)
    return PolicyValue(
        method=method,
        value=None if found.refused else _interval(found),
        refused=found.refused,
        decisions=len(logged),
        contacts=found.contacts,
        effective_decisions=found.effective_decisions,
        effective_rewards=found.effective_rewards,
        unsupported=found.unsupported,
        clipped=found.clipped,
        largest_weight=found.largest_weight,
    )


def policy_difference(
    logged: Logged, first: Target, second: Target, method: Method = "snips", *, clip: float | None = None
) -> Interval | None:
    """Return by how much the first policy earns more a decision than the second, on the same decisions.

    Both intervals, and how far both estimates move together between contacts, make that of the difference. Source:
    Zou and Donner, "Construction of confidence limits about effect measures: a general approach" (2008).

    Returns:
        None where one of the two is refused.
    """
    one, other = (_estimate(logged, target, method, clip) for target in (first, second))
    if one.refused or other.refused:
        return None
    spread = sqrt(float(one.influence @ one.influence) * float(other.influence @ other.influence))
    together = float(one.influence @ other.influence) / spread if spread else 0.0
    return paired_difference(_interval(one), _interval(other), together)


def paired_difference(first: Interval, second: Interval, correlation: float) -> Interval:
    """Return the difference of two estimates with its interval, from theirs and their correlation (MOVER).

    >>> paired_difference(Interval(0.5, 0.4, 0.6), Interval(0.3, 0.2, 0.4), 1.0)
    Interval(value=0.2, low=0.2, high=0.2)
    """
    below = _root(first.value - first.low, second.high - second.value, correlation)
    above = _root(first.high - first.value, second.value - second.low, correlation)
    gain = first.value - second.value
    return Interval(gain, gain - below, gain + above)


def _root(one: float, other: float, correlation: float) -> float:
    return sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


class _Estimate(NamedTuple):
    """An estimate with what its interval needs."""

    value: float
    influence: Vector
    """By how much each contact moves the estimate, at its number; 0 where there is none."""
    contacts: int
    even_variance: float
    """Variance if rewards did not hang on weights."""
    nonnegative: bool
    """Whether the estimate cannot be below 0."""
    effective_decisions: float
    effective_rewards: float
    unsupported: float
    clipped: float
    largest_weight: float
    refused: str


def _estimate(logged: Logged, target: Target, method: Method, clip: float | None) -> _Estimate:
    n = len(logged)
    weight = np.divide(target.chance, logged.propensity, out=np.zeros(n), where=logged.propensity > 0)
    cut = np.zeros(n, bool) if clip is None else weight > clip
    weight = weight if clip is None else np.minimum(weight, clip)
    unsupported = _unsupported(logged, target)
    effective = effective_number(weight)
    refused = _refused(logged, unsupported, effective, float(np.abs(weight * logged.reward).sum()))
    value, by_decision, variance = (0.0, np.zeros(n), 0.0) if refused else _linear(logged, target, method, weight)
    return _Estimate(
        value=value,
        influence=np.bincount(logged.contact, by_decision).astype(np.float64),
        contacts=int(np.count_nonzero(np.bincount(logged.contact))),
        even_variance=variance,
        nonnegative=method != "dr" and not (n and float(logged.reward.min()) < 0.0),
        effective_decisions=effective,
        effective_rewards=effective_number(weight * logged.reward),
        unsupported=unsupported,
        clipped=float(cut.mean()) if n else 0.0,
        largest_weight=float(weight.max(initial=0.0)),
        refused=refused,
    )


def _unsupported(logged: Logged, target: Target) -> float:
    """Return the share of the policy on what could not have been chosen, or was chosen without a chance."""
    if not len(logged):
        return 0.0
    impossible = np.where(logged.propensity > 0, 0.0, target.chance)
    return float((target.unsupported + impossible).mean())


def _refused(logged: Logged, unsupported: float, effective: float, earned: float) -> str:
    """Say why nothing can be estimated; empty where something can."""
    if not len(logged):
        return "No decision's window is over yet."
    if unsupported > MOST_UNSUPPORTED:
        return (
            f"{unsupported:.1%} of what the policy would choose could not have been chosen when these decisions were "
            "made, so nothing is known of it."
        )
    if effective < LEAST_EFFECTIVE:
        return (
            f"The policy would choose so differently that the {len(logged):,} decisions say as much of it as "
            f"{effective:.0f} would."
        )
    return "" if earned else "None of the decisions that say something of the policy has earned anything yet."


def effective_number(weight: Vector) -> float:
    """Return how many equal weights would say as much. Source: Kish (1965).

    >>> effective_number(np.array([1.0, 1.0, 0.0])), effective_number(np.array([0.0]))
    (2.0, 0.0)
    """
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _linear(logged: Logged, target: Target, method: Method, weight: Vector) -> tuple[float, Vector, float]:
    """Return the estimate, by how much each decision moves it, and its variance if rewards did not hang on weights."""
    n, reward = len(logged), logged.reward
    squares = float(weight @ weight)
    if method == "snips":
        total = float(weight.sum())
        value = float(weight @ reward) / total
        return value, weight * (reward - value) / total, squares * float(reward.var()) / total**2
    if method == "ips":
        value = float(weight @ reward) / n
        even = squares * float(reward @ reward) / n - n * value**2
        return value, (weight * reward - value) / n, max(0.0, even) / n**2
    if target.predicted is None or target.expected is None:
        raise ValueError("doubly robust: the target has no predictions")
    missed = reward - target.predicted
    value = float((target.expected + weight * missed).mean())
    even = squares * float(missed @ missed) / n + n * float(target.expected.var())
    return value, (target.expected + weight * missed - value) / n, even / n**2


def _interval(found: _Estimate) -> Interval:
    between = float(found.influence @ found.influence) * found.contacts / max(1, found.contacts - 1)
    drawn = (found.effective_rewards * between + PRIOR_REWARDS * found.even_variance) / (
        found.effective_rewards + PRIOR_REWARDS
    )
    error, value = sqrt(max(between, drawn)), found.value
    if value > 0 and (found.nonnegative or error < value):
        factor = exp(Z_95 * error / value)
        return Interval(value, value / factor, value * factor)
    return Interval(value, value - Z_95 * error, value + Z_95 * error)
