"""Each service's OpenAPI document, written where the gateway finds it; the gateway never imports a service."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from gateway.openapi import saved_service_document
from services.scoring import api as scoring
from shared.settings import ServiceSettings

APPS: dict[str, Callable[[ServiceSettings], FastAPI]] = {"scoring": scoring.create_app}
"""How each capability of the table makes its app."""


def write_documents(folder: Path) -> list[Path]:
    """Write one file a capability.

    Args:
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = ServiceSettings(signing_key="0" * 64)  # no request is served with it
    return [saved_service_document(name, make(settings).openapi(), folder) for name, make in APPS.items()]
