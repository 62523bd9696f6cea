"""Only calls that the gateway signed are answered; health and metrics are open."""

import logging
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import deadline
from shared.contracts.call import CALL_HEADER, MAX_SKEW_SECONDS, Call, SignedRequest, target_of, verified
from shared.errors import ClockSkew, NotAllowed, NotAuthenticated
from shared.serving import problem
from shared.serving.metrics import ServiceMetrics
from shared.serving.middleware import sane_request_id

log = logging.getLogger(__name__)

ANSWERED_BY = 0.95
"""Share of the time after which waiting ends: the answer that says so must reach the gateway before it gives up."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Clocks:
    """How far the clocks of those who call differ from this one, as their last call showed."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._skew_seconds = 0.0

    @property
    def differ(self) -> bool:
        """Whether by more than is tolerated."""
        return abs(self._skew_seconds) > MAX_SKEW_SECONDS

    def note(self, skew_seconds: float) -> None:
        """Keep what a call showed; one log line when it becomes too much."""
        differed, self._skew_seconds = self.differ, skew_seconds
        self._metrics.clock_skew.set(skew_seconds)
        if self.differ and not differed:
            log.error("clock.skewed", extra={"skew_seconds": round(skew_seconds, 1)})


class SignedCalls:
    """Verify the call header of every request against its bytes and keep the call in its state."""

    def __init__(
        self, app: ASGIApp, *, key: bytes, clocks: Clocks, unix_seconds: Callable[[], float] = time.time
    ) -> None:
        self.app = app
        self.key = key
        self.clocks = clocks
        self.unix_seconds = unix_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a vouched-for request on, refuse any other with 401, one of another time with 503."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            call, body, seconds = await self._verified(scope, receive)
        except (NotAuthenticated, ClockSkew) as error:
            await problem.response(error, state.get("request_id"))(scope, receive, send)
            return
        state["call"] = call
        state["request_id"] = sane_request_id(call.request_id)
        if (until := deadline.current()) is not None:
            until.fix(ANSWERED_BY * seconds)
        left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return left.pop() if left else await receive()

        await self.app(scope, receive_again, send)

    async def _verified(self, scope: Scope, receive: Receive) -> tuple[Call, bytes, float]:
        """Read the whole body, which the signature covers (`BodyLimit` stands before); count the seconds left."""
        header = Headers(scope=scope).get(CALL_HEADER)
        if header is None:
            raise NotAuthenticated("This service answers only calls signed by the gateway.")
        body = await Request(scope, receive).body()
        request, now = SignedRequest(scope["method"], target_of(scope), body), self.unix_seconds()
        try:
            call = verified(header, request, self.key, now=now)
        except ClockSkew as error:
            self.clocks.note(error.members["skew_seconds"])
            raise
        self.clocks.note(call.signed_seconds_ago)
        return call, body, call.deadline_at - now


def require_scope(call: Call, scope: str) -> None:
    """Refuse a call whose key lacks a scope.

    Raises:
        NotAllowed: the scope is not among those of the call.
    """
    if scope not in call.scopes:
        raise NotAllowed(f"This needs a key with the scope `{scope}`.", scope=scope)
