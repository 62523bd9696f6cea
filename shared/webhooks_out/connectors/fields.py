"""What connectors that write fields of a record share: which fact is written into which field."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.message import MessageType
from shared.webhooks_out.message import FACTS, OutboundMessage, UnsupportedMessage, facts

ABOUT_CONTACTS: Final[tuple[MessageType, ...]] = (
    "score.band_changed",
    "churn_risk.band_changed",
    "segment.entered",
    "segment.left",
    "send_time.changed",
    "value.band_changed",
    "next_order.due",
)
"""Types that are about a contact, whose record can be written."""


class ConnectorSettings(BaseModel):
    """The settings of a connector, given when a subscription is created."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _known(fields: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(fields.values()) - set(FACTS))
    if unknown:
        raise ValueError(f"there is no fact of that name; known are {', '.join(FACTS)}")
    return fields


FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]
FieldMapping = Annotated[
    dict[FieldName, str],
    AfterValidator(_known),
    Field(min_length=1, max_length=50, description="The fact by the name of the field that is to hold it."),
]


def filled_fields(message: OutboundMessage, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the fields, from the facts of a message.

    Raises:
        UnsupportedMessage: it has none of the facts.
    """
    known = facts(message)
    found = {field: known[fact] for field, fact in fields.items() if fact in known}
    if not found:
        raise UnsupportedMessage(f"A message of type {message.type} has none of the facts that the fields ask for.")
    return found
