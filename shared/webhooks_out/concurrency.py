"""How many calls a receiver gets at once: fewer when it fails, and a pause when it is overloaded or away."""

from dataclasses import dataclass
from typing import Final

OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""Statuses that ask for a slower pace; no status at all (a timeout, a refused connection) counts the same."""
MAX_CONCURRENT: Final = 8
MAX_PAUSE_SECONDS: Final = 60.0


@dataclass(slots=True)
class ConcurrencyLimit:
    """The pace of one subscription; forgotten when the worker ends."""

    max_concurrent: int = MAX_CONCURRENT
    paused_until: float = 0.0
    in_a_row: int = 0
    """Overloads since the last success."""

    def succeeded(self) -> None:
        """Go a little faster."""
        self.max_concurrent = min(MAX_CONCURRENT, self.max_concurrent + 1)
        self.in_a_row = 0

    def failed(self, status: int | None, now: float, *, retry_after_seconds: float | None = None) -> None:
        """Go slower, and rest if it is overloaded.

        Args:
            status: what was answered; None: nothing.
            now: monotonic seconds.
            retry_after_seconds: what `Retry-After` said.
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
        """Tell how many more may be sent now.

        Args:
            running: how many are under way.
            now: monotonic seconds.
        """
        return 0 if now < self.paused_until else max(0, self.max_concurrent - running)
