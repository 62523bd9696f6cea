"""Ask a service about contacts, and write changed states with their messages in one transaction."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter

from foretell.background.calls import Unanswerable
from shared.capabilities import TABLE, capability
from shared.change_detection.compare import ComparedModel, compare
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.rows import Microseconds
from shared.http.telemetry import trail
from shared.store import AccountStore, ChampionRow, Database

log = logging.getLogger(__name__)

BATCH = 1_000
REASONS = 3
MAX_SKIPPED = 10
"""If so many contacts are skipped before one is answered, the service is broken, not the contacts."""


class ServiceCaller(Protocol):
    """Sends contacts to a service on behalf of an account."""

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> ServiceAnswer:
        """Return the service's answer."""


class ChangeMetrics:
    """The worker's metrics of changes."""

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
class ChangeDetector:
    """Scores contacts for a champion and detects whose state changed."""

    database: Database
    call_service: ServiceCaller
    share: float
    """Share of the time for which a service may be kept busy."""
    stop: threading.Event
    now: Callable[[], Microseconds]
    metrics: ChangeMetrics = field(default_factory=lambda: ChangeMetrics(CollectorRegistry()))
    _turns: dict[str, threading.Lock] = field(default_factory=lambda: {line.name: threading.Lock() for line in TABLE})
    """One a service: two loops at the same time would keep it busy for twice its share."""

    def score(
        self, champion: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]
    ) -> list[ServiceAnswer]:
        """Score up to 1,000 contacts, write what changed, and pause so that the service keeps its share of idle time.

        If the service fails because of the contacts themselves, the batch is halved again and again; a single contact
        that still cannot be answered is skipped, counted and logged.

        Args:
            champion: the version that is to answer.
            contact_ids: the contacts.
            stale: those among them with new events, which then are the cause of changes.

        Returns:
            The answers, of all contacts but those skipped.

        Raises:
            Unanswerable: the service fails for every contact.
            ForetellError: the service or the store is away; what was answered until then is written.
        """
        answers: list[ServiceAnswer] = []
        left, skipped = [list(contact_ids)], 0
        while left:
            batch = left.pop()
            try:
                answers.append(self._score(champion, batch, stale=stale))
            except Unanswerable as error:
                if len(batch) > 1:  # every other one: this separates neighbours
                    left += [batch[1::2], batch[::2]]
                    continue
                skipped += 1
                self._skip(champion, error)
                if skipped >= MAX_SKIPPED and not answers:
                    raise
        return answers

    def _skip(self, champion: ChampionRow, error: Unanswerable) -> None:
        self.metrics.skipped.labels(champion.capability).inc()
        named = {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}
        log.warning("worker.contact_skipped", extra={**named, **trail(error)})

    def _score(self, champion: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> ServiceAnswer:
        with self._turns[champion.capability]:
            began = time.monotonic()
            answer = self.call_service(champion, contact_ids, reasons=REASONS)
            busy = time.monotonic() - began
            self.metrics.scored.labels(champion.capability).inc(len(contact_ids))
            self._notice(champion, answer, stale)
            self.stop.wait(busy * (1 / self.share - 1))
        return answer

    def _notice(self, champion: ChampionRow, answer: ServiceAnswer, stale: Collection[str]) -> None:
        for place in range(len(capability(champion.capability).changes)):
            self._notice_one(champion, answer, stale, place)

    def _notice_one(self, champion: ChampionRow, answer: ServiceAnswer, stale: Collection[str], place: int) -> None:
        """Write what changed of one kind, with its messages."""
        store, subject = self.database.of(champion.account), compared_model(champion, place=place)
        key = (champion.capability, subject.kept_under)
        ids = [seen.contact_id for seen in answer.predictions if seen.contact_id is not None]
        # Most answers change nothing: then no transaction is needed.
        known = {**dict.fromkeys(ids), **store.changes.states(*key, ids)}
        moved = [row.contact_id for row in compare(known, answer, subject, stale).states]
        if not moved:
            return
        named = compared_model(champion, _names(store, champion), place=place)
        with store.transaction() as together:
            changes = compare(together.changes.hold_states(*key, moved), answer, named, stale)
            together.changes.put_states(changes.states)
            together.deliveries.outbox.publish(changes.messages, at=self.now())
        for cause in {one.contact_id: str(one.cause) for one in changes.messages}.values():
            self.metrics.changes.labels(champion.capability, cause).inc()


def compared_model(champion: ChampionRow, names: dict[str, str] | None = None, *, place: int = 0) -> ComparedModel:
    """Return what is compared for a champion.

    Args:
        champion: the version that answers.
        names: of states, where they have any.
        place: which of the changes in the capability's line.
    """
    line = capability(champion.capability)
    return ComparedModel(line, champion.outcome, champion.version, champion.promoted_at, names or {}, place)


def _names(store: AccountStore, champion: ChampionRow) -> dict[str, str]:
    """Return the names of segments, those of the previous version included."""
    names: dict[str, str] = {}
    for version in (champion.previous_version, champion.version):
        row = version and store.models.version(champion.capability, champion.outcome, version)
        if row:
            names |= {one["id"]: one["name"] for one in row.report.get("segments", ())}
    return names | store.segments.names() if names else {}
