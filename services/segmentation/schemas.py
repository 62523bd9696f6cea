"""The wire of `POST /segment`: request, response, descriptions, examples."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction
from shared.contracts.training import Choices, CliOption
from shared.values.words import spelled_as

REQUEST_EXAMPLE: dict[str, Any] = {
    "cutoff": "2026-06-01T00:00:00Z",
    "reasons": 1,
    "contacts": [
        {"id": "c-42"},
        {
            "id": "c-43",
            "timezone": "Europe/Paris",
            "consent": {"profiling": "granted"},
            "events": [{"type": "order_placed", "occurred_at": "2026-05-28T08:12:00Z", "value": 59.9}],
        },
    ],
}

RESPONSE_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "detail": None,
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [
                {
                    "feature": "order_placed_90d",
                    "value": 7.0,
                    "effect": "raises",
                    "contribution": 1.92,
                    "text": "Placed 7 orders in the last 90 days",
                }
            ],
            "source": "model",
            "data_quality": [],
            "data_quality_details": None,
            "segment": {"id": "s2", "name": "Frequent buyers, high spend"},
            "membership": 0.87,
            "alternatives": [{"id": "s1", "name": "Regular buyers", "membership": 0.13}],
            "micro_segment": {"id": "s2.1", "name": "Use coupons"},
            "previous_segment": {"id": "s1", "name": "Regular buyers"},
            "moved_at": "2026-05-18T00:00:00Z",
        },
        {
            "contact_id": "c-43",
            "status": "no_consent",
            "detail": "The contact denied profiling.",
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [],
            "source": None,
            "data_quality": [],
            "data_quality_details": None,
            "segment": None,
            "membership": None,
            "alternatives": [],
            "micro_segment": None,
            "previous_segment": None,
            "moved_at": None,
        },
    ],
    "model": {
        "capability": "segmentation",
        "outcome": None,
        "version": "7",
        "kind": "kmeans",
        "horizon_days": None,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "A",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class SegmentRequest(PredictionRequest):
    """Which contacts to find the segment of."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})


class SegmentName(Answer):
    """A segment as it is called."""

    id: Annotated[str, Field(description="Kept by retraining as long as half of the members are the same.")]
    name: Annotated[str, Field(description="What the account calls it, else what training called it.")]


class SegmentAlternative(SegmentName):
    """A segment that the contact belongs to less surely."""

    membership: Annotated[float, Field(ge=0, le=1, description="How surely it belongs there.")]


class SegmentPrediction(PublishedPrediction):
    """The segment of one contact; its reasons sum to the log-odds of the first against the second segment."""

    segment: Annotated[SegmentName | None, Field(description="The surest one; null without prediction.")]
    membership: Annotated[
        float | None, Field(ge=0, le=1, description="How surely the contact belongs to it; all segments sum to 1.")
    ]
    alternatives: Annotated[
        list[SegmentAlternative], Field(description="The next surest, at most three; those below 0.01 are left out.")
    ]
    micro_segment: Annotated[
        SegmentName | None,
        Field(description="The group inside the segment, where it has stable ones; its id holds for this version."),
    ]
    previous_segment: Annotated[
        SegmentName | None, Field(description="Where the contact was before, where stored predictions know.")
    ]
    moved_at: Annotated[
        datetime | None, Field(description="The cutoff at which it was first seen in this segment, if it moved; UTC.")
    ]


class SegmentResponse(Answer):
    """The segments of a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[SegmentPrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class SegmentChoices(Choices):
    """How many segments, and what counts beside behaviour."""

    segments: Annotated[
        int | None,
        Field(description="How many; chosen by measurement when omitted.", ge=2, le=20),
        CliOption("--segments", "N"),
    ] = None
    attributes: Annotated[
        frozenset[str],
        Field(description="Let an attribute count beside behaviour; repeat for several."),
        CliOption("--attribute", "NAME"),
    ] = frozenset()
    seed: int | None = None
    """Of starts and subsamples; None: always the same."""

    @property
    def named_attributes(self) -> frozenset[str]:
        """Return what counts beside behaviour."""
        return self.attributes

    def spelled_as(self, known: Collection[str]) -> Self:
        """Spell what counts beside behaviour as the attributes that contacts have."""
        return self.model_copy(update={"attributes": spelled_as(known, self.attributes)})
