"""What is the same request in other words: HEAD for GET, and a path with a slash at its end."""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEPT: Final = frozenset({b"/", b"/docs/"})
"""Paths that end with a slash of their own."""
_CALLED: Final = "foretell.called_path"


class EquivalentRequests:
    """Answer HEAD as GET without the body, and `/contacts/` as `/contacts`.

    The slash is taken off here and not by a redirection: many clients follow none, or lose the body on the way. Only
    a literal one counts: the id `a/` of a contact is written `a%2F`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _take_slash_off(scope)
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server keeps its own scope, by which it sends no body. What logs outside needs the route.
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, send_without_body)
        finally:
            scope.update({name: asked[name] for name in ("route",) if name in asked})


def called_path(request: Request) -> bytes:
    """Return the path as the client wrote it, escapes and the slash at its end included."""
    path: bytes = request.scope.get(_CALLED) or request.scope.get("raw_path") or request.url.path.encode()
    return path


def _take_slash_off(scope: Scope) -> None:
    raw = scope.get("raw_path") or b""
    if raw.endswith(b"/") and raw not in _KEPT:
        scope[_CALLED] = raw
        scope["raw_path"] = raw[:-1]
        scope["path"] = scope["path"][:-1]
