"""Klaviyo: custom properties of a profile.

Source: Klaviyo API reference, "Update Profile" (PATCH /api/profiles/{id}, JSON:API, the header `revision`).
"""

from typing import Annotated, Final

from pydantic import Field

from shared.webhooks_out.connectors.fields import ABOUT_CONTACTS, ConnectorSettings, FieldMapping, filled_fields
from shared.webhooks_out.message import HttpCall, OutboundMessage, joined, json_bytes, path_segment

TYPES: Final = ABOUT_CONTACTS
DEFAULTS: Final = {
    "foretell_score": "score",
    "foretell_band": "band",
    "foretell_trend": "trend",
    "foretell_reasons": "reasons",
}
MEDIA_TYPE: Final = "application/vnd.api+json"


class KlaviyoSettings(ConnectorSettings):
    """Which properties, and in which revision of the API."""

    revision: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$", description="Of Klaviyo's API.")] = (
        "2025-04-15"
    )
    properties: FieldMapping = DEFAULTS


def call(url: str, message: OutboundMessage, settings: KlaviyoSettings) -> HttpCall:
    """Write the properties of the profile whose id is the contact's.

    Args:
        url: https://a.klaviyo.com.
        message: something about a contact.
        settings: of the subscription.

    Raises:
        NotTellable: none of the facts is in it.
    """
    attributes = {"properties": filled_fields(message, settings.properties)}
    body = {"data": {"type": "profile", "id": message.contact_id, "attributes": attributes}}
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE, "revision": settings.revision}
    return HttpCall(
        "PATCH", joined(url, f"/api/profiles/{path_segment(message.contact_id)}"), json_bytes(body), headers
    )
