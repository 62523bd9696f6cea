"""CORS: a browser lets pages of other origins call the API only where the setting names their origin."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from gateway.idempotency import HEADER, REPLAYED_HEADER
from shared.contracts.credentials import REQUEST_ID_HEADER

_SENT: Final = ("Authorization", "Content-Type", HEADER, REQUEST_ID_HEADER)
_SHOWN: Final = ("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID_HEADER, REPLAYED_HEADER, "Location")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allow_origins(app: FastAPI, origins: str | None) -> None:
    """Allow pages of some origins to call the app; keys are sent in a header, so cookies are never allowed.

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
