"""HubSpot: properties of a contact.

Source: HubSpot developers, "Update a contact" (PATCH /crm/v3/objects/contacts/{contactId}, `idProperty`): property
values are strings, an empty one clears the property.
"""

from typing import Annotated, Any, Final

from pydantic import Field

from shared.webhooks_out.connectors.fields import (
    ABOUT_CONTACTS,
    ConnectorSettings,
    FieldMapping,
    FieldName,
    filled_fields,
)
from shared.webhooks_out.message import HttpCall, OutboundMessage, joined, json_bytes, path_segment

TYPES: Final = ABOUT_CONTACTS
DEFAULTS: Final = {
    "foretell_score": "score",
    "foretell_band": "band",
    "foretell_trend": "trend",
    "foretell_reasons": "reasons",
}


class HubspotSettings(ConnectorSettings):
    """Which contact, and which properties."""

    id_property: Annotated[
        FieldName | None, Field(description="A unique property that holds the contact's id; null: it is HubSpot's own.")
    ] = None
    properties: FieldMapping = DEFAULTS


def call(url: str, message: OutboundMessage, settings: HubspotSettings) -> HttpCall:
    """Write the properties of the contact.

    Args:
        url: https://api.hubapi.com.
        message: something about a contact.
        settings: of the subscription.

    Raises:
        NotTellable: none of the facts is in it.
    """
    target = joined(url, f"/crm/v3/objects/contacts/{path_segment(message.contact_id)}")
    if settings.id_property is not None:
        target += f"?idProperty={settings.id_property}"
    properties = {name: _text(value) for name, value in filled_fields(message, settings.properties).items()}
    return HttpCall("PATCH", target, json_bytes({"properties": properties}))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
