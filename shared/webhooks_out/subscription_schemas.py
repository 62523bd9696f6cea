"""The fields of a subscription to create or change, for the API and the command line."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.message import MessageType
from shared.webhooks_out.connectors import ConnectorName
from shared.webhooks_out.ssrf_guard import MAX_URL

_RESERVED: Final = re.compile(
    r"webhook-.*|proxy-.*|host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|expect"
    r"|accept-encoding",
    re.IGNORECASE,
)


def _allowed(headers: dict[str, str]) -> dict[str, str]:
    if any(_RESERVED.fullmatch(name) for name in headers):
        raise ValueError("a header of that name is set by the sender itself")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is named twice")
    return headers


def _distinct(types: list[MessageType]) -> list[MessageType]:
    return list(dict.fromkeys(types))


Url = Annotated[str, Field(min_length=9, max_length=MAX_URL)]
EventTypes = Annotated[list[MessageType], AfterValidator(_distinct), Field(min_length=1, max_length=20)]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
ConnectorFields = Annotated[dict[str, Any], Field(max_length=20)]
Headers = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")],
        Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,4000}$")],
    ],
    AfterValidator(_allowed),
    Field(max_length=10),
]
_URL: Final = Field(description="Where to: https, a public host.")
_TYPES: Final = Field(description="What to be told.")
_DESCRIPTION: Final = Field(description="For people.")
_SETTINGS: Final = Field(description="What the connector needs; see docs/connectors.md.")
_HEADERS: Final = Field(description="Sent along, such as Authorization; kept sealed and never shown.")
_MODEL_CHANGES: Final = Field(description="Whether changes that only another model version caused are told one by one.")


class _RequestBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SubscriptionFields(_RequestBody):
    """A subscription to make."""

    url: Annotated[Url, _URL]
    event_types: Annotated[EventTypes, _TYPES]
    description: Annotated[Description, _DESCRIPTION] = ""
    connector: Annotated[
        ConnectorName | None, Field(description="Whose shape the calls have; null: Standard Webhooks.")
    ] = None
    settings: Annotated[ConnectorFields, _SETTINGS] = {}
    headers: Annotated[Headers, _HEADERS] = {}
    model_changes: Annotated[bool, _MODEL_CHANGES] = False


class SubscriptionChanges(_RequestBody):
    """What is to be different about a subscription; what is left out stays."""

    url: Annotated[Url | None, _URL] = None
    event_types: Annotated[EventTypes | None, _TYPES] = None
    description: Annotated[Description | None, _DESCRIPTION] = None
    settings: Annotated[ConnectorFields | None, _SETTINGS] = None
    headers: Annotated[Headers | None, _HEADERS] = None
    model_changes: Annotated[bool | None, _MODEL_CHANGES] = None
    state: Annotated[
        Literal["enabled", "paused", "disabled"] | None,
        Field(
            description=(
                "`enabled`: what waits is delivered; `paused`: messages are kept and wait; `disabled`: nothing is kept."
            )
        ),
    ] = None
