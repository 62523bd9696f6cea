"""Microsoft Dynamics 365 Sales: predictive scores of leads and opportunities.

Source: Microsoft Learn, "Populate predictive scores using custom scoring model" (requests and allowed values), and the
reference of the table msdyn_predictivescore (its alternate key: msdyn_entityid and msdyn_entitytype).
"""

from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import Field

from shared.contracts.message import MessageType
from shared.webhooks_out.connectors.fields import ConnectorSettings
from shared.webhooks_out.message import HttpCall, OutboundMessage, UnsupportedMessage, joined, json_bytes

TYPES: Final[tuple[MessageType, ...]] = ("score.band_changed",)
TRENDS: Final = {"improving": 0, "steady": 1, "declining": 2, "unknown": 3}
GRADES: Final = {"very_high": 0, "high": 1, "medium": 2, "low": 3}
"""Grade A to D by band."""
HEADERS: Final = {"Content-Type": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}


class DynamicsSettings(ConnectorSettings):
    """Which record a score belongs to, and how it is written."""

    entity: Annotated[Literal["lead", "opportunity"], Field(description="What the contact's id is the id of.")] = "lead"
    write: Annotated[
        Literal["upsert", "create"],
        Field(description="`upsert`: PATCH by the alternate key, repeatable; `create`: POST, once a record."),
    ] = "upsert"
    api: Annotated[str, Field(pattern=r"^v\d{1,2}\.\d$", description="Version of the Web API.")] = "v9.0"


def call(url: str, message: OutboundMessage, settings: DynamicsSettings) -> HttpCall:
    """Write the score of the record whose id is the contact's.

    Args:
        url: of the environment, such as https://contoso.crm.dynamics.com.
        message: a changed band.
        settings: of the subscription.

    Raises:
        UnsupportedMessage: there is no score.
    """
    score = message.data.get("score")
    if score is None:
        raise UnsupportedMessage("A message without a score cannot become a predictive score.")
    body = {
        "msdyn_score": score,
        "msdyn_scoretrend": TRENDS[message.data["trend"]],
        "msdyn_grade": GRADES[message.data["band"]],
    }
    table = joined(url, f"/api/data/{settings.api}/msdyn_predictivescores")
    if settings.write == "create":
        return HttpCall(
            "POST",
            table,
            json_bytes({**body, "msdyn_entityid": message.contact_id, "msdyn_entitytype": settings.entity}),
            HEADERS,
        )
    quoted = quote(f"'{message.contact_id.replace(chr(39), chr(39) * 2)}'", safe="")
    key = f"(msdyn_entityid={quoted},msdyn_entitytype=%27{settings.entity}%27)"
    return HttpCall("PATCH", table + key, json_bytes(body), HEADERS)
