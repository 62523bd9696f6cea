"""The wire types of what comes in: contacts and events, validated one by one."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.contracts.outcome import AttributeName, EventType
from shared.contracts.rows import MAX_ATTRIBUTES, MAX_PROPERTIES, no_control, scalar
from shared.contracts.validation import checked_object
from shared.values.addresses import MAX_CELL_CHARACTERS, maybe_address
from shared.values.instants import read_time
from shared.values.unreadable import Ambiguous, Unreadable
from shared.values.zones import zone_name

MAX_EVENTS_PER_CONTACT = 5_000
_NO_TIME = "give an ISO 8601 time with a zone, such as 2026-06-01T09:30:00Z, of 1900 to 2200"


def _time(value: Any) -> Any:
    """Read every spelling that says its day and its zone; a naive time is refused as such by the type."""
    # A number alone would be read as seconds since 1970: "20260601" would lie in 1970.
    if isinstance(value, (int, float)) or (isinstance(value, str) and not value.strip(" +-.0123456789eE")):
        raise ValueError(_NO_TIME)
    if not isinstance(value, str):
        return value
    if "\x00" in value:
        raise ValueError(_NO_TIME)
    try:
        return read_time(value)
    except Ambiguous:
        raise
    except Unreadable as error:
        raise ValueError(_NO_TIME) from error


def _in_range(value: datetime) -> datetime:
    # The year as given: 9999-12-31T23:59-12:00 has no UTC time that Python could hold.
    if not 1900 <= value.year <= 2200:
        raise ValueError("the year must lie between 1900 and 2200")
    return value


def _normal_address(value: str | None) -> str | None:
    found = None if value is None else maybe_address(value)
    return None if found is None else found.email


Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True), AfterValidator(no_control)]
ContactId = Text
Email = Annotated[
    Annotated[str, StringConstraints(max_length=MAX_CELL_CHARACTERS)] | None, AfterValidator(_normal_address)
]
GivenEmail = Annotated[str, StringConstraints(max_length=320), AfterValidator(_normal_address)]
"""Where null says nothing."""
Zone = Annotated[str, AfterValidator(zone_name)]
Instant = Annotated[AwareDatetime, BeforeValidator(_time), AfterValidator(_in_range)]
Scalar = Annotated[str | int | float | bool | None, BeforeValidator(scalar)]
Properties = Annotated[dict[AttributeName, Any], AfterValidator(checked_object)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class _Given(BaseModel):
    """Base of everything that comes in: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InlineEvent(_Given):
    """A dated fact about the contact that carries it."""

    id: Annotated[
        Text | None,
        Field(
            description="Your own id of the event; the same id again is the same event.",
            examples=["ord-1001"],
        ),
    ] = None
    type: Annotated[EventType, Field(description="Canonical or your own snake_case type.", examples=["order_placed"])]
    occurred_at: Annotated[
        Instant, Field(description="When it happened, with a zone.", examples=["2026-05-03T10:15:00Z"])
    ]
    value: Annotated[
        float | None,
        Field(description="Money or another amount.", examples=[49.9], allow_inf_nan=False, ge=-1e12, le=1e12),
    ] = None
    currency: Annotated[Currency | None, Field(description="ISO 4217 code of the value.", examples=["EUR"])] = None
    message_id: Annotated[Text | None, Field(description="The message that it belongs to.")] = None
    campaign_id: Annotated[Text | None, Field(description="The campaign that it belongs to.")] = None
    item: Annotated[Text | None, Field(description="Product, page, content or category.")] = None
    properties: Annotated[
        Properties | None, Field(description="Anything else, kept as sent.", max_length=MAX_PROPERTIES)
    ] = None
    human: Annotated[
        bool | None, Field(description="false: made by a machine (prefetch, link scanner); null: unknown.")
    ] = None


class EventInput(InlineEvent):
    """A dated fact about a contact."""

    contact_id: Annotated[ContactId, Field(description="Whose event it is.", examples=["c-42"])]


class DatedScalar(_Given):
    """A value and the instant from which it holds."""

    value: Annotated[Scalar, Field(description="String, number, true, false or null.")]
    valid_from: Annotated[Instant, Field(description="Since when it holds.", examples=["2026-01-01T00:00:00Z"])]


class ContactFields(_Given):
    """What may be said of a contact, without its id (the id stands in the path)."""

    attributes: Annotated[
        dict[AttributeName, Scalar | DatedScalar],
        Field(description="Facts by name; a bare value holds from now on.", max_length=MAX_ATTRIBUTES),
    ] = {}
    timezone: Annotated[Zone | None, Field(description="IANA time zone.", examples=["Europe/Paris"])] = None
    consent: Annotated[
        dict[Literal["profiling"], Literal["granted", "denied"]] | None,
        Field(description="`denied` keeps the contact out of training and of predictions."),
    ] = None
    created_at: Annotated[Instant | None, Field(description="Since when you know this contact.")] = None
    email: Annotated[
        Email,
        Field(
            description="Kept only as a keyed hash, to recognise the contact. A name beside the address, `mailto:` and "
            "the case of letters do not matter; of several addresses the first counts. Nobody is recognised by a "
            "placeholder such as unknown@.",
            examples=["ann@example.com"],
        ),
    ] = None


class ContactInput(ContactFields):
    """A person being marketed to."""

    id: Annotated[ContactId, Field(description="Your own id of the contact.", examples=["c-42"])]


class InlineContact(_Given):
    """A contact in a prediction request: its id, and what counts for this answer only."""

    id: Annotated[ContactId, Field(description="Your own id; what the store knows of it is used.", examples=["c-42"])]
    attributes: Annotated[
        dict[AttributeName, Scalar],
        Field(description="Override what is stored, for this answer only.", max_length=MAX_ATTRIBUTES),
    ] = {}
    timezone: Annotated[Zone | None, Field(description="IANA time zone.", examples=["Europe/Paris"])] = None
    consent: Annotated[
        dict[Literal["profiling"], Literal["granted", "denied"]] | None,
        Field(description="Overrides what is stored."),
    ] = None
    events: Annotated[
        list[InlineEvent],
        Field(
            description="United by id with what is stored, for this answer only.",
            max_length=MAX_EVENTS_PER_CONTACT,
        ),
    ] = []
