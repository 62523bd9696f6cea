"""Noticing: asks a service about contacts, and writes what changed with what is to be told of it, or neither."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter

from foretell.background.calls import Unanswerable
from shared.capabilities import TABLE, capability
from shared.contracts.rows import Microseconds
from shared.http.telemetry import trail
from shared.standing.answered import Answered
from shared.standing.comparing import Subject, compared
from shared.store import AccountStore, ChampionRow, Database

log = logging.getLogger(__name__)

BATCH = 1_000
REASONS = 3
MOST_SKIPPED = 10
"""So many contacts skipped in a row before one is answered, and it is the service that is broken, not they."""


class Asked(Protocol):
    """Asks a service about contacts on behalf of an account."""

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> Answered:
        """Ask, and hand back the answer."""


class NoticingMetrics:
    """What the worker counts about what it noticed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.scored = Counter(
            "foretell_worker_scored_total",
            "Contacts that services answered for.",
            ["capability"],
            registry=registry,
        )
        self.skipped = Counter(
            "foretell_worker_skipped_total",
            "Contacts left out, since their service fails over each of them whenever it is asked.",
            ["capability"],
            registry=registry,
        )
        self.changes = Counter(
            "foretell_worker_changes_total",
            "Contacts that stand elsewhere than was told.",
            ["capability", "cause"],
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class Noticing:
    """Scores contacts for a champion and notices who stands elsewhere than was told."""

    database: Database
    ask: Asked
    share: float
    """Of the time, for which a service may be kept busy."""
    stop: threading.Event
    now: Callable[[], Microseconds]
    metrics: NoticingMetrics = field(default_factory=lambda: NoticingMetrics(CollectorRegistry()))
    _turns: dict[str, threading.Lock] = field(default_factory=lambda: {line.name: threading.Lock() for line in TABLE})
    """One a service: two loops that asked it at once would keep it busy for twice its share."""

    def score(self, champion: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> list[Answered]:
        """Ask about up to 1,000 contacts, write what changed, and leave the service its rest.

        Where the service fails over the contacts themselves, the batch is halved again and again; who is left alone
        and still cannot be answered is skipped, counted and logged.

        Args:
            champion: who is to answer.
            contact_ids: about whom.
            stale: those among them with something new; what changes for them is caused by it.

        Returns:
            The answers, of all contacts but those skipped.

        Raises:
            Unanswerable: the service fails over everybody.
            ForetellError: the service or the store is away; what was answered until then is written.
        """
        answers: list[Answered] = []
        left, skipped = [list(contact_ids)], 0
        while left:
            batch = left.pop()
            try:
                answers.append(self._score(champion, batch, stale=stale))
            except Unanswerable as error:
                if len(batch) > 1:  # every other one: what lies together is taken apart
                    left += [batch[1::2], batch[::2]]
                    continue
                skipped += 1
                self._skip(champion, error)
                if skipped >= MOST_SKIPPED and not answers:
                    raise
        return answers

    def _skip(self, champion: ChampionRow, error: Unanswerable) -> None:
        self.metrics.skipped.labels(champion.capability).inc()
        named = {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}
        log.warning("worker.contact_skipped", extra={**named, **trail(error)})

    def _score(self, champion: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> Answered:
        with self._turns[champion.capability]:
            asked_at = time.monotonic()
            answered = self.ask(champion, contact_ids, reasons=REASONS)
            busy = time.monotonic() - asked_at
            self.metrics.scored.labels(champion.capability).inc(len(contact_ids))
            self._notice(champion, answered, stale)
            self.stop.wait(busy * (1 / self.share - 1))
        return answered

    def _notice(self, champion: ChampionRow, answered: Answered, stale: Collection[str]) -> None:
        store, subject = self.database.of(champion.account), subject_of(champion)
        key = (champion.capability, champion.outcome)
        ids = [seen.contact_id for seen in answered.predictions if seen.contact_id is not None]
        # Most answers change nothing, and then no writer has to wait for this one.
        known = {**dict.fromkeys(ids), **store.changes.states(*key, ids)}
        moved = [row.contact_id for row in compared(known, answered, subject, stale).standings]
        if not moved:
            return
        named = subject_of(champion, _names(store, champion))
        with store.transaction() as together:
            changes = compared(together.changes.hold_states(*key, moved), answered, named, stale)
            together.changes.put_states(changes.standings)
            together.outbox.publish(changes.messages, at=self.now())
        for cause in {one.contact_id: str(one.cause) for one in changes.messages}.values():
            self.metrics.changes.labels(champion.capability, cause).inc()


def subject_of(champion: ChampionRow, names: dict[str, str] | None = None) -> Subject:
    """Tell what is compared for a champion."""
    return Subject(
        capability(champion.capability), champion.outcome, champion.version, champion.promoted_at, names or {}
    )


def _names(store: AccountStore, champion: ChampionRow) -> dict[str, str]:
    """Tell what segments are called, those of the version before included."""
    names: dict[str, str] = {}
    for version in (champion.previous_version, champion.version):
        row = version and store.models.version(champion.capability, champion.outcome, version)
        if row:
            names |= {one["id"]: one["name"] for one in row.report.get("segments", ())}
    return names | store.segments.names() if names else {}
