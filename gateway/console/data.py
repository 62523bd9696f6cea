"""Data: what was loaded and can be undone, sources of webhooks and what of them was not taken, and the report."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.console.pages import ConsolePage, PageRequest

_IMPORTS: Final = 20
_LETTERS: Final = 25


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    imports, sources, letters, report = await asyncio.gather(
        _imports(page_request),
        _administered(page_request, "/sources"),
        _letters(page_request),
        page_request.api.find("/data-report", kept="true"),
    )
    return {"imports_page": imports, "sources": sources, "letters": letters, "report": report}


async def _imports(page_request: PageRequest) -> Any | None:
    if not page_request.can("ingest"):
        return None
    return await page_request.api.get("/imports", limit=_IMPORTS, cursor=page_request.query("cursor"))


async def _administered(page_request: PageRequest, path: str, **query: object) -> Any | None:
    return await page_request.api.get(path, **query) if page_request.can("admin") else None


async def _letters(page_request: PageRequest) -> Any | None:
    wanted = {name: page_request.query(name) for name in ("source_id", "reason")}
    return await _administered(
        page_request, "/dead-letters", limit=_LETTERS, cursor=page_request.query("letters_cursor"), **wanted
    )


PAGES = (ConsolePage("data", "Data", "data.html", _load, group="Data"),)
