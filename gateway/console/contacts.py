"""Contacts: searched, listed, and each with all that is known and predicted of it."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from gateway.console.api import ApiProblem, segment
from gateway.console.capability_pages import contact_options
from gateway.console.pages import ConsolePage, PageRequest
from shared.capabilities import NAMES

PER_PAGE: Final = 50


class _Prediction(dict[str, Any]):
    """What a capability answered about a contact; what an older version of it did not say is None."""

    def __missing__(self, name: str) -> None:
        return None


async def _contacts(page_request: PageRequest) -> Mapping[str, Any]:
    name, value = page_request.query("attribute"), page_request.query("value")
    cursor = page_request.query("cursor")
    if name and value:
        wanted = {"attribute": name, "value": value, "limit": PER_PAGE} | ({"cursor": cursor} if cursor else {})
        found = (await page_request.api.call("POST", "/contacts/search", body=wanted)).json()
    else:
        beginning = page_request.query("id")
        found = await page_request.api.get("/contacts", id_prefix=beginning, limit=PER_PAGE, cursor=cursor)
    return {"found": found, "is_search": bool(name and value)}


async def _contact(page_request: PageRequest) -> Mapping[str, Any]:
    path = f"/contacts/{segment(page_request.path('id'))}"
    cursor, kind = page_request.query("cursor"), page_request.query("type")
    contact, predicted, events = await asyncio.gather(
        page_request.api.get(path),
        page_request.api.get(f"{path}/predictions"),
        page_request.api.get(f"{path}/events", limit=PER_PAGE, cursor=cursor, type=kind),
    )
    return {"contact": contact, "predictions": _stored(predicted["predictions"]), "events": events}


def _stored(predictions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lay predictions out as the capabilities answered them, in the order of the table."""
    found = [_Prediction(one.pop("details") | one) for one in predictions]
    return sorted(found, key=lambda one: (NAMES.index(one["capability"]), one["outcome"] or ""))


async def _now(page_request: PageRequest) -> Mapping[str, Any]:
    contact_id = page_request.path("id")
    wanted = {"contacts": [{"id": contact_id}], "options": contact_options(), "reasons": 5}
    try:
        answer = (await page_request.api.call("POST", "/predict", body=wanted)).json()
    except ApiProblem as problem:
        if problem.status != HTTPStatus.CONFLICT:
            raise
        return {"contact_id": contact_id, "predictions": [], "problems": {"": problem.document}}
    predictions = [
        _Prediction(
            body["predictions"][0],
            capability=name,
            outcome=body["model"]["outcome"],
            version=body["model"]["version"],
            asked_at=body["cutoff"],
        )
        for name, body in answer["answers"].items()
    ]
    return {"contact_id": contact_id, "predictions": predictions, "problems": answer["problems"]}


async def _export(page_request: PageRequest) -> Response:
    return page_request.api.passed_on("GET", f"/contacts/{segment(page_request.path('id'))}/export")


PAGES = (
    ConsolePage("contacts", "Contacts", "contacts.html", _contacts, group="People"),
    ConsolePage("contacts-now/{id:path}", "Asked now", "contact_now.html", _now, "predict", within="contacts"),
    ConsolePage("contacts-export/{id:path}", "Export", "contact.html", _export, "admin", within="contacts"),
    ConsolePage("contacts/{id:path}", "Contact", "contact.html", _contact, within="contacts"),
)
