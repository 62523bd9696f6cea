"""Requests and answers of the routes of outcomes."""

from typing import Annotated

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
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
from shared.contracts.prediction import Answer


class OutcomeFields(BaseModel):
    """What an outcome is: reached by an event within a horizon, a silence (churn), or read from an attribute."""

    model_config = REQUEST

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
    sums_value: Annotated[
        bool,
        Field(
            description=(
                "Messages and uplift: what is earned is the sum of the events' values within the horizon; else each "
                "contact that reaches it counts 1."
            )
        ),
    ] = False
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
    sums_value: Annotated[bool, Field(description="Whether the events' values are added up.")]
    band_lifts: Annotated[list[float], Field(description="Churn: where bands begin, in times the average odds.")]
    allowed: Annotated[list[str], Field(description="Attributes that are known before it: every training uses them.")]
    forbidden: Annotated[list[str], Field(description="Attributes that no training uses or asks about.")]
    built_in: Annotated[bool, Field(description="Whether it is one that every account has, not redefined.")]
    default: Annotated[bool, Field(description="Whether it is meant when a request names no outcome.")]


class OutcomeList(Answer):
    """The outcomes of this account."""

    outcomes: Annotated[list[OutcomeAnswer], Field(description="Ordered by capability and name.")]
