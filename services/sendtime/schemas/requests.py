"""The requests of send time: window, quiet hours, weekdays, experiment, and the request of a plan."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.contracts.contact import ContactId, Instant, Text
from shared.contracts.prediction import PredictionRequest
from shared.contracts.send_rules import Engagement, SendPlanOptions, SendRulesRequest

Granularity = Literal["hour", "30min", "15min", "5min"]

REQUEST_EXAMPLE: dict[str, Any] = {
    "window": {"not_before": "2026-06-01T00:00:00Z", "not_after": "2026-06-05T00:00:00Z"},
    "quiet_hours": {"from": "21:00", "to": "08:00"},
    "weekdays": ["monday", "tuesday", "wednesday", "thursday"],
    "top": 2,
    "cutoff": "2026-06-01T00:00:00Z",
    "contacts": [{"id": "c-42"}, {"id": "c-43", "timezone": "Europe/Paris"}],
}


class SendTimeRequest(PredictionRequest, SendRulesRequest):
    """When to send to which contacts."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    granularity: Annotated[
        Granularity,
        Field(
            description=(
                "`hour`: the top of the hour. Finer values spread contacts inside the hour, which is all that is "
                "known; `data_quality` then says `spread_within_the_hour`."
            )
        ),
    ] = "hour"
    top: Annotated[int, Field(description="How many instants to rank, the best included.", ge=1, le=24)] = 3
    engagement: Annotated[
        Engagement | None,
        Field(description="What counts as an answer within 24 h; the version's default when omitted."),
    ] = None
    campaign_id: Annotated[
        Text | None, Field(description="The campaign to be sent: its own effect is counted, and experiments need it.")
    ] = None
    default_send_at: Annotated[
        Instant | None, Field(description="When it would go out without us; compared, and what the control gets.")
    ] = None
    purpose: Annotated[
        Literal["best", "experiment"],
        Field(description="`experiment` assigns each contact to an arm, for good, before it is answered."),
    ] = "best"
    control_share: Annotated[
        float, Field(description="Of an experiment: share that is sent at `default_send_at`.", ge=0, le=0.9)
    ] = 0.475
    exploration_share: Annotated[
        float, Field(description="Of an experiment: share that is sent at a random allowed hour.", ge=0, le=0.5)
    ] = 0.05
    week: Annotated[bool, Field(description="Whether to add the values of all 168 hours of the local week.")] = False

    @model_validator(mode="after")
    def _whole_experiment(self) -> Self:
        if self.purpose == "experiment" and (self.campaign_id is None or self.default_send_at is None):
            raise ValueError("an experiment needs `campaign_id` and `default_send_at`")
        if self.control_share + self.exploration_share > 1:
            raise ValueError("control_share and exploration_share are together at most 1")
        return self


MOST_PLANNED = 100_000
PLAN_REQUEST_EXAMPLE: dict[str, Any] = {
    "contact_ids": ["c-42", "c-43"],
    "capacity_per_hour": 5_000,
    "window": {"not_before": "2026-06-01T00:00:00Z", "not_after": "2026-06-03T00:00:00Z"},
    "cutoff": "2026-06-01T00:00:00Z",
}


class PlanRequest(SendPlanOptions):
    """Whom to send to, and how many an hour may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [PLAN_REQUEST_EXAMPLE]})

    contact_ids: Annotated[
        list[ContactId],
        Field(description="Ids of stored contacts, each once.", min_length=1, max_length=MOST_PLANNED),
    ]
    cutoff: Annotated[
        Instant | None, Field(description="Only what happened strictly before it is seen; now when omitted.")
    ] = None
