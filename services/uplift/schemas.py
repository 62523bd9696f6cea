"""The wire of `POST /uplift`: request, response, descriptions, examples; and what its training may be told."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from shared.contracts.outcome import AttributeName, OutcomeName
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction
from shared.contracts.rows import MAX_TEXT_CHARACTERS
from shared.contracts.training import CliOption, ColumnChoices
from shared.values.words import spelled_as

REQUEST_EXAMPLE: dict[str, Any] = {
    "outcome": "visited",
    "reasons": 1,
    "contacts": [{"id": "c-42"}, {"id": "c-43", "attributes": {"country": "FR"}}],
}

_HEAD: dict[str, Any] = {
    "detail": None,
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
            **_HEAD,
            "reasons": [
                {
                    "feature": "page_viewed_30d",
                    "value": 4.0,
                    "effect": "raises",
                    "contribution": 0.031,
                    "text": "Viewed 4 pages in the last 30 days",
                }
            ],
            "source": "model",
            "arm": "mens",
            "effect": 0.11,
            "interval": {"low": 0.06, "high": 0.16, "level": 0.95},
            "claim": "personal",
            "group": "persuadable",
            "best_arm": "mens",
            "average_effect": {"value": 0.077, "low": 0.069, "high": 0.085},
            "response_without": 0.12,
            "response_with": 0.23,
        },
        {
            "contact_id": "c-43",
            "status": "no_consent",
            **_HEAD,
            "detail": "The contact denied profiling.",
            "reasons": [],
            "source": None,
            "arm": None,
            "effect": None,
            "interval": None,
            "claim": None,
            "group": None,
            "best_arm": None,
            "average_effect": None,
            "response_without": None,
            "response_with": None,
        },
    ],
    "model": {
        "capability": "uplift",
        "outcome": "visited",
        "version": "2",
        "kind": "dr_learner",
        "horizon_days": 14,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "B",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}

ArmName = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


class UpliftRequest(PredictionRequest):
    """Whom to ask about, for which outcome and which arm of the experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    outcome: Annotated[
        OutcomeName | None,
        Field(description="Which outcome; the account's default when omitted.", examples=["visited"]),
    ] = None
    arm: Annotated[
        ArmName | None,
        Field(
            description="Whose effect: a message, an offer or a variant that the experiment had beside control; when "
            "omitted the one with the greatest effect on each contact.",
            examples=["mens"],
        ),
    ] = None


class EffectInterval(Answer):
    """From where to where the effect lies."""

    low: Annotated[float, Field(description="The lower end; never above the effect.")]
    high: Annotated[float, Field(description="The upper end; never below it.")]
    level: Annotated[float, Field(ge=0, le=1, description="How sure: 0.95.")]


class AverageEffect(Answer):
    """What the arm adds on average, with its 95 % interval."""

    value: Annotated[float, Field(description="Over all contacts of the experiment.")]
    low: Annotated[float, Field(description="The lower end.")]
    high: Annotated[float, Field(description="The upper end.")]


class UpliftPrediction(PublishedPrediction):
    """What an arm changes about one contact; reasons sum to the predicted effect, up to what holds for everybody."""

    arm: Annotated[str | None, Field(description="Whose effect this is; null without prediction.")]
    effect: Annotated[
        float | None,
        Field(
            description="What the arm adds to the outcome against control: as a chance, or as a value where the "
            "outcome sums values. The average effect where no difference between contacts is proven."
        ),
    ]
    interval: Annotated[EffectInterval | None, Field(description="Of the effect.")]
    claim: Annotated[
        Literal["personal", "average", "none"] | None,
        Field(
            description="`personal`: contacts differ as predicted, and this one's interval excludes no effect; "
            "`average`: only the average is proven; `none`: the interval includes no effect."
        ),
    ]
    group: Annotated[
        Literal["persuadable", "sure_thing", "lost_cause", "do_not_disturb", "unclear"] | None,
        Field(
            description="`persuadable`: surely gains; `do_not_disturb`: surely loses; `sure_thing` and `lost_cause`: "
            "hardly changed, and reaches the outcome more, or less, often than average; `unclear`: nothing is proven."
        ),
    ]
    best_arm: Annotated[
        str | None,
        Field(
            description="What to give this contact, control included: chosen for the contact where that is proven to "
            "bring more, else the same for everybody; null where no arm is surely better than control."
        ),
    ]
    average_effect: Annotated[AverageEffect | None, Field(description="Of the same arm, over everybody.")]
    response_without: Annotated[
        float | None, Field(ge=0, description="Outcome expected without treatment: a chance, or a value.")
    ]
    response_with: Annotated[float | None, Field(ge=0, description="The same with the arm.")]


class UpliftResponse(Answer):
    """The answers for a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[UpliftPrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class UpliftChoices(ColumnChoices):
    """Which experiment is learned from, and which columns."""

    experiment: Annotated[
        str | None,
        Field(
            description="Who got what by lot: holdout:NAME, messages[:OUTCOME], sendtime:CAMPAIGN, "
            "event:TYPE[/CAMPAIGN] or attribute:NAME. Default: event:treatment_assigned.",
            max_length=300,
        ),
        CliOption("--experiment", "SOURCE"),
    ] = None
    control: Annotated[
        str | None,
        Field(description="Which arm is control; default: the one that is called so.", max_length=300),
        CliOption("--control", "ARM"),
    ] = None
    propensity: Annotated[
        AttributeName | None,
        Field(description="attribute:NAME only: an attribute with the chance of the arm; default: counted shares."),
        CliOption("--propensity", "NAME"),
    ] = None

    def spelled_as(self, known: Collection[str]) -> Self:
        """Spell what is allowed, forbidden or holds chances as the attributes that contacts have."""
        spelled = super().spelled_as(known)
        if self.propensity is None:
            return spelled
        (name,) = spelled_as(known, {self.propensity})
        return spelled.model_copy(update={"propensity": name})
