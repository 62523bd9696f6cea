"""The wire of erasing many contacts at once."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.prediction import Answer, ProblemPointer


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
