"""Addresses that a provider wants visited before it sends anything; off the request's path."""

import asyncio
import logging

import aiohttp
import yarl

from gateway.webhooks.incoming import Confirmation

log = logging.getLogger(__name__)

VISIT_SECONDS = 10.0
_ENOUGH_BYTES = 4_096


class Visits:
    """Visits confirmation addresses; which hosts may be visited was checked by the provider's file."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client
        self._going_on: set[asyncio.Task[None]] = set()

    def begin(self, confirmation: Confirmation, source: str) -> None:
        """Start a visit; nobody waits for it.

        Args:
            confirmation: what the provider asked for.
            source: name, for the log.
        """
        visit = asyncio.create_task(self._visit(confirmation.url, source))
        self._going_on.add(visit)
        visit.add_done_callback(self._going_on.discard)

    async def close(self) -> None:
        """Give up what is going on."""
        for visit in self._going_on:
            visit.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

    async def _visit(self, url: str, source: str) -> None:
        limit = aiohttp.ClientTimeout(total=VISIT_SECONDS)
        try:
            async with self._client.get(yarl.URL(url, encoded=True), allow_redirects=False, timeout=limit) as answer:
                await answer.content.read(_ENOUGH_BYTES)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("webhooks.not_confirmed", extra={"source": source, "error": type(error).__name__})
            return
        if status == 200:
            log.info("webhooks.confirmed", extra={"source": source})
        else:
            log.warning("webhooks.not_confirmed", extra={"source": source, "error": f"HTTP {status}"})
