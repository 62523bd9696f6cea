"""Pages of other origins: a browser lets them call the API only from those that the setting names (CORS)."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from gateway.idempotency import HEADER, REPLAYED_HEADER
from shared.contracts.credentials import REQUEST_ID_HEADER

_SENT: Final = ("Authorization", "Content-Type", HEADER, REQUEST_ID_HEADER)
_SHOWN: Final = ("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID_HEADER, REPLAYED_HEADER, "Location")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allow_origins(app: FastAPI, origins: str | None) -> None:
    """Let pages of some origins call the app; keys travel in a header, so cookies are never allowed.

    Args:
        app: the gateway.
        origins: separated by commas; `*` for any, None for none.
    """
    named = [origin.strip().rstrip("/") for origin in (origins or "").split(",") if origin.strip()]
    if named:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=named,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_SHOWN,
            max_age=600,
        )
