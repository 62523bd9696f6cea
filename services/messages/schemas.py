"""The wire of `POST /next-best-message`: request, response, descriptions, examples; what its training may be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.contact import Text
from shared.contracts.message_variant import MAX_MESSAGES
from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction
from shared.contracts.training import AttributeChoices

MAX_SLOTS = 10
MAX_RUNNER_UPS = 10
CONTROL_SHARE, MOST_CONTROL = 0.1, 0.5
FLOOR, LEAST_FLOOR = 0.03, 0.01
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,63}$")]
MessageIds = Annotated[list[Text], Field(min_length=1, max_length=MAX_MESSAGES)]

REQUEST_EXAMPLE: dict[str, Any] = {
    "outcome": "clicked",
    "campaign_id": "welcome-2026-06",
    "runner_ups": 1,
    "reasons": 1,
    "contacts": [{"id": "c-42"}, {"id": "c-43", "attributes": {"country": "FR"}}],
}
_ANSWER: dict[str, Any] = {
    "decision_id": "d-0197a2c4e1f0-6f1c2d7e8b9a0123",
    "message": "subject-b",
    "arm": "policy",
    "propensity": 0.68,
    "expected_reward": 0.091,
    "interval": {"low": 0.074, "high": 0.108, "level": 0.95},
    "runner_ups": [{"message": "subject-a", "expected_reward": 0.082, "chance": 0.29}],
    "pressure": "under",
    "net_value": 0.071,
    "unsubscribe_chance": 0.0011,
    "unsubscribe_interval": {"low": 0.0007, "high": 0.0017, "level": 0.95},
    "choices": [],
    "campaign_id": "welcome-2026-06",
}
_HEAD: dict[str, Any] = {
    "errors": [],
    "probability": None,
    "score": None,
    "band": None,
    "trend": "unknown",
    "data_quality": [],
    "data_quality_details": None,
}
RESPONSE_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "detail": None,
            **_HEAD,
            "reasons": [
                {
                    "feature": "email_clicked_30d",
                    "value": 4.0,
                    "effect": "raises",
                    "contribution": 0.0061,
                    "text": "Clicked 4 emails in the last 30 days",
                }
            ],
            "source": "model",
            **_ANSWER,
        },
        {
            "contact_id": "c-43",
            "status": "control",
            "detail": "The contact is in the control group of messages: send nothing.",
            **_HEAD,
            "reasons": [],
            "source": None,
            **dict.fromkeys(_ANSWER),
            "decision_id": "d-0197a2c4e1f0-a0b1c2d3e4f50617",
            "arm": "control",
            "propensity": 1.0,
            "runner_ups": [],
            "choices": [],
            "campaign_id": "welcome-2026-06",
        },
    ],
    "model": {
        "capability": "messages",
        "outcome": "clicked",
        "version": "3",
        "kind": "thompson",
        "horizon_days": 7,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "B",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class MessageSlot(Answer):
    """A place of the content that is filled with one of some messages."""

    slot: Annotated[SlotName, Field(description="Your name of the place.", examples=["subject"])]
    messages: Annotated[MessageIds, Field(description="What may stand there.", examples=[["subject-a", "subject-b"]])]


class MessagePlace(NamedTuple):
    """What is chosen once for a contact."""

    slot: str
    """Empty: the call names none."""
    messages: Sequence[str] | None
    """None: every message of the account."""
    pointer: str
    """Of the list, from the root of the body."""


class NextBestMessageRequest(PredictionRequest):
    """For whom, among which messages, and how much is tried out."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    outcome: Annotated[
        OutcomeName | None, Field(description="What is meant to be reached; the account's default when omitted.")
    ] = None
    messages: Annotated[
        MessageIds | None, Field(description="Choose among these alone; among all that run when omitted.")
    ] = None
    slots: Annotated[
        list[MessageSlot] | None,
        Field(min_length=1, max_length=MAX_SLOTS, description="Choose one message for each of these places instead."),
    ] = None
    campaign_id: Annotated[
        Text | None,
        Field(
            description="Within a campaign, an outcome and a slot a contact keeps its decision: asking again is "
            "harmless, and events with this campaign_id earn for it."
        ),
    ] = None
    control: Annotated[
        Literal["none", "random"],
        Field(
            description="What the control group gets: `none`, nothing (`status: control`), or `random`, an equally "
            "likely message. With `slots` always `random`."
        ),
    ] = "none"
    control_share: Annotated[
        float,
        Field(ge=0, le=MOST_CONTROL, description="Share of contacts in the control group; who they are never changes."),
    ] = CONTROL_SHARE
    exploration: Annotated[
        float,
        Field(
            ge=LEAST_FLOOR,
            le=1,
            description="Share of decisions by equal chances, so that no message is ever written off; 1: all of them.",
        ),
    ] = FLOOR
    contact_cap_per_week: Annotated[
        int | None,
        Field(ge=1, le=1_000, description="How many messages a contact gets within 7 days; no limit when omitted."),
    ] = None
    frequency: Annotated[
        Literal["decide", "ignore"],
        Field(
            description="`decide`: nothing is sent (`message: null`) where the best message is worth less than what it "
            "risks: contacts that leave, and fewer answers to the next mails. Needs a version that learned it; never "
            "with `slots`. `ignore`: always a message."
        ),
    ] = "decide"
    unsubscribe_cost: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e12,
            description="What a contact that leaves would still have earned, in units of the reward; when omitted, "
            "what contacts earned in 180 days on average.",
        ),
    ] = None
    runner_ups: Annotated[
        int, Field(ge=0, le=MAX_RUNNER_UPS, strict=True, description="How many other messages to name.")
    ] = 2
    purpose: Annotated[
        Literal["decide", "preview"],
        Field(description="`preview`: say what is likeliest, commit nothing, count for no cap."),
    ] = "decide"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.messages is not None and self.slots is not None:
            raise ValueError("give either messages or slots")
        if self.slots is not None:
            if len({one.slot for one in self.slots}) < len(self.slots):
                raise ValueError("give each slot once")
            if "control" in self.model_fields_set and self.control == "none":
                raise ValueError("slots are always filled: leave control out, or say random")
        if self.purpose == "decide" and self.cutoff is not None:
            raise ValueError("a decision is made now: leave cutoff out, or say purpose preview")
        return self

    @property
    def places(self) -> tuple[MessagePlace, ...]:
        """Return what is chosen once each."""
        if self.slots is None:
            return (MessagePlace("", self.messages, "/messages"),)
        return tuple(
            MessagePlace(one.slot, one.messages, f"/slots/{number}/messages") for number, one in enumerate(self.slots)
        )

    @property
    def control_gets_nothing(self) -> bool:
        """Whether the control group gets no message."""
        return self.control == "none" and self.slots is None


class RewardInterval(Answer):
    """From where to where the average reward of such contacts lies."""

    low: Annotated[float, Field(description="The lower end.")]
    high: Annotated[float, Field(description="The upper end.")]
    level: Annotated[float, Field(ge=0, le=1, description="How sure.")]


class RunnerUp(Answer):
    """A message that could have been chosen."""

    message: Annotated[str, Field(description="Its id.")]
    expected_reward: Annotated[float | None, Field(description="What it is expected to earn; null while untrained.")]
    chance: Annotated[float, Field(ge=0, le=1, description="With which chance it would have been chosen.")]


Decision = Annotated[
    str | None,
    Field(
        description="Send it as the message id, or a custom argument, of your provider: its events are then joined to "
        "this decision. Null where nothing was decided."
    ),
]
Message = Annotated[str | None, Field(description="The id of the message to send; null: send nothing.")]
ArmOfDecision = Annotated[
    Literal["policy", "control"] | None, Field(description="Who chose: the policy, or equal chances for the control.")
]
Propensity = Annotated[
    float | None, Field(gt=0, le=1, description="The chance with which just this was chosen; kept with the decision.")
]
ExpectedReward = Annotated[
    float | None,
    Field(description="What is earned on average: the chance of the outcome, or a value; null while untrained."),
]
Interval = Annotated[RewardInterval | None, Field(description="Of the expected reward.")]
RunnerUps = Annotated[list[RunnerUp], Field(description="The most promising others first.")]


class SlotChoice(Answer):
    """What was chosen for one place."""

    slot: Annotated[str, Field(description="The place.")]
    decision_id: Decision
    message: Message
    arm: ArmOfDecision
    propensity: Propensity
    expected_reward: ExpectedReward
    interval: Interval
    runner_ups: RunnerUps


class MessagePrediction(PublishedPrediction):
    """Which message one contact gets; its reasons sum to how much more than an average candidate it promises."""

    decision_id: Decision
    message: Message
    arm: ArmOfDecision
    propensity: Propensity
    expected_reward: ExpectedReward
    interval: Interval
    runner_ups: RunnerUps
    pressure: Annotated[
        Literal["under", "right", "over", "unknown"] | None,
        Field(
            description="How the number of mails of late stands to the best one for this contact: `under`, one more "
            "pays; `over`, the last one cost more than it brought; null: not weighed."
        ),
    ]
    net_value: Annotated[
        float | None,
        Field(
            description="What the best message is worth, less what it risks and takes from the next ones; nothing is "
            "worth 0."
        ),
    ]
    unsubscribe_chance: Annotated[
        float | None,
        Field(ge=0, le=1, description="By how much one more mail makes leaving within the next 28 days more likely."),
    ]
    unsubscribe_interval: Annotated[RewardInterval | None, Field(description="Of that chance.")]
    choices: Annotated[list[SlotChoice], Field(description="One a slot, where the call names some; else empty.")]
    campaign_id: Annotated[str | None, Field(description="As in the call.")]


class PolicyInfo(ModelInfo):
    """Which version decided; version 0 gives all messages equal chances."""

    trained_at: Annotated[datetime | None, Field(description="When it was trained, UTC; null of version 0.")]  # type: ignore[assignment]


class NextBestMessageResponse(Answer):
    """The decisions of a call, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[MessagePrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[PolicyInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class MessageChoices(AttributeChoices):
    """Which attributes of contacts a policy looks at."""
