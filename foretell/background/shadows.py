"""Compare what shadowing versions answered with what the champions did, and with what happened afterwards."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.background.loops import LoopMetrics, LoopParts
from shared.contracts.outcome import chosen
from shared.contracts.rows import DAY, Microseconds
from shared.contracts.shadow import ShadowComparison
from shared.evaluation.metrics import Interval
from shared.evaluation.shadow import paired_loss, rank_correlation
from shared.store import AccountStore, Database, ShadowPrediction, ShadowRow
from shared.timeline import came_within

MOST_COMPARED = 20_000
"""Answers that are compared, the newest ones; and so many of those whose outcome is known."""
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
    """Compare with what happened, as far as the horizon is over."""
    types, silence = _awaited(store, row)
    horizon = _horizon(store, row, champion_version)
    rows: list[ShadowPrediction] = []
    if types and horizon is not None:
        until = now - horizon + 1
        found = store.models.shadows.predictions(row, champion_version, limit=MOST_COMPARED, before=until)
        known = store.contacts.known([one.contact_id for one in found])
        rows = [
            one for one in found if one.contact_id in known and None not in (one.probability, one.champion_probability)
        ]
    if not rows or horizon is None:
        return _loss_fields(0, 0)
    earliest, ids = min(one.cutoff for one in rows), [one.contact_id for one in rows]
    events = store.models.shadows.event_times(ids, types, since=earliest)
    came = came_within([(one.contact_id, one.cutoff) for one in rows], events, horizon)
    labels = (came != silence).astype(np.float64)
    _, owner = np.unique(ids, return_inverse=True)
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


def _awaited(store: AccountStore, row: ShadowRow) -> tuple[tuple[str, ...], bool]:
    """Return the event types that are waited for, and whether their absence is the outcome; none: it is no event."""
    outcome = store.outcomes.find(row.capability, row.outcome) if row.outcome else None
    if outcome is None or outcome.attribute:
        return (), False
    counts = {use.type: (use.events, use.with_value) for use in store.events.types()}
    outcome = chosen(outcome, counts)
    if outcome.silence:
        return outcome.silence, True
    return tuple(name for name in outcome.event_types if name in counts)[:1], False


def _horizon(store: AccountStore, row: ShadowRow, champion_version: str) -> Microseconds | None:
    """Return the horizon of both versions; None where they answer about different ones."""
    names = (row.version, champion_version)
    versions = [store.models.version(row.capability, row.outcome, name) for name in names]
    days = {None if one is None else one.horizon_days for one in versions}
    (first, *others) = days
    return None if others or first is None else first * DAY


def _probabilities(rows: Sequence[ShadowPrediction]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities of the shadow and of the champion, of those answers that have both."""
    both = [(one.probability, one.champion_probability) for one in rows]
    pairs = np.array([pair for pair in both if None not in pair], dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _stated(figure: Any) -> float | None:
    return None if figure is None or not np.isfinite(figure) else round(float(figure), DECIMALS)
