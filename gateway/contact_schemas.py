"""The wire of changing a contact and of erasing many at once."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.contact import ContactFields, Instant, Zone
from shared.contracts.prediction import Answer, ProblemPointer


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
        str,
        Field(default_factory=str, description="Kept only as a keyed hash, to recognise the contact.", max_length=320),
    ]


class EraseRequest(BaseModel):
    """Contacts to erase."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact_ids: Annotated[
        list[Any],
        Field(
            description="Your own ids of the contacts; each is judged alone.",
            min_length=1,
            max_length=1_000,
            json_schema_extra={"items": {"type": "string", "minLength": 1, "maxLength": 200}},
        ),
    ]


class ErasureResult(Answer):
    """What became of one contact; its id is not repeated."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    status: Annotated[
        Literal["erased", "unknown", "invalid"],
        Field(description="`erased`: everything held of it; `unknown`: nothing was held; `invalid`: not an id."),
    ]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: the mistake with its place.")]


class ErasureCounts(Answer):
    """How many of each."""

    erased: Annotated[int, Field(description="Contacts of whom everything was erased.")]
    unknown: Annotated[int, Field(description="Ids under which nothing was held.")]
    invalid: Annotated[int, Field(description="Not ids.")]


class ErasureResponse(Answer):
    """What became of each contact."""

    results: Annotated[list[ErasureResult], Field(description="In the order of the request.")]
    counts: Annotated[ErasureCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]
