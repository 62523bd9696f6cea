"""Re-scoring: asks the services about every contact, so that the ranked list of predictions is filled and fresh."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from foretell import home
from shared.errors import ForetellError, ModelNotReady
from shared.store import ChampionRow, Database

log = logging.getLogger(__name__)

BATCH = 1_000
REASONS = 3


class Asked(Protocol):
    """Asks a service about contacts on behalf of an account."""

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> str | None:
        """Ask, and tell which version answered."""


@dataclass(frozen=True, slots=True)
class Rescoring:
    """Scores every contact of an account when its champion changed, and again after a while."""

    database: Database
    ask: Asked
    progress: Path
    """Which version was scored when; a small file, so that a restart does not begin again. Losing it costs a round."""
    every_seconds: float
    share: float
    """Of the time, for which a service may be kept busy."""
    stop: threading.Event
    unix_seconds: Callable[[], float] = time.time
    _done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up where an earlier worker stopped."""
        self._done.update(home.notes(self.progress))

    def turn(self) -> None:
        """Score what is due; one champion's failure does not keep the others waiting.

        Raises:
            ForetellError: the last failure, once every champion had its turn.
        """
        failed: ForetellError | OSError | None = None
        for champion in self.database.champions():
            if self.stop.is_set():
                return
            if not self._is_due(champion):
                continue
            try:
                self._score_all(champion)
            except (ForetellError, OSError) as error:
                failed = error
        if failed is not None:
            raise failed

    def _is_due(self, champion: ChampionRow) -> bool:
        noted = self._done.get(_name(champion), {})
        age = self.unix_seconds() - noted.get("at", 0.0)
        return noted.get("digest") != champion.digest or age >= self.every_seconds

    def _score_all(self, champion: ChampionRow) -> None:
        began, contacts = self.unix_seconds(), 0
        for batch in self._batches(champion.account):
            asked_at = time.monotonic()
            version = self.ask(champion, batch, reasons=REASONS)
            if version is not None and version != champion.version:
                raise ModelNotReady(f"The service still answers with version {version}.")
            contacts += len(batch)
            busy = time.monotonic() - asked_at
            if self.stop.wait(busy * (1 / self.share - 1)):
                return
        self._done[_name(champion)] = {"digest": champion.digest, "at": began, "contacts": contacts}
        self._note()
        log.info(
            "worker.rescored",
            extra={
                "account": champion.account,
                "capability": champion.capability,
                "outcome": champion.outcome,
                "version": champion.version,
                "contacts": contacts,
                "seconds": round(self.unix_seconds() - began, 3),
            },
        )

    def _note(self) -> None:
        try:
            home.write_notes(self.progress, self._done)
        except OSError as error:  # this process remembers all the same
            log.warning("worker.progress_not_written", extra={"cause": error.strerror})

    def _batches(self, account: str) -> Iterator[list[str]]:
        store, after = self.database.of(account), None
        while batch := [contact.contact_id for contact in store.contacts(BATCH, after)]:
            yield batch
            after = batch[-1]


def _name(champion: ChampionRow) -> str:
    return f"{champion.account}.{champion.capability}.{champion.outcome}"
