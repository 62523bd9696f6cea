"""Messages to subscriptions: their types, their data, and why one is sent."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from shared.capabilities import TABLE, Capability
from shared.contracts.prediction import Answer, Band, Grade, Reason, Trend
from shared.contracts.rows import Microseconds

MESSAGE_TYPES: tuple[str, ...] = (
    *(kind for line in TABLE for kind in line.message_types),
    "batch.completed",
    "batch_job.completed",
    "model.promoted",
    "model.drift_detected",
    "model.quality_dropped",
    "model.training_failed",
    "data.insufficient",
)
"""Of the capabilities, in the order of the table, and of the account as a whole."""
if TYPE_CHECKING:
    MessageType = str
else:
    # A type of the wire: only pydantic reads it, and a type checker sees plain text.
    MessageType: Any = Literal[MESSAGE_TYPES]
TEST_TYPE = "subscription.test"
"""Sent on demand only, to the one subscription that is tried out."""
Cause = Literal["events", "time", "model"]
"""New events of the contact, the passing of time, or another champion."""


class Message(NamedTuple):
    """Something that happened, to be sent to subscriptions."""

    message_id: str
    """Stable: the same happening has the same id, so that publishing it twice is publishing it once."""
    type: str
    occurred_at: Microseconds
    data: dict[str, Any]
    """JSON; what the receiver gets as `data`."""
    contact_id: str | None = None
    cause: Cause | None = None


MAX_REASONS: Final = 3
if TYPE_CHECKING:
    BandCapability = str
else:
    # A type of the wire: only pydantic reads it, and a type checker sees plain text.
    BandCapability: Any = Literal[tuple(line.name for line in TABLE if "band" in [one.kind for one in line.changes])]

ContactIdField = Annotated[str, Field(description="Your own id of the contact.")]
CauseField = Annotated[
    Cause, Field(description="`events`: something the contact did; `time`: it passed; `model`: another version.")
]
CapabilityField = Annotated[str, Field(description="Which question.")]
OutcomeField = Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]


class MessageModel(Answer):
    """Which version said so."""

    version: Annotated[str, Field(description="The registered version.")]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]


class BandChanged(Answer):
    """A contact's band is another one: `score.band_changed`, `churn_risk.band_changed` and `value.band_changed`."""

    contact_id: ContactIdField
    capability: Annotated[BandCapability, Field(description="Which question.")]
    outcome: OutcomeField
    previous_band: Annotated[Band | None, Field(description="What was told before; null: nothing was.")]
    band: Annotated[Band, Field(description="What holds now.")]
    score: Annotated[int | None, Field(description="1-99: percentile in the reference population.", ge=1, le=99)]
    previous_score: Annotated[
        int | None, Field(description="When the previous band was told, or another version confirmed it.", ge=1, le=99)
    ]
    probability: Annotated[
        float | None,
        Field(description="Calibrated chance of the outcome; null where the capability has none.", ge=0, le=1),
    ]
    reasons: Annotated[list[Reason], Field(description="The strongest first.", max_length=MAX_REASONS)]
    trend: Annotated[Trend, Field(description="Against the prediction of 30 days before.")]
    model: Annotated[MessageModel, Field(description="The version that said so, and how good it is.")]
    cutoff: Annotated[datetime, Field(description="The instant the prediction stands on, UTC.")]
    cause: CauseField


class MessageSegment(Answer):
    """A group."""

    id: Annotated[str, Field(description="Stable over trainings as long as half of the members are the same.")]
    name: Annotated[str, Field(description="As shown; it may be renamed.")]


class SegmentEntered(Answer):
    """A contact belongs to a segment."""

    contact_id: ContactIdField
    segment: Annotated[MessageSegment, Field(description="The one entered.")]
    previous_segment: Annotated[MessageSegment | None, Field(description="Where it was before; null: nowhere.")]
    cause: CauseField


class SegmentLeft(Answer):
    """A contact belongs to a segment no longer."""

    contact_id: ContactIdField
    segment: Annotated[MessageSegment, Field(description="The one left.")]
    next_segment: Annotated[MessageSegment | None, Field(description="Where it is now; null: nowhere.")]
    cause: CauseField


class SendTimeChanged(Answer):
    """A contact's best hour is another one."""

    contact_id: ContactIdField
    send_at: Annotated[datetime, Field(description="The next such hour, UTC.")]
    slot: Annotated[int, Field(description="Hour of the contact's local week, Monday 00 is 0.", ge=0, le=167)]
    previous_slot: Annotated[int | None, Field(description="What was told before; null: nothing was.", ge=0, le=167)]
    timezone: Annotated[str, Field(description="IANA zone the hour is in.")]
    cause: CauseField


class NextOrderDue(Answer):
    """Half of contacts such as this one have ordered within 7 days; sent once for each expected order."""

    contact_id: ContactIdField
    median_on: Annotated[date | None, Field(description="By this day (UTC) half of such contacts have ordered.")]
    low_on: Annotated[date | None, Field(description="By this day one in ten has; null: beyond what can be said.")]
    high_on: Annotated[date | None, Field(description="By this day nine in ten have; null as above.")]
    within_7_days: Annotated[float, Field(ge=0, le=1, description="Chance of an order within 7 days.")]
    last_order_on: Annotated[date, Field(description="The day (UTC) of the last order: the next one is expected.")]
    expected_value: Annotated[float | None, Field(description="Within the horizon of the version.", ge=0)]
    currency: Annotated[str | None, Field(description="Of the value; null where events name none.")]
    cutoff: Annotated[datetime, Field(description="The instant the prediction stands on, UTC.")]
    cause: CauseField


class BatchCompleted(Answer):
    """Every contact was scored by a champion."""

    capability: CapabilityField
    outcome: OutcomeField
    contacts: Annotated[int, Field(description="How many.", ge=0)]
    seconds: Annotated[float, Field(description="How long it took.", ge=0)]
    version: Annotated[str, Field(description="The version that answered.")]


class BatchJobCompleted(Answer):
    """A batch that was asked for has ended."""

    batch_id: Annotated[str, Field(description="Which one; GET /batches/{batch_id} shows it.")]
    status: Annotated[Literal["completed", "failed"], Field(description="How it ended.")]
    capabilities: Annotated[list[str], Field(description="Which questions.", max_length=100)]
    contacts: Annotated[int, Field(description="How many were answered.", ge=0)]
    seconds: Annotated[float, Field(description="From its start to its end.", ge=0)]
    error: Annotated[str | None, Field(description="The code of why it failed; null when it did not.")]


class Moved(Answer):
    """How many contacts went from one state to another."""

    # `from` is a word of Python, so the field has another name here than on the wire.
    before: Annotated[str | None, Field(alias="from", description="Band or segment before; null: none was told.")]
    after: Annotated[str | None, Field(alias="to", description="Band or segment now; null: none.")]
    contacts: Annotated[int, Field(description="How many.", ge=0)]


class ModelPromoted(Answer):
    """Another version answers; what changed through it alone is summed up here."""

    capability: CapabilityField
    outcome: OutcomeField
    version: Annotated[str, Field(description="The one that answers now.")]
    previous_version: Annotated[str | None, Field(description="The one before; null: it is the first.")]
    grade: Annotated[Grade, Field(description="A to D.")]
    contacts: Annotated[int, Field(description="How many were scored by it.", ge=0)]
    moved: Annotated[list[Moved], Field(description="Who changed band or segment, counted.", max_length=100)]


class DriftFinding(Answer):
    """Something of a version that has drifted."""

    feature: Annotated[str | None, Field(description="Which one; null: the answers themselves.")]
    psi: Annotated[float | None, Field(ge=0, description="Population stability index against training; null: unknown.")]
    psi_since_start: Annotated[float | None, Field(ge=0, description="Against the version's first complete round.")]
    weight: Annotated[float | None, Field(ge=0, le=1, description="Share of the model; null: the answers themselves.")]


class ModelDriftDetected(Answer):
    """What a version sees is no longer what it was trained on; sent once for each thing that has drifted."""

    capability: CapabilityField
    outcome: OutcomeField
    version: Annotated[str, Field(description="The version that answers.")]
    detail: Annotated[str, Field(description="What has drifted, in a sentence.")]
    findings: Annotated[list[DriftFinding], Field(description="What was not reported before.", max_length=100)]
    contacts: Annotated[int, Field(description="How many were looked at.", ge=0)]


class ModelQualityDropped(Answer):
    """What happened shows that a version is worse than its test promised, beyond chance; sent once a version."""

    capability: CapabilityField
    outcome: OutcomeField
    version: Annotated[str, Field(description="Which version.")]
    detail: Annotated[str, Field(description="What was promised and what came, in a sentence.")]
    predictions: Annotated[int, Field(description="How many were compared with what happened.", ge=0)]
    promised_skill: Annotated[float, Field(description="Share of the log loss saved in the test.")]
    live_skill: Annotated[float, Field(description="The same of the predictions that were made.")]


class ModelTrainingFailed(Answer):
    """A training failed; the version that answered before goes on."""

    capability: CapabilityField
    outcome: OutcomeField
    training_id: Annotated[str, Field(description="Which one; GET /models/{name}/trainings/{training_id} shows it.")]
    requested_by: Annotated[str, Field(description="Public id of a key, `command line`, `schedule` or `drift`.")]
    code: Annotated[str, Field(description="As of a problem.")]
    detail: Annotated[str, Field(description="What went wrong, and what to do.")]


class DataInsufficient(Answer):
    """There is too little to learn from."""

    capability: CapabilityField
    outcome: OutcomeField
    detail: Annotated[str, Field(description="What is missing and what would help.")]
    counts: Annotated[dict[str, int], Field(description="What there is and what is needed.")]


class SubscriptionTest(Answer):
    """Nothing happened: somebody tries out a subscription."""

    subscription_id: Annotated[str, Field(description="Which one.")]


_OF_KIND: Final[dict[str, tuple[type[Answer], ...]]] = {
    "band": (BandChanged,),
    "segment": (SegmentEntered, SegmentLeft),
    "slot": (SendTimeChanged,),
    "due": (NextOrderDue,),
}
"""Data of the messages by kind of change, in the order of its `message_types` in the table."""
MESSAGE_DATA: Final[dict[str, type[Answer]]] = {
    **{
        type_: shape
        for line in TABLE
        for change in line.changes
        for type_, shape in zip(change.message_types, _OF_KIND[change.kind], strict=True)
    },
    "batch.completed": BatchCompleted,
    "batch_job.completed": BatchJobCompleted,
    "model.promoted": ModelPromoted,
    "model.drift_detected": ModelDriftDetected,
    "model.quality_dropped": ModelQualityDropped,
    "model.training_failed": ModelTrainingFailed,
    "data.insufficient": DataInsufficient,
}
"""The shape of `data` by type."""


def as_data(answer: Answer) -> dict[str, Any]:
    """Write a message's data as the JSON that `Message.data` takes."""
    return answer.model_dump(mode="json", by_alias=True)


_MODEL = {"version": "7", "grade": "A"}
_BAND = {
    "contact_id": "c-42",
    "capability": "scoring",
    "outcome": "customer",
    "previous_band": "medium",
    "band": "high",
    "score": 93,
    "previous_score": 71,
    "probability": 0.41,
    "reasons": [
        {
            "feature": "email_clicked_30d",
            "value": 4.0,
            "effect": "raises",
            "contribution": 0.82,
            "text": "Clicked 4 emails in the last 30 days",
        }
    ],
    "trend": "improving",
    "model": _MODEL,
    "cutoff": "2026-06-01T00:00:00Z",
    "cause": "events",
}
_REGULARS = {"id": "seg_regulars", "name": "Regulars"}
_FADING = {"id": "seg_fading", "name": "Fading"}
_EXAMPLES_OF_KIND: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "band": (_BAND,),
    "segment": (
        {"contact_id": "c-42", "segment": _FADING, "previous_segment": _REGULARS, "cause": "time"},
        {"contact_id": "c-42", "segment": _REGULARS, "next_segment": _FADING, "cause": "time"},
    ),
    "slot": (
        {
            "contact_id": "c-42",
            "send_at": "2026-06-02T16:00:00Z",
            "slot": 42,
            "previous_slot": 9,
            "timezone": "Europe/Paris",
            "cause": "events",
        },
    ),
    "due": (
        {
            "contact_id": "c-42",
            "median_on": "2026-06-05",
            "low_on": "2026-06-02",
            "high_on": "2026-07-14",
            "within_7_days": 0.56,
            "last_order_on": "2026-05-21",
            "expected_value": 268.9,
            "currency": "EUR",
            "cutoff": "2026-06-01T00:00:00Z",
            "cause": "time",
        },
    ),
}
_OF_CHURN: Final = {"outcome": "churn", "trend": "declining"}


def _example(line: Capability, data: dict[str, Any]) -> dict[str, Any]:
    """Return an example of a kind as one of a capability."""
    named = {"capability": line.name} if "capability" in data else {}
    without = {"outcome": None, "probability": None} if "outcome" in data and not line.per_outcome else {}
    return {**data, **named, **without, **(_OF_CHURN if line.name == "churn" else {})}


EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    **{
        type_: _example(line, data)
        for line in TABLE
        for change in line.changes
        for type_, data in zip(change.message_types, _EXAMPLES_OF_KIND[change.kind], strict=True)
    },
    "batch.completed": {
        "capability": "scoring",
        "outcome": "customer",
        "contacts": 12000,
        "seconds": 41.5,
        "version": "7",
    },
    "batch_job.completed": {
        "batch_id": "bat_5b1d0c6c5f0e4f3a",
        "status": "completed",
        "capabilities": ["scoring"],
        "contacts": 12000,
        "seconds": 9.2,
        "error": None,
    },
    "model.promoted": {
        "capability": "scoring",
        "outcome": "customer",
        "version": "8",
        "previous_version": "7",
        "grade": "A",
        "contacts": 12000,
        "moved": [{"from": "medium", "to": "high", "contacts": 310}],
    },
    "model.drift_detected": {
        "capability": "scoring",
        "outcome": "customer",
        "version": "8",
        "detail": "It has drifted: country (31% of the model) look different than in training and when it began to "
        "answer. Train it again.",
        "findings": [{"feature": "country", "psi": 0.41, "psi_since_start": 0.38, "weight": 0.31}],
        "contacts": 12000,
    },
    "model.quality_dropped": {
        "capability": "scoring",
        "outcome": "customer",
        "version": "8",
        "detail": "Worse than promised: 90 of 1,200 predictions came true, 160 were expected; the probabilities were "
        "1.2 % closer to what happened than the usual rate (14.0 % promised, 10.1 % to 17.8 %). Train it again; look "
        "at what changed in your data.",
        "predictions": 1200,
        "promised_skill": 0.14,
        "live_skill": 0.012,
    },
    "model.training_failed": {
        "capability": "scoring",
        "outcome": "customer",
        "training_id": "cmd_5b1d0c6c5f0e4f3a",
        "requested_by": "schedule",
        "code": "registry-unavailable",
        "detail": "The registry cannot be reached.",
    },
    "data.insufficient": {
        "capability": "scoring",
        "outcome": "customer",
        "detail": "12 contacts reached customer; 40 are needed. Send more history.",
        "counts": {"reached": 12, "needed": 40},
    },
    TEST_TYPE: {"subscription_id": "sub_5b1d0c6c5f0e4f3a"},
}
"""`data` of a message of each type."""
