"""Salesforce: fields of a record.

Source: Salesforce REST API Developer Guide, "Update a Record" (PATCH /services/data/vNN.N/sobjects/{object}/{id}) and
"Insert or Update (Upsert) a Record Using an External ID" (.../{object}/{field}/{value}; the field itself is not in the
body).
"""

from typing import Annotated, Final

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
    "Foretell_Score__c": "score",
    "Foretell_Band__c": "band",
    "Foretell_Trend__c": "trend",
    "Foretell_Reasons__c": "reasons",
}


class SalesforceSettings(ConnectorSettings):
    """Which record, and which fields."""

    object: Annotated[FieldName, Field(description="What the contact is in Salesforce.")] = "Lead"
    external_id: Annotated[
        FieldName | None,
        Field(description="External id field that holds the contact's id; null: it is Salesforce's own."),
    ] = None
    api: Annotated[str, Field(pattern=r"^v\d{2,3}\.\d$", description="Version of the REST API.")] = "v63.0"
    fields: FieldMapping = DEFAULTS


def call(url: str, message: OutboundMessage, settings: SalesforceSettings) -> HttpCall:
    """Write the fields of the record.

    Args:
        url: of the org, such as https://acme.my.salesforce.com.
        message: something about a contact.
        settings: of the subscription.

    Raises:
        NotTellable: none of the facts is in it.
    """
    by = "" if settings.external_id is None else f"/{settings.external_id}"
    target = joined(
        url, f"/services/data/{settings.api}/sobjects/{settings.object}{by}/{path_segment(message.contact_id)}"
    )
    return HttpCall("PATCH", target, json_bytes(filled_fields(message, settings.fields)))
