"""Webhooks: who is told what and how that goes, each delivery with its attempts, and the sources that tell us."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from gateway.console.api import segment
from gateway.console.pages import ConsolePage, PageRequest
from gateway.webhooks.providers import PROVIDERS
from shared.contracts.message import MESSAGE_TYPES
from shared.webhooks_out.connectors import ConnectorName

_MEANINGS: Final = {
    "batch.completed": "A batch is done",
    "batch_job.completed": "A batch job is done",
    "model.promoted": "Another version of a model answers",
    "model.drift_detected": "What a model sees has drifted from what it learned",
    "model.quality_dropped": "A model does worse than its test promised",
    "model.training_failed": "A training has failed",
    "data.insufficient": "The data does not suffice for a model",
}
_SINCES: Final = (("the last hour", 1), ("the last day", 24), ("the last week", 168), ("the last 30 days", 720))


def _types() -> list[tuple[str, str]]:
    """List what can be subscribed to, each with its meaning."""
    return [
        (kind, _MEANINGS.get(kind) or f"A contact: {kind.replace('.', ' ').replace('_', ' ')}")
        for kind in MESSAGE_TYPES
    ]


async def _load(page_request: PageRequest) -> Mapping[str, Any]:
    paths = {"subscriptions": "/subscriptions"} | ({"sources": "/sources"} if page_request.can("admin") else {})
    found = await page_request.api.all(**paths)
    return {
        "subscriptions": found["subscriptions"]["subscriptions"],
        "sources": found["sources"]["sources"] if "sources" in found else None,
        "types": _types(),
        "connectors": get_args(ConnectorName),
        "titles": {name: one.title for name, one in sorted(PROVIDERS.items())},
        "hints": {name: one.secret_hint for name, one in PROVIDERS.items()},
    }


async def _names(page_request: PageRequest) -> dict[str, str]:
    listed = (await page_request.api.get("/subscriptions"))["subscriptions"]
    return {one["id"]: one["description"] or one["url"] for one in listed}


async def _load_deliveries(page_request: PageRequest) -> Mapping[str, Any]:
    wanted = {name: page_request.query(name) for name in ("subscription_id", "state", "cursor")}
    found = await page_request.api.get("/deliveries", limit=50, **wanted)
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "deliveries": found["deliveries"],
        "next_cursor": found["next_cursor"],
        "names": await _names(page_request),
        "until": now.isoformat(),
        "sinces": [(label, (now - timedelta(hours=hours)).isoformat()) for label, hours in _SINCES],
    }


async def _load_delivery(page_request: PageRequest) -> Mapping[str, Any]:
    delivery = await page_request.api.get(f"/deliveries/{segment(page_request.path('delivery_id'))}")
    data = json.dumps(delivery["data"], indent=2, ensure_ascii=False)
    return {"delivery": delivery, "data": data, "names": await _names(page_request)}


PAGES = (
    ConsolePage("webhooks", "Webhooks", "webhooks.html", _load, group="Connections"),
    ConsolePage("webhooks/deliveries", "Deliveries", "deliveries.html", _load_deliveries, within="webhooks"),
    ConsolePage("webhooks/deliveries/{delivery_id}", "Delivery", "delivery.html", _load_delivery, within="webhooks"),
)
