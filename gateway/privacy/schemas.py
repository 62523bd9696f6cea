"""Requests and answers of the routes of privacy; the store writes the export, `ContactExport` describes it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.prediction import Answer, ProblemPointer

_Kind = Annotated[str, Field(description="`email`, or which other identity.")]
_Hash = Annotated[str, Field(description="Keyed hash; the thing itself is not kept.")]
_Capability = Annotated[str, Field(description="Which question.")]
_Outcome = Annotated[str, Field(description="Which outcome; empty where the capability has none.")]
_Version = Annotated[str, Field(description="The version of the model.")]


class ExportedContact(Answer):
    """The contact itself."""

    created_at: Annotated[datetime | None, Field(description="Since when it is known, UTC.")]
    timezone: Annotated[str | None, Field(description="IANA time zone.")]
    consent: Annotated[dict[str, str] | None, Field(description="As given; null when nothing was said.")]


class ExportedAttribute(Answer):
    """One value that a fact ever had."""

    name: Annotated[str, Field(description="Which fact.")]
    valid_from: Annotated[datetime | None, Field(description="Since when it holds; null: always.")]
    recorded_at: Annotated[datetime, Field(description="When we were told.")]
    value: Annotated[str | int | float | bool | None, Field(description="The value.")]
    dated: Annotated[bool, Field(description="Whether it was told since when it holds.")]


class ExportedIdentity(Answer):
    """What else the contact is known by."""

    kind: _Kind
    key_hash: _Hash


class ExportedMerge(Answer):
    """An identity that came from, or went to, another contact."""

    kind: _Kind
    key_hash: _Hash
    merged_at: Annotated[datetime, Field(description="When.")]


class ExportedAssignment(Answer):
    """The contact's part in an experiment."""

    campaign_id: Annotated[str, Field(description="Which experiment.")]
    arm: Annotated[str, Field(description="`treatment`, `control` or `exploration`.")]
    propensity: Annotated[float, Field(description="With which chance.")]
    send_at: Annotated[datetime, Field(description="When it was to be sent.")]
    policy_at: Annotated[datetime, Field(description="What the model would have chosen.")]
    default_send_at: Annotated[datetime, Field(description="What it would have been without the experiment.")]
    engagement: Annotated[str, Field(description="What counts as an answer.")]
    version: _Version
    assigned_at: Annotated[datetime, Field(description="When it was decided.")]


class ExportedDecision(Answer):
    """Which message was chosen for the contact."""

    decision_id: Annotated[str, Field(description="Its id.")]
    outcome: _Outcome
    slot: Annotated[str, Field(description="The place that it fills; empty: none was named.")]
    campaign_id: Annotated[str, Field(description="Within which campaign; empty: none was named.")]
    message_id: Annotated[str | None, Field(description="The message; null: nothing was to be sent.")]
    arm: Annotated[str, Field(description="`policy`, `control` or `imported`.")]
    propensity: Annotated[float, Field(description="Chance of just this choice.")]
    version: _Version
    decided_at: Annotated[datetime, Field(description="When it was decided.")]
    reward: Annotated[float | None, Field(description="What it earned, if another tool decided and said it.")]
    sending: Annotated[float, Field(description="Chance that anything was sent.")]


class ExportedStanding(Answer):
    """What was last told of the contact."""

    capability: _Capability
    outcome: _Outcome
    state: Annotated[str, Field(description="Band, segment or hour.")]
    score: Annotated[int | None, Field(description="1-99.")]
    version: _Version
    cause: Annotated[str, Field(description="Why it changed.")]
    previous_state: Annotated[str | None, Field(description="What it was before.")]
    changed_at: Annotated[datetime, Field(description="When it changed.")]


class ExportedMessage(Answer):
    """What was told to subscriptions."""

    message_id: Annotated[str, Field(description="Its id.")]
    type: Annotated[str, Field(description="What happened.")]
    occurred_at: Annotated[datetime, Field(description="When.")]
    cause: Annotated[str | None, Field(description="Why.")]
    data: Annotated[dict[str, Any], Field(description="What was sent.")]


class ExportedDeadLetter(Answer):
    """An item of a webhook that could not be taken, without what is personal in it."""

    dead_letter_id: Annotated[str, Field(description="Its id.")]
    source_id: Annotated[str, Field(description="Where it came from.")]
    provider: Annotated[str, Field(description="Who sent it.")]
    reason: Annotated[str, Field(description="Why it could not be taken.")]
    detail: Annotated[str, Field(description="The same in a sentence.")]
    payload: Annotated[Any, Field(description="What is kept of it.")]
    received_at: Annotated[datetime, Field(description="When it came last.")]
    times: Annotated[int, Field(description="How often it came.")]


class ExportedEvent(Answer):
    """A dated fact about the contact."""

    event_id: Annotated[str, Field(description="Its id.")]
    type: Annotated[str, Field(description="What happened.")]
    occurred_at: Annotated[datetime, Field(description="When.")]
    recorded_at: Annotated[datetime, Field(description="When we were told.")]
    value: Annotated[float | None, Field(description="Money or another amount.")]
    currency: Annotated[str | None, Field(description="Of the value.")]
    message_id: Annotated[str | None, Field(description="The message that it belongs to.")]
    campaign_id: Annotated[str | None, Field(description="The campaign that it belongs to.")]
    item: Annotated[str | None, Field(description="Product, page, content or category.")]
    properties: Annotated[dict[str, Any] | None, Field(description="As sent.")]
    human: Annotated[int | None, Field(description="1 a person, 0 a machine, null unknown.")]


class ExportedPrediction(Answer):
    """A prediction as it was answered."""

    capability: _Capability
    outcome: _Outcome
    version: _Version
    cutoff: Annotated[datetime, Field(description="The instant it stands on.")]
    asked_at: Annotated[datetime, Field(description="When it was asked.")]
    request_id: Annotated[str, Field(description="By which request.")]
    status: Annotated[str, Field(description="`ok`, or why there was none.")]
    probability: Annotated[float | None, Field(description="Calibrated chance of the outcome.")]
    score: Annotated[int | None, Field(description="1-99.")]
    band: Annotated[str | None, Field(description="Where the probability fell.")]
    source: Annotated[str | None, Field(description="`model`, or the named fallback.")]
    body: Annotated[dict[str, Any], Field(description="The answer as it was sent, reasons included.")]
    segment: Annotated[str | None, Field(description="Id of the segment that it tells.")]


class LoggedPrediction(ExportedPrediction):
    """A prediction in the log."""

    withheld_probability: Annotated[
        float | None, Field(description="Where the contact is held out: the chance that was computed and not told.")
    ]


class ExportedShadow(Answer):
    """What two versions answered about the contact on the same day, one of them unseen."""

    capability: _Capability
    outcome: _Outcome
    version: Annotated[str, Field(description="The version that shadows.")]
    champion_version: Annotated[str, Field(description="The version whose answer was sent.")]
    day: Annotated[int, Field(description="Day of the cutoff, counted from 1970-01-01.")]
    cutoff: Annotated[datetime, Field(description="The instant both stand on.")]
    asked_at: Annotated[datetime, Field(description="When it was asked.")]
    status: Annotated[str, Field(description="`ok`, or why the shadowing version had no answer.")]
    probability: Annotated[float | None, Field(description="By the shadowing version.")]
    champion_probability: Annotated[float | None, Field(description="By the other one.")]
    band: Annotated[str | None, Field(description="By the shadowing version; of segments, the segment.")]
    champion_band: Annotated[str | None, Field(description="By the other one.")]


class ContactExport(Answer):
    """Everything held of one contact."""

    contact_id: Annotated[str, Field(description="Your own id of the contact.")]
    exported_at: Annotated[datetime, Field(description="When this was written, UTC.")]
    contact: Annotated[ExportedContact | None, Field(description="Null: only what follows is held.")]
    attributes: Annotated[list[ExportedAttribute], Field(description="The history of all facts.")]
    identities: Annotated[list[ExportedIdentity], Field(description="What else it is known by.")]
    identity_merges: Annotated[list[ExportedMerge], Field(description="When identities changed hands.")]
    assignments: Annotated[list[ExportedAssignment], Field(description="Parts in experiments.")]
    decisions: Annotated[list[ExportedDecision], Field(description="Which messages were chosen for it.")]
    standings: Annotated[list[ExportedStanding], Field(description="What was last told of it.")]
    messages: Annotated[list[ExportedMessage], Field(description="What was told of it to subscriptions.")]
    dead_letters: Annotated[list[ExportedDeadLetter], Field(description="What could not be taken.")]
    events: Annotated[list[ExportedEvent], Field(description="All events.")]
    latest_predictions: Annotated[list[ExportedPrediction], Field(description="The newest of each question.")]
    predictions: Annotated[list[LoggedPrediction], Field(description="All that are still logged.")]
    shadow_predictions: Annotated[
        list[ExportedShadow], Field(description="What a version answered that only shadows the one that answers.")
    ]


class EraseRequest(BaseModel):
    """Contacts to erase."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact_ids: Annotated[
        list[Any],
        Field(
            description="Your own ids of the contacts; each is judged alone.",
            min_length=1,
            max_length=1_000,
            json_schema_extra={"items": {"type": "string", "minLength": 1, "maxLength": 200}},
        ),
    ]


class ErasureResult(Answer):
    """What became of one contact; its id is not repeated."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    status: Annotated[
        Literal["erased", "unknown", "invalid"],
        Field(description="`erased`: everything held of it; `unknown`: nothing was held; `invalid`: not an id."),
    ]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: the mistake with its place.")]


class ErasureCounts(Answer):
    """How many of each."""

    erased: Annotated[int, Field(description="Contacts of whom everything was erased.")]
    unknown: Annotated[int, Field(description="Ids under which nothing was held.")]
    invalid: Annotated[int, Field(description="Not ids.")]


class ErasureResponse(Answer):
    """What became of each contact."""

    results: Annotated[list[ErasureResult], Field(description="In the order of the request.")]
    counts: Annotated[ErasureCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]
