"""Retention: what is older than its setting is deleted, a batch at a time; one line a rule."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from foretell.background.loops import LoopMetrics, LoopParts
from shared.contracts.defaults import LOOKBACK_DAYS
from shared.contracts.rows import DAY, Microseconds
from shared.settings import WorkerSettings
from shared.store import AccountStore, Database

log = logging.getLogger(__name__)

MOST_BATCHES = 200
"""Batches of one rule and account in one turn; the next turn goes on where this one stopped."""

Batches = Callable[[AccountStore, Microseconds], Iterator[int]]
"""Deletes what is older than an instant, a transaction at a time; each item says how many rows went."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What is kept for how long."""

    name: str
    days: float | None
    """None: for ever."""
    batches: Batches


def rules(settings: WorkerSettings) -> tuple[RetentionRule, ...]:
    """List the rules; what depends on nothing but age comes first."""
    return (
        RetentionRule(
            "predictions",
            settings.prediction_retention_days,
            repeated(lambda store, at: store.predictions.delete_before(at)),
        ),
        RetentionRule(
            "answer_counts",
            settings.prediction_retention_days,
            repeated(lambda store, at: store.predictions.counts.delete_before(at)),
        ),
        RetentionRule(
            "shadow_predictions",
            settings.prediction_retention_days,
            repeated(lambda store, at: store.models.shadows.delete_before(at)),
        ),
        RetentionRule(
            "decisions",
            settings.prediction_retention_days,
            repeated(lambda store, at: store.experiments.decisions.delete_before(at, imported=False)),
        ),
        # Facts that the account told, as its events are: a log of years ago is not gone an hour after its import.
        RetentionRule(
            "imported_decisions",
            settings.event_retention_days,
            repeated(lambda store, at: store.experiments.decisions.delete_before(at, imported=True)),
        ),
        RetentionRule("events", settings.event_retention_days, lambda store, at: store.events.delete_before(at)),
        RetentionRule(
            "messages",
            settings.webhook_retention_days,
            repeated(lambda store, at: store.deliveries.outbox.delete_before(at)),
        ),
        RetentionRule(
            "audit", settings.audit_retention_days, repeated(lambda store, at: store.audit.delete_before(at))
        ),
        RetentionRule(
            "model_commands",
            settings.audit_retention_days,
            repeated(lambda store, at: store.models.commands.delete_before(at)),
        ),
        RetentionRule(
            "imports", settings.audit_retention_days, repeated(lambda store, at: store.imports.delete_before(at))
        ),
        RetentionRule(
            "dead_letters",
            settings.dead_letter_retention_days,
            repeated(lambda store, at: store.sources.dead_letters.delete_before(at)),
        ),
        RetentionRule(
            "receipts",
            settings.receipt_retention_days,
            repeated(lambda store, at: store.idempotency.delete_received_before(at)),
        ),
        RetentionRule(
            "answers", settings.idempotency_hours / 24, repeated(lambda store, at: store.idempotency.delete_before(at))
        ),
        RetentionRule("late_predictions", 0, _late_predictions),
    )


def repeated(delete: Callable[[AccountStore, Microseconds], int]) -> Batches:
    """Let a method that deletes one batch, and says how many rows went, go on until nothing is left."""

    def batches(store: AccountStore, before: Microseconds) -> Iterator[int]:
        while gone := delete(store, before):
            yield gone

    return batches


def _late_predictions(store: AccountStore, _: Microseconds) -> Iterator[int]:
    yield store.privacy.erase_late_predictions()


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes what is old of every account."""

    database: Database
    rules: tuple[RetentionRule, ...]
    now: Callable[[], Microseconds]
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    _unfinished: dict[tuple[str, str], Iterator[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Say it once when events go before models have looked at them."""
        days = next((rule.days for rule in self.rules if rule.name == "events"), None)
        if days is not None and days <= LOOKBACK_DAYS:
            log.warning("retention.shorter_than_lookback", extra={"days": days, "lookback_days": LOOKBACK_DAYS})

    def turn(self) -> None:
        """Delete what is too old, as far as one turn goes; one account's or rule's failure leaves the others alone.

        Raises:
            Exception: what the last of them that failed raised, once all had their turn.
        """
        at, parts = self.now(), LoopParts("retention", self.metrics)
        for account in self.database.accounts():
            store = self.database.of(account.name)
            for rule in self.rules:
                if rule.days is not None:
                    before = at - int(rule.days * DAY)
                    parts.attempt(self._apply, rule, store, before, account=account.name, rule=rule.name)
        parts.attempt(self.database.scrub, rule="scrub")
        parts.end()

    def _apply(self, rule: RetentionRule, store: AccountStore, before: Microseconds) -> None:
        key = (store.account, rule.name)
        batches = self._unfinished.pop(key, None) or rule.batches(store, before)
        if sum(1 for _ in islice(batches, MOST_BATCHES)) == MOST_BATCHES:
            self._unfinished[key] = batches
