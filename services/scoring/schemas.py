"""The wire of `POST /score`: request, response, descriptions, examples."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction

REQUEST_EXAMPLE: dict[str, Any] = {
    "outcome": "customer",
    "cutoff": "2026-06-01T00:00:00Z",
    "reasons": 3,
    "contacts": [
        {"id": "c-42"},
        {
            "id": "c-43",
            "attributes": {"country": "FR", "employees": 120},
            "timezone": "Europe/Paris",
            "consent": {"profiling": "granted"},
            "events": [
                {"type": "form_submitted", "occurred_at": "2026-05-28T08:12:00Z"},
                {"id": "clk-9", "type": "email_clicked", "occurred_at": "2026-05-30T17:05:00Z", "campaign_id": "may"},
            ],
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
            "probability": 0.41,
            "score": 93,
            "band": "high",
            "trend": "improving",
            "reasons": [
                {
                    "feature": "email_clicked_30d",
                    "value": 4.0,
                    "effect": "raises",
                    "contribution": 0.82,
                    "text": "Clicked 4 emails in the last 30 days",
                }
            ],
            "source": "model",
            "data_quality": ["no_timezone"],
            "data_quality_details": None,
            "parts": {"fit": 0.35, "engagement": 1.12, "base": -1.83},
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
            "parts": None,
        },
    ],
    "model": {
        "capability": "scoring",
        "outcome": "customer",
        "version": "7",
        "kind": "lightgbm",
        "horizon_days": 90,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "A",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class ScoreRequest(PredictionRequest):
    """Which contacts to score, for which outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    outcome: Annotated[
        OutcomeName | None,
        Field(description="Which outcome; the account's default when omitted.", examples=["customer"]),
    ] = None


class Parts(Answer):
    """How the margin divides between who the contact is and what the contact does."""

    fit: Annotated[float, Field(description="Sum of the contributions of attributes, log-odds.")]
    engagement: Annotated[float, Field(description="Sum of the contributions of behaviour, log-odds.")]
    base: Annotated[float, Field(description="The same for everybody; fit + engagement + base is the margin.")]


class ScorePrediction(PublishedPrediction):
    """The score of one contact."""

    parts: Annotated[Parts | None, Field(description="Null without prediction, or when no reasons were asked for.")]


class ScoreResponse(Answer):
    """The scores of a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[ScorePrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
