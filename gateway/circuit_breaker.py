"""A circuit breaker for each service: after a few failures no request waits for it until it answers again.

The library purgatory keeps the states and counts failures. When the circuit closes again is decided here, by the
service's health check and a monotonic clock: no client's request has to find out that a service still hangs.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OPENED, Context, HalfOpenedState, OpenedState

from gateway.metrics import GatewayMetrics
from shared.errors import UpstreamUnavailable

log = logging.getLogger(__name__)

FAILURES_TO_OPEN: Final = 3
"""So many failures in a row open the circuit; a proven hang opens it at once."""
OPEN_SECONDS: Final = 2.0
"""How long the circuit stays open before the service's health is checked."""


class CircuitBreaker:
    """The circuit of one service."""

    def __init__(
        self,
        name: str,
        metrics: GatewayMetrics,
        is_alive: Callable[[], Awaitable[bool]],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._opened = metrics.upstream_circuit.labels(name)
        self._opened.set(0)
        self._is_alive = is_alive
        self._seconds = seconds
        self._context = Context(name, FAILURES_TO_OPEN, OPEN_SECONDS)
        self._rests_until = 0.0
        self._is_looking = False

    async def admit(self) -> None:
        """Check that a request may be sent.

        Raises:
            UpstreamUnavailable: the circuit is open, or the service does not answer its health check yet.
        """
        if self._context.state == OPENED:
            if self._is_looking or self._seconds() < self._rests_until or not await self._has_recovered():
                raise self.unavailable()
            self._context.set_state(HalfOpenedState())
            self._note()

    def succeeded(self) -> None:
        """Count an answer, whatever it says."""
        self._context.handle_end_request()
        self._note()

    def failed(self, error: Exception, *, proven: bool = False) -> None:
        """Count a failure.

        Args:
            error: what went wrong.
            proven: the next request would fail too, after waiting.
        """
        if proven and self._context.state != OPENED:
            self._context.set_state(OpenedState(self._name))
        else:
            self._context.handle_exception(error)
        self._note()

    def unavailable(self) -> UpstreamUnavailable:
        """Return the error for the client."""
        return UpstreamUnavailable(f"The {self._name} service does not answer. Ask again soon.")

    async def _has_recovered(self) -> bool:
        self._is_looking = True
        try:
            alive = await self._is_alive()
        finally:
            self._is_looking = False
            self._rests_until = self._seconds() + OPEN_SECONDS
        return alive

    def _note(self) -> None:
        """Log and count changes of the state."""
        changes = [message for message in self._context.messages if isinstance(message, ContextChanged)]
        self._context.messages.clear()
        for change in changes:
            self._opened.set(change.state == OPENED)
            if change.state == OPENED:
                self._rests_until = self._seconds() + OPEN_SECONDS
                log.warning("upstream.left_alone", extra={"capability": self._name})
            elif change.state == "closed":
                log.info("upstream.recovered", extra={"capability": self._name})
