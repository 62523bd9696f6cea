"""Connectors against stand-ins for the CRMs, which refuse what the vendors' references do not allow."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

TOKEN = {"Authorization": "Bearer of-the-crm"}


def refused(why: str) -> web.Response:
    return web.json_response({"message": why}, status=400)


async def dynamics(request: web.Request) -> web.StreamResponse:
    """`msdyn_predictivescores` by its alternate key, with the allowed values."""
    key = r"/api/data/v9\.0/msdyn_predictivescores\(msdyn_entityid='([^']+)',msdyn_entitytype='(lead|opportunity)'\)"
    if request.method != "PATCH" or not re.fullmatch(key, request.path):
        return refused("no such record")
    body = await request.json()
    if body.keys() != {"msdyn_score", "msdyn_scoretrend", "msdyn_grade"}:
        return refused("no such column")
    if not (
        body["msdyn_scoretrend"] in range(4) and body["msdyn_grade"] in range(4) and 0 <= body["msdyn_score"] <= 100
    ):
        return refused("not an allowed value")
    return web.Response(status=204)


async def hubspot(request: web.Request) -> web.StreamResponse:
    """A contact's properties: an object of texts."""
    if request.method != "PATCH" or not re.fullmatch(r"/crm/v3/objects/contacts/[^/]+", request.path):
        return refused("no such contact")
    body = await request.json()
    if body.keys() != {"properties"} or not all(isinstance(value, str) for value in body["properties"].values()):
        return refused("properties are texts")
    return web.json_response({"id": "512", "properties": body["properties"]})


async def salesforce(request: web.Request) -> web.StreamResponse:
    """A record's fields; an external id is not among them."""
    match = re.fullmatch(r"/services/data/v\d+\.0/sobjects/Lead/(?:(\w+__c)/)?[^/]+", request.path)
    if request.method != "PATCH" or match is None:
        return refused("no such record")
    body = await request.json()
    if not body or match[1] in body or not all(name.endswith("__c") for name in body):
        return refused("no such field")
    return web.Response(status=204)


async def klaviyo(request: web.Request) -> web.StreamResponse:
    """A profile as JSON:API, with a revision."""
    media = "application/vnd.api+json"
    match = re.fullmatch(r"/api/profiles/([^/]+)", request.path)
    if request.method != "PATCH" or match is None or request.content_type != media:
        return refused("no such profile")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", request.headers.get("revision", "")):
        return refused("the revision is missing")
    data = (await request.json())["data"]
    if (data["type"], data["id"]) != ("profile", match[1]) or data["attributes"].keys() != {"properties"}:
        return refused("not a profile")
    return web.json_response({"data": data})


CRMS: list[tuple[str, dict[str, Any], Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
    ("dynamics", {"entity": "opportunity"}, dynamics),
    ("hubspot", {}, hubspot),
    ("salesforce", {"external_id": "Foretell_Id__c"}, salesforce),
    ("salesforce", {}, salesforce),
    ("klaviyo", {}, klaviyo),
]


@pytest.mark.parametrize(("connector", "wanted", "crm"), CRMS)
async def test_a_changed_band_is_written_to_the_record(
    rounds: Any, receiver: Any, connector: str, wanted: dict[str, Any], crm: Any
) -> None:
    receiver.answer = crm
    rounds.subscribe(receiver.url, connector=connector, settings=wanted, headers=TOKEN)
    rounds.publish("m1")

    await rounds.until_ended()

    store = rounds.database.of("default")
    (row,) = store.deliveries.page(9)
    assert row.state == "delivered"
    assert receiver.seen[0].headers["Authorization"] == "Bearer of-the-crm"


async def test_a_template_writes_to_an_api_of_any_shape(rounds: Any, receiver: Any) -> None:
    settings = {
        "method": "PUT",
        "path": "/people/{{ data.contact_id }}",
        "body": {"fields": [{"name": "score", "value": "{{ data.score }}"}], "note": "{{ facts.band | upper }}"},
    }
    rounds.subscribe(receiver.url, connector="template", settings=settings)
    rounds.publish("m1")

    await rounds.until_ended()

    (seen,) = receiver.seen
    assert (seen.method, seen.target) == ("PUT", "/people/c-42")
    assert json.loads(seen.body) == {"fields": [{"name": "score", "value": 93}], "note": "HIGH"}


async def test_a_record_that_is_not_there_is_given_up_and_the_next_one_is_written(rounds: Any, receiver: Any) -> None:
    async def first_missing(request: web.Request) -> web.StreamResponse:
        return web.Response(status=410 if len(receiver.seen) == 1 else 204)

    receiver.answer = first_missing
    subscription_id, _ = rounds.subscribe(receiver.url, connector="salesforce")
    rounds.publish("m1")
    await rounds.until_ended()
    rounds.publish("m2")
    await rounds.until_ended()

    assert sorted(row.state for row in rounds.database.of("default").deliveries.page(9)) == ["delivered", "failed"]
    assert rounds.state(subscription_id) == ("enabled", None)
