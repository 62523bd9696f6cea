"""How many calls a receiver gets at once: fewer when it fails, and a pause when it is overloaded or away."""

from dataclasses import dataclass
from typing import Final

OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""Statuses that ask for a slower pace; no status at all (a timeout, a refused connection) counts the same."""
AT_ONCE: Final = 8
LONGEST_REST_SECONDS: Final = 60.0


@dataclass(slots=True)
class Pace:
    """The pace of one subscription; forgotten when the worker ends."""

    at_once: int = AT_ONCE
    resting_until: float = 0.0
    in_a_row: int = 0
    """Overloads since the last success."""

    def succeeded(self) -> None:
        """Go a little faster."""
        self.at_once = min(AT_ONCE, self.at_once + 1)
        self.in_a_row = 0

    def failed(self, status: int | None, now: float, *, asked_seconds: float | None = None) -> None:
        """Go slower, and rest if it is overloaded.

        Args:
            status: what was answered; None: nothing.
            now: monotonic seconds.
            asked_seconds: what `Retry-After` said.
        """
        self.at_once = max(1, self.at_once // 2)
        if status is not None and status not in OVERLOADED:
            return
        self.in_a_row += 1
        rest = min(LONGEST_REST_SECONDS, 2.0 ** min(self.in_a_row - 1, 10))
        if asked_seconds is not None:
            rest = max(rest, min(asked_seconds, LONGEST_REST_SECONDS))
        self.resting_until = max(self.resting_until, now + rest)

    def room(self, flying: int, now: float) -> int:
        """Tell how many more may be sent now.

        Args:
            flying: how many are under way.
            now: monotonic seconds.
        """
        return 0 if now < self.resting_until else max(0, self.at_once - flying)
