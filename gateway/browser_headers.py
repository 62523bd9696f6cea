"""Headers that browsers obey: strict ones of every answer, and CORS for the origins that the setting names."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.idempotency import HEADER, REPLAYED_HEADER
from shared.contracts.call import REQUEST_ID_HEADER

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
RAW_SECURITY_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_SENT: Final = ("Authorization", "Content-Type", HEADER, REQUEST_ID_HEADER)
_SHOWN: Final = ("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID_HEADER, REPLAYED_HEADER, "Location")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class SecurityHeaders:
    """Add the strict headers to every answer, unless its route set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def with_cors(app: ASGIApp, *, origins: str | None) -> ASGIApp:
    """Allow pages of some origins to call an app; keys are sent in a header, so cookies are never allowed.

    Args:
        app: the gateway, or a route of it.
        origins: as the setting holds them, separated by commas; `*` for any, None for none.
    """
    if not origins:
        return app
    named = origins.split(",")
    return CORSMiddleware(
        app, allow_origins=named, allow_methods=_METHODS, allow_headers=_SENT, expose_headers=_SHOWN, max_age=600
    )
