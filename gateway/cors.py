"""CORS: a browser lets pages of other origins call the API only where the setting names their origin."""

from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.idempotency import HEADER, REPLAYED_HEADER
from shared.contracts.call import REQUEST_ID_HEADER

_SENT: Final = ("Authorization", "Content-Type", HEADER, REQUEST_ID_HEADER)
_SHOWN: Final = ("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID_HEADER, REPLAYED_HEADER, "Location")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def with_cors(app: ASGIApp, *, origins: str | None) -> ASGIApp:
    """Allow pages of some origins to call an app; keys are sent in a header, so cookies are never allowed.

    Args:
        app: the gateway, or a route of it.
        origins: separated by commas; `*` for any, None for none.
    """
    named = [origin.strip().rstrip("/") for origin in (origins or "").split(",") if origin.strip()]
    if not named:
        return app
    return CORSMiddleware(
        app, allow_origins=named, allow_methods=_METHODS, allow_headers=_SENT, expose_headers=_SHOWN, max_age=600
    )
