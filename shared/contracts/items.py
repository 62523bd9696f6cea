"""The wire type of an item: what an account sells or shows, known by the `item` of its events."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.contact import Currency, Text

MAX_URL_CHARACTERS = 2_000
_NO_ADDRESS = "give an address that begins with https:// or http://"


def _web_address(value: str) -> str:
    """Check that a text can be a link of a page: nothing but a page's address, so no script either."""
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError as error:
        raise ValueError(_NO_ADDRESS) from error
    if parts.scheme not in ("http", "https") or not host or not value.isprintable() or " " in value:
        raise ValueError(_NO_ADDRESS)
    return value


WebAddress = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS, strict=True), AfterValidator(_web_address)
]


class ItemFields(BaseModel):
    """What may be said of an item, without its id; what is left out stays as it is, null takes it away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        Text | None, Field(description="What people call it; without one its id is shown.", examples=["Green tea"])
    ] = None
    category: Annotated[Text | None, Field(description="Of your own; one an item.", examples=["Tea"])] = None
    price: Annotated[
        float | None, Field(description="What it costs.", examples=[4.5], allow_inf_nan=False, ge=0, le=1e12)
    ] = None
    currency: Annotated[Currency | None, Field(description="ISO 4217 code of the price.", examples=["EUR"])] = None
    url: Annotated[
        WebAddress | None,
        Field(description="Where it can be seen, http or https.", examples=["https://shop.example/green-tea"]),
    ] = None
    active: Annotated[
        bool, Field(description="false: it is never recommended. A new item is active unless you say otherwise.")
    ] = True
    in_stock: Annotated[
        bool,
        Field(
            description="false: it cannot be had now, and is not recommended until it is in stock again. A new item is "
            "in stock unless you say otherwise."
        ),
    ] = True

    def given(self) -> Mapping[str, Any]:
        """Return what was said, by name; null as None."""
        return {name: getattr(self, name) for name in self.model_fields_set if name != "id"}


class ItemInput(ItemFields):
    """An item of the catalogue."""

    id: Annotated[
        Text, Field(description="Your own id of the item, as the `item` of your events.", examples=["tea-500g"])
    ]
