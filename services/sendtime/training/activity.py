"""How strongly people are drawn to what is common in when they are active; chosen and judged on later weeks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.local_week import SLOTS, Vector
from services.sendtime.model.timing import activity_stages
from services.sendtime.training.material import SendTimeMaterial
from shared.contracts.rows import Microseconds
from shared.ties import least

SHARES = (0.6, 0.8)
"""Of all acts: what lies between chooses the pooling, what comes after judges it."""
HALF_LIVES = (30.0, 90.0, 365.0)
STRENGTHS = (15.0, 30.0, 60.0, 150.0)
DAY_STRENGTHS = (10.0, 40.0)
SMOOTHINGS = (0.1, 0.2)
GROUPS = (1, 6)
MOST_JUDGED = 5_000
"""Contacts whose later acts choose and judge."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How likely each judged act's slot was held to be, by what was known when judging began."""

    personal: Vector
    population: Vector
    owner: NDArray[np.int64]
    at: NDArray[np.int64]

    @property
    def uniform(self) -> Vector:
        """The share of a slot that is expected without any data."""
        return np.full(len(self.personal), 1 / SLOTS)


def chosen_pooling(material: SendTimeMaterial) -> Pooling:
    """Choose strength, smoothing, half-life and groups by the log loss of acts after the choosing began."""
    begin, end = (_instant(material, share) for share in SHARES)

    def loss(pooling: Pooling) -> float:
        return _loss(judged_shares(material, pooling, begin, end))

    simple = [
        Pooling(groups=1, half_life_days=half, strength=strength) for half in HALF_LIVES for strength in STRENGTHS
    ]
    best = least(simple, loss)
    finer = [
        replace(best, groups=groups, smoothing=smoothing, strength=best.strength * factor, day_strength=days)
        for groups in GROUPS
        for smoothing in SMOOTHINGS
        for factor in (0.5, 1.0, 2.0)
        for days in DAY_STRENGTHS
    ]
    return least([best, *finer], loss)


def judged_shares(material: SendTimeMaterial, pooling: Pooling, begin: Microseconds, end: Microseconds) -> Shares:
    """Hold acts between two instants against what is learned before the first one."""
    return shares_under(material, material.activity(begin, pooling), begin, end)


def shares_under(material: SendTimeMaterial, activity: Activity, begin: Microseconds, end: Microseconds) -> Shares:
    """Hold acts between two instants against a model; acts of contacts never seen before are judged too."""
    everyone = np.repeat(np.arange(len(material.pasts)), np.diff(material.acts.offsets))
    judged = np.zeros(len(material.pasts), dtype=bool)
    judged[material.sampled(MOST_JUDGED)] = True
    rows = np.flatnonzero((material.acts.at >= begin) & (material.acts.at < end) & judged[everyone])
    owner = everyone[rows]
    who, place = np.unique(owner, return_inverse=True)
    stages = activity_stages(activity, material.acts, who.astype(np.int32), np.full(len(who), begin))
    slot = material.acts.slot[rows]
    return Shares(stages.days[place, slot], activity.population[slot], owner, material.acts.at[rows])


def judged_from(material: SendTimeMaterial) -> Microseconds:
    """Return the instant from which acts are judged."""
    return _instant(material, SHARES[1])


def _instant(material: SendTimeMaterial, share: float) -> Microseconds:
    return int(np.quantile(material.acts.at, share))


def _loss(shares: Shares) -> float:
    """Average the log loss, each contact at most as loud as twenty acts: a machine must not choose for all."""
    if not len(shares.personal):
        return 0.0
    _, place, count = np.unique(shares.owner, return_inverse=True, return_counts=True)
    weight = np.minimum(1.0, 20 / count)[place]
    return float(-(weight @ np.log(shares.personal)) / weight.sum())
