"""Messages: the catalogue of what may be sent, for whom and how often, changed here, and what it earned."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.console.api import ApiProblem
from gateway.console.pages import ConsolePage, PageRequest

PER_PAGE: Final = 50
QUESTION: Final = ("outcome", "from", "to", "campaign_id")
"""What a report may be narrowed to."""
REPORT_SECONDS: Final = 60.0
"""A million decisions take most of a minute."""


def _question(page_request: PageRequest) -> dict[str, str]:
    return {name: page_request.query(name) for name in QUESTION}


async def _messages(page_request: PageRequest) -> Mapping[str, Any]:
    wanted = {name: page_request.query(name) for name in ("state", "cursor")}
    found, outcomes = await asyncio.gather(
        page_request.api.get("/messages", limit=PER_PAGE, **wanted),
        page_request.api.get("/outcomes", capability="messages"),
    )
    is_read = bool(page_request.query("read"))  # without scripts; else the page asks for it once it is there
    page = {"found": found, "outcomes": outcomes["outcomes"], "question": _question(page_request), "is_read": is_read}
    return {**page, **(await _report(page_request))} if is_read else page


async def _report(page_request: PageRequest) -> Mapping[str, Any]:
    try:
        return {
            "report": await page_request.api.get("/next-best-message/report", **_question(page_request)),
            "refused": None,
        }
    except ApiProblem as problem:
        return {"report": None, "refused": problem.document}


PAGES = (
    ConsolePage("messages", "Messages", "messages.html", _messages, group="Data"),
    ConsolePage(
        "messages/report", "What messages earned", "messages_report.html", _report, within="messages",
        seconds=REPORT_SECONDS,
    ),
)  # fmt: skip
