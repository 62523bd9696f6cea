"""The wire of `POST /recommendations` and its further paths: requests, responses, descriptions, examples."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.contact import Text
from shared.contracts.prediction import Answer, ModelInfo, PredictionRequest, PublishedPrediction, Reason
from shared.contracts.training import Choices, CliOption

MOST_ITEMS, MOST_LISTED, MOST_CATEGORIES, MOST_SIMILAR = 30, 10_000, 100, 100
EVER: float = float("inf")

REQUEST_EXAMPLE: dict[str, Any] = {
    "items": 2,
    "exclude_bought_days": 14,
    "reasons": 1,
    "cutoff": "2026-06-01T00:00:00Z",
    "contacts": [{"id": "c-42"}, {"id": "c-43"}],
}
_MODEL: dict[str, Any] = {
    "capability": "recommendations",
    "outcome": None,
    "version": "7",
    "kind": "blend",
    "horizon_days": 60,
    "trained_at": "2026-05-20T04:00:00Z",
    "grade": "A",
}
_TEA: dict[str, Any] = {
    "id": "tea-01",
    "name": "Green tea, 100 g",
    "category": "Tea",
    "price": 6.9,
    "currency": "EUR",
    "url": "https://shop.example/tea-01",
}
_POT: dict[str, Any] = {"id": "pot-07", "name": None, "category": None, "price": None, "currency": None, "url": None}
_AGAIN: dict[str, Any] = {
    "feature": "own_purchases",
    "value": 4.0,
    "effect": "raises",
    "contribution": 2.31,
    "text": "Bought every 30 days, last 32 days ago",
}
_TOGETHER: dict[str, Any] = {
    "feature": "bought_together",
    "value": 0.21,
    "effect": "raises",
    "contribution": 0.84,
    "text": "Often bought with Green tea, 100 g",
}
RESPONSE_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "contact_id": "c-42",
            "status": "ok",
            "detail": None,
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [_AGAIN],
            "source": "model",
            "data_quality": [],
            "data_quality_details": None,
            "items": [
                {**_TEA, "score": 0.41, "source": "repeat", "reasons": [_AGAIN]},
                {**_POT, "score": 0.08, "source": "model", "reasons": [_TOGETHER]},
            ],
        },
        {
            "contact_id": "c-43",
            "status": "unknown_contact",
            "detail": "Nothing is stored under this id; import the contact, or send attributes or events with it.",
            "errors": [],
            "probability": None,
            "score": None,
            "band": None,
            "trend": "unknown",
            "reasons": [],
            "source": None,
            "data_quality": [],
            "data_quality_details": None,
            "items": [],
        },
    ],
    "model": _MODEL,
    "cutoff": "2026-06-01T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}
SIMILAR_REQUEST_EXAMPLE: dict[str, Any] = {"items": ["tea-01"], "count": 1}
SIMILAR_RESPONSE_EXAMPLE: dict[str, Any] = {
    "similar": [
        {
            **_TEA,
            "status": "ok",
            "items": [{**_POT, "score": 0.21, "reason": "Bought by 31 of the 90 contacts who bought Green tea, 100 g"}],
        }
    ],
    "model": _MODEL,
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}
POPULAR_RESPONSE_EXAMPLE: dict[str, Any] = {
    "popular": [{**_TEA, "score": 0.031, "buyers": 412, "times_before": 1.1}],
    "trending": [{**_POT, "score": 0.004, "buyers": 60, "times_before": 2.4}],
    "model": _MODEL,
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}

ItemIds = Annotated[list[Text], Field(max_length=MOST_LISTED)]


class Ever(StrEnum):
    """Without a limit of days, up to how far back events are looked at."""

    EVER = "ever"


class ShownItems(NamedTuple):
    """Which items may be shown."""

    category: frozenset[str] | None = None
    excluded_days: float = 0.0
    """Items that the contact bought within so many days are left out."""
    in_stock: frozenset[str] | None = None
    allowed: frozenset[str] | None = None

    @property
    def is_usual(self) -> bool:
        """Whether nothing is filtered."""
        return self == ShownItems()


class _Filters(BaseModel):
    """What of the items is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Annotated[
        list[Text] | None,
        Field(max_length=MOST_CATEGORIES, description="Only items of one of these categories of the catalogue."),
    ] = None
    in_stock: Annotated[
        ItemIds | None,
        Field(description="Only these are in stock now, whatever the catalogue says; up to 10,000 ids."),
    ] = None
    allowed: Annotated[ItemIds | None, Field(description="Only these may be shown; up to 10,000 ids.")] = None

    @property
    def filters(self) -> ShownItems:
        """Return the filters as the model takes them."""
        return ShownItems(_set(self.category), 0.0, _set(self.in_stock), _set(self.allowed))


def _set(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)


class RecommendationRequest(PredictionRequest, _Filters):
    """Which items to recommend to which contacts."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    items: Annotated[int, Field(ge=1, le=MOST_ITEMS, strict=True, description="Items a contact, at most.")] = 10
    exclude_bought_days: Annotated[
        Annotated[int, Field(ge=1, le=730)] | Ever | None,
        Field(description="Leave out what the contact bought within so many days; `ever`: within two years."),
    ] = None

    @property
    def filters(self) -> ShownItems:
        """Return the filters as the model takes them."""
        bought = self.exclude_bought_days
        days = 0.0 if bought is None else EVER if isinstance(bought, Ever) else float(bought)
        return super().filters._replace(excluded_days=days)


class CatalogueFields(Answer):
    """An item, with what the catalogue says of it."""

    id: Annotated[str, Field(description="As the `item` of events.")]
    name: Annotated[str | None, Field(description="Of the catalogue; null where it does not say.")]
    category: Annotated[str | None, Field(description="Of the catalogue.")]
    price: Annotated[float | None, Field(description="Of the catalogue.")]
    currency: Annotated[str | None, Field(description="Of the price.")]
    url: Annotated[str | None, Field(description="The item's page.")]


class PublishedItem(CatalogueFields):
    """One recommended item."""

    score: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Learned chance that this contact buys it within the horizon; of a fallback, the item's share "
            "of what is bought lately.",
        ),
    ]
    source: Annotated[
        Literal["model", "repeat", "trending", "popular"],
        Field(
            description="`repeat`: bought before; `model`: new to the contact; `trending`, `popular`: for those of "
            "whom nothing is known that they bought or looked at."
        ),
    ]
    reasons: Annotated[list[Reason], Field(description="What raises it, the strongest first.")]


class RecommendationPrediction(PublishedPrediction):
    """The items for one contact; the reasons of the head are those of the first, and sum to its log-odds."""

    items: Annotated[list[PublishedItem], Field(description="The best first; empty without prediction.")]


class RecommendationResponse(Answer):
    """The items for a call's contacts, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [RESPONSE_EXAMPLE]})

    predictions: Annotated[list[RecommendationPrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="Which version answered; one for the whole call.")]
    cutoff: Annotated[datetime, Field(description="What was assumed: only what happened strictly before is seen.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class SimilarRequest(_Filters):
    """Items to find similar ones of."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [SIMILAR_REQUEST_EXAMPLE]})

    items: Annotated[list[Text], Field(min_length=1, max_length=MOST_SIMILAR, description="1 to 100 ids.")]
    count: Annotated[int, Field(ge=1, le=MOST_ITEMS, strict=True, description="Similar items of each, at most.")] = 10


class SimilarItem(CatalogueFields):
    """An item that the same contacts buy."""

    score: Annotated[float, Field(ge=0, le=1, description="Likeness: 1 where both have the same, many buyers.")]
    reason: Annotated[str, Field(description="The same in a sentence.")]


class SimilarItems(CatalogueFields):
    """What is similar to one item."""

    status: Annotated[
        Literal["ok", "unknown_item"], Field(description="`unknown_item`: too few bought it when the version learned.")
    ]
    items: Annotated[list[SimilarItem], Field(description="The most similar first.")]


class SimilarResponse(Answer):
    """Similar items of each item, in the order asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [SIMILAR_RESPONSE_EXAMPLE]})

    similar: Annotated[list[SimilarItems], Field(description="One an item, in the order asked.")]
    model: Annotated[ModelInfo, Field(description="The version that answers.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class PopularItem(CatalogueFields):
    """An item that many buy."""

    score: Annotated[float, Field(ge=0, le=1, description="Its share of what is bought lately.")]
    buyers: Annotated[int, Field(ge=0, description="Contacts who bought it in the two years before the training.")]
    times_before: Annotated[
        float, Field(ge=0, description="Buyers of the last 4 weeks of the training for one expected before.")
    ]


class PopularResponse(Answer):
    """What contacts buy now, as the version that answers has learned it."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [POPULAR_RESPONSE_EXAMPLE]})

    popular: Annotated[list[PopularItem], Field(description="What most bought lately, the first first.")]
    trending: Annotated[list[PopularItem], Field(description="What more buy than before.")]
    model: Annotated[ModelInfo, Field(description="The version that answers.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]


class RecommendationChoices(Choices):
    """How far the model looks ahead."""

    horizon_days: Annotated[
        int | None,
        Field(
            description="What is bought within so many days; default 60, less where the data are short.", ge=7, le=365
        ),
        CliOption("--horizon-days", "N"),
    ] = None
