"""How many connections there are, and of whom; the longest idle one makes room for a new one."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shared.serving.metrics import ConnectionMetrics

log = logging.getLogger(__name__)

LOG_EVERY_SECONDS: Final = 60.0


class Abortable(Protocol):
    """The part of a transport that is needed here."""

    def abort(self) -> None:
        """Close at once."""


class Connection(Protocol):
    """A connection as it is counted."""

    @property
    def transport(self) -> Abortable:
        """What it runs over."""

    def __hash__(self) -> int:
        """Be a key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections, and how long each may do nothing."""

    connections: int = 2_000
    per_address: int = 500
    """0: any number."""
    head_seconds: float = 10.0
    """From the first byte of a head, or from connecting, until the head is whole."""
    rest_seconds: float = 5.0
    """How long the rest of a body is thrown away after the answer was sent."""
    write_seconds: float = 30.0
    """How long a client may take nothing of its answer."""
    linger_seconds: float = 1.0
    """How long a refused client has to read why."""


class Connections:
    """All connections of a server: who has how many, and which of them are idle."""

    def __init__(
        self, limits: Limits, metrics: ConnectionMetrics, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits
        self.lingering = 0
        self._metrics = metrics
        self._seconds = seconds
        self._of: dict[str, set[Connection]] = {}
        self._idle: OrderedDict[Connection, str] = OrderedDict()
        self._idle_of: dict[str, OrderedDict[Connection, None]] = {}
        self._total = 0
        self._logged_at: dict[str, float] = {}
        metrics.open.set_function(lambda: self._total)

    def admit(self, one: Connection, address: str) -> bool:
        """Take a connection in, in the place of the longest idle one where there is no room; False: all are busy."""
        mine = self._of.get(address, ())
        if self.limits.per_address and len(mine) >= self.limits.per_address and not self._evict(address):
            return False
        if self._total >= self.limits.connections and not self._evict(None):
            return False
        self._of.setdefault(address, set()).add(one)
        self._total += 1
        self.idle(one, address)
        return True

    def idle(self, one: Connection, address: str) -> None:
        """Note that no request is under way on a connection."""
        if one in self._of.get(address, ()):
            self._idle[one] = address
            self._idle_of.setdefault(address, OrderedDict())[one] = None

    def busy(self, one: Connection, address: str) -> None:
        """Note that one is."""
        if self._idle.pop(one, None) is not None:
            self._idle_of[address].pop(one, None)

    def forget(self, one: Connection, address: str) -> None:
        """Give its place back."""
        self.busy(one, address)
        mine = self._of.get(address)
        if mine is not None and one in mine:
            mine.remove(one)
            self._total -= 1
            if not mine:
                del self._of[address]
                self._idle_of.pop(address, None)

    def count(self, cause: str) -> None:
        """Count a connection that was closed for a reason; one log line a minute and reason."""
        self._metrics.refused.labels(cause).inc()
        now = self._seconds()
        if now - self._logged_at.get(cause, -LOG_EVERY_SECONDS) >= LOG_EVERY_SECONDS:
            self._logged_at[cause] = now
            log.warning("connection.refused", extra={"cause": cause})

    def _evict(self, address: str | None) -> bool:
        """Close the connection that is idle for longest, of an address or of all."""
        one = next(iter(self._idle if address is None else self._idle_of.get(address, ())), None)
        if one is None:
            return False
        self.count("evicted")
        self.forget(one, self._idle[one])
        one.transport.abort()
        return True
