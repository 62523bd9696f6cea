"""Addresses that a provider wants visited before it sends anything."""

import logging
from typing import Final

import aiohttp
import yarl

from gateway.webhooks.incoming import Confirmation
from shared.errors import UpstreamUnavailable

log = logging.getLogger(__name__)

VISIT_SECONDS: Final = 10.0
"""Amazon waits for 15 seconds in all."""
_ENOUGH_BYTES: Final = 4_096


async def visited(client: aiohttp.ClientSession, confirmation: Confirmation, source: str) -> None:
    """Visit an address, before the request that named it is answered: what fails, the provider sends again.

    Args:
        client: makes the request.
        confirmation: what the provider asked for; which hosts may be visited was checked by the provider's file.
        source: name, for the log.

    Raises:
        UpstreamUnavailable: it does not answer, or with anything but 200.
    """
    limit = aiohttp.ClientTimeout(total=VISIT_SECONDS)
    url = yarl.URL(confirmation.url, encoded=True)
    try:
        async with client.get(url, allow_redirects=False, timeout=limit) as answer:
            await answer.content.read(_ENOUGH_BYTES)
            failure = None if answer.status == 200 else f"HTTP {answer.status}"
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        failure = type(error).__name__
    if failure is not None:
        log.warning("webhooks.not_confirmed", extra={"source": source, "error": failure})
        raise UpstreamUnavailable("The address that is to be confirmed does not answer as it should; send it again.")
    log.info("webhooks.confirmed", extra={"source": source})
