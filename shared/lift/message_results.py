"""What messages brought, as figures: arms, versions, messages, and how they differ. Pure.

Every figure is a mean a decision, every interval one by contact. What is compared with the control group is what
happened: who is in it is settled by the contact's id. Like is compared with like: decisions of one week, campaign and
slot, each of them counting for as much as both sides have of it. Otherwise a busy week in which few were held back, or
a campaign without control, would look like an effect. What equal chances, or one message for everybody who may get it,
would have earned is estimated from the same decisions by their chances (`shared.evaluation.off_policy`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.decision import UNTRAINED, DecisionArm
from shared.contracts.decision_input import UNNAMED
from shared.contracts.rows import DAY
from shared.decisions.columns import NOTHING, DecisionColumns, Vector
from shared.evaluation.metrics import Interval
from shared.evaluation.off_policy import LoggedDecisions, Target, policy_difference, policy_value
from shared.lift.intervals import Z_95, Z_POWER_80, Rate, difference, wilson

Rows = NDArray[np.bool_]
MOST_ESTIMATED: Final = 50
"""Messages of which it is estimated what they would earn with everybody, the most frequent ones."""
WEEK: Final = 7 * DAY
Z_999: Final = 3.2905
LEAST_APART: Final = 0.1
"""Of decisions a contact, below which two sides are compared all the same."""
LEAST_LIFT: Final = 0.1
"""The smallest difference, relative to what is compared with, of which it is said how many sends would show it."""


class Earned(NamedTuple):
    """What some decisions earned."""

    decisions: int
    """All of them."""
    pending: int
    """Of these, whose window is not over; they count nowhere else."""
    pending_rewarded: int
    """How many of the pending ones earned something already."""
    contacts: int
    rewarded: int
    total: float
    mean: Rate | None
    """A decision; None: there is nothing to take it from."""


class RewardGap(NamedTuple):
    """By how much one earned more than another."""

    difference: Rate | None
    other: float
    """What the other earned a decision."""
    decisions: int
    """Of both."""

    def more_needed(self) -> int | None:
        """Return how many more decisions would show the difference in 8 of 10 times; None: nobody can say, or none.

        Of a difference that is next to nothing, how many would show a tenth of what the other earned.
        Source: the variance of a difference falls as decisions grow; normal approximation.
        """
        if self.difference is None:
            return None
        wanted = max(abs(self.difference.value), LEAST_LIFT * abs(self.other))
        error = (self.difference.high - self.difference.low) / (2 * Z_95)
        if not wanted or not error:
            return None
        return max(0, ceil(self.decisions * ((Z_95 + Z_POWER_80) * error / wanted) ** 2) - self.decisions)


@dataclass(frozen=True)
class MessageResults:
    """Decisions with what they earned, and the questions that a report asks of them."""

    columns: DecisionColumns
    reward: Vector
    """(n,) NaN where the window is not over."""
    sums_value: bool = False
    """Whether rewards are values; else 0 or 1."""
    so_far: Vector | None = None
    """(n,) what each earned until now, whether its window is over or not; None: nobody knows."""

    @cached_property
    def closed(self) -> Rows:
        """Whose window is over."""
        found: Rows = ~np.isnan(self.reward)
        return found

    def of_arm(self, arm: DecisionArm) -> Rows:
        """Which decisions an arm made."""
        names = self.columns.arms
        found: Rows = self.columns.arm == (names.index(arm.value) if arm.value in names else -1)
        return found

    @cached_property
    def sent(self) -> Rows:
        """Which decisions send something."""
        found: Rows = self.columns.message != NOTHING
        return found

    @cached_property
    def trained(self) -> Rows:
        """Which decisions of the policy a trained version made."""
        names = self.columns.versions
        untrained = names.index(UNTRAINED) if UNTRAINED in names else -1
        found: Rows = self.of_arm(DecisionArm.policy) & (self.columns.version != untrained)
        return found

    @cached_property
    def chosen(self) -> Rows:
        """Which closed decisions had something to choose from: all but those of a control group that gets nothing.

        Where it was decided first whether anything is sent, and then what, these are the ones that were sent.
        """
        held_back = ~self.sent & (self.of_arm(DecisionArm.control) | (self.columns.sending < 1))
        return self.closed & ~held_back & (self.columns.propensity > 0)

    @cached_property
    def chance(self) -> Vector:
        """Return the chance of what was chosen, given that anything was sent where this was decided first."""
        found: Vector = np.where(self.sent, self.columns.propensity / self.columns.sending, self.columns.propensity)
        return found

    def earned(self, rows: Rows) -> Earned:
        """Return what some decisions earned."""
        over = rows & self.closed
        reward = self.reward[over]
        return Earned(
            decisions=int(rows.sum()),
            pending=int(rows.sum() - over.sum()),
            pending_rewarded=0 if self.so_far is None else int(np.count_nonzero(self.so_far[rows & ~self.closed])),
            contacts=len(np.unique(self.columns.contact[over])),
            rewarded=int(np.count_nonzero(reward)),
            total=float(reward.sum()),
            mean=self._mean(over),
        )

    def gap(self, one: Rows, other: Rows) -> RewardGap:
        """Compare decisions about some contacts with those about others, each week, campaign and slot with itself.

        Source: Mantel and Haenszel (1959): a stratum weighs as much as n m / (n + m) decisions, n and m those of both
        sides, which is as much as it knows of the difference.
        """
        counts = [self._in_strata(rows) for rows in (one, other)]
        there = np.maximum(counts[0] + counts[1], 1)
        weights = [(count / there)[self._strata] for count in counts[::-1]]
        first, second = (
            self._mean(rows & self.closed & (weight > 0), weight)
            for rows, weight in zip((one, other), weights, strict=True)
        )
        decisions = int(counts[0][counts[1] > 0].sum() + counts[1][counts[0] > 0].sum())
        if first is None or second is None or self.decisions_a_contact(one, other) is not None:
            return RewardGap(None, 0.0 if second is None else second.value, decisions)
        return RewardGap(difference(first, second), second.value, decisions)

    def decisions_a_contact(self, one: Rows, other: Rows) -> tuple[float, float] | None:
        """Return how many decisions a contact has in a week, campaign and slot, where the two sides surely differ.

        Then what a decision earned does not compare: a contact's events are shared among more decisions on one side.
        None: they do not differ by more than chance (99.9 %) and a tenth.
        """
        sides = [self._times(rows) for rows in (one, other)]
        most = int(self._strata.max(initial=-1)) + 1
        counts = [np.bincount(stratum, minlength=most) for stratum, _, _ in sides]
        there, means, variance = np.maximum(counts[0] + counts[1], 1), [], 0.0
        for (stratum, contact, times), others in zip(sides, counts[::-1], strict=True):
            weight = (others / there)[stratum]
            if not weight.any():
                return None
            means.append(float(weight @ times / weight.sum()))
            apart = np.bincount(contact, weight * (times - means[-1])) / weight.sum()
            variance += float(apart @ apart)
        apart_by = abs(means[0] - means[1])
        differ = apart_by > Z_999 * variance**0.5 and apart_by > LEAST_APART * min(means)
        return (means[0], means[1]) if differ else None

    def _times(self, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.intp], Vector]:
        """Return stratum and contact of closed decisions, each pair once, and how many decisions it has."""
        mine = rows & self.closed
        key = self._strata[mine].astype(np.int64) * len(self.columns.contacts) + self.columns.contact[mine]
        pairs, times = np.unique(key, return_counts=True)
        stratum, contact = np.divmod(pairs, max(1, len(self.columns.contacts)))
        return stratum.astype(np.intp), contact.astype(np.intp), times.astype(np.float64)

    def alone(self, one: Rows, other: Rows) -> int:
        """Count the closed decisions that have none of the others in their week, campaign and slot."""
        return int(self._in_strata(one)[self._in_strata(other) == 0].sum())

    @cached_property
    def _strata(self) -> NDArray[np.intp]:
        """Number weeks by campaign and slot, shape (n,)."""
        columns = self.columns
        week = columns.at // WEEK * len(columns.campaigns) + columns.campaign
        _, found = np.unique(week * len(columns.slots) + columns.slot, return_inverse=True)
        return np.asarray(found, dtype=np.intp)

    def _in_strata(self, rows: Rows) -> NDArray[np.intp]:
        """Count the closed ones of some decisions in each stratum."""
        mine, most = self._strata[rows & self.closed], int(self._strata.max(initial=-1)) + 1
        return np.bincount(mine, minlength=most)

    def value_of(self, target: "Chances", rows: Rows) -> Rate | None:
        """Estimate what a policy would have earned with the decisions that chose; None: that cannot be known."""
        mine = rows & self.chosen
        return _rate(policy_value(self._logged(mine), _target(target(self), mine)).value)

    def estimated_gap(self, one: "Chances", other: "Chances", rows: Rows) -> RewardGap:
        """Compare what two policies would have earned with the same decisions."""
        mine = rows & self.chosen
        logged = self._logged(mine)
        found = _rate(policy_difference(logged, _target(one(self), mine), _target(other(self), mine)))
        second = policy_value(logged, _target(other(self), mine)).value
        return RewardGap(found, 0.0 if second is None else second.value, len(logged))

    @cached_property
    def equal(self) -> Vector:
        """Return the chance of what was chosen if all messages that could have been had equal ones, shape (n,)."""
        messages = self.columns.choosable()[:, :-1].sum(axis=1)[self.columns.candidates]
        return np.where(messages == 0, 1.0, self.sent / np.maximum(messages, 1))

    @cached_property
    def _choosable(self) -> Rows:
        return self.columns.choosable()

    @cached_property
    def _partly_unnamed(self) -> Rows:
        """Which lists of candidates count some without a name: any message may have been one of them."""
        lists = self.columns.candidate_sets
        return np.array([any(name.startswith(UNNAMED) for name in names) for names in lists], dtype=bool)

    def always(self, message: int) -> Vector:
        """Return the chance of what was chosen if one message were, wherever it could have been, shape (n,)."""
        there = (self._choosable[:, message] | self._partly_unnamed)[self.columns.candidates]
        return np.where(there, (self.columns.message == message).astype(np.float64), self.equal)

    def frequent(self) -> list[int]:
        """List the messages that were sent, the most frequent first."""
        counts = np.bincount(self.columns.message[self.sent], minlength=len(self.columns.messages))
        order = np.lexsort((np.arange(len(counts)), -counts))
        return [int(one) for one in order if counts[one]]

    def _mean(self, rows: Rows, weight: Vector | None = None) -> Rate | None:
        logged, mine = self._logged(rows), np.ones(int(rows.sum())) if weight is None else weight[rows]
        if self.sums_value or not ((logged.reward == 0) | (logged.reward == 1)).all():
            return _rate(policy_value(logged, Target(logged.propensity * mine, np.zeros(len(logged)))).value)
        return _share(logged, mine)

    def _logged(self, rows: Rows) -> LoggedDecisions:
        _, contact = np.unique(self.columns.contact[rows], return_inverse=True)
        return LoggedDecisions(contact, self.reward[rows], self.chance[rows])


Chances = Callable[[MessageResults], Vector]
"""The chance of what was chosen under a policy, shape (n,)."""


def as_made(results: MessageResults) -> Vector:
    """Return the chances with which the decisions were made."""
    return results.chance


def equal_chances(results: MessageResults) -> Vector:
    """Return equal chances."""
    return results.equal


def always(message: int) -> Chances:
    """Return the policy that sends one message wherever it may be sent, and else any of the others."""
    return lambda results: results.always(message)


def _target(chance: Vector, rows: Rows) -> Target:
    return Target(chance[rows], np.zeros(int(rows.sum())))


def _share(logged: LoggedDecisions, weight: Vector) -> Rate | None:
    """Return a weighted share with Wilson's interval; None: of nothing.

    Decisions of one contact that are more alike than by chance count for fewer, and so do uneven weights. Source: Kish,
    "Survey sampling" (1965), the design effect.
    """
    total = float(weight.sum())
    if not total:
        return None
    share = float(weight @ logged.reward) / total
    together = np.bincount(logged.contact, weight * (logged.reward - share)) / total
    variance, even = float(together @ together), total**2 / float(weight @ weight)
    fewer = max(1, round(min(even, share * (1 - share) / variance) if variance else even))
    found = wilson(share * fewer, fewer)
    return Rate(share, found.low, found.high)


def _rate(found: Interval | None) -> Rate | None:
    return None if found is None else Rate(found.value, found.low, found.high)
