"""Each service's OpenAPI document, written where the gateway finds it; the gateway never imports a service."""

from pathlib import Path

from gateway.openapi import saved_service_document
from services.specs import spec_of
from shared.capabilities import TABLE
from shared.serving.service import create_app
from shared.settings import ServiceSettings


def write_documents(folder: Path) -> list[Path]:
    """Write one file a capability.

    Args:
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = ServiceSettings(signing_key="0" * 64)  # no request is served with it
    apps = {line.name: create_app(spec_of(line.name), settings) for line in TABLE}
    return [saved_service_document(name, app.openapi(), folder) for name, app in apps.items()]
