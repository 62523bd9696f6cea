import asyncio
import hashlib
import json
import time
from collections import Counter

import pytest

from shared.contracts.rows import SECOND
from shared.store import IdempotencyRow

CONTACTS = {"contacts": [{"id": "c-1", "timezone": "Europe/Paris"}]}
EVENT = {"contact_id": "c-1", "id": "e-1", "type": "order_placed", "occurred_at": "2026-05-01T00:00:00Z"}
OUTCOME = {"event_types": ["form_submitted"], "horizon_days": 30}


def named(key: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_the_first_answer_is_given_again(gateway) -> None:
    key = gateway.key()

    first = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())
    again = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())

    assert first[1]["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "invalid": 0}
    assert (again[0], again[1]) == (200, first[1])
    assert again[2]["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first[2]
    assert again[2]["Content-Type"] == first[2]["Content-Type"]
    assert again[2]["X-Request-Id"] != first[1]["request_id"]


async def test_another_key_is_another_request(gateway) -> None:
    key = gateway.key()

    await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named("k-1"))
    other = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named("k-2"))

    assert other[1]["counts"]["unchanged"] == 1


async def test_without_a_key_nothing_is_kept(gateway) -> None:
    key = gateway.key()

    await gateway.request("POST", "/contacts", key, json=CONTACTS)
    again = await gateway.request("POST", "/contacts", key, json=CONTACTS)

    assert again[1]["counts"]["unchanged"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/contacts", {"contacts": [{"id": "c-2"}]}),
        ("PUT", "/outcomes/a?capability=churn", {"attribute": "plan", "positive": "none"}),
        ("POST", "/events", CONTACTS),
        ("PUT", "/contacts/c-1", CONTACTS),
    ],
)
async def test_a_key_is_refused_for_any_other_request(gateway, method: str, path: str, body: object) -> None:
    key = gateway.key()
    await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())

    status, problem, _ = await gateway.request(method, path, key, json=body, headers=named())

    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert "POST /contacts" in problem["detail"]


async def test_two_accounts_may_use_the_same_key(gateway) -> None:
    await gateway.request("POST", "/contacts", gateway.key("acme"), json=CONTACTS, headers=named())

    other = await gateway.request("POST", "/contacts", gateway.key("other"), json=CONTACTS, headers=named())

    assert other[1]["counts"]["created"] == 1
    assert "Idempotency-Replayed" not in other[2]


async def test_a_mistake_is_answered_the_same_again(gateway) -> None:
    key = gateway.key()

    first = await gateway.request("POST", "/events", key, json={"event": []}, headers=named())
    again = await gateway.request("POST", "/events", key, json={"event": []}, headers=named())

    assert (first[0], again[0], again[1]) == (422, 422, first[1])
    assert again[2]["Content-Type"] == "application/problem+json"
    assert again[2]["Idempotency-Replayed"] == "true"


async def test_a_key_is_free_again_after_the_store_was_away(gateway) -> None:
    key = gateway.key()
    await gateway.request("GET", "/contacts", key)
    gateway.store.away = True
    failed = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())

    gateway.store.away = False
    again = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())

    assert (failed[0], again[0], again[1]["counts"]["created"]) == (503, 200, 1)


@pytest.mark.parametrize("text", ["", "k" * 256, "k\tk", "k\xe9"])
async def test_a_key_is_1_to_255_printable_characters(gateway, text: str) -> None:
    status, problem, _ = await gateway.request("POST", "/contacts", gateway.key(), json=CONTACTS, headers=named(text))

    assert (status, problem["code"]) == (422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_two_keys_in_one_request_are_refused(gateway) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Authorization", f"Bearer {gateway.key()}")]

    async with gateway.client.post(f"{gateway.url}/contacts", json=CONTACTS, headers=headers) as answer:
        assert answer.status == 422


async def test_a_body_that_comes_in_pieces_has_the_same_fingerprint(gateway) -> None:
    key = gateway.key()
    whole = json.dumps(CONTACTS).encode()

    async def pieces():
        for byte in whole:
            yield bytes([byte])

    await gateway.request("POST", "/contacts", key, data=whole, headers=named())
    again = await gateway.request("POST", "/contacts", key, data=pieces(), headers=named())

    assert again[2]["Idempotency-Replayed"] == "true"


async def test_routes_of_outcomes_take_keys_too(gateway) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/outcomes/demo", key, json=OUTCOME, headers=named("put"))

    first = await gateway.request("DELETE", "/outcomes/demo", key, headers=named("delete"))
    again = await gateway.request("DELETE", "/outcomes/demo", key, headers=named("delete"))

    assert (first[0], again[0], again[1]) == (204, 204, b"")
    assert again[2]["Idempotency-Replayed"] == "true"


async def test_what_is_kept_is_sealed_and_says_of_whom_it_speaks(gateway) -> None:
    key = gateway.key()

    person = {"contacts": [{"id": "somebody"}]}
    await gateway.request("POST", "/contacts", key, json=person, headers=named("about somebody"))
    await gateway.request("POST", "/events", key, json={"events": [EVENT]}, headers=named("event"))
    await gateway.request("PUT", "/contacts/somebody", key, json={}, headers=named("put"))

    rows = kept(gateway)
    assert sorted(row["contact_ids"] for row in rows) == ['["c-1"]', '["somebody"]', '["somebody"]']
    assert sorted(row["operation"] for row in rows) == [
        "POST /contacts",
        "POST /events",
        "PUT /contacts/{contact_id:path}",
    ]
    assert not any("somebody" in f"{row | {'contact_ids': None}}" for row in rows)


async def test_an_answer_that_was_erased_is_not_made_up(gateway) -> None:
    key = gateway.key()
    await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())
    execute(gateway, "UPDATE idempotency_keys SET answer = NULL")

    again = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named())

    assert (again[0], again[1]["code"]) == (422, "idempotency-key-reused")


async def test_predictions_ignore_the_key(gateway, upstream) -> None:
    key = gateway.key()

    for _ in range(2):
        await gateway.request("POST", "/score", key, json={"contacts": [{"id": "c-1"}]}, headers=named())

    assert len(upstream.seen) == 2
    assert kept(gateway) == []


async def test_twenty_requests_at_once_have_one_effect(any_gateway) -> None:
    key = any_gateway.key()

    answers = await asyncio.gather(
        *(any_gateway.request("POST", "/events", key, json={"events": [EVENT]}, headers=named()) for _ in range(20))
    )

    told = Counter(
        "replayed" if "Idempotency-Replayed" in headers else body.get("code", "first") for _, body, headers in answers
    )
    assert told["first"] == 1
    assert told["first"] + told["replayed"] + told["idempotency-in-progress"] == 20
    assert all(headers["Retry-After"] == "1" for status, _, headers in answers if status == 409)
    assert all(body["counts"]["created"] == 1 for status, body, _ in answers if status == 200)


@pytest.mark.parametrize(("seconds_ago", "status", "code"), [(30, 409, "idempotency-in-progress"), (61, 200, None)])
async def test_a_claim_of_a_gateway_that_was_killed_holds_for_a_minute(
    any_gateway, seconds_ago: int, status: int, code: str | None
) -> None:
    body = json.dumps(CONTACTS).encode()
    hashed = hashlib.sha256(b"k-1").hexdigest()
    fingerprint = hashlib.sha256(b"POST\n/contacts\n\n" + body).hexdigest()
    begun_at = int((time.time() - seconds_ago) * SECOND)
    died = IdempotencyRow(hashed, "POST /contacts", fingerprint, "died", begun_at)
    any_gateway.store.of("acme").idempotency.begin(died, stuck_before=0, expired_before=0)

    answer = await any_gateway.request("POST", "/contacts", any_gateway.key(), data=body, headers=named())

    assert (answer[0], answer[1].get("code")) == (status, code)
    assert answer[2].get("Retry-After") == ("1" if status == 409 else None)


def kept(gateway) -> list[dict[str, str]]:
    return [dict(row) for row in execute(gateway, "SELECT * FROM idempotency_keys")]


def execute(gateway, statement: str):
    from sqlalchemy import text

    with gateway.store._store.writing() as connection:
        result = connection.execute(text(statement))
        return result.mappings().all() if result.returns_rows else []
