"""What another policy would have earned, from decisions whose chances are known. Pure.

Three estimators, each a mean over decisions of which those count most that the other policy would make more often
than the one that made them: weight = its chance of what was chosen / the chance with which it was chosen.

- `ips`, inverse propensity scores: mean of weight * reward. Source: Horvitz and Thompson (1952).
- `snips`, self-normalised: the same divided by the mean of the weights. Source: Swaminathan and Joachims, "The
  self-normalized estimator for counterfactual learning" (2015).
- `dr`, doubly robust: what a model of rewards expects, and the weighted mean of what it missed. Source: Dudik,
  Langford, Li, "Doubly robust policy evaluation and learning" (2011). The predictions must come from a model that did
  not learn from the contact's own decisions (cross-fitting, by whoever calls).

Intervals are 95 %, by contact: decisions of one contact count as one observation. A percentile bootstrap of a few dozen
clicks covers the truth in 72 to 92 % of runs: it does not know the clicks of large weights that did not happen to come.
Here the variance is that of the linearised estimator between contacts (to which the bootstrap's converges), drawn
towards what it were if rewards did not hang on weights (`PRIOR_REWARDS`), never below itself; and the interval of what
cannot be negative is one of its logarithm, which is as skewed as few clicks are, that of others one of Student's
distribution. docs/benchmarks.md has the coverage of both.
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
PRIOR_REWARDS: Final = 3.0
"""As many effective rewards the variance that knows no weights is worth."""
LEAST_FREEDOM: Final = 4.0
MOST_UNSUPPORTED: Final = 0.01
"""Share of a policy on what could not have been chosen, above which nothing is estimated."""
LEAST_EFFECTIVE: Final = 10.0
"""Decisions, after weights, below which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class LoggedDecisions:
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


def policy_value(
    logged: LoggedDecisions, target: Target, method: Method = "snips", *, clip: float | None = None
) -> PolicyValue:
    """Estimate what a policy earns a decision, or say why that cannot be known.

    Args:
        logged: what was decided.
        target: the policy.
        method: `dr` needs predictions.
        clip: the greatest weight; None: none is cut, which is unbiased and may be wide.
    """
    found = _estimate(logged, target, method, clip)
    value = None
    if found.linear is not None:
        may_be_below = float(logged.reward.min()) < 0 or (method == "dr" and _is_uncertain(found.linear, logged))
        value = _interval(found.linear, logged, skewed=not may_be_below)
    return PolicyValue(
        method=method,
        value=value,
        refused=found.refused,
        decisions=len(logged),
        contacts=len(np.unique(logged.contact)),
        effective_decisions=effective_number(found.weight),
        effective_rewards=effective_number(np.abs(found.weight * logged.reward)),
        unsupported=found.unsupported,
        clipped=found.clipped,
        largest_weight=float(found.weight.max(initial=0.0)),
    )


def policy_difference(
    logged: LoggedDecisions, first: Target, second: Target, method: Method = "snips", *, clip: float | None = None
) -> Interval | None:
    """Return by how much the first policy earns more a decision than the second, on the same decisions.

    Where both would choose alike nothing is uncertain: the interval is that of the difference of the weights, so it
    is narrow for policies that are near each other, and nothing for one and itself.

    Returns:
        None where one of the two is refused.
    """
    one, other = (_estimate(logged, target, method, clip) for target in (first, second))
    if one.linear is None or other.linear is None:
        return None
    return _interval(one.linear.minus(other.linear), logged, skewed=False)


class _Linear(NamedTuple):
    """An estimate as a sum over decisions."""

    value: float
    influence: Vector
    """(n,) by how much each decision moves the estimate."""
    share: Vector
    """(n,) by how much its reward does."""
    spread: float
    """Mean square of what the shares multiply."""
    expected: Vector
    """(n,) what a model says beside it."""

    def minus(self, other: "_Linear") -> "_Linear":
        """Return the difference of two estimates from the same decisions."""
        return _Linear(
            self.value - other.value,
            self.influence - other.influence,
            self.share - other.share,
            self.spread,
            self.expected - other.expected,
        )


class _Estimate(NamedTuple):
    """A policy's weights, and what they let estimate."""

    weight: Vector
    linear: _Linear | None
    unsupported: float
    clipped: float
    refused: str


def _estimate(logged: LoggedDecisions, target: Target, method: Method, clip: float | None) -> _Estimate:
    n = len(logged)
    weight = np.divide(target.chance, logged.propensity, out=np.zeros(n), where=logged.propensity > 0)
    cut = 0.0 if clip is None or not n else float((weight > clip).mean())
    weight = weight if clip is None else np.minimum(weight, clip)
    unsupported = _unsupported(logged, target)
    refused = _refused(logged, unsupported, weight)
    return _Estimate(weight, None if refused else _linear(logged, target, method, weight), unsupported, cut, refused)


def _unsupported(logged: LoggedDecisions, target: Target) -> float:
    """Return the share of the policy on what could not have been chosen, or was chosen without a chance."""
    if not len(logged):
        return 0.0
    impossible = np.where(logged.propensity > 0, 0.0, target.chance)
    return float((target.unsupported + impossible).mean())


def _refused(logged: LoggedDecisions, unsupported: float, weight: Vector) -> str:
    """Say why nothing can be estimated; empty where something can."""
    if not len(logged):
        return "No decision's window is over yet."
    if unsupported > MOST_UNSUPPORTED:
        return (
            f"{unsupported:.1%} of what the policy would choose could not have been chosen when these decisions were "
            "made, so nothing is known of it."
        )
    effective = effective_number(weight)
    if effective < LEAST_EFFECTIVE:
        return (
            f"The policy would choose so differently that the {len(logged):,} decisions say as much of it as "
            f"{effective:.0f} would."
        )
    return (
        ""
        if (weight * logged.reward).any()
        else "None of the decisions that say something of the policy has earned anything yet."
    )


def effective_number(weight: Vector) -> float:
    """Return how many equal weights would say as much. Source: Kish (1965).

    >>> effective_number(np.array([1.0, 1.0, 0.0])), effective_number(np.array([0.0]))
    (2.0, 0.0)
    """
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _linear(logged: LoggedDecisions, target: Target, method: Method, weight: Vector) -> _Linear:
    n, reward, nothing = len(logged), logged.reward, np.zeros(len(logged))
    if method == "snips":
        total = float(weight.sum())
        value = float(weight @ reward) / total
        return _Linear(value, weight * (reward - value) / total, weight / total, float(reward.var()), nothing)
    if method == "ips":
        value = float(weight @ reward) / n
        return _Linear(value, (weight * reward - value) / n, weight / n, float(reward @ reward) / n, nothing)
    if target.predicted is None or target.expected is None:
        raise ValueError("doubly robust: the target has no predictions")
    missed = reward - target.predicted
    each = target.expected + weight * missed
    value = float(each.mean())
    return _Linear(value, (each - value) / n, weight / n, float(missed @ missed) / n, target.expected)


def _interval(found: _Linear, logged: LoggedDecisions, *, skewed: bool) -> Interval:
    """Return the 95 % interval, by contact.

    Args:
        found: the estimate.
        logged: the decisions.
        skewed: whether the estimate cannot be below 0.
    """
    influence = np.asarray(np.bincount(logged.contact, found.influence), dtype=np.float64)
    contacts = int(np.count_nonzero(np.bincount(logged.contact)))
    between = float(influence @ influence) * contacts / max(1, contacts - 1)
    even = float(found.share @ found.share) * found.spread + float(found.expected.var()) / len(logged)
    rewards = effective_number(np.abs(found.share * logged.reward))
    drawn = (rewards * between + PRIOR_REWARDS * even) / (rewards + PRIOR_REWARDS)
    error, value = sqrt(max(between, drawn)), found.value
    if skewed and value > 0:
        factor = exp(Z_95 * error / value)
        return Interval(value, value / factor, value * factor)
    half = _student(influence) * error
    return Interval(value, value - half, value + half)


def _student(influence: Vector) -> float:
    """Return the two-sided 5 % quantile of Student's distribution for what a few contacts make uncertain.

    Sources: degrees of freedom of a variance after Satterthwaite (1946), from the fourth moment; the quantile after
    Abramowitz and Stegun (1964), 26.7.5.
    """
    squares = influence**2
    total, spread = float(squares.sum()), float(squares @ squares)
    rest = spread - total**2 / len(influence)
    freedom = max(LEAST_FREEDOM, 2 * total**2 / rest) if rest > 0 else float("inf")
    return Z_95 + (Z_95**3 + Z_95) / (4 * freedom) + (5 * Z_95**5 + 16 * Z_95**3 + 3 * Z_95) / (96 * freedom**2)


def _is_uncertain(found: _Linear, logged: LoggedDecisions) -> bool:
    """Whether an estimate that may be below 0 is less than its standard error above it."""
    flat = _interval(found, logged, skewed=False)
    return flat.high - flat.value > Z_95 * found.value
