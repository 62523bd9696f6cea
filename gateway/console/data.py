"""Data: what was loaded and can be undone, sources of webhooks and what of them was not taken, and the report."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.console.pages import ConsolePage, PageRequest

_IMPORTS: Final = 20
_LETTERS: Final = 25
_FINDINGS: Final = 3


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    imports, sources, letters = await asyncio.gather(
        _imports(page_request), _administered(page_request, "/sources"), _letters(page_request)
    )
    return {"imports_page": imports, "sources": sources, "letters": letters}


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


async def _report(page_request: PageRequest) -> Mapping[str, Any]:
    report = await page_request.api.get("/data-report")
    layout = "bare.html" if "hx-request" in page_request.http.headers else "base.html"
    return {"report": report, "findings": report["findings"][:_FINDINGS], "layout": layout}


PAGES = (
    ConsolePage("data", "Data", "data.html", _load, group="Data"),
    ConsolePage("data/report", "Data", "data_report.html", _report, within="data"),
)
