"""Load: a file is dropped into a page, looked at column by column, loaded with progress, and what came of it shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from gateway.console.api import segment
from gateway.console.pages import ConsolePage, PageRequest

BUSY: Final = ("uploaded", "loading", "undoing")
_SHOWN_WAITING: Final = 20
_SLOW_SECONDS: Final = 30.0
"""After so long a file that nobody has begun to work on waits for a worker that is not there."""
FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "contacts": (
        ("id", "The contact's id"),
        ("email", "E-mail address (only a hash is kept)"),
        ("created_at", "When the contact was created"),
        ("valid_from", "Since when the row holds"),
        ("timezone", "Time zone"),
    ),
    "events": (
        ("contact_id", "The contact's id"),
        ("email", "E-mail address of the contact"),
        ("type", "What happened"),
        ("occurred_at", "When it happened"),
        ("id", "The event's own id"),
        ("value", "Amount"),
        ("currency", "Currency"),
        ("campaign_id", "Campaign"),
        ("item", "Product"),
    ),
    "items": (
        ("id", "The item's id, as the product of events"),
        ("name", "Name"),
        ("category", "Category"),
        ("price", "Price"),
        ("currency", "Currency"),
        ("url", "Its page (https://...)"),
        ("active", "Whether it is still offered"),
        ("in_stock", "Whether it is in stock"),
    ),
}
"""What a column can become that is no attribute, in a marketer's words."""

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "contacts": ("id",),
    "events": ("contact_id", "email", "type", "occurred_at"),
    "items": ("id",),
}
"""Of these one is to be chosen, where the columns do not show it."""


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    listed = await page_request.api.get("/imports", limit=_SHOWN_WAITING)
    waiting = [one for one in listed["imports"] if one["status"] in (*BUSY, "checked") or _missing(one)]
    return {"waiting": waiting}


async def _show(page_request: PageRequest) -> Mapping[str, Any]:
    found = await page_request.api.get(f"/imports/{segment(page_request.path('import_id'))}")
    kind = found["kind"] or "contacts"
    plan = found["plan"]
    return {
        "one": found,
        "fields": FIELDS[kind],
        "words": dict(FIELDS[kind]),
        "missing": _missing(found),
        "kept": [] if plan is None else [one for one in plan["columns"] if one["use"] == "kept"],
        "is_late": _is_late(found, datetime.now(UTC)),
    }


async def _progress(page_request: PageRequest) -> Mapping[str, Any] | Response:
    found = await page_request.api.get(f"/imports/{segment(page_request.path('import_id'))}")
    if found["status"] not in BUSY:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return {"one": found, "is_late": _is_late(found, datetime.now(UTC))}


async def _rejects(page_request: PageRequest) -> Response:
    return page_request.api.passed_on("GET", f"/imports/{segment(page_request.path('import_id'))}/rejects")


def _missing(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the fields of which one is to be chosen, where the check missed one."""
    error = found["error"]
    if error is None or error["columns"] is None:
        return []
    kind = found["kind"] or "contacts"
    return [one for one in FIELDS[kind] if one[0] in _NEEDED[kind]]


def _is_late(found: Mapping[str, Any], now: datetime) -> bool:
    """Whether nobody has begun to work on a file that has waited for a while.

    >>> now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    >>> _is_late({"created_at": "2026-06-01T11:59:00Z", "started_at": None}, now)
    True
    """
    waited = (now - datetime.fromisoformat(found["created_at"])).total_seconds()
    return found["started_at"] is None and waited > _SLOW_SECONDS


PAGES = (
    ConsolePage("load", "Load", "load.html", _load, "ingest", "Data"),
    ConsolePage("load/{import_id}", "Load", "load_one.html", _show, "ingest", within="load"),
    ConsolePage("load/{import_id}/progress", "Load", "load_progress.html", _progress, "ingest", within="load"),
    ConsolePage("load/{import_id}/rejects", "Rejects", "load.html", _rejects, "ingest", within="load"),
)
