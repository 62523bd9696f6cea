"""Predictions on their way to the store, off the request path; under pressure they are dropped and counted."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from shared.contracts.prediction import Prediction
from shared.contracts.rows import Microseconds
from shared.http.telemetry import trail
from shared.serving.metrics import ServiceMetrics
from shared.store import PredictionRow

log = logging.getLogger(__name__)


BATCH = 2_000
GATHER_SECONDS = 0.1
"""How long a first row waits for others: a transaction for each small call would cost as much as its answer."""
DROPPING_SECONDS = 60.0
"""How long after it dropped rows the log is said to drop some."""
Write = Callable[[str, Sequence[Any]], None]


class PredictionLog:
    """A bounded queue and one writer thread.

    Args:
        write: store the rows of one account, in one transaction.
        bound: how many rows may wait.
        metrics: where waiting, dropped and failed ones are counted.
        gather_seconds: how long a row waits for others to be written with.
    """

    def __init__(
        self, write: Write, *, bound: int, metrics: ServiceMetrics, gather_seconds: float = GATHER_SECONDS
    ) -> None:
        self._write = write
        self._bound = bound
        self._metrics = metrics
        self._gather_seconds = gather_seconds
        self._waiting: deque[tuple[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._dropped_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        metrics.log_queued.set_function(lambda: len(self._waiting))

    @property
    def is_dropping(self) -> bool:
        """Whether rows were dropped lately."""
        return time.monotonic() - self._dropped_at < DROPPING_SECONDS

    def start(self) -> None:
        """Start the writer."""
        self._thread.start()

    def add(self, account: str, rows: Iterable[Any]) -> None:
        """Queue rows; never waits, never fails: what does not fit is dropped and counted."""
        with self._changed:
            free = 0 if self._closing else self._bound - len(self._waiting)
            entries = [(account, row) for row in rows]
            waited = len(self._waiting)
            self._waiting.extend(entries[:free])
            if not waited or len(self._waiting) >= BATCH:
                self._changed.notify()
        if len(entries) > free:
            self._drop(len(entries) - free)

    def _drop(self, rows: int) -> None:
        self._metrics.log_dropped.inc(rows)
        self._dropped_at = time.monotonic()

    def write(self, account: str, rows: Sequence[Any]) -> None:
        """Store rows now, past the queue.

        Raises:
            StoreUnavailable: none was stored.
        """
        self._write(account, rows)

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Write what waits and stop; what is still there after the timeout is counted as dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        if self._waiting:
            self._drop(len(self._waiting))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                self._changed.wait_for(
                    lambda: self._closing or len(self._waiting) >= BATCH, timeout=self._gather_seconds
                )
                batch = list(islice(self._waiting, BATCH))
                if not batch:
                    return
            for account, entries in groupby(sorted(batch, key=itemgetter(0)), key=itemgetter(0)):
                self._store(account, [row for _, row in entries])
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()

    def _store(self, account: str, rows: Sequence[Any]) -> None:
        try:
            self._write(account, rows)
        except Exception as error:  # the writer must live: predictions go on without their log
            self._metrics.log_failures.inc()
            self._drop(len(rows))
            if not self._failing:
                log.warning("predictions.not_logged", extra={"rows": len(rows), **trail(error)})
            self._failing = True
        else:
            self._failing = False


UNKNOWN = -2
"""No count of any account: whatever is written is looked at."""


class LoggedCall(NamedTuple):
    """What all predictions of one call have in common."""

    capability: str
    outcome: str
    version: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str
    erasures: int
    """The account's count of erasures from before anything was read of the contacts."""


class Logged(NamedTuple):
    """A prediction on its way to the log; the writer makes its row, off the request path."""

    call: LoggedCall
    prediction: Prediction
    body: bytes
    """As it was sent."""
    segment: str | None
    """Under which it is filed."""

    def row(self) -> PredictionRow:
        """Make the row of the log."""
        call, one = self.call, self.prediction
        return PredictionRow(
            contact_id=one.contact_id or "",
            capability=call.capability,
            outcome=call.outcome,
            version=call.version,
            cutoff=call.cutoff,
            asked_at=call.asked_at,
            request_id=call.request_id,
            status=one.status,
            probability=one.probability,
            score=one.score,
            band=one.band,
            source=one.source,
            body=self.body.decode(),
            segment=self.segment,
            withheld_probability=one.withheld_probability,
        )
