"""How likely a message sent in a slot is answered: observed against expected, so that habits of sending cancel out.

The log-odds of an answer add up: base + campaign + contact + slot of the population + look-alikes + the contact's own
hours and weekdays. Each effect compares what was observed with what all the others make one expect of the very same
sends, drawn to zero by pseudo-sends: an hour that was used more is not better for it, and neither is one that got the
good campaigns.
Source: indirect standardisation with shrinkage (Clayton and Kaldor, 1987), here on the log-odds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import (
    DAY_OF,
    DAYS,
    HOUR_OF,
    HOURS,
    SLOTS,
    Matrix,
    Vector,
    normalised,
    smoothed,
    sums,
    table,
)
from shared.learners.simple import chance, log_odds
from shared.ties import largest


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages and what came of them, one a row."""

    who: NDArray[np.int64]
    """(m,) contact or frame, 0 to n - 1."""
    slot: NDArray[np.int64]
    """(m,)"""
    campaign: NDArray[np.int64]
    """(m,) index into the response's campaigns, -1 for one not known."""
    engaged: Vector
    """(m,) 0.0 or 1.0."""
    weight: Vector
    """(m,) by age."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is known of n contacts, as log-odds that add up to the population's of each slot."""

    contact: Vector
    """(n,) engages more or less than the others, whenever."""
    lookalike_hours: Matrix
    """(n, 24)"""
    lookalike_days: Matrix
    """(n, 7)"""
    hours: Matrix
    """(n, 24) beyond the look-alikes."""
    days: Matrix
    """(n, 7) beyond the look-alikes."""
    sends: Vector
    """(n,) weighted by age."""
    engaged: Vector
    """(n,) weighted by age."""

    def margins(self, population: Vector) -> Matrix:
        """Add all up for every slot, shape (n, 168); the campaign's share is not in it."""
        hours, days = self.lookalike_hours + self.hours, self.lookalike_days + self.days
        summed: Matrix = population + self.contact[:, None] + hours[:, HOUR_OF] + days[:, DAY_OF]
        return summed


def dealt_groups(points: Matrix, k: int, seed: int) -> Matrix:
    """Deal contacts into k groups by their own effects, where expectation-maximisation begins; shape (n, k).

    Source: k-means++ (Arthur and Vassilvitskii, 2007), five rounds.
    """
    draw = np.random.default_rng(seed)
    centres = points[[draw.integers(len(points))]]
    while len(centres) < k:
        away = _distances(points, centres).min(axis=1)
        total = away.sum()
        centres = np.vstack([centres, points[draw.choice(len(points), p=away / total if total > 0 else None)]])
    for _ in range(5):
        nearest = np.eye(k)[largest(-_distances(points, centres))]
        sizes = nearest.sum(axis=0)[:, None]
        centres = np.where(sizes > 0, nearest.T @ points / np.maximum(sizes, 1), centres)
    dealt: Matrix = 0.8 * nearest + 0.2 / k
    return dealt


def _distances(points: Matrix, centres: Matrix) -> Matrix:
    squared: Matrix = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return squared


ROUNDS = 8
GROUP_ROUNDS = 12
MOST_OF_ONE = 100.0
"""Sends to one contact beyond which it says no more about the population."""
CAMPAIGN_STRENGTH = 5.0
POPULATION_STRENGTH = 5.0
SLOT_STRENGTH = 20.0
GROUP_STRENGTH = 20.0
"""Pseudo-engagements that draw an effect to zero."""


@dataclass(frozen=True, slots=True)
class Pulling:
    """How strongly contacts are drawn to what is common; chosen on held-out weeks. Strengths are pseudo-engagements."""

    groups: int = 3
    contact: float = 2.0
    hours: float = 5.0
    days: float = 10.0
    smoothing: float = 0.2
    half_life_days: float = 120.0


def effect(observed: Matrix, expected: Matrix, sends: Matrix, *, rate: Matrix | float, strength: float) -> Matrix:
    """Return by how much observed engagement differs from the expected, in log-odds, drawn to zero.

    Args:
        observed: engagements.
        expected: engagements that everything else makes one expect of the same sends.
        sends: how many there were.
        rate: engagement rate of the pseudo-sends.
        strength: how many pseudo-engagements stand for "as expected".

    >>> effect(np.array([9.0]), np.array([9.0]), np.array([20.0]), rate=0.1, strength=5.0).tolist()
    [0.0]
    >>> bool(effect(np.array([9.0]), np.array([3.0]), np.array([20.0]), rate=0.1, strength=5.0)[0] > 0)
    True
    """
    whole = sends + strength / rate
    shift: Matrix = log_odds((observed + strength) / whole) - log_odds((expected + strength) / whole)
    return shift


@dataclass(frozen=True)
class Response:
    """What was learned of how this account's contacts answer messages."""

    pulling: Pulling
    base: float
    """Log-odds of an answer to an average send."""
    rate: float
    """Share of all sends that were answered."""
    campaigns: tuple[str, ...]
    campaign_effect: Vector
    """(c,)"""
    slots: Vector
    """(168,) of the population."""
    sent: Vector
    """(168,) sends of the population that were seen in each slot."""
    group_share: Vector
    """(k,)"""
    group_hours: Matrix
    """(k, 24)"""
    group_days: Matrix
    """(k, 7)"""

    @property
    def population(self) -> Vector:
        """Log-odds of an answer of the average contact in each slot, shape (168,)."""
        return self.base + self.slots

    @classmethod
    def fit(cls, sent: Sent, campaigns: tuple[str, ...], pulling: Pulling, *, seed: int = 0) -> "Response":
        """Learn the population's effects and the groups of look-alikes.

        Args:
            sent: rows of n contacts.
            campaigns: names that `sent.campaign` counts.
            pulling: strengths.
            seed: of the groups' beginning.
        """
        n = int(sent.who.max(initial=-1)) + 1
        total = sums(sent.who, sent.weight, n)
        voice = sent.weight * np.minimum(1.0, MOST_OF_ONE / np.maximum(total, 1e-12))[sent.who]
        rows = replace(sent, weight=voice)
        rate = float(np.clip((voice @ sent.engaged + 0.5) / (voice.sum() + 1), 1e-4, 1 - 1e-4))
        empty = cls(
            pulling,
            float(log_odds(rate)),
            rate,
            campaigns,
            np.zeros(len(campaigns)),
            np.zeros(SLOTS),
            sums(sent.slot, voice, SLOTS),
            np.ones(1),
            np.zeros((1, HOURS)),
            np.zeros((1, DAYS)),
        )
        population = empty._with_population(rows, n)
        return population._with_groups(rows, n, seed) if pulling.groups > 1 and n >= 20 * pulling.groups else population

    def _with_population(self, rows: Sent, n: int) -> "Response":
        """Fit campaign, contact, hour, weekday and slot effects in turn until they agree."""
        campaign, contact = np.zeros(len(self.campaigns) + 1), np.zeros(n)
        hours, days, slots = np.zeros(HOURS), np.zeros(DAYS), np.zeros(SLOTS)
        hour, day = HOUR_OF[rows.slot], DAY_OF[rows.slot]
        known = np.where(rows.campaign >= 0, rows.campaign, len(self.campaigns))

        def fitted(groups: NDArray[np.int64], size: int, own: Vector, strength: float, share: float = 0.0) -> Vector:
            margin = self.base + campaign[known] + contact[rows.who] + hours[hour] + days[day] + slots[rows.slot]
            observed, expected, count = (
                smoothed(sums(groups, rows.weight * part, size), share)
                for part in (rows.engaged, chance(margin - own[groups]), 1.0)
            )
            return effect(observed, expected, count, rate=self.rate, strength=strength)

        for _ in range(ROUNDS):
            campaign = fitted(known, len(campaign), campaign, CAMPAIGN_STRENGTH)
            campaign[-1] = 0.0
            contact = fitted(rows.who, n, contact, self.pulling.contact)
            hours = fitted(hour, HOURS, hours, POPULATION_STRENGTH, self.pulling.smoothing)
            days = fitted(day, DAYS, days, POPULATION_STRENGTH)
            slots = fitted(rows.slot, SLOTS, slots, SLOT_STRENGTH)
        return replace(self, campaign_effect=campaign[:-1], slots=hours[HOUR_OF] + days[DAY_OF] + slots)

    def _with_groups(self, rows: Sent, n: int, seed: int) -> "Response":
        """Let groups of contacts differ from the population in hours and weekdays; by expectation-maximisation."""
        margin = self._margin(rows)
        margin = margin + self._contact(rows, margin, n)[rows.who]
        hour, day = HOUR_OF[rows.slot], DAY_OF[rows.slot]
        parts = (rows.weight * rows.engaged, rows.weight * chance(margin), rows.weight)
        tables = [
            [table(rows.who, place, part, (n, size)) for part in parts] for place, size in ((hour, HOURS), (day, DAYS))
        ]
        k = self.pulling.groups
        alone = self._own(rows, margin, n, hour, HOURS, strength=self.pulling.hours, share=self.pulling.smoothing)
        weight = dealt_groups(alone, k, seed)
        fitted = self
        for _ in range(GROUP_ROUNDS):
            effects = []
            for counts, share in zip(tables, (self.pulling.smoothing, 0.0), strict=True):
                observed, expected, count = (smoothed(weight.T @ of_contacts, share) for of_contacts in counts)
                effects.append(effect(observed, expected, count, rate=self.rate, strength=GROUP_STRENGTH))
            fitted = replace(
                fitted,
                group_share=(weight.sum(axis=0) + 1) / (n + k),
                group_hours=effects[0],
                group_days=effects[1],
            )
            weight = fitted._membership(rows, margin, n)
        return fitted._centred()

    def _centred(self) -> "Response":
        """Count from the average of the groups, so that a contact of whom nothing is known is the population."""
        share = self.group_share / self.group_share.sum()
        hours, days = share @ self.group_hours, share @ self.group_days
        return replace(
            self,
            slots=self.slots + hours[HOUR_OF] + days[DAY_OF],
            group_share=share,
            group_hours=self.group_hours - hours,
            group_days=self.group_days - days,
        )

    def levels(self, sent: Sent, n: int) -> Levels:
        """Return what n contacts' own sends say of them.

        Args:
            sent: their rows; contacts without rows are the population.
            n: how many contacts.
        """
        margin = self._margin(sent)
        contact = self._contact(sent, margin, n)
        margin = margin + contact[sent.who]
        membership = self._membership(sent, margin, n)
        alike_hours, alike_days = membership @ self.group_hours, membership @ self.group_days
        hour, day = HOUR_OF[sent.slot], DAY_OF[sent.slot]
        margin = margin + alike_hours[sent.who, hour] + alike_days[sent.who, day]
        pulling = self.pulling
        hours = self._own(sent, margin, n, hour, HOURS, strength=pulling.hours, share=pulling.smoothing)
        margin = margin + hours[sent.who, hour]
        days = self._own(sent, margin, n, day, DAYS, strength=pulling.days, share=0.0)
        return Levels(
            contact,
            alike_hours,
            alike_days,
            hours,
            days,
            sums(sent.who, sent.weight, n),
            sums(sent.who, sent.weight * sent.engaged, n),
        )

    def campaign_code(self, name: str) -> int:
        """Find a campaign; -1 where the model has not seen it."""
        return self._code.get(name, -1)

    def codes_of(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Translate codes of named campaigns into this model's; code -1 stays -1, shape (c + 1,)."""
        return np.array([*(self._code.get(name, -1) for name in names), -1], dtype=np.int64)

    @cached_property
    def _code(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.campaigns)}

    def _margin(self, sent: Sent) -> Vector:
        effects = np.append(self.campaign_effect, 0.0)
        margin: Vector = self.population[sent.slot] + effects[sent.campaign]
        return margin

    def _contact(self, sent: Sent, margin: Vector, n: int) -> Vector:
        observed, expected, count = (
            sums(sent.who, sent.weight * part, n) for part in (sent.engaged, chance(margin), 1.0)
        )
        return effect(observed, expected, count, rate=self.rate, strength=self.pulling.contact)

    def _membership(self, sent: Sent, margin: Vector, n: int) -> Matrix:
        """Return how well each group explains each contact's answers, shape (n, k), rows sum to 1."""
        k = len(self.group_share)
        if k == 1:
            return np.ones((n, 1))
        logs = np.tile(np.log(self.group_share), (n, 1))
        hour, day = HOUR_OF[sent.slot], DAY_OF[sent.slot]
        for group in range(k):
            chances = chance(margin + self.group_hours[group, hour] + self.group_days[group, day])
            chances = np.clip(chances, 1e-9, 1 - 1e-9)
            likely = sent.engaged * np.log(chances) + (1 - sent.engaged) * np.log1p(-chances)
            logs[:, group] += sums(sent.who, sent.weight * likely, n)
        return normalised(logs)

    def _own(
        self, sent: Sent, margin: Vector, n: int, place: NDArray[np.int64], size: int, *, strength: float, share: float
    ) -> Matrix:
        """Return the contact's own effect of each hour or weekday, shape (n, size)."""
        observed, expected, count = (
            smoothed(table(sent.who, place, sent.weight * part, (n, size)), share)
            for part in (sent.engaged, chance(margin), 1.0)
        )
        seen, sends = expected.sum(axis=1, keepdims=True), count.sum(axis=1, keepdims=True)
        rate = np.where(sends > 0, seen / np.maximum(sends, 1e-12), self.rate)
        return effect(observed, expected, count, rate=np.clip(rate, 1e-4, 1 - 1e-4), strength=strength)
