"""Keys: what programs and people identify themselves with; a new one is shown once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.console.pages import ConsolePage, PageRequest

_LIVES: Final = (("in 30 days", 30), ("in 90 days", 90), ("in a year", 365))


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    listed = (await page_request.api.get("/keys"))["keys"]
    keys = sorted(listed, key=lambda one: one["state"] != "valid")
    today = datetime.now(UTC).replace(microsecond=0)
    return {
        "keys": keys,
        "valid": sum(one["state"] == "valid" for one in keys),
        "ends": [(label, (today + timedelta(days=days)).isoformat()) for label, days in _LIVES],
    }


PAGES = (ConsolePage("keys", "Keys", "keys.html", _load, "admin", "Connections"),)
