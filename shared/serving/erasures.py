"""What a service knows of erasures: enough that nothing it read before one is written after it."""

import time
from collections.abc import Callable
from typing import NamedTuple

from shared.errors import StoreUnavailable
from shared.store import AccountStore, PredictionRow

FRESH_SECONDS = 1.0
"""How long a count is taken for what it is; an old one only makes more rows be looked at when they are written."""
UNKNOWN = -2
"""No count of any account: whatever is written is looked at."""


class Logged(NamedTuple):
    """A prediction on its way to the log."""

    row: PredictionRow
    since: int
    """The account's count of erasures from before anything was read of the contact."""


class ErasureCounts:
    """The erasures of each account, counted before a call reads anything."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[str, tuple[int, float]] = {}

    def of(self, name: str, account: AccountStore) -> int:
        """Count an account's erasures, as they were at most a second ago."""
        now = self._monotonic()
        count, until = self._known.get(name, (UNKNOWN, now))
        if now < until:
            return count
        try:
            count = account.privacy.erasures()
        except StoreUnavailable:
            return count
        self._known[name] = count, now + FRESH_SECONDS
        return count
