"""The request that every capability takes, and the prediction that it answers with: as a value, and as published."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from shared.contracts.contact import InlineContact, Instant

Status = Literal[
    "ok",
    "unknown_contact",
    "invalid",
    "no_consent",
    "insufficient_data",
    "outcome_reached",
    "not_eligible",
    "control",
    "no_slot",
    "none_eligible",
    "capped",
]
Band = Literal["low", "medium", "high", "very_high"]
Trend = Literal["improving", "steady", "declining", "unknown"]
Source = Literal["model", "rules", "population", "default"]
Effect = Literal["raises", "lowers"]
Grade = Literal["A", "B", "C", "D"]
ModelKind = Literal[
    "lightgbm",
    "logistic",
    "rule",
    "blend",
    "kmeans",
    "rfm",
    "hierarchy",
    "activity",
    "closed_form",
    "uniform",
    "thompson",
    "t_learner",
    "x_learner",
    "dr_learner",
]


class Answer(BaseModel):
    """Base of everything we send: frozen, no surprises."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(Answer):
    """A thing's signed share of one margin, in a marketer's words."""

    feature: Annotated[str, Field(description="The strongest feature of this thing; stable within a model version.")]
    value: Annotated[
        float | str | bool | None,
        Field(description="The feature's value for this contact; null when missing."),
    ]
    effect: Annotated[Effect, Field(description="Whether it raises or lowers the prediction.")]
    contribution: Annotated[
        float,
        Field(description="Signed share of the named quantity (log-odds for scoring); all shares sum to it."),
    ]
    text: Annotated[str, Field(description="The reason as a sentence for a person.")]


class ProblemPointer(Answer):
    """Where in the contact the mistake lies."""

    pointer: Annotated[str, Field(description="JSON pointer from the root of the request body.")]
    detail: Annotated[str, Field(description="What is wrong and what would be right.")]


class DataQualityDetails(Answer):
    """Which attributes a model did not understand, and how much of it rests on those that are missing."""

    missing_attributes: Annotated[list[str], Field(description="The model looks at them; this contact lacks them.")]
    unknown_attributes: Annotated[list[str], Field(description="Sent with the call; the model never saw any of them.")]
    unreadable_values: Annotated[list[str], Field(description="Their values are not of the kind the model learned.")]
    unseen_categories: Annotated[list[str], Field(description="Their values are new, or too rare to be learned from.")]
    out_of_range: Annotated[list[str], Field(description="Their numbers lie outside all that the model was shown.")]
    further: Annotated[int, Field(ge=0, description="Names left out here: each list holds the first 20.")]
    missing_weight: Annotated[
        float, Field(ge=0, le=1, description="Share of the model's weight that lies in the missing attributes.")
    ]


class PublishedPrediction(Answer):
    """The schema of the answer for one contact; what is sent is written by `Prediction.wire`."""

    contact_id: Annotated[str | None, Field(description="The id as sent; null when the contact carried none.")]
    status: Annotated[Status, Field(description="`ok`, or why there is no prediction.")]
    detail: Annotated[str | None, Field(description="What to do when the status is not `ok`.")]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]
    probability: Annotated[
        float | None, Field(ge=0, le=1, description="Calibrated chance of the outcome within the horizon.")
    ]
    score: Annotated[
        int | None,
        Field(ge=1, le=99, description="1-99: percentile of the margin in the reference population."),
    ]
    band: Annotated[Band | None, Field(description="Where the probability falls; cut-offs belong to the version.")]
    trend: Annotated[Trend, Field(description="Against the stored prediction of 30 days before.")]
    reasons: Annotated[list[Reason], Field(description="The strongest reasons first; 0 to 10.")]
    source: Annotated[Source | None, Field(description="`model`, or the named fallback; null without prediction.")]
    data_quality: Annotated[
        list[str],
        Field(
            description=(
                "What was missing or stale. `no_timezone`: the model looks at local hours and the zone is not known; "
                "`no_events`: nothing happened in the lookback; `no_attributes`: none is known; `new_contact`: known "
                "for less than 7 days; `stale_events`: the account's newest event is older than 14 days; "
                "`unreadable_attributes`: a stored value is out of the bounds that hold today, and counts as missing; "
                "`truncated_history`: older or more events than a model looks at; `store_unavailable`: answered from "
                "what the call brought alone; `other_currency`: events in another currency than the version's are left "
                "out; `missing_attributes`, `unknown_attributes`, `unreadable_values`, "
                "`unseen_categories`, `out_of_range`: named in `data_quality_details`; `drifted_inputs`: much of what "
                "the model looks at lies outside all that it was shown, so train again."
            )
        ),
    ]
    data_quality_details: Annotated[
        DataQualityDetails | None,
        Field(description="The attributes behind `data_quality`; null where all of them are understood."),
    ]


class ReasonPart(NamedTuple):
    """A thing's signed share of the quantity that a capability explains."""

    feature: str
    """The strongest feature of this thing."""
    value: float | str | bool | None
    """Its value for this contact."""
    contribution: float
    text: str
    """The reason as a sentence."""


INPUT_CODES: Final = (
    "missing_attributes",
    "unknown_attributes",
    "unreadable_values",
    "unseen_categories",
    "out_of_range",
)
"""In the order in which they are told; `unknown_attributes` is found by who reads the call."""
MOST_INPUT_NAMES: Final = 20


class InputQuality(NamedTuple):
    """What of a contact's inputs a model does not understand."""

    codes: tuple[str, ...] = ()
    """For `data_quality`."""
    names: Mapping[str, tuple[str, ...]] = {}
    """Attributes by code."""
    missing_weight: float = 0.0
    """Share of the model's weight that lies in attributes which this contact does not have, 0 to 1."""
    suffices: bool = True
    """Whether enough is known for an answer."""
    further: int = 0
    """How many names are left out, since a list holds the first 20."""

    def with_unknown(self, names: Collection[str]) -> "InputQuality":
        """Add attributes that the model never saw."""
        if not names:
            return self
        listed = {**self.names, "unknown_attributes": tuple(sorted(names)[:MOST_INPUT_NAMES])}
        codes = [code for code in INPUT_CODES if code in listed]
        further = self.further + max(0, len(names) - MOST_INPUT_NAMES)
        others = (code for code in self.codes if code not in INPUT_CODES)
        return self._replace(codes=(*codes, *others), names=listed, further=further)

    def details(self) -> Mapping[str, object] | None:
        """Write as `data_quality_details`; None where all is understood."""
        if not self.names:
            return None
        listed = {code: self.names.get(code, ()) for code in INPUT_CODES}
        return {**listed, "further": self.further, "missing_weight": self.missing_weight}


UNDERSTOOD: Final = InputQuality()


@dataclass(slots=True, kw_only=True)
class Prediction:
    """What is answered about one contact, from the model to the wire and the log: the head that all capabilities share.

    A model returns its capability's own class, which adds fields to this head; a contact without an answer is a head
    alone, with its status.
    """

    contact_id: str | None = None
    """As sent."""
    status: Status = "ok"
    """`ok`, or why there is no answer for this contact."""
    detail: str | None = None
    """What to do when the status is not `ok`; None: the usual sentence of that status."""
    errors: Sequence[Mapping[str, str]] = ()
    """For `invalid`: pointer and detail of each mistake."""
    probability: float | None = None
    """Calibrated; None where the capability has none."""
    score: int | None = None
    """1-99; None where the capability has none."""
    band: Band | None = None
    trend: Trend = "unknown"
    reasons: Sequence[ReasonPart] = ()
    """The strongest first, as many as were requested."""
    source: Source | None = None
    """`model`, or the named fallback; None where there is no answer."""
    data_quality: Sequence[str] = ()
    """What was missing, stale or unknown."""
    inputs: InputQuality = UNDERSTOOD
    """What of the contact's inputs the model does not understand."""
    margin: float | None = None
    """What the base and all reasons sum to; not sent."""
    base: float | None = None
    """What the reasons stand on; not sent."""
    truncated: bool = False
    """Whether the past was cut at the lookback or at the newest events; sent in `data_quality`."""
    withheld_probability: float | None = None
    """Of a contact that is held out; logged for reports, never sent."""

    @property
    def segment_id(self) -> str | None:
        """Under which segment it is filed; None where the capability has none."""
        return None

    @property
    def shows_own_fields(self) -> bool:
        """Whether the capability's fields say something about this contact."""
        return self.status == "ok"

    def own_fields(self) -> Mapping[str, object]:
        """Return what the capability adds to the head, in the order of its published schema."""
        return {}

    def wire(self, absent: Mapping[str, object]) -> bytes:
        """Write as JSON, once: these bytes are sent, and kept in the log.

        Args:
            absent: the capability's own fields of a contact without an answer.
        """
        head = {
            "contact_id": self.contact_id,
            "status": self.status,
            "detail": self.detail,
            "errors": self.errors,
            "probability": self.probability,
            "score": self.score,
            "band": self.band,
            "trend": self.trend,
            "reasons": [
                {
                    "feature": feature,
                    "value": value,
                    "effect": "raises" if contribution >= 0 else "lowers",
                    "contribution": contribution,
                    "text": text,
                }
                for feature, value, contribution, text in self.reasons
            ],
            "source": self.source,
            "data_quality": self.data_quality,
            "data_quality_details": self.inputs.details(),
            **absent,
            **(self.own_fields() if self.shows_own_fields else {}),
        }
        return orjson.dumps(head, option=orjson.OPT_UTC_Z)


def wires(like: Prediction, absent: Mapping[str, object], columns: Mapping[str, Sequence[bytes]]) -> list[bytes]:
    """Write predictions that differ in some fields alone: the same bytes as `Prediction.wire` of each.

    Args:
        like: has the other fields.
        absent: as of `wire`.
        columns: by field what stands in each prediction, as JSON; of one length.
    """
    fields = orjson.loads(like.wire(absent))
    written = [
        b'"%b":%b' % (name.encode(), b"%b" if name in columns else orjson.dumps(value).replace(b"%", b"%%"))
        for name, value in fields.items()
    ]
    varying = [columns[name] for name in fields if name in columns]
    return list(map((b"{%b}" % b",".join(written)).__mod__, zip(*varying, strict=True)))


class ModelInfo(Answer):
    """Which version answered."""

    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    version: Annotated[str, Field(description="The registered version.")]
    kind: Annotated[ModelKind, Field(description="How it was learned: the kind that won, or how segments were found.")]
    horizon_days: Annotated[int | None, Field(description="How far after the cutoff the outcome may come, days.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]


MAX_CONTACTS = 1_000
MAX_REASONS = 10

RawContacts = Annotated[
    list[Any],
    WithJsonSchema(
        {
            "type": "array",
            "items": {"$ref": f"#/components/schemas/{InlineContact.__name__}"},
            "minItems": 1,
            "maxItems": MAX_CONTACTS,
        }
    ),
]


class PredictionRequest(BaseModel):
    """Which contacts, at which cutoff, with how many reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: Annotated[
        RawContacts,
        Field(description="1 to 1,000 contacts; the answers keep their order. Each is validated alone."),
    ]
    cutoff: Annotated[
        Instant | None,
        Field(
            description="Only what happened strictly before it is seen; now when omitted.",
            examples=["2026-06-01T00:00:00Z"],
        ),
    ] = None
    reasons: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_REASONS,
            strict=True,
            description="Reasons a contact; when omitted 3 up to 100 contacts and 0 above.",
        ),
    ] = None

    @property
    def outcome_requested(self) -> str | None:
        """Which outcome was named; None where none was, or where the capability has none."""
        named: str | None = getattr(self, "outcome", None)
        return named

    @property
    def reasons_requested(self) -> int:
        """How many reasons a contact gets."""
        return self.reasons if self.reasons is not None else (3 if len(self.contacts) <= 100 else 0)

    def cutoff_or(self, now: datetime) -> datetime:
        """Resolve the cutoff in UTC, once for the whole call."""
        return now if self.cutoff is None else self.cutoff.astimezone(UTC)


class Unresolved(StrEnum):
    """What the gateway writes in the place of a contact whose e-mail address leads to no id."""

    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    DIFFERS = "differs"
