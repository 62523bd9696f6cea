"""The wire of the gateway's own paths; contacts and events themselves are in `shared.contracts`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.outcome import (
    BAND_LIFTS,
    LONGEST_ACTIVE_WITHIN_DAYS,
    MAX_ANSWERED,
    AttributeName,
    AttributeText,
    EventType,
    Moment,
    OutcomeName,
)
from shared.contracts.prediction import Answer, Band, DataQualityDetails, Grade, Reason, Source, Status, Trend

MAX_ITEMS = 1_000


class _Asked(BaseModel):
    """Base of the requests: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ContactsRequest(_Asked):
    """Contacts to create or update."""

    contacts: Annotated[list[ContactInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]


class EventsRequest(_Asked):
    """Events to record."""

    events: Annotated[list[EventInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]


class OutcomeFields(_Asked):
    """What an outcome is: reached by an event within a horizon, a silence (churn), or read from an attribute."""

    event_types: Annotated[
        list[EventType],
        Field(description="Reached by the first of these types that the account has at all.", max_length=10),
    ] = []
    silence: Annotated[
        list[EventType],
        Field(description="Churn: reached when none of these types comes for `horizon_days`.", max_length=10),
    ] = []
    horizon_days: Annotated[
        int, Field(description="How far after the cutoff it may come, or how long a silence is.", ge=1, le=365)
    ] = 90
    repeatable: Annotated[bool, Field(description="Whether it can be reached again.")] = False
    first_only: Annotated[
        bool, Field(description="For a type that people repeat: only the first counts, unless repeatable.")
    ] = True
    at: Annotated[list[Moment], Field(description="Ask so long after events of a type.", max_length=10)] = []
    every_days: Annotated[
        int | None, Field(description="Or ask on a grid; null: a third of the horizon.", ge=1, le=365)
    ] = None
    active_within_days: Annotated[
        int | None,
        Field(
            description=(
                "Ask only about contacts that were active so recently; null: about all at risk. Left out: 180, and "
                "null for a cancellation (churn)."
            ),
            ge=1,
            le=LONGEST_ACTIVE_WITHIN_DAYS,
        ),
    ] = 180
    attribute: Annotated[AttributeName | None, Field(description="Flat data: the attribute that is predicted.")] = None
    positive: Annotated[AttributeText | None, Field(description="Which value of the attribute counts as reached.")] = (
        None
    )
    band_lifts: Annotated[
        list[float],
        Field(
            description="Churn: from how many times the average odds on a risk is medium, high, very high.",
            min_length=3,
            max_length=3,
        ),
    ] = [*BAND_LIFTS]
    allowed: Annotated[
        list[AttributeName] | None,
        Field(
            description=(
                "Attributes that are known before the outcome, though they look as if they knew it: every training "
                "uses them. Left out or null: as answered before."
            ),
            max_length=MAX_ANSWERED,
        ),
    ] = None
    forbidden: Annotated[
        list[AttributeName] | None,
        Field(
            description="Attributes that no training uses or asks about. Left out or null: as answered before.",
            max_length=MAX_ANSWERED,
        ),
    ] = None


class ListedContact(Answer):
    """A contact in a list."""

    id: Annotated[str, Field(description="Your own id of the contact.")]


class ContactList(Answer):
    """A page of contacts, by id."""

    contacts: Annotated[list[ListedContact], Field(description="Ordered by id.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class AttributeAnswer(Answer):
    """A fact about a contact."""

    value: Annotated[str | int | float | bool | None, Field(description="The newest value.")]
    valid_from: Annotated[datetime | None, Field(description="Since when it holds; null: always.")]


class EventTypeCount(Answer):
    """What is stored of one type of event."""

    type: Annotated[str, Field(description="The type.")]
    count: Annotated[int, Field(description="How many.")]
    first_at: Annotated[datetime, Field(description="The oldest, UTC.")]
    last_at: Annotated[datetime, Field(description="The newest, UTC.")]


class ContactAnswer(Answer):
    """What is stored of a contact."""

    id: Annotated[str, Field(description="Your own id of the contact.")]
    created_at: Annotated[datetime | None, Field(description="Since when it is known, UTC.")]
    timezone: Annotated[str | None, Field(description="IANA time zone.")]
    consent: Annotated[dict[str, str], Field(description="As given; empty when nothing was said.")]
    attributes: Annotated[dict[str, AttributeAnswer], Field(description="Facts by name.")]
    unreadable: Annotated[
        list[str],
        Field(
            description=(
                "Attributes with a stored value that is out of the bounds that hold today: it is null here and missing "
                "for predictions; the export gives it as text. Send the attribute again to mend it."
            )
        ),
    ]
    events: Annotated[list[EventTypeCount], Field(description="Event counts by type.")]


class OutcomeAnswer(Answer):
    """An outcome as it is defined for this account."""

    name: Annotated[OutcomeName, Field(description="Its name.")]
    capability: Annotated[str, Field(description="Which question it belongs to.")]
    event_types: Annotated[list[str], Field(description="The first type that the account has at all counts.")]
    silence: Annotated[list[str], Field(description="Churn: reached when none of these comes.")]
    horizon_days: Annotated[int, Field(description="How far after the cutoff it may come.")]
    repeatable: Annotated[bool, Field(description="Whether it can be reached again.")]
    first_only: Annotated[bool, Field(description="Whether only the first event counts.")]
    at: Annotated[list[Moment], Field(description="Moments of asking.")]
    every_days: Annotated[int | None, Field(description="Days between askings; null: a third of the horizon.")]
    active_within_days: Annotated[int | None, Field(description="Only contacts active so recently; null: all.")]
    attribute: Annotated[str | None, Field(description="Flat data: the attribute that is predicted.")]
    positive: Annotated[str | None, Field(description="Which value counts as reached.")]
    band_lifts: Annotated[list[float], Field(description="Churn: where bands begin, in times the average odds.")]
    allowed: Annotated[list[str], Field(description="Attributes that are known before it: every training uses them.")]
    forbidden: Annotated[list[str], Field(description="Attributes that no training uses or asks about.")]
    built_in: Annotated[bool, Field(description="Whether it is one that every account has, not redefined.")]
    default: Annotated[bool, Field(description="Whether it is meant when a request names no outcome.")]


class OutcomeList(Answer):
    """The outcomes of this account."""

    outcomes: Annotated[list[OutcomeAnswer], Field(description="Ordered by capability and name.")]


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


class EmptyBecause(Answer):
    """Why a list holds nobody."""

    detail: Annotated[str, Field(description="The reason, and what can be done about it.")]
    by_status: Annotated[dict[str, int], Field(description="How many stored predictions there are, by status.")]
    newest_event_at: Annotated[datetime | None, Field(description="The account's newest event, UTC; null: none.")]


class PredictionList(Answer):
    """A page of the ranked list."""

    predictions: Annotated[list[StoredPrediction], Field(description="In the order asked for.")]
    empty_because: Annotated[EmptyBecause | None, Field(description="Why the first page holds nobody; else null.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class ContactPredictions(Answer):
    """The latest predictions about one contact, all capabilities at once."""

    contact_id: Annotated[str, Field(description="About whom.")]
    predictions: Annotated[list[StoredPrediction], Field(description="One a capability and outcome.")]


class InputDriftAnswer(Answer):
    """What the last complete round of scoring found of the inputs of a version; a worker makes one a day."""

    has_drifted: Annotated[
        bool, Field(description="Whether the inputs have left what the version was shown: train it again.")
    ]
    answered: Annotated[int, Field(ge=0, description="Contacts that got an answer.")]
    insufficient: Annotated[int, Field(ge=0, description="Contacts that got none: too little is known of them.")]
    drifted_share: Annotated[float, Field(ge=0, le=1, description="Share of the answers with `drifted_inputs`.")]
    out_of_range: Annotated[int, Field(ge=0, description="Answers with `out_of_range`.")]
    unseen_categories: Annotated[int, Field(ge=0, description="Answers with `unseen_categories`.")]
    measured_at: Annotated[datetime, Field(description="When the round ended, UTC.")]


class ModelAnswer(Answer):
    """A registered version."""

    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    version: Annotated[str, Field(description="The registered version.")]
    champion: Annotated[bool, Field(description="Whether it is the one that answers.")]
    kind: Annotated[str, Field(description="lightgbm, logistic, blend or rule; for segments kmeans or rfm.")]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]
    horizon_days: Annotated[int | None, Field(description="How far after the cutoff the outcome may come.")]
    figures: Annotated[dict[str, Any], Field(description="Held-out figures of the training report.")]
    input_drift: Annotated[
        InputDriftAnswer | None,
        Field(description="Whether the inputs still are what it was shown; null: not counted yet."),
    ]


class ModelList(Answer):
    """The catalogue."""

    models: Annotated[list[ModelAnswer], Field(description="Newest first within capability and outcome.")]


class HealthResponse(Answer):
    """That the process lives."""

    status: Annotated[Literal["alive"], Field(description="It answers.")]


class ReadyResponse(Answer):
    """Whether this gateway can serve, and what it sees behind it."""

    status: Annotated[
        Literal["ready", "degraded", "unready", "draining"],
        Field(description="`ready`: keys can be checked; `degraded`: the same, and `causes` says what is wrong."),
    ]
    causes: Annotated[list[str], Field(description="`store-away`, `store-not-writable`, `clock-skew`.")]
    store: Annotated[Literal["reachable", "not-writable", "away"], Field(description="The SQL store.")]
    upstreams: Annotated[
        dict[str, Literal["ready", "degraded", "not-ready", "away"]], Field(description="Listed, not required.")
    ]
