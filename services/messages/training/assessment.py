"""What a policy would have earned, from decisions that it did not learn from, beside plain rules and the champion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.messages.model.policy import Policy, equal_chances
from services.messages.schemas import FLOOR
from services.messages.training.material import LEAST_EACH, MessageMaterial
from shared.evaluation.metrics import Interval, of_mean
from shared.evaluation.off_policy import (
    LoggedDecisions,
    Method,
    PolicyValue,
    Target,
    policy_difference,
    policy_value,
    target_of,
)

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]
METHOD: Method = "dr"
EQUAL, BEST, POLICY, LOGGING = "equal chances", "the best single message", "the policy", "what was done"


@dataclass(frozen=True, slots=True)
class JudgedDecisions:
    """Policies on the same later decisions."""

    logged: LoggedDecisions
    policy: Target
    equal: Target
    best: Target
    best_message: str
    rows: Rows
    """Of the material."""
    predicted: Matrix
    """Reward that is expected of each message by what was learned before, shape (n, messages): as a model of rewards
    it stands behind every doubly robust estimate."""

    def value(self, target: Target) -> PolicyValue:
        """Estimate what a policy earns a decision."""
        return policy_value(self.logged, target, METHOD)

    def gain(self, target: Target, over: Target) -> Interval | None:
        """Estimate how much more a policy earns than another; None: it cannot be known."""
        return policy_difference(self.logged, target, over, METHOD)

    @property
    def done(self) -> Interval:
        """Return what the decisions earned as they were made."""
        return of_mean(self.logged.reward, self.logged.contact)

    def take(self, rows: NDArray[np.bool_]) -> "JudgedDecisions":
        """Keep some of the decisions."""
        logged = LoggedDecisions(self.logged.contact[rows], self.logged.reward[rows], self.logged.propensity[rows])
        policy, equal, best = (_taken(one, rows) for one in (self.policy, self.equal, self.best))
        return JudgedDecisions(logged, policy, equal, best, self.best_message, self.rows[rows], self.predicted[rows])


def _taken(target: Target, rows: NDArray[np.bool_]) -> Target:
    columns = (target.chance, target.unsupported, target.predicted, target.expected)
    return Target(*(None if one is None else one[rows] for one in columns))  # type: ignore[arg-type]


def judged(material: MessageMaterial, design: Matrix, train: Rows, rows: Rows, policy: Policy) -> JudgedDecisions:
    """Lay policies beside decisions.

    Args:
        material: of the run.
        design: of all its decisions, shape (n, width).
        train: what the policy learned from.
        rows: what judges it.
        policy: over the material's messages.
    """
    candidates = candidates_of(material, rows)
    predicted = policy.expected(design[rows])
    best = best_message(material, train)
    # Of what was sent: whether anything was is another decision, which a message does not change.
    propensity = material.decisions.propensity[rows] / material.decisions.sending[rows]
    logged = LoggedDecisions(_numbered(material.contact[rows]), material.reward[rows], propensity)
    return JudgedDecisions(
        logged,
        target(material, rows, policy.chances(design[rows], candidates, floor=FLOOR), candidates, predicted),
        target(material, rows, equal_chances(candidates), candidates, predicted),
        target(material, rows, _always(best, candidates), candidates, predicted),
        material.messages[best].id,
        rows,
        predicted,
    )


def joined(parts: Sequence[JudgedDecisions]) -> JudgedDecisions:
    """Put the folds of a judgement together."""
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([one.rows for one in parts])
    contact = np.concatenate([one.logged.contact + shift for one, shift in zip(parts, _shifts(parts), strict=True)])
    logged = LoggedDecisions(
        contact,
        np.concatenate([one.logged.reward for one in parts]),
        np.concatenate([one.logged.propensity for one in parts]),
    )
    policy, equal, best = (Target.joined([getattr(one, name) for one in parts]) for name in ("policy", "equal", "best"))
    predicted = np.concatenate([one.predicted for one in parts])
    return JudgedDecisions(logged, policy, equal, best, parts[-1].best_message, rows, predicted)


def _shifts(parts: Sequence[JudgedDecisions]) -> list[int]:
    """Number the contacts of each part apart: folds share none."""
    counts = [int(one.logged.contact.max(initial=-1)) + 1 for one in parts]
    return [sum(counts[:place]) for place in range(len(parts))]


def target(
    material: MessageMaterial, rows: Rows, chances: Matrix, candidates: NDArray[np.bool_], predicted: Matrix
) -> Target:
    """Lay one policy beside decisions."""
    return target_of(chances, material.decisions.message[rows], candidates, predicted)


def candidates_of(material: MessageMaterial, rows: Rows) -> NDArray[np.bool_]:
    """Return what could have been sent, shape (len(rows), messages)."""
    every = material.decisions.choosable()[:, : len(material.messages)]
    found: NDArray[np.bool_] = every[material.decisions.candidates[rows]].copy()
    found[np.arange(len(rows)), material.decisions.message[rows]] = True
    return found


def best_message(material: MessageMaterial, rows: Rows) -> int:
    """Return the code of the message that earned most on average, of those that were tried out."""
    message = material.decisions.message[rows]
    counts = np.bincount(message, minlength=len(material.messages))
    sums = np.bincount(message, weights=material.reward[rows], minlength=len(material.messages))
    least = LEAST_EACH if (counts >= LEAST_EACH).any() else 1
    return int(np.where(counts >= least, sums / np.maximum(counts, 1), -np.inf).argmax())


def _always(code: int, candidates: NDArray[np.bool_]) -> Matrix:
    """Return the chances of one message for everybody; equal ones where it could not be sent."""
    found = equal_chances(candidates)
    can = candidates[:, code]
    found[can] = 0.0
    found[can, code] = 1.0
    return found


def _numbered(contact: NDArray[np.int32]) -> NDArray[np.intp]:
    _, numbers = np.unique(contact, return_inverse=True)
    return np.asarray(numbers, dtype=np.intp)
