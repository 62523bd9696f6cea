"""The flow every capability shares, with a model whose answer is the number of events."""

import json
import threading
from asyncio import create_task, to_thread
from typing import Any

import pytest

from shared.timeline import ContactFacts

NOW_US = 1_780_272_000_000_000
DAY = 86_400_000_000


def asked(*contacts: Any, **fields: Any) -> dict[str, Any]:
    return {"contacts": [{"id": c} if isinstance(c, str) else c for c in contacts], **fields}


async def test_a_known_contact_is_answered_in_full(running: Any) -> None:
    async with running() as client:
        reply = await client.post("/score", asked("c-1"))

    assert reply.status == 200
    assert reply.json == {
        "predictions": [
            {
                "contact_id": "c-1",
                "status": "ok",
                "detail": None,
                "errors": [],
                "probability": 0.25,
                "score": 52,
                "band": "medium",
                "trend": "unknown",
                "reasons": [
                    {"feature": "events", "value": 2.0, "effect": "lowers", "contribution": -2.0, "text": "Events"}
                ],
                "source": "model",
                "data_quality": [],
                "data_quality_details": None,
                "parts": {"fit": 0.0, "engagement": -2.0, "base": 0.0},
            }
        ],
        "model": {
            "capability": "scoring",
            "outcome": "customer",
            "version": "7",
            "kind": "lightgbm",
            "horizon_days": 90,
            "trained_at": "2026-05-20T00:00:00Z",
            "grade": "A",
        },
        "cutoff": "2026-06-01T00:00:00Z",
        "request_id": "r-1",
    }
    assert reply.headers["foretell-contacts-served"] == "1"
    assert reply.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ({"id": "nobody"}, "unknown_contact"),
        ({"id": "nobody", "timezone": "Europe/Paris"}, "insufficient_data"),
        ({"id": "nobody", "attributes": {"country": "FR"}}, "ok"),
        ({"id": "nobody", "events": [{"type": "page_viewed", "occurred_at": "2026-05-01T00:00:00Z"}]}, "ok"),
        ({"id": "c-1", "consent": {"profiling": "denied"}}, "no_consent"),
        ({"id": "c-1", "events": [{"type": "deal_won", "occurred_at": "2026-05-01T00:00:00Z"}]}, "outcome_reached"),
        ({"id": "c-1", "events": [{"type": "deal_won", "occurred_at": "2026-06-01T00:00:00Z"}]}, "ok"),
        ({"id": "empty"}, "insufficient_data"),
    ],
)
async def test_each_contact_gets_its_status(running: Any, store: Any, contact: Any, status: str) -> None:
    store.facts["empty"] = ContactFacts(created_at=NOW_US - 100 * DAY)

    async with running() as client:
        reply = await client.post("/score", asked(contact))

    assert reply.status == 200
    assert reply.json["predictions"][0]["status"] == status


@pytest.mark.parametrize(
    ("contact", "pointer"),
    [
        ({"id": "a", "nickname": "x"}, "/contacts/1/nickname"),
        ({}, "/contacts/1/id"),
        ({"id": "a", "timezone": "Mars/Base"}, "/contacts/1/timezone"),
        ({"id": "a", "attributes": {"age": float("nan")}}, "/contacts/1/attributes/age"),
        ({"id": "a", "attributes": {"a/b": {"x": 1}}}, "/contacts/1/attributes/a~1b"),
        (
            {"id": "a", "events": [{"type": "page_viewed", "occurred_at": "2026-05-01T00:00:00"}]},
            "/contacts/1/events/0/occurred_at",
        ),
        ({"id": "a", "events": [{"type": "Not Snake", "occurred_at": "2026-05-01T00:00:00Z"}]},
         "/contacts/1/events/0/type"),
        ("c-9", "/contacts/1"),
        (None, "/contacts/1"),
    ],
)  # fmt: skip
async def test_an_invalid_contact_is_answered_alone(running: Any, contact: Any, pointer: str) -> None:
    async with running() as client:
        reply = await client.post("/score", json.dumps({"contacts": [{"id": "c-1"}, contact]}).encode())

    first, second = reply.json["predictions"]
    assert reply.status == 200
    assert (first["status"], second["status"]) == ("ok", "invalid")
    assert [error["pointer"] for error in second["errors"]] == [pointer]


async def test_the_same_contact_twice_is_answered_twice(running: Any) -> None:
    more = {"id": "c-1", "events": [{"type": "page_viewed", "occurred_at": "2026-05-01T00:00:00Z"}]}

    async with running() as client:
        reply = await client.post("/score", asked("c-1", more, "c-1"))

    assert [p["contact_id"] for p in reply.json["predictions"]] == ["c-1", "c-1", "c-1"]
    assert [p["probability"] for p in reply.json["predictions"]] == [0.25, 0.2, 0.25]


async def test_an_inline_event_with_a_stored_id_counts_once(running: Any) -> None:
    again = {"id": "e1", "type": "email_clicked", "occurred_at": "2026-05-30T00:00:00Z"}

    async with running() as client:
        reply = await client.post("/score", asked({"id": "c-1", "events": [again, {**again, "id": "new"}]}))

    assert reply.json["predictions"][0]["probability"] == 0.2


async def test_order_is_kept_and_contacts_are_read_at_once(running: Any, store: Any) -> None:
    async with running() as client:
        reply = await client.post("/score", asked("c-2", "nobody", "c-1", outcome="customer"))

    assert [p["contact_id"] for p in reply.json["predictions"]] == ["c-2", "nobody", "c-1"]
    assert store.request_reads_made == 1


@pytest.mark.parametrize(("before", "trend"), [(47, "improving"), (50, "steady"), (57, "declining")])
async def test_the_trend_is_against_the_score_of_thirty_days_before(
    running: Any, store: Any, before: int, trend: str
) -> None:
    store.before = {"c-1": before}

    async with running() as client:
        reply = await client.post("/score", asked("c-1"))

    assert reply.json["predictions"][0]["trend"] == trend


async def test_missing_and_stale_data_are_named(running: Any, store: Any) -> None:
    store.newest = NOW_US - 15 * DAY
    store.facts["new"] = ContactFacts(created_at=NOW_US - DAY)
    store.events.append(("new", "e", "page_viewed", NOW_US - DAY, None, None, None, None, 1))

    async with running() as client:
        reply = await client.post("/score", asked("c-1", "c-2", "new", {"id": "x", "attributes": {"country": 1}}))

    assert [p["data_quality"] for p in reply.json["predictions"]] == [
        ["stale_events"],
        ["stale_events", "no_timezone"],
        ["stale_events", "no_timezone", "no_attributes", "new_contact"],
        ["stale_events", "no_timezone", "no_events"],
    ]


@pytest.mark.parametrize(("fields", "count", "expected"), [({}, 2, 1), ({"reasons": 0}, 2, 0), ({}, 101, 0)])
async def test_reasons_are_as_many_as_requested(running: Any, fields: Any, count: int, expected: int) -> None:
    async with running() as client:
        reply = await client.post("/score", asked(*["c-1"] * count, **fields))

    assert {len(p["reasons"]) for p in reply.json["predictions"]} == {expected}


@pytest.mark.parametrize(
    ("payload", "status", "code", "pointer"),
    [
        (asked("c-1", colour=1), 422, "invalid-request", "/colour"),
        (asked(), 422, "invalid-request", "/contacts"),
        ({}, 422, "invalid-request", "/contacts"),
        ([], 422, "invalid-request", ""),
        (asked("c-1", cutoff="2026-06-01T00:00:00"), 422, "invalid-request", "/cutoff"),
        (asked("c-1", cutoff=1780272000), 422, "invalid-request", "/cutoff"),
        (asked("c-1", cutoff="2026-06-01T00:01:01Z"), 422, "invalid-request", "/cutoff"),
        (asked("c-1", reasons=11), 422, "invalid-request", "/reasons"),
        (asked("c-1", outcome="No Such"), 422, "invalid-request", "/outcome"),
        (asked("c-1", outcome="nonsense"), 422, "unknown-outcome", None),
        (asked(*["c-1"] * 1001), 422, "too-many-contacts", None),
        (b'{"contacts": [', 422, "malformed-json", None),
        (b"\xff", 422, "malformed-json", None),
        (b"[" * 100_000, 422, "malformed-json", None),
        (asked("c-1", outcome="opportunity"), 409, "no-model-trained", None),
    ],
)
async def test_a_wrong_envelope_is_refused_as_a_whole(
    running: Any, payload: Any, status: int, code: str, pointer: str | None
) -> None:
    async with running() as client:
        reply = await client.post("/score", payload)

    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["code"] == code
    assert reply.json["request_id"] == "r-1"
    assert [error["pointer"] for error in reply.json.get("errors", [])] == ([] if pointer is None else [pointer])


async def test_no_model_says_in_counts_what_is_missing(running: Any, store: Any) -> None:
    store.rows = []

    async with running() as client:
        reply = await client.post("/score", asked("c-1"))

    assert reply.status == 409
    assert reply.json["with_outcome"] == 12
    assert reply.json["needed_with_outcome"] == 40
    assert "foretell train scoring --outcome customer" in reply.json["detail"]


async def test_without_a_default_the_outcomes_are_listed(running: Any, store: Any) -> None:
    store.default = None

    async with running() as client:
        reply = await client.post("/score", asked("c-1"))

    assert reply.status == 422
    assert reply.json["outcomes"] == ["customer", "opportunity"]
    assert reply.json["errors"] == [{"pointer": "/outcome", "detail": "Known: customer, opportunity."}]


async def test_where_no_outcome_is_defined_the_answer_says_how_to_define_one(
    running: Any, store: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(store, "outcomes", lambda _: [])
    store.default = None

    async with running() as client:
        unnamed = await client.post("/score", {"contacts": [{"id": "c-1"}]})
        store.rows = []
        named = await client.post("/score", asked("c-1", outcome="won"))

    assert (unnamed.status, unnamed.json["outcomes"]) == (422, [])
    assert "foretell outcomes set NAME --capability scoring" in unnamed.json["errors"][0]["detail"]
    assert (named.status, named.json["outcomes"]) == (422, [])
    assert "foretell outcomes set NAME --capability scoring" in named.json["detail"]


async def test_another_account_has_neither_contact_nor_model(running: Any) -> None:
    async with running() as client:
        reply = await client.post("/score", asked("c-1", outcome="customer"), account="other")

    assert (reply.status, reply.json["code"]) == (409, "no-model-trained")


async def test_more_contacts_than_the_quota_are_refused(running: Any) -> None:
    async with running() as client:
        reply = await client.post("/score", asked("c-1", "c-2"), quota_contacts=1)

    assert (reply.status, reply.json["code"], reply.json["remaining_contacts"]) == (429, "quota-exceeded", 1)


async def test_a_key_without_the_scope_is_refused(running: Any) -> None:
    async with running() as client:
        reply = await client.post("/score", asked("c-1"), scopes=("read",))

    assert (reply.status, reply.json["code"]) == (403, "missing-scope")


async def test_while_the_store_is_away_data_with_consent_is_answered(running: Any, store: Any) -> None:
    full = {"id": "c-1", "attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}

    async with running() as client:
        await client.post("/score", asked("c-1"))
        store.away = True
        reply = await client.post("/score", asked(full, "c-2", {"id": "c-3", "attributes": {"country": "FR"}}))

    assert reply.status == 200
    assert [p["status"] for p in reply.json["predictions"]] == ["ok", "insufficient_data", "insufficient_data"]
    assert all("store_unavailable" in p["data_quality"] for p in reply.json["predictions"])


async def test_while_the_store_is_away_a_call_without_data_has_to_come_back(running: Any, store: Any) -> None:
    async with running() as client:
        await client.post("/score", asked("c-1"))
        store.away = True
        reply = await client.post("/score", asked("c-1"))

    assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "store-unavailable", "5")


async def test_health_answers_before_a_slow_prediction_ends(running: Any, model: Any) -> None:
    model.gate = threading.Event()

    async with running() as client:
        slow = create_task(client.post("/score", asked("c-1")))
        await to_thread(model.entered.wait, 10)
        health = await client.get("/healthz")
        ended_first = slow.done()
        model.gate.set()
        reply = await slow

    assert (health.status, ended_first, reply.status) == (200, False, 200)


async def test_answers_are_logged_by_the_time_the_service_has_stopped(running: Any, store: Any) -> None:
    async with running() as client:
        await client.post("/score", asked("c-1", "nobody", {"id": "c-2", "bad": 1}))

    (row,) = store.logged
    assert (row.contact_id, row.outcome, row.version, row.status, row.score) == ("c-1", "customer", "7", "ok", 52)
    assert json.loads(row.body)["probability"] == 0.25
    assert store.closed
