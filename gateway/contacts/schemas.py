"""Requests and answers of the routes of contacts."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast

from fastapi import Path
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from gateway.schemas import REQUEST, decoded
from shared.contracts.contact import ContactFields, ContactId, ContactInput, GivenEmail, Instant, Zone
from shared.contracts.outcome import AttributeName
from shared.contracts.prediction import (
    Answer,
    ProblemPointer,
)
from shared.contracts.rows import MAX_TEXT_CHARACTERS
from shared.values.addresses import MAX_CELL_CHARACTERS


class ContactChanges(ContactFields):
    """What is to change of a contact; null takes an attribute or the time zone away."""

    timezone: Annotated[
        Zone | None,
        Field(
            default_factory=lambda: None,
            description="IANA time zone; null: none is known any more.",
            examples=["Europe/Paris"],
        ),
    ]
    consent: Annotated[
        dict[Literal["profiling"], Literal["granted", "denied"]],
        Field(default_factory=dict, description="`denied` keeps the contact out of training and of predictions."),
    ]
    created_at: Annotated[
        Instant, Field(default_factory=lambda: cast(Any, None), description="Since when you know this contact.")
    ]
    email: Annotated[
        GivenEmail,
        Field(default_factory=str, description="Kept only as a keyed hash, to recognise the contact."),
    ]


_EmailOwner = Annotated[
    str | None,
    Field(
        description=(
            "Whose the address is now: the last contact that was given it, which need not be this one; null: none was "
            "given, or nobody is recognised by it: it is a placeholder, or was told of three contacts or more and is "
            "shared."
        )
    ),
]
_EmailOwnerBefore = Annotated[
    str | None, Field(description="Whose the address was until this call, where it was another contact's.")
]


class ContactResult(Answer):
    """What became of one contact."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: Annotated[str | None, Field(description="The id as sent; null when there was none to read.")]
    status: Annotated[
        Literal["created", "updated", "unchanged", "invalid"], Field(description="`invalid`: nothing was stored.")
    ]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]
    email_contact_id: _EmailOwner
    previous_email_contact_id: _EmailOwnerBefore


class ContactCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New contacts.")]
    updated: Annotated[int, Field(description="Known contacts with something new.")]
    unchanged: Annotated[int, Field(description="Known contacts with nothing new.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class ContactsResponse(Answer):
    """What became of each contact; what is not `invalid` is stored."""

    results: Annotated[list[ContactResult], Field(description="In the order of the request.")]
    counts: Annotated[ContactCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]


class StoredContactResponse(Answer):
    """What became of the contact."""

    id: Annotated[str, Field(description="The id from the path.")]
    status: Annotated[Literal["created", "updated", "unchanged"], Field(description="What became of it.")]
    email_contact_id: _EmailOwner
    previous_email_contact_id: _EmailOwnerBefore
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]


class ContactsRequest(BaseModel):
    """Contacts to create or update."""

    model_config = REQUEST

    contacts: Annotated[list[ContactInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]


class ContactSearch(BaseModel):
    """Whom to search: by an address, or by a value."""

    model_config = REQUEST

    email: Annotated[
        str | None,
        Field(
            max_length=MAX_CELL_CHARACTERS,
            description="Whoever has this address; it is hashed, and neither kept nor logged.",
            examples=["ann@example.com"],
        ),
    ] = None
    attribute: Annotated[
        AttributeName | None, Field(description="With `value`: of which attribute.", examples=["country"])
    ] = None
    value: Annotated[
        Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARACTERS)] | bool | int | float | None,
        Field(
            description='Whose newest value it is; small and capital letters are the same, `5` and `"5"` too.',
            examples=["FR"],
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1_000, description="How many at most.")] = 100
    cursor: Annotated[str | None, Field(max_length=4_000, description="`next_cursor` of the page before.")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.email is None) == (self.attribute is None) or (self.attribute is None) != (self.value is None):
            raise ValueError("give either email, or attribute and value")
        return self


class ListedContact(Answer):
    """A contact in a list."""

    id: Annotated[str, Field(description="Your own id of the contact.")]
    created_at: Annotated[datetime | None, Field(description="Since when it is known, UTC.")]
    timezone: Annotated[str | None, Field(description="IANA time zone.")]
    consent: Annotated[dict[str, str], Field(description="As given; empty when nothing was said.")]


class ContactList(Answer):
    """A page of contacts, by id."""

    contacts: Annotated[list[ListedContact], Field(description="Ordered by id.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class AttributeAnswer(Answer):
    """A fact about a contact."""

    value: Annotated[str | int | float | bool | None, Field(description="The newest value.")]
    valid_from: Annotated[datetime | None, Field(description="Since when it holds; null: always.")]


class EventTypeCount(Answer):
    """What is stored of one type of event."""

    type: Annotated[str, Field(description="The type.")]
    count: Annotated[int, Field(description="How many.")]
    first_at: Annotated[datetime, Field(description="The oldest, UTC.")]
    last_at: Annotated[datetime, Field(description="The newest, UTC.")]


class ContactAnswer(Answer):
    """What is stored of a contact."""

    id: Annotated[str, Field(description="Your own id of the contact.")]
    created_at: Annotated[datetime | None, Field(description="Since when it is known, UTC.")]
    timezone: Annotated[str | None, Field(description="IANA time zone.")]
    consent: Annotated[dict[str, str], Field(description="As given; empty when nothing was said.")]
    attributes: Annotated[dict[str, AttributeAnswer], Field(description="Facts by name.")]
    unreadable: Annotated[
        list[str],
        Field(
            description=(
                "Attributes with a stored value that is out of the bounds that hold today: it is null here and missing "
                "for predictions; the export gives it as text. Send the attribute again to mend it."
            )
        ),
    ]
    events: Annotated[list[EventTypeCount], Field(description="Event counts by type.")]


PathId = Annotated[
    ContactId,
    AfterValidator(decoded),
    Path(description="Your own id of the contact; percent-encode what is not a letter."),
]
