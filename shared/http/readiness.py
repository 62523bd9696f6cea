"""Whether a process can serve: ready, degraded (it answers, and something is wrong), or not; and what is the matter."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from shared.contracts.call import Deadline
from shared.errors import StoreUnavailable

PING_SECONDS = 2.0
WRITABLE_FOR_SECONDS = 30.0
"""How long a store that could be written is not tried again."""

Status = Literal["ready", "degraded", "unready", "draining"]
StoreState = Literal["reachable", "not-writable", "away"]


class Pinged(Protocol):
    """The part of the store that readiness asks."""

    def ping(self) -> None:
        """Reach the store.

        Raises:
            StoreUnavailable: it is away.
        """

    def is_writable(self) -> bool:
        """Whether something can be written now; a store that is busy is."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What `/readyz` says."""

    status: Status
    causes: Sequence[str]

    @property
    def http_status(self) -> int:
        """Degraded is 200: what asks must go on sending requests here."""
        return 200 if self.status in ("ready", "degraded") else 503


def readiness(*, draining: bool, unready: Sequence[str], degraded: Sequence[str]) -> Readiness:
    """Draw the conclusion.

    >>> readiness(draining=False, unready=[], degraded=["clock-skew"]).status
    'degraded'
    """
    status: Status
    if draining:
        status = "draining"
    elif unready:
        status = "unready"
    else:
        status = "degraded" if degraded else "ready"
    return Readiness(status, [*unready, *degraded])


class StoreLook:
    """Looks at the store, and seldom writes to it in order to know that it can."""

    def __init__(self, store: Pinged, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._seconds = seconds
        self._writable_until = float("-inf")
        self._looking: asyncio.Task[StoreState] | None = None

    async def state(self) -> StoreState:
        """Return how the store is; calls that come meanwhile share one look, since a look may hang."""
        if self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
            self._looking.add_done_callback(self._forget)
        try:
            async with asyncio.timeout(PING_SECONDS):
                return await asyncio.shield(self._looking)
        except (StoreUnavailable, TimeoutError):
            return "away"

    def _forget(self, look: "asyncio.Task[Any]") -> None:
        self._looking = None
        if not look.cancelled():
            look.exception()  # those who wait for it get the error themselves

    def _look(self) -> StoreState:
        with Deadline.within(PING_SECONDS):
            return self._found()

    def _found(self) -> StoreState:
        self._store.ping()
        if self._seconds() < self._writable_until:
            return "reachable"
        if not self._store.is_writable():
            return "not-writable"
        self._writable_until = self._seconds() + WRITABLE_FOR_SECONDS
        return "reachable"
