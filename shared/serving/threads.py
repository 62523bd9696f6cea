"""Threads of a service: pools by size of call, those that answer calls together, the writer of the log and its rows."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from contextvars import copy_context
from dataclasses import dataclass
from itertools import groupby, islice, repeat
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from shared.contracts.call import Deadline
from shared.contracts.prediction import Prediction
from shared.contracts.rows import Microseconds
from shared.http.telemetry import trail
from shared.serving.metrics import ServiceMetrics
from shared.store import PredictionRow

log = logging.getLogger(__name__)

SMALL_CONTACTS = 20
"""Calls of at most so many contacts are small."""
LARGE_THREADS = 2
WRITING_THREADS = 4
LOOKED_AT = 32
"""How many that do not join are passed over: a long queue is not read through for each of its calls."""

Result = TypeVar("Result")
Item = TypeVar("Item")


class ThreadPools:
    """Threads for small work, for large work, and for work that waits until what it writes is in the store."""

    def __init__(self, small_threads: int) -> None:
        """Start no thread before there is work.

        Args:
            small_threads: computing is bound to one interpreter lock, so that more threads only fight over it; a
                few pay when each call waits for a store across the network.
        """
        self._small = ThreadPoolExecutor(small_threads, thread_name_prefix="small")
        self._large = ThreadPoolExecutor(LARGE_THREADS, thread_name_prefix="large")
        self._writing = ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="writing")

    async def run(self, work: Callable[..., Result], *arguments: Any, contacts: int, writes: bool = False) -> Result:
        """Run the work in the pool for calls of this size, or in the one for calls that write."""
        pool = self._small if contacts <= SMALL_CONTACTS else self._large
        pool = self._writing if writes else pool
        here = copy_context()  # the deadline goes along

        def done() -> Result:
            try:
                return here.run(work, *arguments)
            except StopIteration as error:
                raise _takeable(error) from error

        return await asyncio.get_running_loop().run_in_executor(pool, done)

    def close(self) -> None:
        """Wait until all begun work is done."""
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True)
        self._writing.shutdown(wait=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    """An item whose result somebody waits for."""

    item: Item
    future: "asyncio.Future[Result]"
    until: Deadline | None

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return self.until is not None and self.until.left() == 0.0


Compute = Callable[[Sequence[Item]], Sequence[Result | Exception]]


class GatheringThreads(Generic[Item, Result]):
    """Threads that take what waits at the same moment together: what a computation costs once is paid once for all.

    Nothing waits for others to come: an item that finds a thread free goes alone.
    """

    def __init__(
        self,
        compute: Compute[Item, Result],
        joins: Callable[[Sequence[Item], Item], bool],
        *,
        threads: int,
        name: str,
    ) -> None:
        """Start no thread before there is work.

        Args:
            compute: return the result of each item, in order, or the exception with which it failed. Where it raises
                for several, it is asked about each alone, in that one's own time: whoever is to blame fails alone.
            joins: whether an item that waits may be taken together with those that are taken already.
            threads: how many.
            name: of the threads.
        """
        self._compute, self._joins = compute, joins
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}_{number}", daemon=True) for number in range(threads)
        ]

    @property
    def waiting(self) -> int:
        """How many items wait for a thread."""
        return len(self._waiting)

    async def run(self, item: Item) -> Result:
        """Return the result of an item.

        Raises:
            Exception: with which it failed.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        one = _Waiting(item, future, Deadline.current())
        with self._changed:
            if not self._threads[0].is_alive():
                for thread in self._threads:
                    thread.start()
            self._waiting.append(one)
            self._changed.notify()
        try:
            return await future
        except asyncio.CancelledError:  # nobody wants it any more: what was not begun is not done
            with self._changed, suppress(ValueError):
                self._waiting.remove(one)
            raise

    def close(self) -> None:
        """Wait until everything that waits is done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self) -> None:
        while taken := self._take():
            results = self._results(taken)
            loop = taken[0].future.get_loop()
            try:
                loop.call_soon_threadsafe(_deliver, taken, results)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

    def _results(self, taken: Sequence[_Waiting[Item, Result]]) -> Sequence[Result | BaseException]:
        """Compute together until the nearest deadline, and each alone where that fails."""
        left = [seconds for one in taken if one.until is not None and (seconds := one.until.left()) is not None]
        try:
            with Deadline.within(min(left)) if left else nullcontext():
                return self._compute([one.item for one in taken])
        except Exception as error:
            if len(taken) == 1:
                return [error]
        except BaseException as error:  # an extension that panics: the thread must live
            return [error] * len(taken)
        return [result for one in taken for result in self._results([one])]

    def _take(self) -> list[_Waiting[Item, Result]]:
        """Wait for an item and take what may go along with it, oldest first; nothing: it is over.

        One whose time is over goes alone: it is only refused, and must not be computed in the time of others.
        """
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return []
                self._changed.wait()
            taken = [self._waiting.popleft()]
            items, left = [taken[0].item], list[_Waiting[Item, Result]]()
            while self._waiting and len(left) < LOOKED_AT and not taken[0].is_over:
                one = self._waiting.popleft()
                if not one.is_over and self._joins(items, one.item):
                    taken.append(one)
                    items.append(one.item)
                else:
                    left.append(one)
            self._waiting.extendleft(reversed(left))
            return taken


def _deliver(taken: Sequence[_Waiting[Any, Result]], results: Sequence[Result | BaseException]) -> None:
    """Hand over results on the loop; who went away gets none."""
    for one, result in zip(taken, results, strict=True):
        if one.future.done():
            continue
        if isinstance(result, StopIteration):
            one.future.set_exception(_takeable(result))
        elif isinstance(result, BaseException):
            one.future.set_exception(result)
        else:
            one.future.set_result(result)


def _takeable(error: StopIteration) -> RuntimeError:
    """Make what is raised in the place of an exception that no future takes, so that nobody would ever be answered."""
    return RuntimeError(type(error).__name__)


BATCH = 5_000
"""Rows of one transaction: a page that many of them touch is written once; others wait about a tenth of a second."""
GATHER_SECONDS = 0.1
"""How long a first row waits for others: a transaction for each small call would cost as much as its answer."""
DROPPING_SECONDS = 60.0
"""How long after it dropped rows the log is said to drop some."""
Group = TypeVar("Group", bound=str | tuple[Any, ...])
"""Has an order."""


class LoggedCall(NamedTuple):
    """What all predictions of one call have in common, in the order of a row of the log."""

    capability: str
    outcome: str
    version: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str

    def row(self, one: Prediction, body: bytes) -> PredictionRow:
        """Make the row of an answer.

        Args:
            one: the answer.
            body: as it is sent.
        """
        return PredictionRow(
            one.contact_id or "",
            *self,
            one.status,
            one.probability,
            one.score,
            one.band,
            one.source,
            body.decode(),
            one.segment_id if one.status == "ok" else None,
            one.withheld_probability,
        )


class LoggedTogether(NamedTuple):
    """Whose rows of the log are written in one transaction."""

    account: str
    erasures: int
    """The account's count of erasures from before anything was read of the contacts."""


class PredictionLog(Generic[Group]):
    """A bounded queue and one writer thread.

    Args:
        write: store the rows of one group, in one transaction.
        bound: how many rows may wait.
        metrics: where waiting, dropped and failed ones are counted.
        gather_seconds: how long a row waits for others to be written with.
    """

    def __init__(
        self,
        write: Callable[[Group, Sequence[Any]], None],
        *,
        bound: int,
        metrics: ServiceMetrics,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._write = write
        self._bound = bound
        self._metrics = metrics
        self._gather_seconds = gather_seconds
        self._waiting: deque[tuple[Group, Any]] = deque()
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

    def add(self, group: Group, rows: Iterable[Any]) -> None:
        """Queue rows; never waits, never fails: what does not fit is dropped and counted."""
        with self._changed:
            free = 0 if self._closing else self._bound - len(self._waiting)
            entries = list(zip(repeat(group), rows, strict=False))
            waited = len(self._waiting)
            self._waiting.extend(entries[:free])
            if not waited or len(self._waiting) >= BATCH:
                self._changed.notify()
        if len(entries) > free:
            self._drop(len(entries) - free)

    def _drop(self, rows: int) -> None:
        self._metrics.log_dropped.inc(rows)
        self._dropped_at = time.monotonic()

    def write(self, group: Group, rows: Sequence[Any]) -> None:
        """Store rows now, past the queue.

        Raises:
            StoreUnavailable: none was stored.
        """
        self._write(group, rows)

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
            for group, entries in groupby(sorted(batch, key=itemgetter(0)), key=itemgetter(0)):
                self._store(group, [row for _, row in entries])
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()

    def _store(self, group: Group, rows: Sequence[Any]) -> None:
        try:
            self._write(group, rows)
        except Exception as error:  # the writer must live: predictions go on without their log
            self._metrics.log_failures.inc()
            self._drop(len(rows))
            if not self._failing:
                log.warning("predictions.not_logged", extra={"rows": len(rows), **trail(error)})
            self._failing = True
        else:
            self._failing = False
