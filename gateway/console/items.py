"""Items: the catalogue of what events name, searched, counted, switched off and on."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.console.pages import ConsolePage, PageRequest

PER_PAGE: Final = 50


async def _items(page_request: PageRequest) -> Mapping[str, Any]:
    wanted = {name: page_request.query(name) for name in ("prefix", "category", "active", "cursor")}
    return {"found": await page_request.api.get("/items", limit=PER_PAGE, **wanted)}


PAGES = (ConsolePage("items", "Items", "items.html", _items, group="Data"),)
