"""One HTTP exchange without a framework: a bounded body is read once, one answer is sent, one log line is written.

The paths that answer most requests are served this way: a `FlatApp` hands them to a `FlatRoute` before any of its
middleware, which uses the same functions, so that both give the same answers.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.call import REQUEST_ID_HEADER, Deadline
from shared.errors import BadRequest, BodyTooLarge, BodyTooSlow, ForetellError
from shared.http import problem
from shared.http.telemetry import RequestMetrics, trail

log = logging.getLogger(__name__)

RawHeaders = Iterable[tuple[bytes, bytes]]
QUIET_ROUTES: Final = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by machines: counted, not logged."""
CLIENT_LEFT: Final = 499
"""What the log and the metrics say of a request whose client did not wait; no client ever sees it."""
REQUEST_SECONDS: Final = 10.0
"""How long a request may wait for the store, where no setting says it."""
BODY_SECONDS: Final = 60.0
"""How long a body may take to arrive: a client that sends a byte a minute would hold its connection for ever."""
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()


class HttpAnswer(NamedTuple):
    """A whole answer; names of headers are in lower case, and the length of the body is added when it is sent."""

    status: int
    headers: RawHeaders
    body: bytes

    def response(self) -> Response:
        """Return it as the framework's."""
        return Response(
            self.body, self.status, {name.decode(): value.decode("latin-1") for name, value in self.headers}
        )


class BoundedBody:
    """A request's body as it comes in: refused past a number of bytes (413), or when it takes too long (408)."""

    def __init__(self, receive: Receive, *, max_bytes: int, within_seconds: float = BODY_SECONDS) -> None:
        self.refused: ForetellError | None = None
        self._receive = receive
        self._max_bytes, self._within_seconds = max_bytes, within_seconds
        self._whole_by = asyncio.get_running_loop().time() + within_seconds
        self._received, self._whole = 0, False

    async def receive(self) -> Message:
        """Receive the next part; once the body is whole, what comes is the client's leaving.

        Raises:
            BodyTooLarge: more bytes than allowed.
            BodyTooSlow: the body did not arrive in time.
        """
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._whole_by):
                message = await self._receive()
        except TimeoutError:
            self.refused = BodyTooSlow(f"The body did not arrive within {self._within_seconds:g} s; send it in one go.")
            raise self.refused from None
        self._whole = not message.get("more_body", False)
        if self._whole and (until := Deadline.current()) is not None:
            until.restart()  # a slow upload takes nothing from the time for the answer
        self._received += len(message.get("body", b""))
        if self._received > self._max_bytes:
            self.refused = body_too_large(self._max_bytes)
            raise self.refused
        return message

    async def read(self) -> bytes:
        """Read all of it.

        Raises:
            ClientDisconnect: the client left before the end.
            BodyTooLarge: more bytes than allowed.
            BodyTooSlow: the body did not arrive in time.
        """
        parts, more = list[bytes](), True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Exchange:
    """One request, what its log line will say, and headers that go with whatever is answered."""

    __slots__ = ("_body", "answer_headers", "facts", "headers", "request_id", "scope")

    def __init__(self, scope: Scope, body: BoundedBody) -> None:
        self.scope = scope
        self.headers: Mapping[bytes, bytes] = dict(reversed(scope["headers"]))
        """By names in lower case; of a header that came twice, the first."""
        self.request_id = sane_request_id(self.header(_REQUEST_ID))
        self.facts: dict[str, Any] = {}
        """Fields of the log line."""
        self.answer_headers: list[tuple[bytes, bytes]] = []
        """Sent with the answer, also if that is a problem."""
        self._body = body

    def header(self, name: bytes) -> str | None:
        """Return a header as text.

        Args:
            name: in lower case.
        """
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self) -> bytes:
        """Read the body; call it once.

        Raises:
            BadRequest: it is compressed.
            BodyTooLarge: more bytes than allowed.
            BodyTooSlow: it did not arrive in time.
            ClientDisconnect: the client left before the end.
        """
        refuse_encoded(self.header(b"content-encoding"))
        return await self._body.read()


Handler = Callable[[Exchange], Awaitable[HttpAnswer]]


class FlatRoute:
    """The POST route of one path: it answers every error as a problem, logs and counts, as the middleware does."""

    def __init__(
        self,
        path: str,
        handler: Handler,
        *,
        metrics: RequestMetrics,
        max_body_bytes: int,
        within_seconds: float = REQUEST_SECONDS,
        headers: RawHeaders = (),
    ) -> None:
        """Make the route.

        Args:
            path: in the log and in the metrics.
            handler: makes the answer; it may raise any `ForetellError`.
            metrics: count requests.
            max_body_bytes: of a request.
            within_seconds: the deadline.
            headers: of every answer that does not have them already.
        """
        self.path = path
        self._handler, self._metrics = handler, metrics
        self._max_body_bytes, self._within_seconds = max_body_bytes, within_seconds
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began, status = time.perf_counter(), 0
        exchange = Exchange(scope, BoundedBody(receive, max_bytes=self._max_body_bytes))
        try:
            with Deadline.at_most(self._within_seconds):
                answer = await self._answer(exchange)
            status = answer.status
            await self._send(answer, exchange, send)
        except ClientDisconnect:  # in the middle of its body: nobody is left to answer, and nothing is wrong here
            status = CLIENT_LEFT
        finally:
            seconds = time.perf_counter() - began
            record(self._metrics, ("POST", self.path), status, seconds, exchange.request_id, exchange.facts)

    async def _answer(self, exchange: Exchange) -> HttpAnswer:
        try:
            refuse_announced(exchange.header(b"content-length"), self._max_body_bytes)
            return await self._handler(exchange)
        except ForetellError as error:
            return HttpAnswer(*problem.parts(error, exchange.request_id))
        except ClientDisconnect:
            raise
        except Exception as error:  # the last resort
            return HttpAnswer(*problem.parts(unexpected(error, exchange.request_id), exchange.request_id))

    async def _send(self, answer: HttpAnswer, exchange: Exchange, send: Send) -> None:
        headers = [*answer.headers, *exchange.answer_headers]
        given = {name for name, _ in headers}
        headers += [(name, value) for name, value in self._headers if name not in given]
        headers.append((b"content-length", b"%d" % len(answer.body)))
        headers.append((_REQUEST_ID, exchange.request_id.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


class FlatApp(FastAPI):
    """An app whose flat routes answer before any of its middleware, which costs more than such a route does.

    Only POST is theirs: that other methods are refused, and HEAD and OPTIONS answered, is left to the app.
    """

    flat_routes: Mapping[str, ASGIApp] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        route: ASGIApp | None = None
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            route = self.flat_routes.get(path[:-1] if has_spare_slash(scope) else path)
        if route is None:
            await super().__call__(scope, receive, send)
            return
        take_slash_off(scope)
        await route(scope, receive, send)


def client_address(scope: Scope) -> str:
    """Return where a request comes from; empty over a local socket. Behind a trusted proxy, what that names."""
    client = scope.get("client")
    return "" if client is None else client[0]


def sane_request_id(given: str | None) -> str:
    """Take a client's request id when it is one, else make a new one."""
    return given if given is not None and _SANE_ID.fullmatch(given) else token_hex(16)


def body_too_large(max_bytes: int) -> BodyTooLarge:
    """Return the error for a body past the limit."""
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes; send it in several calls.", max_bytes=max_bytes)


def refuse_announced(content_length: str | None, max_bytes: int) -> None:
    """Refuse a body whose announced length is past the limit, before any of it is read.

    Raises:
        BodyTooLarge: it is.
    """
    if content_length and content_length.isdecimal() and int(content_length[:20]) > max_bytes:
        raise body_too_large(max_bytes)


def refuse_encoded(content_encoding: str | None) -> None:
    """Refuse a compressed body.

    Raises:
        BadRequest: it is.
    """
    if content_encoding not in (None, "identity"):
        raise BadRequest("Send the body without Content-Encoding; compressed bodies are not read here.")


def unexpected(error: Exception, request_id: str) -> ForetellError:
    """Log a bug without its message, which may hold a payload; return what the client is told."""
    log.error("request.failed", extra={"request_id": request_id, **trail(error)})
    return ForetellError("An unexpected error; the request id finds it in the log.")


def record(
    metrics: RequestMetrics,
    called: tuple[str, str],
    status: int,
    seconds: float,
    request_id: str,
    facts: Mapping[str, Any],
) -> None:
    """Count an answered request and write its log line.

    Args:
        metrics: in which it is counted.
        called: method and route.
        status: of the answer; 0: none was sent.
        seconds: from the head of the request to the end of the answer.
        request_id: by which it is found.
        facts: further fields.
    """
    method, route = called
    metrics.requests_of(method, route, status).inc()
    metrics.seconds_of(route).observe(seconds)
    if route in QUIET_ROUTES:
        return
    fields = {"method": method, "route": route, "status": status, "milliseconds": round(1_000 * seconds, 2)}
    log.info("request.answered", extra={"request_id": request_id, **fields, **facts})


_KEPT: Final = frozenset({b"/", b"/docs/"})
"""Paths that end with a slash of their own."""
CALLED_PATH: Final = "foretell.called_path"


def has_spare_slash(scope: Scope) -> bool:
    """Whether a path ends with a slash that means nothing; only a literal one: the id `a/` is written `a%2F`."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.endswith(b"/") and raw not in _KEPT


def take_slash_off(scope: Scope) -> None:
    """Take such a slash off."""
    if has_spare_slash(scope):
        scope[CALLED_PATH] = scope["raw_path"]
        scope["raw_path"] = scope["raw_path"][:-1]
        scope["path"] = scope["path"][:-1]
