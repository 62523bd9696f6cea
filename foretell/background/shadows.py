"""Compare what shadowing versions answered with what the champions did, and with what happened afterwards."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.background.loops import LoopMetrics, LoopParts
from foretell.live_quality.outcome_rules import OutcomeRule, outcome_rules_of, pasts_of
from shared.contracts.rows import Microseconds
from shared.contracts.shadow import ShadowComparison
from shared.evaluation.metrics import Interval
from shared.evaluation.shadow import paired_loss, rank_correlation
from shared.store import AccountStore, Database, ShadowPrediction, ShadowRow

MOST_COMPARED = 20_000
"""Answers that are compared, the newest ones; and so many of those whose outcome is known."""
CONTACTS_AT_ONCE = 1_000
REST = 30.0
"""A comparison rests so many times as long as it took."""
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class ShadowComparisons:
    """Compares every shadow of every account with its champion, again and again."""

    database: Database
    now: Callable[[], Microseconds]
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    seconds: Callable[[], float] = time.monotonic
    _not_before: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def turn(self) -> None:
        """Compare all that have rested.

        Raises:
            Exception: what the last one that failed raised, once every one had its turn.
        """
        parts = LoopParts("shadows", self.metrics)
        for row in self.database.shadows():
            if self.seconds() >= self._not_before.get(row[:3], 0.0):
                named = {"account": row.account, "capability": row.capability, "outcome": row.outcome}
                parts.attempt(self._compare, row, **named)
        parts.end()

    def _compare(self, row: ShadowRow) -> None:
        began, store = self.seconds(), self.database.of(row.account)
        found = compared(store, row, now=self.now())
        if found is not None:
            store.models.shadows.put_comparison(row, found)
        ended = self.seconds()
        self._not_before[row[:3]] = ended + REST * (ended - began)


def compared(store: AccountStore, row: ShadowRow, *, now: Microseconds) -> ShadowComparison | None:
    """Compare a shadow with the champion by the newest answers of both.

    Args:
        store: of the account.
        row: which version shadows which model.
        now: horizons that end after it are open.

    Returns:
        None where no version answers any more.
    """
    champion = store.models.champion(row.capability, row.outcome)
    if champion is None:
        return None
    answers = store.models.shadows.predictions(row, champion.version, limit=MOST_COMPARED)
    both = [one for one in answers if one.status == "ok"]
    banded = [one for one in both if one.band is not None and one.champion_band is not None]
    shadow, champions = _probabilities(both)
    return ShadowComparison(
        champion_version=champion.version,
        compared=len(both),
        contacts=len({one.contact_id for one in both}),
        unanswered=len(answers) - len(both),
        mean_difference=_stated(np.mean(shadow - champions)) if len(shadow) else None,
        rank_correlation=_stated(rank_correlation(shadow, champions)),
        other_band_share=_stated(np.mean([one.band != one.champion_band for one in banded])) if banded else None,
        **_losses(store, row, champion.version, now=now),
        compared_at=now,
    )


def _losses(store: AccountStore, row: ShadowRow, champion_version: str, *, now: Microseconds) -> dict[str, Any]:
    """Compare with what happened, as far as the horizon is over and events as new as that have come."""
    rule, newest = _rule(store, row, champion_version), store.events.newest_at()
    if rule is None or newest is None:
        return _loss_fields(0, 0)
    before = min(now, newest + 1) - rule.horizon + 1
    found = store.models.shadows.predictions(row, champion_version, limit=MOST_COMPARED, before=before)
    known = store.contacts.known([one.contact_id for one in found])
    rows = [
        one
        for one in found
        if one.contact_id in known
        and one.cutoff >= rule.since
        and None not in (one.probability, one.champion_probability)
    ]
    labels = _labels(store, rule, rows)
    fresh = ~np.isnan(labels)  # of the others the outcome had come before the cutoff, as is known by now
    rows, labels = [one for one, is_fresh in zip(rows, fresh, strict=True) if is_fresh], labels[fresh]
    if not rows:
        return _loss_fields(0, 0)
    _, owner = np.unique([one.contact_id for one in rows], return_inverse=True)
    loss = paired_loss(labels, *_probabilities(rows), owner)
    if loss is None:
        return _loss_fields(len(rows), int(labels.sum()))
    return _loss_fields(len(rows), int(labels.sum()), loss.shadow, loss.champion, loss.difference)


def _loss_fields(
    closed: int,
    reached: int,
    log_loss: float | None = None,
    champion_log_loss: float | None = None,
    difference: Interval | None = None,
) -> dict[str, Any]:
    return {
        "closed": closed,
        "reached": reached,
        "log_loss": _stated(log_loss),
        "champion_log_loss": _stated(champion_log_loss),
        "log_loss_difference": difference
        and tuple(round(float(one), DECIMALS) for one in (difference.value, difference.low, difference.high)),
    }


def _rule(store: AccountStore, row: ShadowRow, champion_version: str) -> OutcomeRule | None:
    """Return what both versions predict; None where that differs, or no event says what became of it."""
    defined = store.outcomes.find(row.capability, row.outcome) if row.outcome else None
    found = [store.models.version(row.capability, row.outcome, name) for name in (row.version, champion_version)]
    versions = [one for one in found if one is not None and one.horizon_days is not None]
    if defined is None or len(versions) < len(found):
        return None
    rules = outcome_rules_of(store, defined, versions)
    since = max(rules[one.version].since for one in versions)
    shadow, champion = (replace(rules[one.version], since=since) for one in versions)
    return None if shadow != champion or shadow.flag is not None else shadow


def _labels(store: AccountStore, rule: OutcomeRule, rows: Sequence[ShadowPrediction]) -> NDArray[np.float64]:
    """Label answers as frames of training, shape (n,), the events of some contacts at a time."""
    labels, of_contact = np.empty(len(rows)), dict[str, list[int]]()
    for place, one in enumerate(rows):
        of_contact.setdefault(one.contact_id, []).append(place)
    ids = sorted(of_contact)
    for begin in range(0, len(ids), CONTACTS_AT_ONCE):
        part = ids[begin : begin + CONTACTS_AT_ONCE]
        pasts = pasts_of(part, store.events.times_of(part, rule.types))
        places = [place for name in part for place in of_contact[name]]
        contact = np.repeat(np.arange(len(part), dtype=np.int32), [len(of_contact[name]) for name in part])
        cutoff = np.array([rows[place].cutoff for place in places], dtype=np.int64)
        labels[places] = rule.labels(pasts, contact, cutoff)
    return labels


def _probabilities(rows: Sequence[ShadowPrediction]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities of the shadow and of the champion, of those answers that have both."""
    both = [(one.probability, one.champion_probability) for one in rows]
    pairs = np.array([pair for pair in both if None not in pair], dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _stated(figure: Any) -> float | None:
    return None if figure is None or not np.isfinite(figure) else round(float(figure), DECIMALS)
