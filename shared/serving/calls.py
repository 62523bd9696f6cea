"""Only calls that the gateway signed are answered; health and metrics are open."""

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import deadline
from shared.contracts.call import CALL_HEADER, Call, verified
from shared.errors import NotAllowed, NotAuthenticated
from shared.serving import problem
from shared.serving.middleware import sane_request_id

ANSWERED_BY = 0.95
"""Share of the time after which waiting ends: the answer that says so must reach the gateway before it gives up."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class SignedCalls:
    """Verify the call header of every request and keep the call in its state."""

    def __init__(self, app: ASGIApp, *, key: bytes, unix_seconds: Callable[[], float] = time.time) -> None:
        self.app = app
        self.key = key
        self.unix_seconds = unix_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a vouched-for request on, refuse any other with 401."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        header = Headers(scope=scope).get(CALL_HEADER)
        now = self.unix_seconds()
        try:
            call = verified(header, scope["method"], scope["path"], self.key, now=now)
        except NotAuthenticated as error:
            await problem.response(error, state.get("request_id"))(scope, receive, send)
            return
        state["call"] = call
        state["request_id"] = sane_request_id(call.request_id)
        if (until := deadline.current()) is not None:
            until.fix(ANSWERED_BY * (call.deadline_at - now))
        await self.app(scope, receive, send)


def require_scope(call: Call, scope: str) -> None:
    """Refuse a call whose key lacks a scope.

    Raises:
        NotAllowed: the scope is not among those of the call.
    """
    if scope not in call.scopes:
        raise NotAllowed(f"This needs a key with the scope `{scope}`.", scope=scope)
