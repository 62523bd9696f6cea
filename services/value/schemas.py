"""The wire of `POST /lifetime-value`: request, response, descriptions, examples; and what its training may be told."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from shared.contracts.contact import Currency
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction
from shared.contracts.training import Choices, CliOption
from shared.values.words import spelled_as

SHORTEST_HORIZON_DAYS, LONGEST_HORIZON_DAYS = 30, 730

REQUEST_EXAMPLE: dict[str, Any] = {
    "cutoff": "2026-06-01T00:00:00Z",
    "horizon_days": 90,
    "reasons": 1,
    "contacts": [
        {"id": "c-42"},
        {
            "id": "c-43",
            "events": [{"type": "page_viewed", "occurred_at": "2026-05-28T08:12:00Z"}],
        },
    ],
}

_HEAD_WITHOUT_ANSWER: dict[str, Any] = {
    "errors": [],
    "probability": None,
    "score": None,
    "band": None,
    "trend": "unknown",
    "reasons": [],
    "source": None,
    "data_quality": [],
    "data_quality_details": None,
}

RESPONSE_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "detail": None,
            "errors": [],
            "probability": None,
            "score": 91,
            "band": "high",
            "trend": "steady",
            "reasons": [
                {
                    "feature": "order_placed_value_90d",
                    "value": 312.4,
                    "effect": "raises",
                    "contribution": 0.84,
                    "text": "Orders worth 312.40 in the last 90 days",
                }
            ],
            "source": "model",
            "data_quality": [],
            "data_quality_details": None,
            "horizon_days": 90,
            "expected_orders": 3.4,
            "expected_value": 268.9,
            "currency": "EUR",
            "interval": {"low": 61.2, "high": 540.0, "level": 0.8},
            "alive": 0.97,
            "next_order": {
                "median_on": "2026-06-18",
                "low_on": "2026-06-03",
                "high_on": "2026-08-02",
                "within_7_days": 0.27,
                "within_30_days": 0.68,
                "last_order_on": "2026-05-21",
            },
        },
        {
            "contact_id": "c-43",
            "status": "not_eligible",
            "detail": "No order_placed in the last two years; only contacts with one are asked about.",
            **_HEAD_WITHOUT_ANSWER,
            "horizon_days": None,
            "expected_orders": None,
            "expected_value": None,
            "currency": None,
            "interval": None,
            "alive": None,
            "next_order": None,
        },
    ],
    "model": {
        "capability": "value",
        "outcome": None,
        "version": "3",
        "kind": "lightgbm",
        "horizon_days": 90,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "B",
    },
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class ValueRequest(PredictionRequest):
    """Whom to ask about, and how far ahead."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    horizon_days: Annotated[
        int | None,
        Field(
            description="How far ahead, 30 to 730 days; the horizon that the version was graded on when omitted. "
            "Beyond the longest judged one the answer says `horizon_beyond_judged` in `data_quality`.",
            ge=SHORTEST_HORIZON_DAYS,
            le=LONGEST_HORIZON_DAYS,
            strict=True,
            examples=[365],
        ),
    ] = None


class ValueInterval(Answer):
    """From where to where the value of most such contacts lies."""

    low: Annotated[float, Field(ge=0, description="The lower end; never above the expected value.")]
    high: Annotated[float, Field(ge=0, description="The upper end; never below it.")]
    level: Annotated[float, Field(ge=0, le=1, description="Share of contacts that are meant to lie between them.")]


class NextOrderAnswer(Answer):
    """When the next order comes, seen from the cutoff: a contact that has long been silent is expected later."""

    median_on: Annotated[
        date | None,
        Field(description="By this day (UTC) half of such contacts have ordered; null where it lies beyond the data."),
    ]
    low_on: Annotated[date | None, Field(description="By this day one in ten has; null as above.")]
    high_on: Annotated[date | None, Field(description="By this day nine in ten have; null as above.")]
    within_7_days: Annotated[float, Field(ge=0, le=1, description="Chance of an order within 7 days.")]
    within_30_days: Annotated[float, Field(ge=0, le=1, description="Chance of an order within 30 days.")]
    last_order_on: Annotated[date, Field(description="The day (UTC) of the last order that was seen.")]


class ValuePrediction(PublishedPrediction):
    """What one contact is worth; its reasons sum to the log of `expected_value`, up to what holds for everybody."""

    horizon_days: Annotated[int | None, Field(description="Horizon of the numbers; null without prediction.")]
    expected_orders: Annotated[float | None, Field(ge=0, description="Orders expected within the horizon.")]
    expected_value: Annotated[
        float | None, Field(ge=0, description="What they are expected to bring, refunds taken off.")
    ]
    currency: Annotated[str | None, Field(description="ISO 4217 code of the values; null where events name none.")]
    interval: Annotated[ValueInterval | None, Field(description="Of the value within the horizon.")]
    alive: Annotated[float | None, Field(ge=0, le=1, description="Chance of ever ordering again, within two horizons.")]
    next_order: Annotated[NextOrderAnswer | None, Field(description="When the next order comes.")]


class ValueResponse(Answer):
    """The values of a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[ValuePrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class ValueChoices(Choices):
    """Which events are orders, in which currency, how far ahead is graded, and what counts beside behaviour."""

    order_types: Annotated[
        frozenset[str],
        Field(
            description="An event type that is an order; repeat for several. Default: order_placed and deal_won.",
            max_length=10,
        ),
        CliOption("--orders", "TYPE"),
    ] = frozenset()
    currency: Annotated[
        Currency | None,
        Field(description="Where orders are in several currencies: the one that counts, others are left out."),
        CliOption("--currency", "CODE"),
    ] = None
    horizon_days: Annotated[
        int | None,
        Field(description="The horizon that is graded; the longest of 365, 180, 90, 30 when omitted.", ge=7, le=730),
        CliOption("--horizon-days", "N"),
    ] = None
    attributes: Annotated[
        frozenset[str],
        Field(description="Let an attribute count beside behaviour; repeat for several."),
        CliOption("--attribute", "NAME"),
    ] = frozenset()

    @property
    def named_attributes(self) -> frozenset[str]:
        """Return what counts beside behaviour."""
        return self.attributes

    def spelled_as(self, known: Collection[str]) -> Self:
        """Spell what counts beside behaviour as the attributes that contacts have."""
        return self.model_copy(update={"attributes": spelled_as(known, self.attributes)})
