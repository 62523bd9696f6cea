"""The responses of send time: the best instants, the plan, and the report of an experiment."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from shared.contracts.prediction import Answer, ModelInfo, PublishedPrediction
from shared.contracts.send_rules import Engagement, PlannedHour

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


class SendTimePrediction(PublishedPrediction):
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


class PlannedContact(Answer):
    """When one contact is to be sent to."""

    contact_id: Annotated[str, Field(description="As sent.")]
    status: Annotated[
        Literal["ok", "unknown_contact", "no_consent", "no_slot", "no_capacity", "control"],
        Field(
            description="`no_capacity`: every allowed hour is full; others gain more. `control`: held out, send as if "
            "there were no plan."
        ),
    ]
    send_at: Annotated[SendAt | None, Field(description="When; null without a place.")]
    value: Annotated[float | None, Field(description="Expected engagement (or activity share) at that instant.")]


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


_RATE = {"value": 0.052, "low": 0.049, "high": 0.055}
EXPERIMENT_RESPONSE_EXAMPLE: dict[str, Any] = {
    "campaign_id": "may-offer",
    "engagement": "click",
    "assigned": 40_000,
    "due": 38_000,
    "arms": [
        {"arm": "treatment", "assigned": 18_000, "sent": 17_800, "on_time": 17_500, "engaged": 936, "rate": _RATE},
        {
            "arm": "control",
            "assigned": 18_100,
            "sent": 18_000,
            "on_time": 17_900,
            "engaged": 869,
            "rate": {"value": 0.048, "low": 0.045, "high": 0.051},
        },
        {
            "arm": "exploration",
            "assigned": 1_900,
            "sent": 1_850,
            "on_time": 1_800,
            "engaged": 84,
            "rate": {"value": 0.044, "low": 0.036, "high": 0.054},
        },
    ],
    "difference": {"value": 0.004, "low": -0.0005, "high": 0.0085},
    "lift": 0.083,
    "if_all_as_the_model": {"value": 0.052, "low": 0.049, "high": 0.055},
    "if_all_at_default": {"value": 0.048, "low": 0.045, "high": 0.051},
    "to_prove": {"lift": 0.05, "needed_an_arm": 127_421, "more_sends": 218_742},
    "verdict": "Not decided yet: the interval of the difference holds 0.",
    "reported_at": "2026-06-10T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class Share(Answer):
    """A share or a difference with its 95 % interval."""

    value: Annotated[float, Field(description="As seen.")]
    low: Annotated[float, Field(description="Lower end.")]
    high: Annotated[float, Field(description="Upper end.")]


class Arm(Answer):
    """What became of one arm, everybody assigned counted, whatever really happened to them."""

    arm: Annotated[Literal["treatment", "control", "exploration"], Field(description="Which.")]
    assigned: Annotated[int, Field(description="Contacts whose day after the instant is over.")]
    sent: Annotated[int, Field(description="Of them, to whom the campaign really went out.")]
    on_time: Annotated[int, Field(description="Of them, within an hour of the assigned instant.")]
    engaged: Annotated[int, Field(description="Of the assigned, who answered within 24 h of the actual send.")]
    rate: Annotated[Share, Field(description="engaged / assigned (intention to treat), Wilson interval.")]


class Proof(Answer):
    """What it takes to prove a lift: two-sided 5 %, power 80 %."""

    lift: Annotated[float, Field(description="Relative lift that was asked about.")]
    needed_an_arm: Annotated[
        int | None, Field(description="Contacts in each of the two arms; null: not computable yet.")
    ]
    more_sends: Annotated[int | None, Field(description="How many more sends, both arms together.")]


class ExperimentResponse(Answer):
    """The report of an experiment."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [EXPERIMENT_RESPONSE_EXAMPLE]}
    )

    campaign_id: Annotated[str, Field(description="Of the experiment.")]
    engagement: Annotated[str, Field(description="What counts as an answer.")]
    assigned: Annotated[int, Field(description="Contacts that were assigned.")]
    due: Annotated[int, Field(description="Of them, those whose day after the instant is over: all that follows.")]
    arms: Annotated[list[Arm], Field(description="Treatment, control, exploration.")]
    difference: Annotated[Share | None, Field(description="Treatment minus control, Newcombe interval.")]
    lift: Annotated[float | None, Field(description="Relative: difference / control's rate.")]
    if_all_as_the_model: Annotated[
        Share | None, Field(description="Inverse-propensity estimate of everybody at the model's time, all arms used.")
    ]
    if_all_at_default: Annotated[Share | None, Field(description="The same for everybody at the default time.")]
    to_prove: Annotated[Proof, Field(description="How many more sends would prove the lift asked about.")]
    verdict: Annotated[str, Field(description="In a sentence.")]
    reported_at: Annotated[datetime, Field(description="When the report was made.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


EXPERIMENT_LIST_EXAMPLE: dict[str, Any] = {
    "experiments": [
        {
            "campaign_id": "may-offer",
            "engagement": "click",
            "assigned_at": "2026-05-04T08:00:00Z",
            "default_send_at": "2026-05-05T07:00:00Z",
            "version": "7",
        }
    ],
    "next_cursor": None,
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class Experiment(Answer):
    """An experiment in the list."""

    campaign_id: Annotated[str, Field(description="Of the experiment; `GET /experiments/{campaign_id}` reports.")]
    engagement: Annotated[str | None, Field(description="What counts as an answer; null: activity alone was known.")]
    assigned_at: Annotated[datetime, Field(description="When its first contact by id was assigned, UTC.")]
    default_send_at: Annotated[datetime, Field(description="When the message went out without the model, UTC.")]
    version: Annotated[str, Field(description="The version that chose for that contact.")]


class ExperimentList(Answer):
    """A page of the account's experiments."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [EXPERIMENT_LIST_EXAMPLE]})

    experiments: Annotated[list[Experiment], Field(description="By id of the campaign.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
