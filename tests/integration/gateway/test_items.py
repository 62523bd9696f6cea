"""The catalogue of items over HTTP."""

from typing import Any

import pytest

from shared.contracts.rows import SECOND, EventRow, ItemChange

NOW = 1_780_000_000 * SECOND
TEA = {
    "id": "tea",
    "name": "Green tea",
    "category": "Tea",
    "price": 4.5,
    "currency": "EUR",
    "url": "https://shop.example/tea",
    "active": True,
    "in_stock": True,
}


def filled(gateway: Any, *names: str, **fields: Any) -> Any:
    gateway.store.of("acme").items.put([ItemChange(name.lower(), {"name": name, **fields}) for name in names], at=NOW)
    return gateway


async def listed(gateway: Any, query: str) -> list[str]:
    status, answer, _ = await gateway.request("GET", f"/items?{query}", gateway.key(scopes=("read",)))
    assert status == 200, answer
    return [one["id"] for one in answer["items"]]


async def test_items_are_stored_each_judged_alone(gateway: Any) -> None:
    sent = {"items": [TEA, {"id": "mug", "price": -1, "colour": "red"}, {"name": "without an id"}, {"id": "mug"}]}

    status, answer, _ = await gateway.request("PUT", "/items", gateway.key(scopes=("ingest",)), json=sent)

    assert status == 200
    assert [(one["id"], one["status"]) for one in answer["results"]] == [
        ("tea", "created"), ("mug", "invalid"), (None, "invalid"), ("mug", "created"),
    ]  # fmt: skip
    assert [one["pointer"] for one in answer["results"][1]["errors"]] == ["/items/1/price", "/items/1/colour"]
    assert [one["pointer"] for one in answer["results"][2]["errors"]] == ["/items/2/id"]
    assert answer["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "invalid": 2}


async def test_an_item_is_shown_as_it_was_sent(gateway: Any) -> None:
    await gateway.request("PUT", "/items", gateway.key(scopes=("ingest",)), json={"items": [TEA]})

    status, answer, _ = await gateway.request("GET", "/items/tea", gateway.key(scopes=("read",)))

    assert status == 200
    assert answer.pop("updated_at").endswith("Z")
    assert answer == TEA


async def test_what_is_left_out_stays_and_null_takes_away(gateway: Any) -> None:
    key = gateway.key(scopes=("ingest", "read"))
    await gateway.request("PUT", "/items", key, json={"items": [{**TEA, "active": False}]})

    await gateway.request("PUT", "/items", key, json={"items": [{"id": "tea", "price": 5, "category": None}]})

    _, answer, _ = await gateway.request("GET", "/items/tea", key)
    assert (answer["name"], answer["price"], answer["category"], answer["active"]) == ("Green tea", 5.0, None, False)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://shop.example/x", "/tea", "https://", "https://[x", "https://a b", "shop.example"],
)
async def test_only_an_address_of_a_page_is_one(gateway: Any, url: str) -> None:
    sent = {"items": [{"id": "tea", "url": url}]}

    _, answer, _ = await gateway.request("PUT", "/items", gateway.key(scopes=("ingest",)), json=sent)

    (error,) = answer["results"][0]["errors"]
    assert (error["pointer"], "https://" in error["detail"]) == ("/items/0/url", True)


async def test_an_item_is_switched_off(gateway: Any) -> None:
    key = filled(gateway, "Tea").key(scopes=("ingest",))

    status, answer, _ = await gateway.request("PATCH", "/items/tea", key, json={"active": False})

    assert (status, answer["active"], answer["name"]) == (200, False, "Tea")


@pytest.mark.parametrize(
    ("body", "pointer"), [({"price": "much"}, "/price"), ({"id": "other"}, "/id"), ({"sku": 1}, "/sku")]
)
async def test_a_change_that_does_not_fit_says_where(gateway: Any, body: Any, pointer: str) -> None:
    key = filled(gateway, "Tea").key(scopes=("ingest",))

    status, problem, _ = await gateway.request("PATCH", "/items/tea", key, json=body)

    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer])


async def test_an_id_may_hold_slashes(gateway: Any) -> None:
    filled(gateway, "a/b")

    _, answer, _ = await gateway.request("GET", "/items/a%2Fb", gateway.key(scopes=("read",)))

    assert answer["id"] == "a/b"


async def test_a_deleted_item_is_gone_and_deleting_it_is_audited(gateway: Any) -> None:
    key = filled(gateway, "Tea").key()

    first = await gateway.request("DELETE", "/items/tea", key)
    second = await gateway.request("DELETE", "/items/tea", key)

    assert (first[0], second[0]) == (204, 404)
    assert await listed(gateway, "") == []
    assert gateway.store.of("acme").audit.page(1)[0][3:5] == ("item.deleted", "tea")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_item_that_is_not_in_the_catalogue_is_404(gateway: Any, method: str) -> None:
    body = {"json": {"active": False}} if method == "PATCH" else {}

    status, problem, _ = await gateway.request(method, "/items/tea", gateway.key(), **body)

    assert (status, "PUT /items" in problem["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PUT", "/items", "read"),
        ("PATCH", "/items/tea", "read"),
        ("DELETE", "/items/tea", "predict"),
        ("GET", "/items", "ingest"),
        ("GET", "/items/tea", "predict"),
    ],
)
async def test_to_write_items_takes_ingest_and_to_read_them_read(
    gateway: Any, method: str, path: str, scope: str
) -> None:
    body = {"json": {"items": [TEA]}} if method != "GET" else {}

    status, _, _ = await gateway.request(method, path, gateway.key(scopes=(scope,)), **body)

    assert status == 403


async def test_a_list_says_how_many_there_are_and_how_many_may_be_recommended(gateway: Any) -> None:
    filled(gateway, "Tea", "Mug", "Rice")
    gateway.store.of("acme").items.put([ItemChange("mug", {"in_stock": False})], at=NOW)

    _, answer, _ = await gateway.request("GET", "/items?limit=1", gateway.key(scopes=("read",)))

    assert answer["catalogue"] == {"items": 3, "offered": 2}


async def test_a_list_goes_on_behind_its_cursor(gateway: Any) -> None:
    key = filled(gateway, "Tea", "Mug", "Rice").key(scopes=("read",))
    gateway.store.of("acme").items.put([ItemChange("t9", {"name": "Mint"}), ItemChange("x", {"name": "tray"})], at=NOW)
    found, cursor = [], ""

    while cursor is not None:
        _, answer, _ = await gateway.request("GET", f"/items?prefix=t&limit=1{cursor}", key)
        found += [one["id"] for one in answer["items"]]
        cursor = answer["next_cursor"] and f"&cursor={answer['next_cursor']}"

    assert found == ["t9", "tea", "x"]


async def test_a_list_is_of_a_category_and_of_what_is_active(gateway: Any) -> None:
    filled(gateway, "Tea", "Mint", category="Tea")
    filled(gateway, "Mug")
    gateway.store.of("acme").items.put([ItemChange("mint", {"active": False})], at=NOW)

    assert await listed(gateway, "category=Tea") == ["mint", "tea"]
    assert await listed(gateway, "active=false") == ["mint"]
    assert await listed(gateway, "category=Tea&active=true") == ["tea"]


async def test_a_cursor_of_another_list_is_refused(gateway: Any) -> None:
    key = filled(gateway, "Tea", "Mug").key(scopes=("read",))
    _, answer, _ = await gateway.request("GET", "/items?limit=1", key)

    status, problem, _ = await gateway.request("GET", f"/items?active=true&cursor={answer['next_cursor']}", key)

    assert (status, problem["errors"][0]["pointer"]) == (422, "/query/cursor")


async def test_the_same_request_again_is_answered_as_before(gateway: Any) -> None:
    key = gateway.key(scopes=("ingest",))
    more = {"json": {"items": [TEA]}, "headers": {"Idempotency-Key": "nightly"}}

    await gateway.request("PUT", "/items", key, **more)
    status, answer, headers = await gateway.request("PUT", "/items", key, **more)

    assert (status, answer["counts"]["created"], headers["Idempotency-Replayed"]) == (200, 1, "true")


async def test_a_contacts_events_say_what_the_catalogue_calls_their_items(gateway: Any) -> None:
    key = filled(gateway, "Tea").key(scopes=("read",))
    bought = [EventRow("c", one, "order_placed", NOW, NOW, item=one) for one in ("tea", "unknown")]
    gateway.store.of("acme").events.add([*bought, EventRow("c", "visit", "page_viewed", NOW, NOW)])

    _, answer, _ = await gateway.request("GET", "/contacts/c/events", key)

    named = {one["id"]: one["item_name"] for one in answer["events"]}
    assert named == {"tea": "Tea", "unknown": None, "visit": None}
