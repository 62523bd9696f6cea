"""How many calls a receiver gets at once: fewer when it fails, and a pause when it is overloaded or away."""

from dataclasses import dataclass
from typing import Final

OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""Statuses of an overloaded receiver; no status at all (a timeout, a refused connection) counts the same."""
MAX_CONCURRENT: Final = 8
MAX_PAUSE_SECONDS: Final = 60.0


@dataclass(slots=True)
class ConcurrencyLimit:
    """The limit of one subscription; kept while the worker runs."""

    max_concurrent: int = MAX_CONCURRENT
    paused_until: float = 0.0
    in_a_row: int = 0
    """Overloads since the last success."""

    def succeeded(self) -> None:
        """Raise the limit by one."""
        self.max_concurrent = min(MAX_CONCURRENT, self.max_concurrent + 1)
        self.in_a_row = 0

    def failed(self, status: int | None, now: float, *, retry_after_seconds: float | None = None) -> None:
        """Halve the limit, and pause if the receiver is overloaded.

        Args:
            status: what was answered; None: nothing.
            now: monotonic seconds.
            retry_after_seconds: the value of `Retry-After`.
        """
        self.max_concurrent = max(1, self.max_concurrent // 2)
        if status is not None and status not in OVERLOADED:
            return
        self.in_a_row += 1
        rest = min(MAX_PAUSE_SECONDS, 2.0 ** min(self.in_a_row - 1, 10))
        if retry_after_seconds is not None:
            rest = max(rest, min(retry_after_seconds, MAX_PAUSE_SECONDS))
        self.paused_until = max(self.paused_until, now + rest)

    def capacity(self, running: int, now: float) -> int:
        """Return how many more calls may start now.

        Args:
            running: how many run.
            now: monotonic seconds.
        """
        return 0 if now < self.paused_until else max(0, self.max_concurrent - running)
