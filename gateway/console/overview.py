"""The first page: whether data suffices, models are good and fresh, answers flow and webhooks leave."""

from collections.abc import Mapping
from typing import Any

from gateway.console.pages import ConsolePage, PageRequest


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    return await page_request.api.all(report="/data-report", models="/models")


PAGES = (ConsolePage("", "Overview", "overview.html", _load, group=""),)
