"""The wire of what became of contacts and events that were sent."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.prediction import Answer, ProblemPointer

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


class EventResult(Answer):
    """What became of one event."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: Annotated[str | None, Field(description="The id as sent, or the one that was made from its content.")]
    status: Annotated[
        Literal["created", "duplicate", "erased", "invalid"],
        Field(
            description=(
                "`duplicate`: it was stored before; `erased`: nothing was stored, as the contact was erased and not "
                "put again; `invalid`: nothing was stored."
            )
        ),
    ]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]


class EventCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New events.")]
    duplicate: Annotated[int, Field(description="Events that were stored before.")]
    erased: Annotated[int, Field(description="Not stored: their contacts were erased.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class EventsResponse(Answer):
    """What became of each event; what is neither `invalid` nor `erased` is stored."""

    results: Annotated[list[EventResult], Field(description="In the order of the request.")]
    counts: Annotated[EventCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]


class StoredContactResponse(Answer):
    """What became of the contact."""

    id: Annotated[str, Field(description="The id from the path.")]
    status: Annotated[Literal["created", "updated", "unchanged"], Field(description="What became of it.")]
    email_contact_id: _EmailOwner
    previous_email_contact_id: _EmailOwnerBefore
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]
