"""Choose how many groups: stable ones, and of these the fewest that explain the next period as well as the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import Declared
from services.segmentation.training.clustering import STABLE, agreement, find
from services.segmentation.training.snapshot import Snapshot, learned_transform, population
from shared.contracts.rows import DAY, Microseconds
from shared.evaluation.metrics import Interval, of_figures
from shared.features import Feature, FeatureSet, matrix
from shared.ties import least, rounded, step_of
from shared.timeline import Pasts
from shared.timeline.pasts import of_type, positions_before, types_with_lines

Vector = NDArray[np.float64]
Labels = NDArray[np.intp]
FOLDS = 10
QUINTILES = 5


class Next(NamedTuple):
    """What contacts did in the period after a cutoff."""

    spend: Vector
    """(n,) log(1 + money), where events carry values, else log(1 + events)."""
    active: Vector
    """(n,) 1.0 where anything of the leading type happened."""


def next_period(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, days: int, leading: str | None
) -> Next:
    """Look at what the leading events brought in the days from the cutoff on.

    Args:
        pasts: the contacts.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        days: how long the period is.
        leading: the event type; None: every event.
    """
    events = pasts if leading is None else of_type(pasts, pasts.type_code(leading))
    start = positions_before(events, contact, cutoff)
    end = positions_before(events, contact, cutoff + days * DAY)
    valued = bool(np.any(~np.isnan(events.value)))
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(events.value))])
    amount = np.maximum(sums[end] - sums[start], 0.0) if valued else (end - start).astype(np.float64)
    return Next(np.log1p(amount), (end > start).astype(np.float64))


def rfm_groups(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, leading: str | None, k: int
) -> Labels:
    """Cut the plain score into k groups: quintiles of recency, frequency and money, 1 to 5 each, summed.

    Source: Hughes (1994), Strategic database marketing.

    Args:
        pasts: the contacts.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        leading: the event type; None: every event.
        k: how many groups, of about equal size as far as ties allow.
    """
    plain = FeatureSet(
        (
            Feature("recency", "days_since_last", "days", "recency", leading),
            Feature("frequency", "count", "events", "frequency", leading, window_days=730),
            Feature("money", "value_sum", "amount", "money", leading, window_days=730),
        ),
        whole_orders=types_with_lines(pasts),
    )
    values = matrix(plain, pasts, contact, cutoff)
    recency = -np.nan_to_num(values[:, 0], nan=np.inf)
    columns = (recency, values[:, 1], np.nan_to_num(values[:, 2]))
    score = np.sum([_quintile(column) for column in columns], axis=0)
    edges = np.quantile(score, np.arange(1, k) / k)
    return step_of(edges, score, includes_edge=False)


def _quintile(values: Vector) -> Labels:
    rank = np.argsort(np.argsort(rounded(values), kind="stable"), kind="stable")
    return rank * QUINTILES // len(values)


def squared_errors(groups: Labels, outcome: Vector, *, seed: int = 0) -> tuple[Vector, Vector]:
    """Predict each contact by the mean of its group among the other nine tenths of the contacts.

    Args:
        groups: shape (n,).
        outcome: shape (n,).
        seed: of the tenths.

    Returns:
        The squared errors, shape (n,), and those of one mean for all.
    """
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(outcome))
    own, plain = np.empty(len(outcome)), np.empty(len(outcome))
    k = int(groups.max()) + 1
    for number in range(FOLDS):
        known, held_out = fold != number, fold == number
        mean = float(outcome[known].mean())
        counts = np.bincount(groups[known], minlength=k)
        sums = np.bincount(groups[known], weights=outcome[known], minlength=k)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
        own[held_out], plain[held_out] = means[groups[held_out]], mean
    return (outcome - own) ** 2, (outcome - plain) ** 2


@dataclass(frozen=True, slots=True)
class Usefulness:
    """Share of the differences in the next period that groups explain, with contact-bootstrap intervals."""

    spend: Interval
    active: Interval
    rfm_spend: Interval
    rfm_active: Interval
    gain_spend: Interval
    """Of the groups over the plain score."""
    gain_active: Interval
    gain: Interval
    """Of both together, as a share of what the plain score explains."""

    @property
    def both(self) -> float:
        """Average the shares of spend and activity."""
        return (self.spend.value + self.active.value) / 2

    @property
    def error(self) -> float:
        """Return the standard error of `both`, as if the two were one: a quarter of the wider interval."""
        return max(self.spend.high - self.spend.low, self.active.high - self.active.low) / 4

    def figures(self) -> dict[str, Interval]:
        """Name the figures of a report."""
        return {
            "spend_explained": self.spend,
            "activity_explained": self.active,
            "plain_score_spend_explained": self.rfm_spend,
            "plain_score_activity_explained": self.rfm_active,
            "gain_spend": self.gain_spend,
            "gain_activity": self.gain_active,
            "relative_gain": self.gain,
        }


def usefulness(groups: Labels, plain: Labels, after: Next, owner: NDArray[np.int32], *, draws: int = 300) -> Usefulness:
    """Judge groups by the period after them, beside plain groups of the same contacts.

    Args:
        groups: shape (n,).
        plain: of the recency-frequency-money score, shape (n,).
        after: what came.
        owner: contact of each row, shape (n,).
        draws: resamples of contacts.
    """
    errors = {
        name: (squared_errors(groups, outcome), squared_errors(plain, outcome)[0])
        for name, outcome in after._asdict().items()
    }

    def figures(times: Vector) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, ((own, one), score) in errors.items():
            whole = float(times @ one)
            found[name] = 1 - float(times @ own) / whole
            found[f"plain {name}"] = 1 - float(times @ score) / whole
            found[f"gain {name}"] = found[name] - found[f"plain {name}"]
        plainly = found["plain spend"] + found["plain active"]
        found["gain"] = (found["spend"] + found["active"]) / plainly - 1 if plainly > 0 else float("nan")
        return found

    shown = of_figures(figures, owner, draws=draws)
    return Usefulness(
        spend=shown["spend"],
        active=shown["active"],
        rfm_spend=shown["plain spend"],
        rfm_active=shown["plain active"],
        gain_spend=shown["gain spend"],
        gain_active=shown["gain active"],
        gain=shown["gain"],
    )


Matrix = NDArray[np.float64]

FEWEST, MOST = 3, 8
HOLDING = 0.8
"""Agreement from which the number of groups of the version before is considered; below it the grade is C at most."""
LONGEST_DAYS, SHORTEST_DAYS = 90, 7
"""How long the next period is: a quarter of the data, within these."""
LEAST_JUDGED = 100
"""Contacts below which the next period is not looked at."""


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


def candidate(snapshot: Snapshot, before: Earlier | None, k: int, *, seed: int) -> Candidate:
    """Measure one number of groups.

    Args:
        snapshot: what subsamples have to agree on.
        before: the earlier cutoff, where the next period is known.
        k: how many groups.
        seed: of starts and subsamples.
    """
    useful = None
    if before is not None:
        labels = find(before.places, k, seed=seed).labels
        plain = rfm_groups(snapshot.pasts, before.contact, before.cutoff, leading=snapshot.leading, k=k)
        useful = usefulness(labels, plain, before.after, before.contact)
    return Candidate(k, agreement(snapshot.places, k, seed=seed), useful)


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
