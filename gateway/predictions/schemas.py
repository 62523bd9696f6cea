"""Answers of the routes of predictions."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from shared.contracts.prediction import Answer, Band, DataQualityDetails, Reason, Source, Status, Trend


class StoredPrediction(Answer):
    """The latest prediction of one question about one contact."""

    contact_id: Annotated[str, Field(description="About whom.")]
    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    version: Annotated[str, Field(description="The version that answered.")]
    status: Annotated[Status, Field(description="`ok`, or why there is no prediction.")]
    detail: Annotated[str | None, Field(description="What to do when the status is not `ok`.")]
    probability: Annotated[float | None, Field(description="Calibrated chance of the outcome.")]
    score: Annotated[int | None, Field(description="1-99: percentile in the reference population.")]
    band: Annotated[Band | None, Field(description="Where the probability falls.")]
    trend: Annotated[Trend | None, Field(description="Against the prediction of 30 days before.")]
    reasons: Annotated[list[Reason], Field(description="The strongest reasons first.")]
    source: Annotated[Source | None, Field(description="`model`, or the named fallback.")]
    data_quality: Annotated[list[str], Field(description="What was missing or stale.")]
    data_quality_details: Annotated[
        DataQualityDetails | None,
        Field(description="The attributes behind `data_quality`; null where all of them are understood."),
    ]
    cutoff: Annotated[datetime, Field(description="The instant it stands on, UTC.")]
    asked_at: Annotated[datetime, Field(description="When it was asked, UTC.")]


class ListedPrediction(StoredPrediction):
    """A row of the list, with what the capability says beside the head where that is asked for."""

    details: Annotated[
        dict[str, Any] | None,
        Field(description="What the capability's own answer holds beside this; null unless `details=true`."),
    ]


class EmptyBecause(Answer):
    """Why a list holds nobody."""

    detail: Annotated[str, Field(description="The reason, and what can be done about it.")]
    by_status: Annotated[dict[str, int], Field(description="How many stored predictions there are, by status.")]
    newest_event_at: Annotated[datetime | None, Field(description="The account's newest event, UTC; null: none.")]


class PredictionList(Answer):
    """A page of the ranked list."""

    predictions: Annotated[list[ListedPrediction], Field(description="In the order asked for.")]
    empty_because: Annotated[EmptyBecause | None, Field(description="Why the first page holds nobody; else null.")]
    count: Annotated[
        int | None,
        Field(
            description="How many fit in all, as they are stored: who reached the outcome or is held out since is "
            "among them. Null unless `count=true`, and where an attribute or a segment is asked for and there are more "
            "pages."
        ),
    ]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class WholePrediction(StoredPrediction):
    """The same with all that the capability says."""

    details: Annotated[
        dict[str, Any],
        Field(description="What the capability's own answer holds beside this: the segment, the hour, the parts."),
    ]


class ContactPredictions(Answer):
    """The latest predictions about one contact, all capabilities at once."""

    contact_id: Annotated[str, Field(description="About whom.")]
    predictions: Annotated[list[WholePrediction], Field(description="One a capability and outcome.")]
