"""Requests and answers of the routes of attribution."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.contracts.attribution import MOST_PATHS, AttributionReport
from shared.contracts.outcome import AttributeText
from shared.contracts.prediction import Answer

__all__ = ["AttributionReport", "AttributionReports", "AttributionState", "KeptAttributionReport", "PathsRequest"]
Step = Annotated[AttributeText, Field(min_length=1, max_length=100)]
Count = Annotated[float, Field(ge=0, le=1e12)]


class PathFields(BaseModel):
    """One path, and how often it was gone."""

    model_config = REQUEST

    path: Annotated[
        Annotated[list[Step], Field(max_length=1_000)] | Annotated[AttributeText, Field(max_length=10_000)],
        Field(
            description="Channels in order: a list, or a text such as `email > search`.", examples=["email > search"]
        ),
    ]
    conversions: Annotated[Count, Field(description="How often it ended in a conversion.", examples=[12])]
    value: Annotated[
        float, Field(ge=-1e15, le=1e15, description="What these brought, all together.", examples=[480.0])
    ] = 0.0
    nulls: Annotated[Count, Field(description="How often it ended in none.", examples=[340])] = 0.0


class PathsRequest(BaseModel):
    """Paths that another tool counted."""

    model_config = REQUEST

    paths: Annotated[
        list[PathFields], Field(min_length=1, max_length=MOST_PATHS, description="Each distinct path once.")
    ]


class AttributionState(Answer):
    """How far a report is that is being made."""

    id: Annotated[str, Field(description="Of the report; the same question has the same.")]
    status: Annotated[Literal["queued", "running"], Field(description="Whether a worker is at it.")]
    requested_at: Annotated[datetime, Field(description="When it was asked for.")]
    href: Annotated[str, Field(description="Where it will be: ask there again.")]


class KeptAttributionReport(Answer):
    """A report that is kept, or is being made."""

    id: Annotated[str, Field(description="Of the report.")]
    kind: Annotated[Literal["account", "paths"], Field(description="Of this account's events, or of paths sent.")]
    status: Annotated[
        Literal["queued", "running", "completed", "refused"], Field(description="`refused`: there was too little.")
    ]
    requested_at: Annotated[datetime, Field(description="When it was asked for.")]
    ended_at: Annotated[datetime | None, Field(description="When it was made or refused.")]
    href: Annotated[str, Field(description="Where it is.")]


class AttributionReports(Answer):
    """The reports that are kept, at most 200."""

    reports: Annotated[list[KeptAttributionReport], Field(description="The last one that was asked for first.")]
