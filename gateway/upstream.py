"""Forwarding: a capability's requests go to its service as bytes, vouched for by a signed header."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

import httptools
import orjson
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OPENED, Context, HalfOpenedState, OpenedState

from gateway.auth import Caller
from gateway.metrics import GatewayMetrics
from shared.capabilities import TABLE, Capability
from shared.contracts.call import (
    CALL_HEADER,
    MAX_SKEW_SECONDS,
    REQUEST_ID_HEADER,
    SERVED_HEADER,
    Call,
    SignedContent,
    signed,
)
from shared.errors import ClockSkew, UpstreamTimeout, UpstreamUnavailable
from shared.http.exchange import HttpAnswer, RawHeaders
from shared.settings import GatewaySettings

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 1.0
MAX_CONNECTIONS: Final = 256
"""To one service; further requests wait."""
IDLE_SECONDS: Final = 4.0
"""A connection that waited longer is not used again: uvicorn closes it after 5 s, and a request could meet that."""
MAX_HEAD_BYTES: Final = 65_536
"""Of an answer."""


class NotConnected(Exception):
    """No connection was made, so nothing was sent."""

    def __init__(self, *, timed_out: bool) -> None:
        self.timed_out = timed_out


class AnswerLost(Exception):
    """The connection ended before the answer was whole, or what came is no answer of HTTP/1.1."""

    def __init__(self, *, begun: bool) -> None:
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
            self._settle(whole=False)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the answer up, unless its body lasts until the end of the connection."""
        self._idle.pop(self, None)
        self._reusable = False
        self._settle(whole=exc is None and self._lasts_to_the_end)

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
            self._settle(whole=True)

    def _settle(self, *, whole: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if whole:
            headers, body = list(self._headers.items()), b"".join(self._body)
            answer.set_result(HttpAnswer(self._parser.get_status_code(), headers, body))
        else:
            answer.set_exception(AnswerLost(begun=self._begun))


class ServiceClient:
    """Sends requests to one service: few headers, whole bodies, kept connections.

    The client of aiohttp takes more time for a call than the rest of the gateway (measured): sessions, cookies,
    redirects, streams and timers, none of which a service needs. httptools parses the messages, as in the server.
    """

    def __init__(self, address: str) -> None:
        """Connect to nothing yet; a path in the address comes before every target."""
        url = urlsplit(address)
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._host, self._port = url.hostname or "", url.port or (443 if self._tls else 80)
        self._path = url.path.rstrip("/").encode()
        self._host_line = b"\r\nhost: " + url.netloc.rpartition("@")[2].encode()
        self._idle: dict[ServiceConnection, float] = {}
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def request(
        self, method: str, target: bytes, headers: RawHeaders = (), body: bytes = b"", *, fresh: bool = False
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
        """Count a failure; a proven one is such that the next request would fail too, after waiting."""
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
        messages, self._context.messages = self._context.messages, []
        for change in (message for message in messages if isinstance(message, ContextChanged)):
            self._opened.set(change.state == OPENED)
            if change.state == OPENED:
                self._rests_until = self._seconds() + OPEN_SECONDS
                log.warning("upstream.left_alone", extra={"capability": self._name})
            elif change.state == "closed":
                log.info("upstream.recovered", extra={"capability": self._name})


PROBE_SECONDS: Final = 1.0
"""How long a service may take to answer its health check; its event loop computes nothing."""
_PASSED_BACK: Final = frozenset({b"content-type", b"retry-after", b"allow", b"cache-control"})
_SERVED: Final = SERVED_HEADER.lower().encode()
_REQUEST_ID: Final = REQUEST_ID_HEADER.encode()
_AS_IT_IS: Final = "".join(map(chr, range(0x21, 0x7F)))
"""Characters of a target that are passed on as they came; any other byte is escaped."""
_SAFE_TO_REPEAT: Final = ("GET", "HEAD", "PUT", "DELETE")


class ForwardedRequest(NamedTuple):
    """A request as it goes to a service, and for whom."""

    method: str
    path: str
    target: bytes
    """Path and query as they came over the wire."""
    content_type: str | None
    body: bytes
    caller: Caller
    request_id: str
    """The same from end to end."""
    quota_contacts: int | None = None
    """How many contacts the caller's quota still allows; None: any number."""


@dataclass(slots=True)
class _Upstream:
    """One service: how it is reached, and how it did."""

    capability: Capability
    client: ServiceClient
    probes: ServiceClient
    """With connections of its own: a look must not wait behind calls."""
    breaker: CircuitBreaker
    skew_seconds: float = 0.0

    async def is_alive(self) -> bool:
        """Whether the service answers its health check."""
        answer = await self.probed(b"/healthz")
        return answer is not None and answer.status < 500

    async def probed(self, path: bytes) -> HttpAnswer | None:
        """Return what it says of itself; None: nothing in time."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await self.probes.request("GET", path)
        except (NotConnected, AnswerLost, TimeoutError):
            return None


class Upstreams:
    """The services as the gateway sees them."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._key = settings.signing_key.get_secret_value().encode()
        self._of = {line.name: self._upstream(line) for line in TABLE}

    def _upstream(self, line: Capability) -> _Upstream:
        address = self._settings.upstream_of(line.name)
        breaker = CircuitBreaker(line.name, self._metrics, lambda: self._of[line.name].is_alive())
        return _Upstream(line, ServiceClient(address), ServiceClient(address), breaker)

    def close(self) -> None:
        """Close the connections."""
        for upstream in self._of.values():
            upstream.client.close()
            upstream.probes.close()

    async def answer(self, capability: Capability, request: ForwardedRequest) -> tuple[HttpAnswer, int | None]:
        """Forward a request; return the answer, and about how many contacts it is; None: about none.

        Raises:
            UpstreamUnavailable: the service does not answer, or hangs.
            UpstreamTimeout: it is alive, and did not answer in time.
        """
        name, upstream = capability.name, self._of[capability.name]
        try:
            await upstream.breaker.admit()
            answer = await self._sent(upstream, request)
        except (UpstreamUnavailable, UpstreamTimeout) as error:
            self._metrics.upstream_answers.labels(name, error.code).inc()
            log.warning("upstream.failed", extra={"capability": name, "code": error.code})
            raise
        self._metrics.upstream_answers.labels(name, f"{answer.status // 100}xx").inc()
        served = dict(answer.headers).get(_SERVED, b"")
        contacts = int(served) if served.isdigit() else None
        if contacts is not None:
            self._metrics.contacts_served.labels(name).inc(contacts)
        passed = [(name, value) for name, value in answer.headers if name in _PASSED_BACK]
        return HttpAnswer(answer.status, passed, answer.body), contacts

    def _seconds(self, capability: Capability, path: str) -> float:
        """Return how long a request may take: minutes on the few paths with long work, else seconds."""
        long = any(path == one or path.startswith(f"{one}/") for one in capability.long_paths)
        return self._settings.long_request_timeout_seconds if long else self._settings.request_timeout_seconds

    async def _sent(self, upstream: _Upstream, request: ForwardedRequest) -> HttpAnswer:
        """Send, and report the result to the circuit breaker; a late service's health is checked meanwhile."""
        capability, breaker = upstream.capability, upstream.breaker
        seconds, loop = self._seconds(capability, request.path), asyncio.get_running_loop()
        ends_at, looks, limit = loop.time() + seconds, list[asyncio.Task[bool]](), asyncio.timeout(None)

        def look() -> None:
            looks.append(loop.create_task(upstream.is_alive()))
            limit.reschedule(ends_at)  # only now, so that a request costs one timer

        timer = loop.call_at(ends_at - PROBE_SECONDS, look)
        try:
            async with limit:
                answer = await self._sent_twice(upstream, request, seconds)
        except (NotConnected, AnswerLost) as error:
            # A machine that does not answer makes every request wait.
            breaker.failed(error, proven=isinstance(error, NotConnected) and error.timed_out)
            raise breaker.unavailable() from error
        except TimeoutError as error:
            if not await looks[0]:
                breaker.failed(error, proven=True)
                raise UpstreamUnavailable(
                    f"The {capability.name} service did not answer within {seconds:g} s, nor does it answer its "
                    "health check: it hangs. Ask again soon."
                ) from error
            breaker.succeeded()
            raise UpstreamTimeout(
                f"The {capability.name} service is at work, and was not done within {seconds:g} s. Ask about fewer "
                "contacts at once."
            ) from error
        finally:
            timer.cancel()
            for task in looks:
                task.cancel()
        breaker.succeeded()
        if answer.status == 401:
            # This concerns our signature, not the client's key: the signing keys differ between the processes.
            log.error("upstream.refused_signature", extra={"path": request.path})
            raise breaker.unavailable()
        if answer.status == ClockSkew.status and (found := _json_object(answer.body)).get("code") == ClockSkew.code:
            self._note_skew(upstream, float(found.get("skew_seconds", 0.0)))
        return answer

    async def _sent_twice(self, upstream: _Upstream, request: ForwardedRequest, seconds: float) -> HttpAnswer:
        """Ask again if nothing was sent yet, or if nothing of an answer came and the request is safe to repeat."""
        target = quote_from_bytes(request.target, safe=_AS_IT_IS).encode()
        sent = (request.method, target, self._headers(request, target, seconds), request.body)
        try:
            return await upstream.client.request(*sent)
        except (NotConnected, AnswerLost) as error:
            repeatable = request.method in _SAFE_TO_REPEAT or upstream.capability.is_repeatable(request.path)
            if isinstance(error, AnswerLost) and (error.begun or not repeatable):
                raise
        return await upstream.client.request(*sent, fresh=True)

    def _headers(self, request: ForwardedRequest, target: bytes, seconds: float) -> RawHeaders:
        """Vouch for the request; the deadline counts from now, since a slow upload must not use it up."""
        now, caller = time.time(), request.caller
        call = Call(caller.account, caller.scopes, request.request_id, now + seconds, request.quota_contacts)
        signature = signed(call, SignedContent(request.method, target, request.body), self._key, now=now)
        headers = [(CALL_HEADER.encode(), signature.encode()), (_REQUEST_ID, request.request_id.encode())]
        if request.content_type is not None:
            headers.append((b"Content-Type", request.content_type.encode("latin-1")))
        return headers

    async def states(self) -> dict[str, str]:
        """Return the readiness of every service: `ready`, `degraded`, `not-ready` or `away`."""
        states = await asyncio.gather(*(self._state(one) for one in self._of.values()))
        return dict(zip(self._of, states, strict=True))

    async def _state(self, upstream: _Upstream) -> str:
        answer = await upstream.probed(b"/readyz")
        if answer is None:
            return "away"
        date = dict(answer.headers).get(b"date", b"").decode("latin-1")  # exact to the second
        with suppress(ValueError):
            self._note_skew(upstream, parsedate_to_datetime(date).timestamp() - time.time())
        if answer.status != 200:
            return "not-ready"
        return "degraded" if _json_object(answer.body).get("status") == "degraded" else "ready"

    @property
    def clocks_differ(self) -> bool:
        """Whether a service's clock differs by more than its check of signatures tolerates."""
        return any(abs(one.skew_seconds) > MAX_SKEW_SECONDS for one in self._of.values())

    def _note_skew(self, upstream: _Upstream, seconds: float) -> None:
        before, upstream.skew_seconds = upstream.skew_seconds, seconds
        name = upstream.capability.name
        self._metrics.upstream_skew.labels(name).set(seconds)
        if abs(before) <= MAX_SKEW_SECONDS < abs(seconds):
            log.error("clock.skewed", extra={"capability": name, "skew_seconds": round(seconds, 1)})


def _json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; whatever else a service sends is an empty one."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
