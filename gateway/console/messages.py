"""Messages: the catalogue of what may be sent, for whom and how often, added to, switched off and on."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.console.pages import ConsolePage, PageRequest

PER_PAGE: Final = 50


async def _messages(page_request: PageRequest) -> Mapping[str, Any]:
    wanted = {name: page_request.query(name) for name in ("state", "cursor")}
    return {"found": await page_request.api.get("/messages", limit=PER_PAGE, **wanted)}


PAGES = (ConsolePage("messages", "Messages", "messages.html", _messages, group="Data"),)
