"""How much a large write takes at a time, so that others write in between: parts of a bounded time, and gaps."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")

PART_SECONDS = 0.25
"""How long one transaction of an import may take."""
GAP_SECONDS = 0.12
"""How long SQLite's write lock is free after a part: whoever waits looks every 0.1 s (sqlite3_busy_timeout)."""
MIN_ROWS, FIRST_ROWS, MAX_ROWS = 200, 2_000, 100_000


@dataclass(slots=True)
class BulkPacing:
    """Learns from each part how many rows the next one may have; one for each import."""

    gap_seconds: float = GAP_SECONDS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _rows: int = FIRST_ROWS
    _ended: float | None = field(default=None)

    def parts(self, items: Sequence[Item], *, has_gaps: bool) -> Iterator[Sequence[Item]]:
        """Cut items into parts; each is written while the next one is waited for.

        Args:
            items: what is to be written, in the order in which it is.
            has_gaps: whether writers take turns, so that the others need a gap to get theirs.
        """
        start = 0
        while start < len(items):
            if has_gaps and self._ended is not None:
                left = self._ended + self.gap_seconds - self.clock()
                if left > 0:
                    self.sleep(left)
            part = items[start : start + self._rows]
            start += len(part)
            began = self.clock()
            yield part
            self._ended = self.clock()
            self._learn(len(part), self._ended - began)

    def _learn(self, rows: int, seconds: float) -> None:
        fitting = rows * PART_SECONDS / max(seconds, 1e-6)
        # A part that was short of rows says little; one that took long counts at once.
        if seconds > PART_SECONDS or rows >= self._rows:
            self._rows = int(min(max(0.8 * fitting, MIN_ROWS), 2 * self._rows, MAX_ROWS))
