"""When people are active, where only activity is known: population, look-alikes, the person. Shares, not chances.

The prior of a person's hours and weekdays is a mixture of Dirichlets, one a group of look-alikes; what the person did
then turns it into the person's own. Nobody is assigned to a group: each weighs by how well it explains the person.
Source: Minka (2000), Estimating a Dirichlet distribution; mixtures of them, Holmes, Harris and Quince (2012).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from services.sendtime.model.local_week import (
    DAY_OF,
    DAYS,
    HOUR_OF,
    HOURS,
    SLOTS,
    Matrix,
    Vector,
    by_day,
    by_hour,
    normalised,
    smoothed,
)

MOST_OF_ONE = 100.0
"""Weighted acts of one contact beyond which it says no more about the population: a machine's log is one voice."""
GROUP_PRIOR = 50.0
"""Acts' worth of the population in each group."""
ROUNDS = 25
BLOCK = 128
"""Contacts weighed together: few enough that what is computed of them stays in the processor's cache."""
LEVELLING = 50
"""Rounds of iterative proportional fitting (Deming and Stephan, 1940)."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """How strongly people are drawn to what is common; chosen on held-out weeks."""

    groups: int = 3
    strength: float = 30.0
    """Acts' worth of the group's hours in each contact's."""
    day_strength: float = 30.0
    """Acts' worth of the group's weekdays in each contact's."""
    smoothing: float = 0.2
    """Share of an act that either neighbouring hour gets."""
    half_life_days: float = 120.0


@dataclass(frozen=True)
class Stages:
    """A contact's share of each slot as more and more is looked at; each sums to 1, shape (n, 168)."""

    activity: "Activity"
    prior_hours: Matrix
    """What the look-alikes say of each contact's hours, shape (n, 24)."""
    prior_days: Matrix
    """The same of its weekdays, shape (n, 7)."""
    own_hours: Matrix
    """With what the contact did, shape (n, 24)."""
    own_days: Matrix
    """Shape (n, 7)."""
    evidence: Vector
    """Weighted acts of each contact, shape (n,)."""

    @property
    def population(self) -> Vector:
        """Return what is common, shape (168,)."""
        return self.activity.population

    @cached_property
    def lookalike(self) -> Matrix:
        """Return the week of the look-alikes."""
        return self.activity.week(self.prior_hours, self.prior_days)

    @cached_property
    def hours(self) -> Matrix:
        """Return the same with the contact's own hours."""
        return self.activity.week(self.own_hours, self.prior_days)

    @cached_property
    def days(self) -> Matrix:
        """Return the last stage, which is the answer: with its own weekdays too."""
        return self.activity.week(self.own_hours, self.own_days)


@dataclass(frozen=True)
class Activity:
    """What was learned of when this account's contacts are active."""

    pooling: Pooling
    population: Vector
    """Share of each slot, shape (168,)."""
    group_share: Vector
    """Shape (k,)."""
    group_hours: Matrix
    """Shape (k, 24)."""
    group_days: Matrix
    """Shape (k, 7)."""

    @classmethod
    def fit(cls, counts: Matrix, pooling: Pooling, *, seed: int = 0) -> "Activity":
        """Learn population and groups.

        Args:
            counts: weighted acts of each contact by slot, shape (n, 168), faded by age already.
            pooling: strengths.
            seed: of the groups' beginning.
        """
        total = counts.sum(axis=1)
        voice = counts * np.minimum(1.0, MOST_OF_ONE / np.maximum(total, 1e-12))[:, None]
        population = _population(voice.sum(axis=0))
        hours, days = by_hour(population), by_day(population)
        k = pooling.groups if len(counts) >= 20 * pooling.groups else 1
        voice_hours, voice_days = by_hour(voice), by_day(voice)
        weight = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), len(counts))
        for _ in range(ROUNDS if k > 1 else 1):
            group_hours = _shares(weight.T @ voice_hours + GROUP_PRIOR * hours)
            group_days = _shares(weight.T @ voice_days + GROUP_PRIOR * days)
            share = (weight.sum(axis=0) + 1) / (len(counts) + k)
            fitted = cls(pooling, population, share, group_hours, group_days)
            weight = fitted.membership(voice)
        return fitted._levelled()

    def _levelled(self) -> "Activity":
        """Bend the population to the average of the groups, so that one of whom nothing is known is the population."""
        share = self.group_share / self.group_share.sum()
        hours, days = share @ self.group_hours, share @ self.group_days
        level = replace(self, group_share=share)
        for _ in range(LEVELLING):
            bent = level.week(hours[None], days[None])[0]
            level = replace(level, population=bent)
        return level

    def membership(self, counts: Matrix) -> Matrix:
        """Return how well each group explains each contact, shape (n, k), rows sum to 1."""
        if len(self.group_share) == 1:
            return np.ones((len(counts), 1))
        hours, days = self._priors
        logs = hours.log_evidence(by_hour(counts)) + days.log_evidence(by_day(counts)) + np.log(self.group_share)
        return normalised(logs)

    @cached_property
    def _priors(self) -> tuple["_Prior", "_Prior"]:
        """Weigh the groups' hours and weekdays."""
        return (
            _Prior.of(self.pooling.strength * self.group_hours),
            _Prior.of(self.pooling.day_strength * self.group_days),
        )

    def stages(self, counts: Matrix) -> Stages:
        """Draw each contact from the population by its look-alikes to its own habits.

        Args:
            counts: weighted acts by slot, faded by age, shape (n, 168).
        """
        membership = self.membership(counts)
        prior_hours, prior_days = membership @ self.group_hours, membership @ self.group_days
        total = counts.sum(axis=1, keepdims=True)
        own_hours = smoothed(by_hour(counts), self.pooling.smoothing) + self.pooling.strength * prior_hours
        own_days = by_day(counts) + self.pooling.day_strength * prior_days
        return Stages(
            self,
            prior_hours,
            prior_days,
            own_hours / (total + self.pooling.strength),
            own_days / (total + self.pooling.day_strength),
            total[:, 0],
        )

    def hours_of(self, counts: Matrix) -> Matrix:
        """Return each contact's share of the hours of the day, all weekdays together, shape (n, 24)."""
        return by_hour(self.stages(counts).days)

    def group_weeks(self) -> Matrix:
        """Return the share of each slot for each group of look-alikes, shape (k, 168)."""
        return self.week(self.group_hours, self.group_days)

    def week(self, hours: Matrix, days: Matrix) -> Matrix:
        """Bend the population's week to given hours and weekdays, shape (n, 168)."""
        odd_hours = hours / by_hour(self.population)
        odd_days = days / by_day(self.population)
        return _shares(self.population * odd_hours[:, HOUR_OF] * odd_days[:, DAY_OF])


def _population(counts: Vector) -> Vector:
    """Share of each slot: what was seen, filled up with hour times weekday where a slot has seen little."""
    hours, days = _shares(by_hour(counts) + 1.0), _shares(by_day(counts) + 1.0)
    return _shares(counts + SLOTS * hours[HOUR_OF] * days[DAY_OF])


def _shares(values: Matrix) -> Matrix:
    shares: Matrix = values / values.sum(axis=-1, keepdims=True)
    return shares


class _Prior(NamedTuple):
    """Pseudo-counts of each group, and what of the likelihood they settle alone."""

    pseudo: Matrix
    """Shape (k, p)."""
    log_gammas: Matrix
    """Of the pseudo-counts, shape (k, p)."""
    whole: Vector
    """Sum of each group's, shape (k,)."""
    log_gamma_of_whole: Vector

    @classmethod
    def of(cls, pseudo: Matrix) -> "_Prior":
        """Compute once what every contact is compared with."""
        whole = pseudo.sum(axis=1)
        return cls(pseudo, log_gamma(pseudo), whole, log_gamma(whole))

    def log_evidence(self, counts: Matrix) -> Matrix:
        """Return the log of the Dirichlet-multinomial likelihood of each row in each group, up to a term of the row.

        Args:
            counts: shape (n, p).

        Returns:
            Shape (n, k).
        """
        found = np.empty((len(counts), len(self.pseudo)))
        for begin in range(0, len(counts), BLOCK):
            rows = slice(begin, begin + BLOCK)
            acts = counts[rows]
            row, place = np.nonzero(acts)  # most people act in few hours, and one without an act gains nothing
            gained = np.zeros((len(acts), *self.pseudo.shape))
            pseudo, before = self.pseudo.T[place], self.log_gammas.T[place]
            gained[row, :, place] = log_gamma(acts[row, place, None] + pseudo) - before
            whole = log_gamma(acts.sum(axis=1)[:, None] + self.whole)
            found[rows] = gained.sum(axis=2) + self.log_gamma_of_whole - whole
        return found


def log_gamma(x: Matrix) -> Matrix:
    """Return the logarithm of the gamma function for x > 0, to about 1e-10 (SciPy is not in a serving process).

    Source: Stirling's series after shifting x by 7; Abramowitz and Stegun (1964), 6.1.41.

    >>> log_gamma(np.array([1.0, 5.0])).round(8).tolist()  # 0! = 1, 4! = 24
    [0.0, 3.17805383]
    """
    shift = np.ones_like(x)
    for step in range(7):
        shift = shift * (x + step)
    z = x + 7.0
    series = 1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5)
    value: Matrix = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + series - np.log(shift)
    return value + 0.0


def uniform() -> Vector:
    """Return the population of an account that was never seen active: every slot alike."""
    return np.full(SLOTS, 1 / (HOURS * DAYS))
