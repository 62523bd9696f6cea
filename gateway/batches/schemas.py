"""Requests and answers of the routes of batches."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from gateway.schemas import REQUEST
from shared.capabilities import CapabilityName
from shared.contracts.contact import ContactId, Instant, Scalar
from shared.contracts.outcome import AttributeName, OutcomeName
from shared.contracts.prediction import MAX_REASONS, Answer
from shared.contracts.send_rules import PlanSummary, SendPlanOptions

BatchFormat = Literal["parquet", "ndjson", "csv"]
BatchStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
ID = r"^bat_[0-9a-f]{16}$"
MAX_IDS = 100_000
MAX_VALUES = 1_000

Capabilities = Annotated[
    list[CapabilityName],
    Field(description="Which questions; each needs a model that answers.", min_length=1, max_length=20),
]
Outcome = Annotated[
    OutcomeName | None,
    Field(
        description="Of the capabilities that have outcomes; each one's default when omitted.", examples=["customer"]
    ),
]
Reasons = Annotated[
    int, Field(ge=0, le=MAX_REASONS, description="Reasons a contact; they take many times longer than the rest.")
]
Cutoff = Annotated[
    Instant | None,
    Field(
        description="Only what happened strictly before it is seen; now when omitted.",
        examples=["2026-06-01T00:00:00Z"],
    ),
]
FormatField = Annotated[BatchFormat, Field(description="Of the result.")]


class ContactChoice(BaseModel):
    """Which contacts; exactly one of the three."""

    model_config = REQUEST

    segment: Annotated[
        str | None, Field(pattern=r"^s\d{1,9}$", description="Who is in this segment by the latest prediction.")
    ] = None
    attributes: Annotated[
        dict[AttributeName, Scalar | list[Scalar]] | None,
        Field(
            description="Who has these values, or one of those listed, at the cutoff.",
            min_length=1,
            max_length=20,
            examples=[{"country": ["DE", "AT"]}],
        ),
    ] = None
    ids: Annotated[
        list[ContactId] | None, Field(description="These, in this order.", min_length=1, max_length=MAX_IDS)
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.segment, self.attributes, self.ids)) != 1:
            raise ValueError("give exactly one of segment, attributes and ids")
        return self


class NewBatch(BaseModel):
    """Predictions to be made in the background, about contacts that the store knows."""

    model_config = REQUEST

    capabilities: Capabilities
    contacts: Annotated[
        Literal["all"] | ContactChoice,
        Field(description="`all`, or which; files of contacts are sent as the body, with the rest in the query."),
    ]
    outcome: Outcome = None
    reasons: Reasons = 0
    cutoff: Cutoff = None
    format: FormatField = "parquet"
    plan: Annotated[
        SendPlanOptions | None,
        Field(
            description="A send plan of `sendtime` alone: each contact gets at most one hour, each hour at most its "
            "capacity; as `POST /best-send-time/plan`, for more contacts than a call waits for."
        ),
    ] = None

    @model_validator(mode="after")
    def _plan_alone(self) -> Self:
        if self.plan is not None and (self.capabilities != ["sendtime"] or self.reasons):
            raise ValueError('a plan is made by `capabilities: ["sendtime"]` alone, and has no reasons')
        ids = self.contacts.ids if isinstance(self.contacts, ContactChoice) else None
        if self.plan is not None and ids is not None and len(set(ids)) < len(ids):
            raise ValueError("a contact is named twice, and a plan gives each one place; name each once")
        return self


class UploadedBatch(BaseModel):
    """The same about the contacts of a file, from the query."""

    model_config = REQUEST

    capabilities: Capabilities
    outcome: Outcome = None
    reasons: Reasons = 0
    cutoff: Cutoff = None
    format: FormatField = "parquet"


class BatchProgress(Answer):
    """How far it is."""

    contacts: Annotated[int | None, Field(description="How many in all; null before they are counted.")]
    done: Annotated[int, Field(description="How many of them are answered.")]


class BatchModel(Answer):
    """A question, and the version that answers it, fixed when the batch begins."""

    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    version: Annotated[str | None, Field(description="The version; null before the batch begins.")]


class BatchError(Answer):
    """Why it failed."""

    code: Annotated[str, Field(description="As of a problem.")]
    detail: Annotated[str, Field(description="What to do.")]


class BatchAnswer(Answer):
    """A batch and how far it is."""

    id: Annotated[str, Field(description="Its id.")]
    status: Annotated[BatchStatus, Field(description="`completed`, `failed` and `cancelled` are final.")]
    models: Annotated[list[BatchModel], Field(description="What it asks.")]
    reasons: Annotated[int, Field(description="How many a contact.")]
    cutoff: Annotated[datetime, Field(description="Only what happened strictly before it is seen.")]
    format: Annotated[BatchFormat, Field(description="Of the result.")]
    progress: Annotated[BatchProgress, Field(description="How many contacts there are, and are done.")]
    statuses: Annotated[
        dict[str, dict[str, int]], Field(description="By capability, how many contacts got which status so far.")
    ]
    plan: Annotated[PlanSummary | None, Field(description="Of a send plan that is completed; null otherwise.")]
    error: Annotated[BatchError | None, Field(description="Why it failed; null otherwise.")]
    result: Annotated[str | None, Field(description="Where the result lies; null before it is completed.")]
    created_at: Annotated[datetime, Field(description="When it was asked for; what is recorded later is not seen.")]
    started_at: Annotated[datetime | None, Field(description="When work on it began, UTC.")]
    finished_at: Annotated[datetime | None, Field(description="When it ended, UTC.")]


class BatchList(Answer):
    """A page of batches."""

    batches: Annotated[list[BatchAnswer], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


def values_of(choice: ContactChoice) -> dict[str, list[Any]]:
    """Return the wanted values of each attribute as a list."""
    return {name: value if isinstance(value, list) else [value] for name, value in (choice.attributes or {}).items()}
