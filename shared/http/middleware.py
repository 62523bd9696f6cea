"""What happens to every request before and after its handler: id, log line, metrics, limits, path, query.

Plain ASGI, apart from the check of the query: nothing is buffered, and a request costs microseconds.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.call import REQUEST_ID_HEADER, Deadline
from shared.contracts.validation import MAX_MISTAKES, MAX_SEGMENT, read_json
from shared.errors import BadRequest, BodyTooLarge, ForetellError
from shared.http import problem
from shared.http.exchange import (
    BODY_SECONDS,
    CALLED_PATH,
    CLIENT_LEFT,
    REQUEST_SECONDS,
    BoundedBody,
    record,
    refuse_announced,
    sane_request_id,
    take_slash_off,
    unexpected,
)
from shared.http.telemetry import RequestMetrics


class RequestContext:
    """Give each request an id, a deadline, a log line and its place in the metrics; turn a bug into a 500."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: RequestMetrics,
        within_seconds: float = REQUEST_SECONDS,
        failed: Callable[[Scope, ForetellError], Response] | None = None,
    ) -> None:
        """Prepare what is the same for all requests.

        Args:
            app: what is answered by.
            metrics: in which requests are counted.
            within_seconds: the deadline; a call from this process keeps to what its caller has left.
            failed: the answer to a request in which a bug showed; None: a problem document.
        """
        self.app = app
        self.metrics = metrics
        self.within_seconds = within_seconds
        self.failed = failed or _failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = sane_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                until.lift()  # what was begun is not broken off
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = state["request_id"]
            await send(message)

        try:
            with Deadline.at_most(self.within_seconds) as until:
                await self.app(scope, receive, send_with_id)
        except ClientDisconnect:  # in the middle of its body: nobody is left to answer, and nothing is wrong here
            status = status or CLIENT_LEFT
        except Exception as error:  # the last resort
            failure = unexpected(error, state["request_id"])
            if status == 0:
                await self.failed(scope, failure)(scope, receive, send_with_id)
        finally:
            called = scope["method"], getattr(scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - began
            record(self.metrics, called, status, seconds, state["request_id"], state.get("facts", {}))


def _failure(scope: Scope, error: ForetellError) -> Response:
    return problem.response(error, scope["state"]["request_id"])


class BodyLimit:
    """Refuse a body past the limit with 413, whether its length is announced or not, and one that dawdles with 408."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        within_seconds: float = BODY_SECONDS,
        larger: Callable[[Scope], tuple[int, float] | None] = lambda _: None,
    ) -> None:
        """Prepare the limits.

        Args:
            app: what is limited.
            max_bytes: of a body.
            within_seconds: how long it may take to arrive.
            larger: bytes and seconds of a request whose body is a file; None: it is like any other.
        """
        self.app = app
        self.max_bytes = max_bytes
        self.within_seconds = within_seconds
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on while its body stays within the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes, within_seconds = self.larger(scope) or (self.max_bytes, self.within_seconds)
        request_id = scope.get("state", {}).get("request_id")
        try:
            refuse_announced(Headers(scope=scope).get("content-length"), max_bytes)
        except BodyTooLarge as error:
            await problem.response(error, request_id)(scope, receive, send)
            return
        body, answered = BoundedBody(receive, max_bytes=max_bytes, within_seconds=within_seconds), False

        async def send_unless_refused(message: Message) -> None:
            # Whatever a framework makes of the interrupted body, the client gets a 413.
            nonlocal answered
            if body.refused is None:
                await send(message)
            elif not answered:
                answered = True
                await problem.response(body.refused, request_id)(scope, receive, send)

        try:
            await self.app(scope, body.receive, send_unless_refused)
        except ForetellError as error:  # raised where no framework stands between
            if error is not body.refused:
                raise
        if body.refused is not None and not answered:
            await problem.response(body.refused, request_id)(scope, receive, send)


class EquivalentRequests:
    """Answer HEAD as GET without the body, and `/contacts/` as `/contacts`.

    The slash is taken off here and not by a redirection: many clients follow none, or lose the body on the way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        take_slash_off(scope)
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server keeps its own scope, by which it sends no body. What logs outside needs the route.
        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, send_without_body)
        finally:
            scope.update({name: as_get[name] for name in ("route",) if name in as_get})


def called_path(request: Request) -> bytes:
    """Return the path as the client wrote it, escapes and the slash at its end included."""
    path: bytes = request.scope.get(CALLED_PATH) or request.scope.get("raw_path") or request.url.path.encode()
    return path


_NEAR: Final = 3
"""How many near names are suggested."""


async def refuse_unknown_query(request: Request) -> None:
    """Refuse a query parameter that the route does not declare, or one that is given twice.

    Args:
        request: already routed; a route that declares nothing to the framework is left to who answers it.

    Raises:
        BadRequest: names each such parameter, and those that are near.
    """
    if not request.scope["query_string"]:
        return
    dependant = getattr(request.scope.get("route"), "dependant", None)
    if dependant is None:
        return
    refuse_unknown_names(request.scope["query_string"], sorted(set(_names(dependant))))


def refuse_unknown_names(query: bytes, known: Sequence[str] = ()) -> None:
    """Refuse a parameter of a query that is not known, or one that is given twice.

    Args:
        query: as it came.
        known: names of parameters, sorted.

    Raises:
        BadRequest: names each such parameter, and those that are near.
    """
    given = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    errors = [
        {"pointer": f"/{_escaped(name)}", "detail": _unknown(name, known) if name not in known else _repeated()}
        for name, times in given.items()
        if name not in known or times > 1
    ]
    if errors:
        raise BadRequest(
            "The query does not fit the contract; `errors` says where.",
            parameters=list(known),
            errors=errors[:MAX_MISTAKES],
        )


def _names(dependant: Dependant) -> Iterator[str]:
    """List the query parameters that a route and what it depends on declare."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name[:MAX_SEGMENT].lower(), known, _NEAR, cutoff=0.5)
    if near:
        return f"This query parameter is not known here; did you mean {' or '.join(near)}?"
    if known:
        return f"This query parameter is not known here; known: {', '.join(known)}."
    return "This query parameter is not known here; this path takes none."


def _repeated() -> str:
    return "This query parameter is given more than once; give it once."


def _escaped(name: str) -> str:
    return name[:MAX_SEGMENT].replace("~", "~0").replace("/", "~1")


def parse_json(body: bytes) -> Any:
    """Read JSON; what no field may hold is let through, so that only the contact that holds it is refused.

    Raises:
        MalformedJson: the body is not JSON; the error has the position.
    """
    try:
        return read_json(body)
    except json.JSONDecodeError as error:
        raise problem.malformed(error.pos) from None
