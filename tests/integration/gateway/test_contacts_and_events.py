import json
from datetime import UTC, datetime, timedelta

import pytest

EVENT = {"contact_id": "c-1", "id": "e-1", "type": "order_placed", "occurred_at": "2026-05-03T10:15:00Z", "value": 49.9}


async def test_a_contact_is_created_then_unchanged_then_updated(gateway) -> None:
    key = gateway.key()
    fields = {"attributes": {"country": {"value": "FR", "valid_from": "2026-01-01T00:00:00Z"}}}

    first = await gateway.request("PUT", "/contacts/c-1", key, json=fields)
    again = await gateway.request("PUT", "/contacts/c-1", key, json=fields)
    changed = await gateway.request("PUT", "/contacts/c-1", key, json={"timezone": "Europe/Paris"})

    assert [(answer[0], answer[1]["status"]) for answer in (first, again, changed)] == [
        (201, "created"),
        (200, "unchanged"),
        (200, "updated"),
    ]
    assert first[1]["request_id"] == first[2]["X-Request-Id"]


async def test_a_contact_is_shown_with_attributes_and_event_counts(gateway) -> None:
    key = gateway.key()
    fields = {
        "attributes": {"country": {"value": "FR", "valid_from": "2026-01-01T00:00:00Z"}},
        "timezone": "Europe/Paris",
        "consent": {"profiling": "granted"},
        "created_at": "2025-11-03T09:00:00Z",
    }
    await gateway.request("PUT", "/contacts/c-1", key, json=fields)
    await gateway.request("POST", "/events", key, json={"events": [EVENT, {**EVENT, "id": "e-2"}]})

    status, contact, _ = await gateway.request("GET", "/contacts/c-1", key)

    assert status == 200
    assert contact == {
        "id": "c-1",
        "created_at": "2025-11-03T09:00:00Z",
        "timezone": "Europe/Paris",
        "consent": {"profiling": "granted"},
        "attributes": {"country": {"value": "FR", "valid_from": "2026-01-01T00:00:00Z"}},
        "unreadable": [],
        "events": [
            {
                "type": "order_placed",
                "count": 2,
                "first_at": "2026-05-03T10:15:00Z",
                "last_at": "2026-05-03T10:15:00Z",
            }
        ],
    }


async def test_an_id_with_slashes_and_accents_has_its_own_path(gateway) -> None:
    key = gateway.key()

    await gateway.request("PUT", "/contacts/crm%2Fleads%2F%C3%A9va%20%3F", key, json={})
    status, contact, _ = await gateway.request("GET", "/contacts/crm%2Fleads%2F%C3%A9va%20%3F", key)

    assert (status, contact["id"]) == (200, "crm/leads/éva ?")
    assert (await gateway.request("GET", "/contacts/crm%2Fleads%2F%C3%A9va%20%3F/predictions", key))[0] == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"attribute": {}}, "/attribute"),
        ({"created_at": "2026-01-01T00:00:00"}, "/created_at"),
        ({"id": "c-2"}, "/id"),
    ],
)
async def test_a_contact_that_does_not_fit_is_422_with_a_pointer(gateway, fields: dict, pointer: str) -> None:
    status, problem, _ = await gateway.request("PUT", "/contacts/c-1", gateway.key(), json=fields)

    assert (status, problem["code"]) == (422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_one_bad_contact_never_rejects_the_rest(gateway) -> None:
    key = gateway.key()
    body = b'{"contacts": [{"id": "c-1"}, {"id": "c-2", "attributes": {"x": NaN}}, 7, {"id": "c-3"}]}'

    status, answer, _ = await gateway.request("POST", "/contacts", key, data=body)

    assert status == 200
    assert [result["status"] for result in answer["results"]] == ["created", "invalid", "invalid", "created"]
    assert answer["results"][1]["errors"][0]["pointer"] == "/contacts/1/attributes/x"
    assert answer["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "invalid": 2}
    listed = (await gateway.request("GET", "/contacts", key))[1]["contacts"]
    assert [one["id"] for one in listed] == ["c-1", "c-3"]


async def test_events_sent_twice_are_duplicates(gateway) -> None:
    key = gateway.key()
    without_id = {name: value for name, value in EVENT.items() if name != "id"}

    first = (await gateway.request("POST", "/events", key, json={"events": [EVENT, without_id]}))[1]
    again = (await gateway.request("POST", "/events", key, json={"events": [without_id, EVENT, EVENT]}))[1]

    assert [result["status"] for result in first["results"]] == ["created", "created"]
    assert [result["status"] for result in again["results"]] == ["duplicate", "duplicate", "duplicate"]
    assert again["counts"] == {"created": 0, "duplicate": 3, "erased": 0, "invalid": 0}
    assert first["results"][1]["id"] == again["results"][0]["id"]
    assert first["results"][1]["id"].startswith("~")


async def test_one_bad_event_never_rejects_the_rest(gateway) -> None:
    key = gateway.key()
    tomorrow_after = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    events = [
        EVENT,
        {**EVENT, "id": "e-2", "occurred_at": tomorrow_after},
        {**EVENT, "id": "e-3", "occurred_at": "2026-05-03T10:15:00"},
        {**EVENT, "id": "e-4", "type": "Not Snake"},
        {**EVENT, "id": "e-5", "colour": "red"},
        None,
        {**EVENT, "id": "e-6"},
    ]

    status, answer, _ = await gateway.request("POST", "/events", key, json={"events": events})

    assert status == 200
    assert [result["status"] for result in answer["results"]] == ["created", *["invalid"] * 5, "created"]
    assert [result["id"] for result in answer["results"]] == ["e-1", "e-2", "e-3", "e-4", "e-5", None, "e-6"]
    assert [result["errors"][0]["pointer"] for result in answer["results"] if result["errors"]] == [
        "/events/1/occurred_at",
        "/events/2/occurred_at",
        "/events/3/type",
        "/events/4/colour",
        "/events/5",
    ]
    assert "future" in answer["results"][1]["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"", "malformed-json", None),
        (b"{", "malformed-json", None),
        (b"\xff\xfe", "malformed-json", None),
        (b"[" * 100_000, "malformed-json", None),
        (b'{"\\ud800": 1, "events": [{}]}', "invalid-request", "/\\ud800"),
        (b'{"events": [{}], "events": [{}]}', "invalid-request", "/events"),
        (b"[]", "invalid-request", ""),
        (b"{}", "invalid-request", "/events"),
        (b'{"events": []}', "invalid-request", "/events"),
        (b'{"events": {}}', "invalid-request", "/events"),
        (b'{"event": [], "events": [{}]}', "invalid-request", "/event"),
        (json.dumps({"events": [{}] * 1_001}).encode(), "invalid-request", "/events"),
    ],
)
async def test_an_envelope_that_does_not_fit_is_422(gateway, body: bytes, code: str, pointer: str | None) -> None:
    status, problem, _ = await gateway.request("POST", "/events", gateway.key(), data=body)

    assert (status, problem["code"]) == (422, code)
    assert [error["pointer"] for error in problem.get("errors", [])] == ([] if pointer is None else [pointer])


@pytest.mark.parametrize(
    "item",
    [
        {"id": "\x00"},
        {"contact_id": "a" * 201},
        {"value": 1e300},
        {"value": "NaN"},
        {"properties": {"deep": [[[[[[1]]]]]]}},
        {"properties": {"text": "\x00 \U0001f600"}},
        {"properties": {"number": 10**400}},
        {"properties": {"big": "x" * 500_000}},
        {"occurred_at": 1_700_000_000},
        {"occurred_at": "0001-01-01T00:00:00Z"},
        {"occurred_at": "9999-12-31T23:59:59-12:00"},
        {"currency": "euro"},
        {"human": "perhaps"},
        {"type": "x" * 65},
    ],
)
async def test_no_odd_event_is_a_500(gateway, item: dict) -> None:
    status, answer, _ = await gateway.request("POST", "/events", gateway.key(), json={"events": [{**EVENT, **item}]})

    assert status == 200
    assert answer["results"][0]["status"] in ("created", "invalid")


async def test_nan_and_infinity_in_properties_are_no_500(gateway) -> None:
    body = json.dumps({"events": [{**EVENT, "properties": {"n": float("nan")}}]}).encode()

    status, answer, _ = await gateway.request("POST", "/events", gateway.key(), data=body)

    assert status == 200
    assert answer["counts"]["invalid"] == 1


async def test_contacts_are_listed_a_page_at_a_time(gateway) -> None:
    key = gateway.key()
    await gateway.request("POST", "/contacts", key, json={"contacts": [{"id": f"c-{n}"} for n in range(5)]})

    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        _, page, _ = await gateway.request("GET", "/contacts", key, params=query)
        seen.append([contact["id"] for contact in page["contacts"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [["c-0", "c-1"], ["c-2", "c-3"], ["c-4"]]


async def test_a_cursor_of_another_account_or_made_up_is_422(gateway) -> None:
    mine, theirs = gateway.key("acme"), gateway.key("other")
    await gateway.request("POST", "/contacts", mine, json={"contacts": [{"id": "c-1"}, {"id": "c-2"}]})
    cursor = (await gateway.request("GET", "/contacts?limit=1", mine))[1]["next_cursor"]

    for key, given in ((theirs, cursor), (mine, "made-up"), (mine, cursor[:-2]), (mine, "é")):
        status, problem, _ = await gateway.request("GET", "/contacts", key, params={"cursor": given})
        assert (status, problem["code"]) == (422, "invalid-request")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=" + "x" * 5_000])
async def test_a_query_out_of_bounds_is_422(gateway, query: str) -> None:
    assert (await gateway.request("GET", f"/contacts?{query}", gateway.key()))[0] == 422


async def test_while_the_store_is_away_ingestion_says_503_and_nothing_else(gateway) -> None:
    key = gateway.key()
    await gateway.request("GET", "/contacts", key)
    gateway.store.away = True

    for method, path, body in (
        ("POST", "/events", {"events": [EVENT]}),
        ("POST", "/contacts", {"contacts": [{"id": "c-1"}]}),
        ("PUT", "/contacts/c-1", {}),
        ("GET", "/contacts", None),
        ("GET", "/contacts/c-1", None),
        ("GET", "/outcomes", None),
        ("GET", "/models", None),
        ("GET", "/predictions?capability=scoring&outcome=customer", None),
    ):
        status, problem, _ = await gateway.request(method, path, key, json=body)
        assert (status, problem["code"]) == (503, "store-unavailable"), path


async def test_what_was_taken_in_is_counted(gateway) -> None:
    key = gateway.key()
    await gateway.request("POST", "/events", key, json={"events": [EVENT, EVENT, {}]})

    metrics = gateway.metrics()

    assert b'foretell_ingested_total{kind="event",status="invalid"} 1.0' in metrics
    assert b'foretell_ingested_total{kind="event",status="duplicate"} 1.0' in metrics


async def test_an_id_with_a_line_end_is_refused_as_an_id(gateway) -> None:
    answers = [
        (await gateway.request("PUT", f"/contacts/{place}", gateway.key(), json={}))[:2] for place in ("a%0Ab", "a%0A")
    ]

    assert [(status, problem["code"]) for status, problem in answers] == [(422, "invalid-request")] * 2


async def test_a_path_that_is_not_utf_8_is_nobody_s_id(gateway) -> None:
    status, problem, _ = await gateway.request("PUT", "/contacts/%FF%FE", gateway.key(), json={})

    assert (status, problem["errors"][0]["detail"]) == (422, "percent-encode the id as UTF-8")


@pytest.mark.parametrize(("method", "path"), [("POST", "/events"), ("POST", "/contacts"), ("PUT", "/contacts/c-1")])
async def test_a_compressed_body_is_refused_as_such(gateway, method: str, path: str) -> None:
    packed = {"Content-Encoding": "gzip"}

    status, problem, _ = await gateway.request(method, path, gateway.key(), data=b"\x1f\x8b", headers=packed)

    assert status == 422
    assert "without Content-Encoding" in problem["detail"]
