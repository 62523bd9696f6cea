"""The only place that opens connections to receivers: guarded, bounded in time and in what is read."""

import asyncio
import ssl
import time
from typing import Final, NamedTuple, Self

import aiohttp
import yarl

from shared.webhooks_out.message import HttpCall
from shared.webhooks_out.ssrf_guard import AddressRefused, PinnedResolver, SystemDns, checked_url

SHOWN: Final = 500
"""Characters of an answer that are kept."""
USER_AGENT: Final = "Foretell-Webhooks/1"
LOOKUPS: Final = 128
"""Names that are resolved at the same time: as many as the dispatcher's running attempts."""


class ReceiverAnswer(NamedTuple):
    """What came back."""

    status: int | None
    """None: no answer."""
    milliseconds: int
    error: str | None
    """Why there is no answer, as a code; None: there is one."""
    response: str | None
    """The first characters of the receiver's answer."""
    retry_after: str | None
    """The header, as it was sent."""


class Sender:
    """Sends calls to receivers; to be entered inside a running event loop."""

    def __init__(
        self, *, timeout_seconds: float, allow_private: bool, resolver: aiohttp.abc.AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        """Prepare; nothing is opened.

        Args:
            timeout_seconds: for a whole attempt: name, connection, request and answer.
            allow_private: also http, and receivers inside the network.
            resolver: queries the DNS; None: the system's.
            tls: the trusted authorities; None: the system's.
        """
        self._timeout = timeout_seconds
        self._allow_private = allow_private
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._pinned: PinnedResolver | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        # Every call gets a new connection, so that its address is checked, and no dead connection is used.
        self._pinned = PinnedResolver(allow_private=self._allow_private, inner=self._dns())
        connector = aiohttp.TCPConnector(
            resolver=self._pinned,
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=True if self._tls is None else self._tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )
        return self

    def _dns(self) -> aiohttp.abc.AbstractResolver:
        return SystemDns(lookups=LOOKUPS) if self._resolver is None else self._resolver

    async def __aexit__(self, *error: object) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
        if self._pinned is not None:
            await self._pinned.close()

    async def send(self, call: HttpCall) -> ReceiverAnswer:
        """Send once; every failure of the receiver or the network is returned as an answer.

        Args:
            call: complete, headers and signature included.
        """
        began = time.monotonic()
        status: int | None = None
        error = response = retry_after = None
        try:
            checked_url(call.url, allow_private=self._allow_private)
            async with asyncio.timeout(self._timeout), self._request(call) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After")
                response = _shown(await answer.content.read(4 * SHOWN))
        except AddressRefused:
            error = AddressRefused.code
        except TimeoutError:
            error = None if status is not None else "timeout"
        except aiohttp.ClientConnectorDNSError:
            error = "no-address"
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            error = "tls-failed"
        except aiohttp.ClientConnectionError:
            error = None if status is not None else "connection-failed"
        except (aiohttp.ClientError, ValueError):
            error = None if status is not None else "bad-answer"
        return ReceiverAnswer(status, round((time.monotonic() - began) * 1_000), error, response, retry_after)

    def _request(self, call: HttpCall) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise RuntimeError("enter the sender first")
        return self._session.request(
            call.method,
            yarl.URL(call.url, encoded=True),  # exactly as it was signed and checked
            data=call.body,
            headers=call.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )


def _shown(body: bytes) -> str:
    """Keep the beginning of an answer as text; PostgreSQL takes no NUL."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")[:SHOWN]
