"""The catalogue of messages over HTTP, and decisions that another tool made."""

from typing import Any

import pytest

from shared.contracts.message_variant import MessageVariantFields
from shared.contracts.rows import SECOND
from shared.store import MessageChange

NOW = 1_780_000_000 * SECOND
OFFER = {
    "id": "offer",
    "name": "Free delivery",
    "attributes": {"topic": "delivery"},
    "from": "2026-01-01T00:00:00Z",
    "until": "2126-01-01T00:00:00Z",
    "eligible": {
        "attributes": {"country": ["DE", "AT"], "vip": [True]},
        "segments": ["s1"],
        "bands": [{"capability": "scoring", "outcome": None, "bands": ["high"]}],
    },
    "cap_per_week": 2,
    "cooldown_hours": 12.0,
    "active": True,
}
DECISION = {
    "contact_id": "c-1",
    "message": "a",
    "propensity": 0.5,
    "candidates": ["a", "b"],
    "decided_at": "2026-05-04T08:00:00Z",
    "reward": 1,
    "id": "send-1",
}


def filled(gateway: Any, *names: str, **fields: Any) -> Any:
    given = MessageVariantFields.model_validate(fields).given()
    messages = gateway.store.of("acme").experiments.messages
    messages.put([MessageChange(name, given) for name in names], at=NOW)
    return gateway


async def listed(gateway: Any, query: str = "") -> list[str]:
    status, answer, _ = await gateway.request("GET", f"/messages?{query}", gateway.key(scopes=("read",)))
    assert status == 200, answer
    return [one["id"] for one in answer["messages"]]


async def imported(gateway: Any, *decisions: Any) -> Any:
    key = gateway.key(scopes=("ingest",))
    status, answer, _ = await gateway.request("POST", "/messages/decisions", key, json={"decisions": decisions})
    assert status == 200, answer
    return answer


async def test_messages_are_stored_each_judged_alone(gateway: Any) -> None:
    late = {"id": "late", "from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    sent = {"messages": [OFFER, {"id": "b", "cap_per_week": 0, "colour": "red"}, {"name": "without an id"}, late]}

    status, answer, _ = await gateway.request("PUT", "/messages", gateway.key(scopes=("ingest",)), json=sent)

    assert status == 200
    assert [(one["id"], one["status"]) for one in answer["results"]] == [
        ("offer", "created"), ("b", "invalid"), (None, "invalid"), ("late", "invalid"),
    ]  # fmt: skip
    pointers = [[error["pointer"] for error in one["errors"]] for one in answer["results"]]
    assert pointers == [[], ["/messages/1/cap_per_week", "/messages/1/colour"], ["/messages/2/id"], ["/messages/3"]]
    assert answer["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "invalid": 3}


async def test_a_message_is_shown_as_it_was_sent(gateway: Any) -> None:
    await gateway.request("PUT", "/messages", gateway.key(scopes=("ingest",)), json={"messages": [OFFER]})

    status, answer, _ = await gateway.request("GET", "/messages/offer", gateway.key(scopes=("read",)))

    assert status == 200
    assert answer.pop("updated_at").endswith("Z")
    assert answer == {**OFFER, "state": "running"}


async def test_one_message_is_made_and_then_changed_under_its_path(gateway: Any) -> None:
    key = gateway.key(scopes=("ingest",))

    made = await gateway.request("PUT", "/messages/a%2Fb", key, json={"name": "A", "cap_per_week": 3})
    changed = await gateway.request("PUT", "/messages/a%2Fb", key, json={"cap_per_week": None})

    assert (made[0], made[2]["location"], made[1]["name"]) == (201, "/messages/a%2Fb", "A")
    assert (changed[0], changed[1]["name"], changed[1]["cap_per_week"]) == (200, "A", None)


async def test_a_message_is_switched_off(gateway: Any) -> None:
    key = filled(gateway, "a", name="A").key(scopes=("ingest",))

    status, answer, _ = await gateway.request("PATCH", "/messages/a", key, json={"active": False})

    assert (status, answer["state"], answer["name"]) == (200, "switched_off", "A")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"cap_per_week": "much"}, "/cap_per_week"),
        ({"id": "other"}, "/id"),
        ({"colour": 1}, "/colour"),
        ({"until": "2026-01-01T00:00:00Z"}, "/until"),
        ({"eligible": {"segments": [""]}}, "/eligible/segments/0"),
    ],
)
async def test_a_change_that_does_not_fit_names_the_place(gateway: Any, method: str, body: Any, pointer: str) -> None:
    key = filled(gateway, "a", **{"from": "2026-02-01T00:00:00Z"}).key(scopes=("ingest",))

    status, problem, _ = await gateway.request(method, "/messages/a", key, json=body)

    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_message_that_is_not_in_the_catalogue_is_404(gateway: Any, method: str) -> None:
    body = {"json": {"active": False}} if method == "PATCH" else {}

    status, problem, _ = await gateway.request(method, "/messages/none", gateway.key(), **body)

    assert (status, "PUT /messages" in problem["detail"]) == (404, True)


async def test_a_deleted_message_is_gone_and_deleting_it_is_audited(gateway: Any) -> None:
    key = filled(gateway, "a").key()

    first = await gateway.request("DELETE", "/messages/a", key)
    second = await gateway.request("DELETE", "/messages/a", key)

    assert (first[0], second[0]) == (204, 404)
    assert await listed(gateway) == []
    assert gateway.store.of("acme").audit.page(1)[0][3:5] == ("message.deleted", "a")


async def test_messages_are_listed_a_page_at_a_time_and_by_state(gateway: Any) -> None:
    filled(gateway, "c", "a", "b")
    filled(gateway, "b", active=False)
    filled(gateway, "old", until="2026-01-01T00:00:00Z")
    filled(gateway, "soon", **{"from": "2126-01-01T00:00:00Z"})
    key = gateway.key(scopes=("read",))

    _, first, _ = await gateway.request("GET", "/messages?limit=3", key)
    _, rest, _ = await gateway.request("GET", f"/messages?limit=3&cursor={first['next_cursor']}", key)

    assert [one["id"] for one in first["messages"]] == ["a", "b", "c"]
    assert [(one["id"], one["state"]) for one in rest["messages"]] == [("old", "over"), ("soon", "not_yet")]
    assert (rest["next_cursor"], rest["catalogue"]) == (None, {"messages": 5, "running": 2})
    assert await listed(gateway, "state=running") == ["a", "c"]
    assert await listed(gateway, "state=switched_off") == ["b"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PUT", "/messages", "read"),
        ("PUT", "/messages/a", "read"),
        ("PATCH", "/messages/a", "read"),
        ("DELETE", "/messages/a", "read"),
        ("POST", "/messages/decisions", "read"),
        ("GET", "/messages", "ingest"),
        ("GET", "/messages/a", "ingest"),
    ],
)
async def test_a_key_without_the_scope_is_refused(gateway: Any, method: str, path: str, scope: str) -> None:
    body: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": {}}

    status, _, _ = await gateway.request(method, path, gateway.key(scopes=(scope,)), **body)

    assert status == 403


async def test_decisions_are_imported_each_judged_alone(gateway: Any) -> None:
    counted = {**DECISION, "id": None, "message": None, "number_of_candidates": 3, "reward": None}
    del counted["candidates"]
    ahead = {**DECISION, "decided_at": "2126-01-01T00:00:00Z"}
    answer = await imported(
        gateway,
        DECISION,
        counted,
        {**DECISION, "propensity": 0},
        {**DECISION, "message": "z"},
        ahead,
        {**DECISION, "outcome": "unknown"},
    )

    words = [one["status"] for one in answer["results"]]
    assert words == ["created", "created", "invalid", "invalid", "invalid", "invalid"]
    pointers = [error["pointer"] for one in answer["results"] for error in one["errors"]]
    assert pointers == ["/decisions/2/propensity", "/decisions/3", "/decisions/4/decided_at", "/decisions/5/outcome"]
    assert answer["counts"] == {"created": 2, "duplicate": 0, "erased": 0, "invalid": 4}
    (part,) = gateway.store.of("acme").experiments.decisions.scan("clicked", 0, 2**60)
    assert [(one.message_id, one.candidates, one.reward, one.arm) for one in part] == [
        ("a", ("a", "b"), 1.0, "imported"),
        (None, ("", "~1", "~2"), None, "imported"),
    ]


async def test_the_same_decision_again_changes_nothing(gateway: Any) -> None:
    nameless = {name: value for name, value in DECISION.items() if name != "id"}
    first = await imported(gateway, DECISION, nameless)

    again = await imported(gateway, DECISION, {**nameless, "reward": 0})

    assert [one["status"] for one in first["results"]] == ["created", "created"]
    assert [one["status"] for one in again["results"]] == ["duplicate", "duplicate"]
    assert [one["id"] for one in again["results"]] == [one["id"] for one in first["results"]]
    assert first["results"][1]["id"].startswith("~")


async def test_messages_that_nobody_described_are_made_and_not_active(gateway: Any) -> None:
    filled(gateway, "a", name="A")

    first = await imported(gateway, {**DECISION, "candidates": ["a", "b", None]})
    second = await imported(gateway, {**DECISION, "id": "send-2"})

    assert (first["messages_created"], second["messages_created"]) == (["b"], [])
    assert await listed(gateway, "state=running") == ["a"]
    assert await listed(gateway, "state=switched_off") == ["b"]


async def test_a_decision_of_an_erased_contact_is_left_out(gateway: Any) -> None:
    store = gateway.store.of("acme")
    await imported(gateway, DECISION)
    await gateway.request("DELETE", "/contacts/c-1", gateway.key())

    answer = await imported(gateway, {**DECISION, "candidates": ["a", "new"]}, {**DECISION, "contact_id": "c-2"})

    assert [one["status"] for one in answer["results"]] == ["erased", "created"]
    assert answer["messages_created"] == []
    assert [one.contact_id for part in store.experiments.decisions.scan(None, 0, 2**60) for one in part] == ["c-2"]


async def test_a_band_of_an_outcome_that_nobody_defined_is_refused_with_the_known_ones(gateway: Any) -> None:
    key = gateway.key(scopes=("ingest",))
    bands = [
        {"capability": "scoring", "bands": ["high"]},
        {"capability": "scoring", "outcome": "typo", "bands": ["low"]},
    ]
    eligible = {"attributes": {}, "segments": [], "bands": bands}

    _, many, _ = await gateway.request(
        "PUT", "/messages", key, json={"messages": [{"id": "a", "eligible": eligible}, {"id": "b"}]}
    )
    status, one, _ = await gateway.request("PATCH", "/messages/b", key, json={"eligible": eligible})

    assert [result["status"] for result in many["results"]] == ["invalid", "created"]
    assert [error["pointer"] for error in many["results"][0]["errors"]] == ["/messages/0/eligible/bands/1/outcome"]
    assert (status, [error["pointer"] for error in one["errors"]]) == (422, ["/eligible/bands/1/outcome"])
    assert "no scoring outcome 'typo'. Known: " in one["errors"][0]["detail"]
    assert await listed(gateway) == ["b"]
