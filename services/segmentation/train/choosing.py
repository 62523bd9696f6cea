"""How many groups: those that subsamples agree on, and of these the fewest that know the next period as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import Declared
from services.segmentation.train.finding import agreement, find
from services.segmentation.train.today import Today, learned_transform, population
from services.segmentation.train.usefulness import Next, Usefulness, next_period, rfm_groups, usefulness
from shared.contracts.rows import DAY, Microseconds
from shared.features import matrix
from shared.ties import least, rounded
from shared.timeline import Pasts

Matrix = NDArray[np.float64]

FEWEST, MOST = 3, 8
STABLE = 0.9
"""Agreement of 80 % subsamples from which a number of groups is considered: excellent by Steinley (2004)."""
HOLDING = 0.8
"""The same for the number of groups that there were before; below it the grade is C at most."""
LONGEST_DAYS, SHORTEST_DAYS = 90, 7
"""How long the next period is: a quarter of the data, within these."""
LEAST_JUDGED = 100
"""Contacts below which nothing is said of the next period."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The contacts at an earlier cutoff, and what came after it."""

    contact: NDArray[np.int32]
    cutoff: NDArray[np.int64]
    days: int
    values: Matrix
    """The matrix, shape (n, p)."""
    places: Matrix
    """By a transform learned at that cutoff, shape (n, q)."""
    after: Next


@dataclass(frozen=True, slots=True)
class Candidate:
    """One number of groups and what was measured of it."""

    k: int
    agreement: float
    usefulness: Usefulness | None
    """None: there is too little of a next period to look at."""
    chosen: bool = False

    def to_json(self) -> dict[str, Any]:
        """Write as a row of the report's table."""
        known = self.usefulness
        return {
            "label": f"{self.k} groups",
            "agreement": round(self.agreement, 4),
            "spend_explained": None if known is None else round(known.spend.value, 4),
            "activity_explained": None if known is None else round(known.active.value, 4),
            "plain_spend": None if known is None else round(known.rfm_spend.value, 4),
            "plain_activity": None if known is None else round(known.rfm_active.value, 4),
            "served": self.chosen,
        }


def earlier(pasts: Pasts, declared: Declared, until: Microseconds, *, days: int | None = None) -> Earlier | None:
    """Go back by a period that is known by now; None where that leaves too little.

    Args:
        pasts: the contacts.
        declared: the columns of the training.
        until: the end of the data.
        days: how long the period is; None: a quarter of the data, 7 to 90 days.
    """
    span = int((until - pasts.at.min()) // DAY)
    days = days or int(np.clip(span // 4, SHORTEST_DAYS, LONGEST_DAYS))
    contact, cutoff = population(pasts, until - days * DAY)
    if len(contact) < LEAST_JUDGED:
        return None
    values = matrix(declared.feature_set, pasts, contact, cutoff)
    after = next_period(pasts, contact, cutoff, days=days, leading=declared.leading)
    if after.spend.std() == 0 or after.active.std() == 0:
        return None
    places = learned_transform(declared.feature_set, values).apply(values)
    return Earlier(contact, cutoff, days, values, places, after)


def candidate(today: Today, before: Earlier | None, k: int, *, seed: int) -> Candidate:
    """Measure one number of groups.

    Args:
        today: what subsamples have to agree on.
        before: the earlier cutoff, where the next period is known.
        k: how many groups.
        seed: of starts and subsamples.
    """
    useful = None
    if before is not None:
        labels = find(before.places, k, seed=seed).labels
        plain = rfm_groups(today.pasts, before.contact, before.cutoff, leading=today.leading, k=k)
        useful = usefulness(labels, plain, before.after, before.contact)
    return Candidate(k, agreement(today.places, k, seed=seed), useful)


def chosen(candidates: Sequence[Candidate], *, before: int | None = None) -> Candidate:
    """Choose the number of groups.

    Among the stable ones, the fewest whose share explained lies within one standard error of the best. The number of
    the version before stays while it lies within two and subsamples still agree on it by and large: a marketer's
    groups are not to change because a measurement came out a little differently. Where none is stable, the one that
    subsamples agree on most.
    Source: Breiman and others (1984), Classification and regression trees, section 3.4.3 (the one-standard-error rule).

    Args:
        candidates: measured.
        before: how many groups the version before has.
    """
    stable = [one for one in candidates if rounded(one.agreement) >= rounded(HOLDING if one.k == before else STABLE)]
    if not stable:
        return least(candidates, lambda one: -one.agreement)
    judged = [(one, one.usefulness) for one in stable if one.usefulness is not None]
    if not judged:
        return next((one for one in stable if one.k == before), least(stable, lambda one: -one.agreement))
    _, best = least(judged, lambda pair: -pair[1].both)
    good = [
        one
        for one, useful in judged
        if rounded(useful.both) >= rounded(best.both - best.error * (2 if one.k == before else 1))
    ]
    return next((one for one in good if one.k == before), min(good, key=lambda one: one.k))
