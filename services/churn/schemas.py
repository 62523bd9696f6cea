"""The wire of `POST /churn-risk`: request, response, descriptions, examples."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction

MAX_HORIZON_DAYS = 365
MAX_HORIZONS = 20

REQUEST_EXAMPLE: dict[str, Any] = {
    "outcome": "churn",
    "cutoff": "2026-06-01T00:00:00Z",
    "horizons": [30, 90],
    "reasons": 3,
    "contacts": [
        {"id": "c-42"},
        {
            "id": "c-43",
            "attributes": {"country": "FR"},
            "events": [{"type": "order_placed", "occurred_at": "2026-05-28T08:12:00Z", "value": 49.9}],
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
            "probability": 0.62,
            "score": 88,
            "band": "high",
            "trend": "declining",
            "reasons": [
                {
                    "feature": "order_placed_days_since_last",
                    "value": 74.0,
                    "effect": "raises",
                    "contribution": 0.91,
                    "text": "Last order 74 days ago",
                }
            ],
            "source": "model",
            "data_quality": [],
            "data_quality_details": None,
            "horizon_days": 90,
            "horizons": [{"days": 30, "probability": 0.81}, {"days": 90, "probability": 0.62}],
            "survival": None,
            "days_to_leave": None,
            "days_to_next_activity": 131.5,
            "value_at_risk": 118.4,
        },
        {
            "contact_id": "c-43",
            "status": "not_eligible",
            "detail": "No order_placed in the last 180 days; only contacts active so lately are asked about.",
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [],
            "source": None,
            "data_quality": [],
            "data_quality_details": None,
            "horizon_days": None,
            "horizons": None,
            "survival": None,
            "days_to_leave": None,
            "days_to_next_activity": None,
            "value_at_risk": None,
        },
    ],
    "model": {
        "capability": "churn",
        "outcome": "churn",
        "version": "3",
        "kind": "lightgbm",
        "horizon_days": 90,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "A",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}

Days = Annotated[int, Field(ge=1, le=MAX_HORIZON_DAYS, strict=True)]


class ChurnRequest(PredictionRequest):
    """Whom to ask about, and how far ahead."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    outcome: Annotated[
        OutcomeName | None,
        Field(description="Which outcome; the account's default when omitted.", examples=["churn"]),
    ] = None
    horizon_days: Annotated[
        Days | None,
        Field(description="How far ahead, 1 to 365 days; the outcome's own length when omitted.", examples=[30]),
    ] = None
    horizons: Annotated[
        tuple[Days, ...],
        Field(
            description="Further horizons, each 1 to 365 days, read from the same curve.",
            max_length=MAX_HORIZONS,
            examples=[[7, 30, 90]],
        ),
    ] = ()
    survival: Annotated[
        bool, Field(description="Whether to answer with the whole curve, in steps of 7 days.", strict=True)
    ] = False


class HorizonRisk(Answer):
    """The risk within one further horizon."""

    days: Annotated[int, Field(description="The horizon, as asked.")]
    probability: Annotated[
        float | None, Field(ge=0, le=1, description="Of leaving within it; null beyond what the data can know.")
    ]


class SurvivalPoint(Answer):
    """One point of the curve."""

    days: Annotated[int, Field(description="Days after the cutoff.")]
    survival: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Chance that the event has not come by then: still a subscriber, or still silent.",
        ),
    ]


class ChurnPrediction(PublishedPrediction):
    """The risk that one contact leaves."""

    horizon_days: Annotated[
        int | None, Field(description="Horizon of `probability`; null for flat data and without prediction.")
    ]
    horizons: Annotated[
        list[HorizonRisk] | None, Field(description="One a horizon asked for, in that order; null when none was.")
    ]
    survival: Annotated[list[SurvivalPoint] | None, Field(description="The curve; null unless asked for.")]
    days_to_leave: Annotated[
        float | None,
        Field(description="For a cancellation: median days until it; null where it lies beyond the curve."),
    ]
    days_to_next_activity: Annotated[
        float | None,
        Field(description="For silence: median days until the next activity; null where it lies beyond the curve."),
    ]
    value_at_risk: Annotated[
        float | None,
        Field(
            description=(
                "`probability` times what the contact would bring within the horizon at its own rate of the last year; "
                "null without values."
            )
        ),
    ]


class ChurnResponse(Answer):
    """The risks of a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[ChurnPrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
