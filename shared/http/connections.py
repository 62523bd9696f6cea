"""Connections over HTTP/1.1 with limits: how many, from whom, and how large and how slow a request's head may be.

uvicorn limits none of this with httptools: a head without an end was kept in memory, and a client that sent half
of one, or nothing, kept a connection for ever. Everything here counts bytes and seconds as they come in, and
buffers nothing.
"""

import asyncio
import logging
import time
import weakref
from asyncio.events import TimerHandle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol
from uuid import uuid4

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from shared.errors import (
    ConnectionsExhausted,
    ForetellError,
    HeadTooLarge,
    HeadTooSlow,
    MalformedRequest,
    UrlTooLong,
)
from shared.http import problem
from shared.http.telemetry import ConnectionMetrics

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
class ConnectionLimits:
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
        self, limits: ConnectionLimits, metrics: ConnectionMetrics, *, seconds: Callable[[], float] = time.monotonic
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
        """Take a connection in, if need be in the place of the longest idle one; False: all are busy."""
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


class AnswerTransport:
    """What one answer is written to: a head that announces its body leaves with the first part of it.

    Two calls of the system cost the server more than one, and wake the client twice.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        # A strong reference would be a circle, which only the collector takes apart: with the request, after a while.
        self._cycle, self._transport = weakref.proxy(cycle), cycle.transport
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write what is kept with this, or keep it."""
        if self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        elif self._head is None and self._cycle.chunked_encoding is False and self._cycle.scope["method"] != "HEAD":
            self._head = data
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Write what is kept, and close."""
        if self._head:
            self._transport.write(self._head)
        self._transport.close()


MAX_URL_BYTES: Final = 8_192
MAX_HEAD_BYTES: Final = 32_768
"""Request line and header fields together; the same for what stands between two parts of a chunked body."""
MAX_FIELDS: Final = 100
MAX_LINGERING: Final = 256


class BoundedHttp(HttpToolsProtocol):
    """One connection. At each moment at most one deadline runs: for the head, or for the rest of a refused body."""

    everyone: ClassVar[Connections]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Begin with nothing received."""
        super().__init__(*arguments, **named)
        self._address = ""
        self._deadline: TimerHandle | None = None
        self._writing: TimerHandle | None = None
        self._refused = False
        self._lingers = False
        self._why: ForetellError | None = None
        self._in_head = False
        self._whole = True
        self._has_moved = False
        self._stray_bytes = 0
        self._head_bytes = 0
        self._fields = 0

    # What the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, or say that there are too many."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client is not None else ""
        if not self.everyone.admit(self, self._address):
            self._refuse(ConnectionsExhausted("There are too many connections; ask again soon, over fewer of them."))
            return
        self._start(self.everyone.limits.head_seconds, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        self._stop()
        self._stop_writing()
        if self._lingers:
            self.everyone.lingering -= 1
        self.everyone.forget(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, as long as it brings the request forward."""
        self._unset_keepalive_if_required()
        if self._refused:
            return
        self._has_moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no protocol but this one is spoken here: the request is answered as it is
        except httptools.HttpParserError:
            self._refuse(self._why or MalformedRequest("This is not a request of HTTP/1.1."))
            return
        self._stray_bytes = 0 if self._has_moved else self._stray_bytes + len(data)
        if self._stray_bytes > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        elif self._deadline is None and not self._is_busy() and not self.transport.is_closing():
            self._start(self.everyone.limits.head_seconds, self._head_late)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, not for ever."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.everyone.limits.write_seconds, self._write_late)

    def resume_writing(self) -> None:
        """Go on: it reads."""
        super().resume_writing()
        self._stop_writing()

    # What the parser says

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head, self._whole = True, False
        self._head_bytes = self._fields = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._head_bytes += len(url)
        if self._head_bytes > MAX_URL_BYTES:
            self._raise(UrlTooLong(f"The URL is longer than {MAX_URL_BYTES:,} bytes."))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; trailers are counted, and nobody's."""
        self._head_bytes += len(name) + len(value) + 4
        self._fields += 1
        if self._head_bytes > MAX_HEAD_BYTES or self._fields > MAX_FIELDS:
            self._raise(_too_large())
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._has_moved, self._in_head = True, False
        self._stop()
        self.everyone.busy(self, self._address)
        super().on_headers_complete()
        self.cycle.transport = AnswerTransport(self.cycle)  # type: ignore[assignment]

    def on_chunk_header(self) -> None:
        """Note that a chunk begins."""
        self._has_moved = True

    def on_chunk_complete(self) -> None:
        """Note that a chunk has ended."""
        self._has_moved = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._has_moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._has_moved = self._whole = True
        if not self._is_busy():
            self._stop()
        super().on_message_complete()

    # What the answer says

    def on_response_complete(self) -> None:
        """Be idle, unless something of this request or of the next one is still to come."""
        super().on_response_complete()
        if self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self._start(self.everyone.limits.write_seconds, self.transport.abort)
            return
        if self._is_busy():
            return
        self.everyone.idle(self, self._address)
        if self._in_head:
            self._start(self.everyone.limits.head_seconds, self._head_late)
        elif not self._whole:
            self._start(self.everyone.limits.rest_seconds, self.transport.close)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not its last answer was fetched."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._start(self.everyone.limits.write_seconds, self.transport.abort)

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Deadlines

    def _start(self, seconds: float, late: Callable[[], None]) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, late)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _head_late(self) -> None:
        self._deadline = None
        seconds = self.everyone.limits.head_seconds
        if self._in_head or self._stray_bytes:
            self._refuse(HeadTooSlow(f"The head of the request did not arrive within {seconds:g} s."))
        else:  # nothing was begun, so there is nothing to answer
            self.everyone.count("idle")
            self.transport.close()

    def _write_late(self) -> None:
        self.everyone.count("slow-reader")
        self.transport.abort()

    # Refusing

    def _raise(self, error: ForetellError) -> None:
        """Stop the parser; it reports an error without saying which."""
        self._why = error
        raise error

    def _refuse(self, error: ForetellError) -> None:
        """Answer with an error, and close once it could be read; answers that are under way go first."""
        self._refused = True
        self._stop()
        self._unset_keepalive_if_required()
        self.everyone.count(error.code)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or not cycle.more_body:
                cycle.keep_alive = False  # of the newest one: the connection ends with its answer
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self.transport.write(_answer(error))
        if self.everyone.lingering >= MAX_LINGERING or not self.transport.can_write_eof():
            self.transport.close()
            return
        # Closed at once, what the client still sends would make its system throw the answer away.
        self._lingers = True
        self.everyone.lingering += 1
        self.transport.write_eof()
        self._start(self.everyone.limits.linger_seconds, self.transport.abort)


def bounded(limits: ConnectionLimits, metrics: ConnectionMetrics) -> type[BoundedHttp]:
    """Make the protocol of one server."""
    return type("ServerHttp", (BoundedHttp,), {"everyone": Connections(limits, metrics)})


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The header fields are more than {MAX_FIELDS}, or larger than {MAX_HEAD_BYTES:,} bytes together."
    )


def _answer(error: ForetellError) -> bytes:
    """Write a whole response, without the app: it has no request yet."""
    request_id = uuid4().hex
    body = orjson.dumps(problem.document(error, request_id))
    waiting = "" if error.retry_after_seconds is None else f"retry-after: {error.retry_after_seconds}\r\n"
    head = (
        f"content-type: {problem.MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
        f"{waiting}connection: close\r\n\r\n"
    )
    return STATUS_LINE[error.status] + head.encode() + body
