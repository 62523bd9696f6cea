"""The console's calls of the API: the same routes, in this process, as whoever is signed in.

A call passes everything that a client's request passes: scopes, limits, validation, the log. Only the key is not
sent again: who calls was found by the session.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote, unquote, urlencode

from anyio import CapacityLimiter, fail_after
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.auth import Caller
from gateway.context import Gateway
from shared.contracts.call import Deadline

AT_ONCE: Final = 4
"""Calls of the console that run at once: what is slow in it holds so many threads, and no more."""
GRACE_SECONDS: Final = 1.0
"""How long after its deadline a call is waited for: what stopped it says why."""
_RUNNING: Final = set[asyncio.Task[None]]()
"""Held here as long as they run, also those for which nobody waits any more."""


class ApiProblem(Exception):
    """What the API refused: its problem document."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(document.get("detail") or document.get("title"))
        self.status = status
        self.document = document

    @property
    def title(self) -> str:
        """What kind of problem it is, in a few words."""
        return str(self.document.get("title", HTTPStatus(self.status).phrase))

    @property
    def detail(self) -> str:
        """What is wrong, and what to do."""
        return str(self.document.get("detail", ""))

    @property
    def errors(self) -> list[dict[str, str]]:
        """Which fields are wrong: `pointer` and `detail`."""
        return list(self.document.get("errors", ()))


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as parsed; None: it is empty."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Api:
    """Calls routes of one app as one caller."""

    app: FastAPI
    gateway: Gateway
    """The console's own parts: a small pool of connections, so that slow pages hold no others."""
    caller: Caller
    client: tuple[str, int] | None
    limiter: CapacityLimiter = field(repr=False)
    streams: CapacityLimiter = field(repr=False)
    """Of downloads and uploads, which take minutes: they leave pages their places."""
    within_seconds: float = 300.0
    """How long a call is waited for."""

    async def get(self, path: str, **query: object) -> Any:
        """Read a path of the API; parameters that are None or empty are left out.

        Raises:
            ApiProblem: it was refused.
        """
        return (await self.call("GET", path, query=query)).json()

    async def find(self, path: str, **query: object) -> Any | None:
        """Read a path of the API; None: there is no such thing (404), or none yet (409).

        Raises:
            ApiProblem: it was refused otherwise.
        """
        try:
            return await self.get(path, **query)
        except ApiProblem as problem:
            if problem.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                return None
            raise

    async def all(self, **paths: str) -> dict[str, Any]:
        """Read several paths at once; what does not exist is None.

        Raises:
            ApiProblem: one was refused.
        """
        found = await asyncio.gather(*(self.find(path) for path in paths.values()))
        return dict(zip(paths, found, strict=True))

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """Call a route.

        Args:
            method: upper case.
            path: percent-encoded; may hold a query.
            query: parameters to add; None and empty ones are left out.
            body: written as JSON; None: no body.
            headers: further ones.

        Raises:
            ApiProblem: the answer has a status of 400 or more.
        """
        content = b"" if body is None else json.dumps(body).encode()
        sent = False
        status, answered, parts = 500, dict[str, str](), list[bytes]()

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # nobody leaves in the middle
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                parts.append(message.get("body", b""))

        given = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
        scope = self._scope(method, _with_query(path, query), given if content else dict(headers or {}))
        await self._within(self._run(self.limiter, scope, receive, send))
        answer = ApiAnswer(status, answered, b"".join(parts))
        if status >= HTTPStatus.BAD_REQUEST:
            raise _problem(answer)
        return answer

    def passed_on(self, method: str, target: str, *, with_body: bool = False) -> "PassedOn":
        """Return a response that is a route's own, as it streams: a download; `with_body` streams an upload in."""
        return PassedOn(self, method, target, with_body=with_body)

    async def _within(self, call: Coroutine[Any, Any, None]) -> None:
        """Wait for a call as long as it may take; one that is stuck keeps its place among those that run at once."""
        task = asyncio.create_task(call)
        _RUNNING.add(task)
        task.add_done_callback(_ended)
        done, _ = await asyncio.wait({task}, timeout=self.within_seconds + GRACE_SECONDS)
        if not done:
            raise _too_long("This takes too long: what was asked did not answer in time. Try again soon.")
        task.result()

    async def _run(self, limiter: CapacityLimiter, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with fail_after(Deadline.seconds_left()):
                await limiter.acquire()
        except TimeoutError:
            raise _too_long("The console is busy with others; try again soon.") from None
        try:
            await self.app(scope, receive, send)
        finally:
            limiter.release()

    def _scope(self, method: str, target: str, headers: Mapping[str, str]) -> Scope:
        path, _, query = target.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": self.client,
            "server": None,
            "state": {"gateway": self.gateway, "caller": self.caller},
        }


class PassedOn(Response):
    """The answer of a route of the API, sent on as it comes."""

    def __init__(self, api: Api, method: str, target: str, *, with_body: bool) -> None:
        super().__init__()
        self._api, self._method, self._target, self._with_body = api, method, target, with_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer the client itself."""
        kept = (b"content-type", b"content-length", b"accept", b"idempotency-key") if self._with_body else (b"accept",)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in kept}

        begun = False

        async def empty() -> Message:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "http.request", "body": b"", "more_body": False}
            while (message := await receive())["type"] != "http.disconnect":
                pass  # the body of a page's request is no part of the call
            return message

        inner = self._api._scope(self._method, self._target, headers)
        try:
            await self._api._run(self._api.streams, inner, receive if self._with_body else empty, send)
        except ApiProblem as busy:
            await PlainTextResponse(busy.detail, busy.status)(scope, receive, send)


def segment(text: str) -> str:
    """Write a text as one segment of a path.

    >>> segment("a/b c")
    'a%2Fb%20c'
    """
    return quote(text, safe="")


def _ended(task: asyncio.Task[None]) -> None:
    _RUNNING.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved here: perhaps nobody waits for it any more


def _too_long(detail: str) -> ApiProblem:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return ApiProblem(status, {"title": "Not now", "detail": detail, "status": int(status)})


def _with_query(path: str, query: Mapping[str, object] | None) -> str:
    wanted = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    if not wanted:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(wanted)}"


def _problem(answer: ApiAnswer) -> ApiProblem:
    try:
        document = cast("dict[str, Any]", answer.json() or {})
    except ValueError:
        document = {}
    return ApiProblem(answer.status, document)
