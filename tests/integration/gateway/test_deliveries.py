"""Deliveries over the API, and where webhooks may not go."""

from typing import Any

import pytest

from shared.contracts.message import EXAMPLES, Message
from shared.contracts.rows import SECOND, instant_of
from shared.store import AttemptResult

KIND = "score.band_changed"
AT = 1_780_315_200 * SECOND


async def subscribed(gateway: Any, key: str) -> str:
    _, body, _ = await gateway.request(
        "POST", "/subscriptions", key, json={"url": "https://1.1.1.1/in", "event_types": [KIND]}
    )
    return str(body["id"])


def happened(gateway: Any, count: int) -> None:
    for number in range(count):
        message = Message(f"m{number}", KIND, AT, EXAMPLES[KIND], contact_id="c-42", cause="events")
        gateway.store.of("acme").deliveries.outbox.publish([message], at=AT + number * SECOND)


def failed(gateway: Any, subscription_id: str) -> None:
    store = gateway.store.of("acme")
    results = [
        AttemptResult(due.delivery_id, subscription_id, AT, 500, 12, None, "no", "failed", AT, 10, False)
        for due in store.deliveries.lease({subscription_id: 99}, at=AT + 3_600 * SECOND, until=AT + 3_700 * SECOND)
    ]
    store.deliveries.record_attempts(results, at=AT, pause_before=0)


async def test_deliveries_are_listed_a_page_at_a_time(gateway: Any) -> None:
    key = gateway.key()
    subscription_id = await subscribed(gateway, key)
    happened(gateway, 5)

    _, first, _ = await gateway.request("GET", f"/deliveries?subscription_id={subscription_id}&limit=3", key)
    _, second, _ = await gateway.request(
        "GET", f"/deliveries?subscription_id={subscription_id}&limit=3&cursor={first['next_cursor']}", key
    )
    status, problem, _ = await gateway.request("GET", f"/deliveries?limit=3&cursor={first['next_cursor']}", key)

    assert [one["message_id"] for one in first["deliveries"] + second["deliveries"]] == ["m4", "m3", "m2", "m1", "m0"]
    assert second["next_cursor"] is None
    assert (status, problem["code"]) == (422, "invalid-request")


async def test_a_delivery_shows_what_it_says_and_every_attempt(gateway: Any) -> None:
    key = gateway.key()
    subscription_id = await subscribed(gateway, key)
    happened(gateway, 1)
    failed(gateway, subscription_id)

    _, listed, _ = await gateway.request("GET", "/deliveries?state=failed", key)
    _, shown, _ = await gateway.request("GET", f"/deliveries/{listed['deliveries'][0]['id']}", key)
    _, subscription, _ = await gateway.request("GET", f"/subscriptions/{subscription_id}", key)

    assert (shown["state"], shown["due_at"], shown["contact_id"], shown["data"]) == (
        "failed", None, "c-42", EXAMPLES[KIND],
    )  # fmt: skip
    assert shown["tried"] == [
        {"number": 1, "attempted_at": "2026-06-01T12:00:00Z", "status": 500, "milliseconds": 12, "error": None,
         "response": "no"},
    ]  # fmt: skip
    assert subscription["counts"] == {"pending": 0, "failed": 1}
    assert subscription["failing_since"] == "2026-06-01T12:00:00Z"


async def test_one_delivery_or_a_stretch_of_time_is_replayed(gateway: Any) -> None:
    key = gateway.key()
    subscription_id = await subscribed(gateway, key)
    happened(gateway, 4)
    failed(gateway, subscription_id)
    _, listed, _ = await gateway.request("GET", "/deliveries", key)
    range_ = {
        "subscription_id": subscription_id,
        "since": instant_of(AT).isoformat(),
        "until": instant_of(AT + 2 * SECOND).isoformat(),
        "state": "failed",
    }

    _, one, _ = await gateway.request("POST", f"/deliveries/{listed['deliveries'][0]['id']}/replay", key)
    _, many, _ = await gateway.request("POST", "/deliveries/replay", key, json=range_)
    _, none, _ = await gateway.request("POST", "/deliveries/replay", key, json={**range_, "state": "delivered"})

    assert (one["state"], one["attempts"], one["id"]) == ("pending", 1, listed["deliveries"][0]["id"])
    assert (many, none) == ({"replayed": 2}, {"replayed": 0})


async def test_nothing_is_replayed_to_a_disabled_subscription(gateway: Any) -> None:
    key = gateway.key()
    subscription_id = await subscribed(gateway, key)
    happened(gateway, 1)
    _, listed, _ = await gateway.request("GET", "/deliveries", key)
    await gateway.request("PATCH", f"/subscriptions/{subscription_id}", key, json={"state": "disabled"})

    status, problem, _ = await gateway.request("POST", f"/deliveries/{listed['deliveries'][0]['id']}/replay", key)

    assert (status, problem["code"]) == (409, "conflict")


async def test_another_accounts_deliveries_are_not_there(gateway: Any) -> None:
    key, other = gateway.key(), gateway.key("other")
    subscription_id = await subscribed(gateway, key)
    happened(gateway, 1)
    _, listed, _ = await gateway.request("GET", "/deliveries", key)
    path = f"/deliveries/{listed['deliveries'][0]['id']}"
    range_ = {"subscription_id": subscription_id, "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}

    statuses = [
        (await gateway.request("GET", path, other))[0],
        (await gateway.request("POST", f"{path}/replay", other))[0],
        (await gateway.request("POST", "/deliveries/replay", other, json=range_))[0],
    ]

    assert statuses == [404] * 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"subscription_id": "s", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"subscription_id": "s", "since": "2026-01-01T00:00:00", "until": "2026-01-02T00:00:00Z"},
        {"subscription_id": "s", "since": 1e400, "until": -1e400},
        {"subscription_id": "s", "since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z", "state": "pending"},
        {"subscription_id": "\x00", "since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
    ],
)
async def test_a_stretch_that_does_not_fit_is_refused(gateway: Any, body: Any) -> None:
    status, problem, _ = await gateway.request("POST", "/deliveries/replay", gateway.key(), json=body)

    assert (status, problem["code"]) in {(422, "invalid-request"), (422, "malformed-json")}


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f.1/",
        "https://user:word@1.1.1.1/",
        "https://name.invalid/",
    ],
)
async def test_webhooks_do_not_go_inside_when_made_nor_when_changed(gateway: Any, url: str) -> None:
    key = gateway.key()
    path = f"/subscriptions/{await subscribed(gateway, key)}"

    made = await gateway.request("POST", "/subscriptions", key, json={"url": url, "event_types": [KIND]})
    changed = await gateway.request("PATCH", path, key, json={"url": url})
    _, shown, _ = await gateway.request("GET", path, key)

    assert [(status, problem["code"]) for status, problem, _ in (made, changed)] == [(422, "address-refused")] * 2
    assert shown["url"] == "https://1.1.1.1/in"
