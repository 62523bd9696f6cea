"""Webhooks on their way from the event loop into threads and back, so that a flood of them slows nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import aiohttp
from anyio import CapacityLimiter, to_thread

from gateway.metrics import GatewayMetrics
from gateway.webhooks.confirming import visited
from gateway.webhooks.failures import Failures
from gateway.webhooks.intake import Taken
from gateway.webhooks.provider import SignedRequest, WebhookRefused
from gateway.webhooks.receiving import Receiving
from shared.contracts.rows import microseconds
from shared.errors import ForetellError, NotFound

THREADS: Final = 8
THREADS_OF_A_SOURCE: Final = 2
"""Its batches take turns in the store anyway: one is stored while the next is verified."""
MOST_WAITING: Final = 200
"""Beyond that a provider is asked to come again: bodies that wait take memory."""
MOST_WAITING_OF_A_SOURCE: Final = 50

Found = TypeVar("Found")


class TooBusy(ForetellError):
    """More webhooks wait than this process holds; the provider sends it again."""

    status = 503
    code = "too-busy"
    title = "Too busy"
    retry_after_seconds = 5


@dataclass(slots=True)
class _Line:
    """Those of one source who are served or wait; gone with the last of them."""

    places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS_OF_A_SOURCE))
    inside: int = 0


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes requests one by one, some at a time, of each source a few."""

    receiving: Receiving
    client: aiohttp.ClientSession
    """Visits addresses that are to be confirmed."""
    metrics: GatewayMetrics
    threads: CapacityLimiter
    failures: Failures
    most_waiting: int = MOST_WAITING
    _lines: dict[str, _Line] = field(default_factory=dict)

    def require_room(self, source_id: str, address: str) -> None:
        """Send a caller away who failed too often where many such wait; asked before the body is read.

        Raises:
            LimitReached: wait.
        """
        if self._is_suspect(source_id, address):
            self.failures.require_room()

    async def take(
        self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any], *, address: str = ""
    ) -> Taken:
        """Verify and store a request; committed when this returns.

        Args:
            provider: from the path.
            source_id: from the path.
            request: as it came.
            facts: of the log line; account and source are added.
            address: who calls.

        Raises:
            NotFound: there is no such source.
            WebhookRefused: the proof fails.
            LimitReached: one of the two, too often.
            TooBusy: it was not looked at.
            UpstreamUnavailable: an address that is to be confirmed does not answer; sent again, it is tried again.
        """
        work = partial(self._take, provider, source_id, request, facts)
        try:
            taken = await self._served(source_id, address, work)
        except WebhookRefused:
            self.metrics.webhooks.labels(provider, "refused").inc()
            raise
        for became, number in taken.counts.items():
            self.metrics.webhooks.labels(provider, became).inc(number)
        for confirmation in taken.confirmations:
            await visited(self.client, confirmation, facts["source"])
        return taken

    async def require(self, provider: str, source_id: str, at: int, *, address: str = "") -> None:
        """Check that there is such a source.

        Raises:
            NotFound: there is none.
            LimitReached: the caller asked for too many that there are not.
        """
        await self._served(source_id, address, partial(self.receiving.known, provider, source_id, at))

    async def _served(self, source_id: str, address: str, work: Callable[[], Found]) -> Found:
        """Work in a thread when it is this source's turn, and count what fails."""
        try:
            if self._is_suspect(source_id, address):
                self.failures.require_room()
                return await to_thread.run_sync(work, limiter=self.failures.thread)
            async with self._turn(source_id):
                return await to_thread.run_sync(work, limiter=self.threads)
        except (WebhookRefused, NotFound) as error:
            self.failures.count(error, source_id, address)
            raise

    def _is_suspect(self, source_id: str, address: str) -> bool:
        remembered = self.receiving.book.remembers(source_id)
        return self.failures.is_suspect(source_id, address, remembered=remembered)

    @asynccontextmanager
    async def _turn(self, source_id: str) -> AsyncIterator[None]:
        """Wait for a place among those of the same source, so that it takes few of the threads.

        Raises:
            TooBusy: too many wait, of this source or of all.
        """
        line = self._lines.get(source_id) or _Line()
        waiting = sum(one.inside for one in self._lines.values()) - int(self.threads.borrowed_tokens)
        if waiting >= self.most_waiting or line.places.statistics().tasks_waiting >= MOST_WAITING_OF_A_SOURCE:
            raise TooBusy("More webhooks wait here than can be held; send it again soon.")
        self._lines[source_id] = line
        line.inside += 1
        try:
            async with line.places:
                yield
        finally:
            line.inside -= 1
            if not line.inside:
                self._lines.pop(source_id, None)

    def _take(self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any]) -> Taken:
        known = self.receiving.known(provider, source_id, microseconds(request.received_at))
        facts.update(account=known.row.account, source=known.row.name)
        return self.receiving.receive(known, request)
