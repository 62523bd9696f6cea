"""A small HTTP/1.1 client for the services: few headers, whole bodies, and connections that wait for the next request.

The client of aiohttp takes more time for a call than the rest of the gateway (measured): sessions, cookies, redirects,
streams and timers, none of which a service needs. The messages are parsed by httptools, as in the server.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import httptools

from shared.http.exchange import HttpAnswer

CONNECT_SECONDS: Final = 1.0
MAX_CONNECTIONS: Final = 256
"""To one service; further requests wait."""
IDLE_SECONDS: Final = 4.0
"""A connection that waited longer is not used again: uvicorn closes it after 5 s, and a request could meet that."""
MAX_HEAD_BYTES: Final = 65_536
"""Of an answer."""
_PORTS: Final = {"http": 80, "https": 443}


class NotConnected(Exception):
    """No connection was made, so nothing was sent."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("no connection was made")
        self.timed_out = timed_out


class AnswerLost(Exception):
    """The connection ended before the answer was whole, or what came is no answer of HTTP/1.1."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__("the answer did not come whole")
        self.begun = begun
        """Whether something had come."""


class ServiceConnection(asyncio.Protocol):
    """One connection, with at most one request under way; whatever comes unasked ends it."""

    transport: asyncio.Transport

    def __init__(self, idle: "dict[ServiceConnection, float]") -> None:
        self._idle = idle
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._begun = self._reusable = self._lasts_to_the_end = False

    def send(self, *parts: bytes) -> "asyncio.Future[HttpAnswer]":
        """Send a request; the future becomes its answer, or `AnswerLost`."""
        self._begun = self._reusable = self._lasts_to_the_end = False
        self._answer = answer = asyncio.get_running_loop().create_future()
        self.transport.writelines(parts)
        return answer

    def rest(self) -> None:
        """Wait for the next request, or close if none may follow on this connection."""
        if self._reusable and not self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self._idle[self] = time.monotonic()
        else:
            self.transport.abort()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport  # type: ignore[assignment]  # a whole one, though uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._reusable = False
            self._lose()
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the answer up, unless its body lasts until the end of the connection."""
        self._idle.pop(self, None)
        self._reusable = False
        if exc is None and self._lasts_to_the_end:
            self._complete()
        self._lose()

    # What the parser says

    def on_message_begin(self) -> None:
        """Begin an answer."""
        if self._answer is None:
            raise AnswerLost(begun=True)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; of one that comes twice, the first counts."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise AnswerLost(begun=True)
        self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Note whether the body has an end of its own."""
        ends = self._headers.keys() & {b"content-length", b"transfer-encoding"}
        self._lasts_to_the_end = not ends and self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer, unless this was only an interim answer (1xx)."""
        if self._parser.get_status_code() >= 200:
            self._reusable = self._parser.should_keep_alive()
            self._complete()

    def _complete(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            whole = HttpAnswer(self._parser.get_status_code(), list(self._headers.items()), b"".join(self._body))
            answer.set_result(whole)

    def _lose(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(AnswerLost(begun=self._begun))


class ServiceClient:
    """Sends requests to one service."""

    def __init__(self, address: str) -> None:
        """Connect to nothing yet.

        Args:
            address: a URL; a path in it comes before every target.
        """
        url = urlsplit(address)
        self._host, self._port = url.hostname or "", url.port or _PORTS[url.scheme]
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._path = url.path.rstrip("/").encode()
        self._host_line = b"\r\nhost: " + url.netloc.rpartition("@")[2].encode()
        self._idle: dict[ServiceConnection, float] = {}
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def request(
        self,
        method: str,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        *,
        fresh: bool = False,
    ) -> HttpAnswer:
        """Send a request and return its answer, whatever its status.

        Args:
            method: any but HEAD and CONNECT.
            target: path and query.
            headers: host and length are added.
            body: all of it.
            fresh: use no connection that was used before.

        Raises:
            NotConnected: no connection was made.
            AnswerLost: the connection ended before the answer was whole.
        """
        length = b"\r\ncontent-length: %d\r\n\r\n" % len(body) if body or method != "GET" else b"\r\n\r\n"
        lines = [b"\r\n%s: %s" % one for one in headers]
        head = b"".join((method.encode(), b" ", self._path, target, b" HTTP/1.1", self._host_line, *lines, length))
        async with self._slots:
            connection = None if fresh else self._waiting()
            if connection is None:
                connection = await self._connected()
            try:
                answer = await connection.send(head, body)
            except BaseException:
                connection.transport.abort()
                raise
            connection.rest()
            return answer

    def close(self) -> None:
        """Close the connections that wait."""
        while self._idle:
            self._idle.popitem()[0].transport.abort()

    def _waiting(self) -> ServiceConnection | None:
        """Return the connection that was used last, if that was not too long ago."""
        while self._idle:
            connection, since = self._idle.popitem()
            if time.monotonic() - since < IDLE_SECONDS and not connection.transport.is_closing():
                return connection
            connection.transport.abort()
        return None

    async def _connected(self) -> ServiceConnection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, made = await loop.create_connection(
                    lambda: ServiceConnection(self._idle), self._host, self._port, ssl=self._tls
                )
        except OSError as error:
            raise NotConnected(timed_out=isinstance(error, TimeoutError)) from error
        return made
