"""Requests and answers of the routes of keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from gateway.schemas import REQUEST
from shared.contracts.call import PUBLIC_ID_LENGTH, SCOPES, Scope
from shared.contracts.prediction import Answer

PUBLIC_ID = rf"^[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}$"
KeyState = Literal["valid", "expired", "revoked"]
MAX_OVERLAP_HOURS = 24 * 365


def _in_order(scopes: list[Scope]) -> list[Scope]:
    return [one for one in SCOPES if one in scopes]


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = REQUEST

    name: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)],
        Field(description="What it is for; shown in the list.", examples=["crm"]),
    ]
    scopes: Annotated[
        list[Scope],
        AfterValidator(_in_order),
        Field(description="What it may do; `admin` covers everything.", min_length=1, max_length=len(SCOPES)),
    ]
    expires_at: Annotated[
        AwareDatetime | None, Field(description="From then on it is refused; null or omitted: never.")
    ] = None


class KeyRotation(BaseModel):
    """A key to be replaced."""

    model_config = REQUEST

    overlap_hours: Annotated[
        float, Field(ge=0, le=MAX_OVERLAP_HOURS, description="How long the old key goes on working beside the new one.")
    ] = 168.0


class KeyAnswer(Answer):
    """A key, without its text."""

    id: Annotated[str, Field(description="The part of the key between `fk_` and the second `_`.")]
    name: Annotated[str, Field(description="What it is for.")]
    scopes: Annotated[list[Scope], Field(description="What it may do; `admin` covers everything.")]
    state: Annotated[KeyState, Field(description="`valid`, `expired` or `revoked`.")]
    created_at: Annotated[datetime, Field(description="When it was made, UTC.")]
    last_used_at: Annotated[datetime | None, Field(description="When it was used last, UTC; null: never.")]
    expires_at: Annotated[datetime | None, Field(description="From then on it is refused, UTC; null: never.")]
    revoked_at: Annotated[datetime | None, Field(description="Since when it is refused, UTC; null: it is not revoked.")]
    own: Annotated[bool, Field(description="Whether it is the key of this very call.")]


class KeyCreated(KeyAnswer):
    """A key with its text, which is shown once."""

    key: Annotated[str, Field(description="Send it as `Authorization: Bearer`. It is not shown again: keep it.")]


class KeyList(Answer):
    """The keys of this account."""

    keys: Annotated[list[KeyAnswer], Field(description="Oldest first, revoked ones too.")]
