"""Requests and answers of the routes of items."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, Field

from gateway.schemas import REQUEST, decoded
from shared.contracts.contact import Text
from shared.contracts.items import ItemFields, ItemInput
from shared.contracts.prediction import Answer, ProblemPointer

PathItem = Annotated[
    Text,
    AfterValidator(decoded),
    Path(description="Your own id of the item; percent-encode what is not a letter."),
]


class ItemsRequest(BaseModel):
    """Items to create or update."""

    model_config = REQUEST

    items: Annotated[list[ItemInput], Field(description="Each is judged alone.", min_length=1, max_length=1_000)]


class ItemChanges(ItemFields):
    """What is to change of an item; null takes away what is known."""


class ItemResult(Answer):
    """What became of one item."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: Annotated[str | None, Field(description="The id as sent; null when there was none to read.")]
    status: Annotated[
        Literal["created", "updated", "unchanged", "invalid"], Field(description="`invalid`: nothing was stored.")
    ]
    errors: Annotated[list[ProblemPointer], Field(description="For `invalid`: each mistake with its place.")]


class ItemWriteCounts(Answer):
    """How many of each."""

    created: Annotated[int, Field(description="New items.")]
    updated: Annotated[int, Field(description="Known items with something new.")]
    unchanged: Annotated[int, Field(description="Known items with nothing new.")]
    invalid: Annotated[int, Field(description="Not stored.")]


class ItemsResponse(Answer):
    """What became of each item; what is not `invalid` is stored."""

    results: Annotated[list[ItemResult], Field(description="In the order of the request.")]
    counts: Annotated[ItemWriteCounts, Field(description="How many of each status.")]
    request_id: Annotated[str, Field(description="Name it when you ask for help.")]


class ItemAnswer(Answer):
    """An item of the catalogue."""

    id: Annotated[str, Field(description="Your own id of the item.")]
    name: Annotated[str | None, Field(description="What people call it.")]
    category: Annotated[str | None, Field(description="Of your own.")]
    price: Annotated[float | None, Field(description="What it costs.")]
    currency: Annotated[str | None, Field(description="ISO 4217 code of the price.")]
    url: Annotated[str | None, Field(description="Where it can be seen.")]
    active: Annotated[bool, Field(description="false: it is never recommended.")]
    in_stock: Annotated[bool, Field(description="false: it is not recommended until it is in stock again.")]
    updated_at: Annotated[datetime, Field(description="When something of it changed last, UTC.")]


class CatalogueCounts(Answer):
    """How many items there are, whatever is listed."""

    items: Annotated[int, Field(description="In the catalogue.")]
    offered: Annotated[int, Field(description="Of them active and in stock: these may be recommended.")]


class ItemList(Answer):
    """A page of the catalogue."""

    items: Annotated[list[ItemAnswer], Field(description="Ordered by id; of a search by name then by name.")]
    catalogue: Annotated[CatalogueCounts, Field(description="Of all items.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
