"""Webhooks on their way from the event loop into threads and back, so that a flood of them slows nothing else."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiohttp
from anyio import CapacityLimiter, to_thread

from gateway.metrics import GatewayMetrics
from gateway.webhooks.confirming import visited
from gateway.webhooks.intake import Taken
from gateway.webhooks.provider import SignedRequest, WebhookRefused
from gateway.webhooks.receiving import Receiving
from shared.contracts.instants import microseconds
from shared.errors import ForetellError

THREADS: Final = 8
MOST_WAITING: Final = 200
"""Beyond that a provider is asked to come again: bodies that wait take memory."""


class TooBusy(ForetellError):
    """More webhooks wait than this process holds; the provider sends it again."""

    status = 503
    code = "too-busy"
    title = "Too busy"
    retry_after_seconds = 5


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes requests one by one, some at a time."""

    receiving: Receiving
    client: aiohttp.ClientSession
    """Visits addresses that are to be confirmed."""
    metrics: GatewayMetrics
    threads: CapacityLimiter
    most_waiting: int = MOST_WAITING

    async def take(self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any]) -> Taken:
        """Verify and store a request; committed when this returns.

        Args:
            provider: from the path.
            source_id: from the path.
            request: as it came.
            facts: of the log line; account and source are added.

        Raises:
            NotFound: there is no such source.
            WebhookRefused: the proof fails.
            TooBusy: it was not looked at.
            UpstreamUnavailable: an address that is to be confirmed does not answer; sent again, it is tried again.
        """
        if self.threads.statistics().tasks_waiting >= self.most_waiting:
            raise TooBusy("More webhooks wait here than can be held; send it again soon.")
        work = partial(self._take, provider, source_id, request, facts)
        try:
            taken = await to_thread.run_sync(work, limiter=self.threads)
        except WebhookRefused:
            self.metrics.webhooks.labels(provider, "refused").inc()
            raise
        for became, number in taken.counts.items():
            self.metrics.webhooks.labels(provider, became).inc(number)
        for confirmation in taken.confirmations:
            await visited(self.client, confirmation, facts["source"])
        return taken

    async def require(self, provider: str, source_id: str, at: int) -> None:
        """Check that there is such a source.

        Raises:
            NotFound: there is none.
        """
        await to_thread.run_sync(partial(self.receiving.known, provider, source_id, at), limiter=self.threads)

    def _take(self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any]) -> Taken:
        known = self.receiving.known(provider, source_id, microseconds(request.received_at))
        facts.update(account=known.row.account, source=known.row.name)
        return self.receiving.receive(known, request)
