"""The wire of the answer: instant, chance, lift, alternatives, basis."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.sendtime.schemas.asked import Engagement
from shared.contracts.prediction import Answer, ModelInfo, Prediction

Basis = Literal["individual", "lookalike", "population", "default"]

RESPONSE_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "detail": None,
            "errors": [],
            "probability": 0.081,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [
                {
                    "feature": "own_hours",
                    "value": 0.75,
                    "effect": "raises",
                    "contribution": 0.61,
                    "text": "Clicked 9 of 12 e-mails sent 7-10 am",
                }
            ],
            "source": "model",
            "data_quality": [],
            "data_quality_details": None,
            "send_at": {
                "utc": "2026-06-02T06:00:00Z",
                "local": "2026-06-02T08:00:00+02:00",
                "timezone": "Europe/Paris",
            },
            "activity_share": None,
            "lift": 0.18,
            "basis": "individual",
            "confidence": 0.64,
            "engagement": "click",
            "alternatives": [
                {
                    "send_at": {
                        "utc": "2026-06-03T06:00:00Z",
                        "local": "2026-06-03T08:00:00+02:00",
                        "timezone": "Europe/Paris",
                    },
                    "probability": 0.078,
                    "activity_share": None,
                }
            ],
            "at_default": None,
            "week": None,
            "experiment": None,
        },
        {
            "contact_id": "c-43",
            "status": "no_slot",
            "detail": "Nothing of the window is left outside the quiet hours and on the weekdays asked for.",
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [],
            "source": None,
            "data_quality": ["no_events"],
            "data_quality_details": None,
            "send_at": None,
            "activity_share": None,
            "lift": None,
            "basis": None,
            "confidence": None,
            "engagement": None,
            "alternatives": [],
            "at_default": None,
            "week": None,
            "experiment": None,
        },
    ],
    "model": {
        "capability": "sendtime",
        "outcome": None,
        "version": "7",
        "kind": "lightgbm",
        "horizon_days": 1,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "B",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class SendAt(Answer):
    """An instant, and how the contact's clock shows it."""

    utc: Annotated[datetime, Field(description="The instant, UTC.")]
    local: Annotated[datetime, Field(description="The same with the contact's offset.")]
    timezone: Annotated[str, Field(description="IANA zone that was used; `data_quality` says when it was inferred.")]


class Option(Answer):
    """An instant and what it promises."""

    send_at: Annotated[SendAt, Field(description="When.")]
    probability: Annotated[float | None, Field(ge=0, le=1, description="Chance of an answer within 24 h of the send.")]
    activity_share: Annotated[
        float | None, Field(ge=0, le=1, description="Share of the contact's week of activity in that hour.")
    ]


class ExperimentArm(Answer):
    """What the experiment drew for a contact."""

    campaign_id: Annotated[str, Field(description="Of the experiment.")]
    arm: Annotated[Literal["treatment", "exploration"], Field(description="Control contacts get status `control`.")]
    propensity: Annotated[float, Field(gt=0, le=1, description="Chance with which this very instant was drawn.")]


class SendTimePrediction(Prediction):
    """When to send to one contact."""

    send_at: Annotated[SendAt | None, Field(description="The best allowed instant; null without prediction.")]
    activity_share: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Where only activity is known: share of the week's activity in that hour; no chance.",
        ),
    ]
    lift: Annotated[
        float | None,
        Field(description="Relative gain over the population's best time in the window: 0.1 is a tenth more."),
    ]
    basis: Annotated[Basis | None, Field(description="What the answer rests on.")]
    confidence: Annotated[float | None, Field(ge=0, le=1, description="How much of it the contact's own past decides.")]
    engagement: Annotated[Engagement | None, Field(description="What the chance is of; null where activity answers.")]
    alternatives: Annotated[list[Option], Field(description="The next best instants, the best first.")]
    at_default: Annotated[Option | None, Field(description="What `default_send_at` promises, where it was given.")]
    week: Annotated[
        list[float] | None,
        Field(description="Where asked for: 168 chances (or shares), Monday 00 of the contact's week first."),
    ]
    experiment: Annotated[ExperimentArm | None, Field(description="For `purpose: experiment`.")]


class SendTimeResponse(Answer):
    """When to send to a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[SendTimePrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
