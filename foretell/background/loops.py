"""Loops that must live: a turn that fails is counted and logged, and the next one comes all the same."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.errors import ForetellError
from shared.http.telemetry import ConnectionMetrics, trail

log = logging.getLogger(__name__)
Result = TypeVar("Result")

READY_SECONDS = 60.0
"""How long a first turn waits for what it needs; then it comes all the same, and reports its failure."""
LOOK_SECONDS = 0.25


class LoopMetrics:
    """What the worker counts about its loops."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = ConnectionMetrics(self.registry)
        self.turns = Counter("foretell_worker_turns_total", "Turns of a loop.", ["loop"], registry=self.registry)
        self.failures = Counter(
            "foretell_worker_failures_total", "Turns of a loop that failed.", ["loop"], registry=self.registry
        )
        self.part_failures = Counter(
            "foretell_worker_part_failures_total",
            "Parts of a loop's turn (an account, a champion, a rule, a delivery) that failed while the others went on.",
            ["loop"],
            registry=self.registry,
        )
        self.succeeded_at = Gauge(
            "foretell_worker_succeeded_at_seconds",
            "Unix time at which a loop's last turn without failure ended.",
            ["loop"],
            registry=self.registry,
        )


@dataclass(slots=True)
class LoopParts:
    """The parts of one turn: whatever one of them raises is counted and logged, and the others have their turn."""

    loop: str
    metrics: LoopMetrics
    failed: Exception | None = None
    """What the last part that failed raised."""

    def attempt(self, work: Callable[..., Result], *arguments: Any, **named: str) -> Result | None:
        """Do one part, and keep what it raises from the others.

        Args:
            work: the part.
            arguments: of it.
            named: what the part is, for the log; nothing personal.

        Returns:
            What it returns; None: it failed.
        """
        try:
            return work(*arguments)
        except Exception as error:  # the others must live
            self.failed = error
            self.metrics.part_failures.labels(self.loop).inc()
            log.warning("worker.part_failed", extra={"loop": self.loop, **named, **trail(error)})
            return None

    def end(self) -> None:
        """Let the turn fail when a part of it did.

        Raises:
            Exception: that of the last part that failed.
        """
        if self.failed is not None:
            raise self.failed


@dataclass(frozen=True, slots=True)
class Loop:
    """Something to do again and again."""

    name: str
    every_seconds: float
    turn: Callable[[], None]
    """Does one round; raises when it failed."""
    ready: Callable[[], bool] = lambda: True
    """Whether what the first turn needs is there."""
    end: Callable[[], None] = lambda: None
    """Called in the loop's thread after its last turn."""
    failing_seconds: float = 0.0
    """How long it waits at most after failures, where its interval is shorter than that."""


@dataclass(slots=True)
class Loops:
    """Runs each loop in a thread of its own until `stop` is set."""

    loops: Sequence[Loop]
    stop: threading.Event
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failing: dict[str, str] = field(default_factory=dict)
    """Why a loop's last turn failed, by its name."""

    def start(self) -> None:
        """Start every loop; the first turn comes as soon as it is ready for it."""
        for loop in self.loops:
            thread = threading.Thread(target=self._live, args=(loop,), name=loop.name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def alive(self) -> bool:
        """Whether no loop has ended."""
        return all(thread.is_alive() for thread in self._threads)

    def causes(self) -> list[str]:
        """Return which loops failed at their last turn, and why: `rescoring: clock-skew`."""
        return [f"{name}: {code}" for name, code in sorted(self._failing.items())]

    def join(self, *, within_seconds: float) -> None:
        """Wait for the loops to end their turns after `stop` was set."""
        deadline = time.monotonic() + within_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _live(self, loop: Loop) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not (self.stop.is_set() or loop.ready() or time.monotonic() > deadline):
            self.stop.wait(LOOK_SECONDS)
        failures = 0
        while not self.stop.is_set():
            failures = 0 if self.run_once(loop) else failures + 1
            longest = max(loop.every_seconds, loop.failing_seconds) if failures else loop.every_seconds
            self.stop.wait(pause_seconds(longest, failures))
        loop.end()

    def run_once(self, loop: Loop) -> bool:
        """Do one turn; whatever goes wrong is counted, and the loop lives on. Return whether it went well."""
        self.metrics.turns.labels(loop.name).inc()
        try:
            loop.turn()
        except Exception as error:
            self.metrics.failures.labels(loop.name).inc()
            self._failing[loop.name] = error.code if isinstance(error, ForetellError) else "turn-failed"
            log.warning("worker.turn_failed", extra={"loop": loop.name, **trail(error)})
            return False
        self._failing.pop(loop.name, None)
        self.metrics.succeeded_at.labels(loop.name).set_to_current_time()
        return True


def pause_seconds(every_seconds: float, failures: int) -> float:
    """Return how long to wait: the interval, or less after few failures in a row, which often pass soon.

    >>> [pause_seconds(15, failures) for failures in range(6)]
    [15, 2, 4, 8, 15, 15]
    """
    return min(every_seconds, 2 ** min(failures, 20)) if failures else every_seconds
