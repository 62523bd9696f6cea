"""Each service's OpenAPI document, written where the gateway finds it; the gateway never imports a service."""

from pathlib import Path

from foretell.doors import APPS
from gateway.openapi import saved_service_document
from shared.settings import ServiceSettings


def write_documents(folder: Path) -> list[Path]:
    """Write one file a capability.

    Args:
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = ServiceSettings(signing_key="0" * 64)  # no request is served with it
    return [saved_service_document(name, make(settings).openapi(), folder) for name, make in APPS.items()]
