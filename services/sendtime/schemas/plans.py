"""The wire of `POST /best-send-time/plan`: many contacts, a capacity per hour."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.sendtime.schemas.answered import SendAt
from services.sendtime.schemas.asked import Engagement, Rules
from shared.contracts.contact import ContactId, Instant, Text
from shared.contracts.prediction import Answer, ModelInfo

MOST_PLANNED = 100_000
PLAN_REQUEST_EXAMPLE: dict[str, Any] = {
    "contact_ids": ["c-42", "c-43"],
    "capacity_per_hour": 5_000,
    "window": {"not_before": "2026-06-01T00:00:00Z", "not_after": "2026-06-03T00:00:00Z"},
    "cutoff": "2026-06-01T00:00:00Z",
}
PLAN_RESPONSE_EXAMPLE: dict[str, Any] = {
    "assignments": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "send_at": {
                "utc": "2026-06-02T06:00:00Z",
                "local": "2026-06-02T08:00:00+02:00",
                "timezone": "Europe/Paris",
            },
            "value": 0.081,
        },
        {"contact_id": "c-43", "status": "unknown_contact", "send_at": None, "value": None},
    ],
    "expected": 0.081,
    "bound": 0.081,
    "gap": 0.0,
    "measure": "engagements",
    "hours": [{"utc": "2026-06-02T06:00:00Z", "planned": 1, "capacity": 5000}],
    "unplaced": 0,
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


class PlanRequest(Rules):
    """Whom to send to, and how many an hour may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [PLAN_REQUEST_EXAMPLE]})

    contact_ids: Annotated[
        list[ContactId],
        Field(description="Ids of stored contacts, each once.", min_length=1, max_length=MOST_PLANNED),
    ]
    capacity_per_hour: Annotated[
        int, Field(description="Sends that one hour (UTC) may take.", ge=1, le=10_000_000, strict=True)
    ]
    engagement: Annotated[
        Engagement | None, Field(description="What counts as an answer; the version's default when omitted.")
    ] = None
    campaign_id: Annotated[Text | None, Field(description="The campaign to be sent.")] = None
    cutoff: Annotated[
        Instant | None, Field(description="Only what happened strictly before it is seen; now when omitted.")
    ] = None


class PlannedContact(Answer):
    """When one contact is to be sent to."""

    contact_id: Annotated[str, Field(description="As sent.")]
    status: Annotated[
        Literal["ok", "unknown_contact", "no_consent", "no_slot", "no_capacity"],
        Field(description="`no_capacity`: every allowed hour is full; others gain more."),
    ]
    send_at: Annotated[SendAt | None, Field(description="When; null without a place.")]
    value: Annotated[float | None, Field(description="Expected engagement (or activity share) at that instant.")]


class PlannedHour(Answer):
    """How full an hour is."""

    utc: Annotated[datetime, Field(description="Start of the hour, UTC.")]
    planned: Annotated[int, Field(description="Contacts in it.")]
    capacity: Annotated[int, Field(description="Contacts that fit.")]


class PlanResponse(Answer):
    """A plan within the capacity, and how near it is to the best one."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [PLAN_RESPONSE_EXAMPLE]})

    assignments: Annotated[list[PlannedContact], Field(description="One a contact, in the order asked.")]
    expected: Annotated[float, Field(description="Sum of the values of the plan.")]
    bound: Annotated[float, Field(description="No plan within the capacity has more: proven by prices of the hours.")]
    gap: Annotated[float, Field(description="1 - expected / bound: how far from the best the plan may be.")]
    measure: Annotated[
        Literal["engagements", "activity_shares"],
        Field(description="What is summed; shares where sends are not known."),
    ]
    hours: Annotated[list[PlannedHour], Field(description="Hours that got contacts, in time order.")]
    unplaced: Annotated[int, Field(description="Contacts that could be sent to and found no room.")]
    model: Annotated[ModelInfo, Field(description="Which version valued the hours.")]
    cutoff: Annotated[datetime, Field(description="What was assumed.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
