"""Subscriptions over the API, with a receiver on a socket inside the network."""

from typing import Any

import pytest
from standardwebhooks import Webhook

from shared.contracts.seal import Seal
from shared.webhooks_out.subscription_schemas import SubscriptionFields
from shared.webhooks_out.subscriptions import new_subscription

ALL = ["score.band_changed", "batch.completed"]


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"webhook_allow_private": True}


@pytest.fixture
def where(upstream: Any) -> str:
    return f"{str(upstream.server.make_url('')).rstrip('/')}/in"


async def made(gateway: Any, key: str, where: str, **more: Any) -> dict[str, Any]:
    status, body, _ = await gateway.request(
        "POST", "/subscriptions", key, json={"url": where, "event_types": ALL, "description": "ours", **more}
    )
    assert status == 201, body
    return body  # type: ignore[no-any-return]


async def test_a_secret_is_shown_once(gateway: Any, where: str) -> None:
    key = gateway.key()
    created = await made(gateway, key, where, headers={"Authorization": "Bearer x"})

    _, shown, _ = await gateway.request("GET", f"/subscriptions/{created['id']}", key)
    _, listed, _ = await gateway.request("GET", "/subscriptions", key)

    secret = created.pop("secret")
    assert secret.startswith("whsec_")
    assert created == shown == listed["subscriptions"][0]
    assert shown["header_names"] == ["Authorization"]
    assert secret not in str(shown)
    assert "Bearer" not in str(shown)
    assert (shown["state"], shown["counts"], shown["failing_since"]) == ("enabled", {"pending": 0, "failed": 0}, None)


async def test_what_is_given_is_changed_and_the_rest_stays(gateway: Any, where: str) -> None:
    key = gateway.key()
    created = await made(gateway, key, where)
    path = f"/subscriptions/{created['id']}"

    _, paused, _ = await gateway.request(
        "PATCH", path, key, json={"state": "paused", "event_types": ["batch.completed"]}
    )
    _, resumed, _ = await gateway.request("PATCH", path, key, json={"state": "enabled", "model_changes": True})

    assert (paused["state"], paused["state_reason"], paused["event_types"]) == (
        "paused", "Set by PATCH.", ["batch.completed"],
    )  # fmt: skip
    assert (resumed["state"], resumed["state_reason"], resumed["description"]) == ("enabled", None, "ours")
    assert resumed["model_changes"] is True


async def test_a_deleted_subscription_is_gone(gateway: Any, where: str) -> None:
    key = gateway.key()
    path = f"/subscriptions/{(await made(gateway, key, where))['id']}"

    statuses = [(await gateway.request(method, path, key))[0] for method in ("DELETE", "GET", "DELETE")]

    assert statuses == [204, 404, 404]


async def test_a_trial_is_signed_and_answers_what_came_back(gateway: Any, upstream: Any, where: str) -> None:
    key = gateway.key()
    created = await made(gateway, key, where)

    _, body, _ = await gateway.request("POST", f"/subscriptions/{created['id']}/test", key, json={})

    seen = upstream.seen[-1]
    told = Webhook(created["secret"]).verify(seen.body, dict(seen.headers))
    assert told["type"] == "subscription.test"
    assert told["data"] == {"subscription_id": created["id"]}
    assert (body["delivered"], body["status"], body["error"]) == (True, 200, None)
    assert body["response"] == '{"predictions": []}'
    assert seen.headers["webhook-id"] == body["webhook_id"]


async def test_either_secret_verifies_while_one_is_replaced(gateway: Any, upstream: Any, where: str) -> None:
    key = gateway.key()
    created = await made(gateway, key, where)
    path = f"/subscriptions/{created['id']}"

    status, rotated, _ = await gateway.request("POST", f"{path}/secrets", key, json={"overlap_hours": 1})
    await gateway.request("POST", f"{path}/test", key, json={})

    seen = upstream.seen[-1]
    assert status == 201
    assert [one["expires_at"] is None for one in rotated["secrets"]] == [True, False]
    for secret in (created["secret"], rotated["secret"]):
        Webhook(secret).verify(seen.body, dict(seen.headers))


async def test_a_secret_without_overlap_signs_no_more(gateway: Any, upstream: Any, where: str) -> None:
    key = gateway.key()
    created = await made(gateway, key, where)
    path = f"/subscriptions/{created['id']}"

    _, rotated, _ = await gateway.request("POST", f"{path}/secrets", key, json={"overlap_hours": 0})
    await gateway.request("POST", f"{path}/test", key, json={})

    assert len(rotated["secrets"]) == 1
    assert len(upstream.seen[-1].headers["webhook-signature"].split(" ")) == 1


async def test_a_connector_writes_the_record_of_the_contact_that_is_named(
    gateway: Any, upstream: Any, where: str
) -> None:
    key = gateway.key()
    created = await made(gateway, key, where, connector="hubspot", event_types=["score.band_changed"])
    trial = {"type": "score.band_changed", "contact_id": "512"}

    _, without, _ = await gateway.request("POST", f"/subscriptions/{created['id']}/test", key, json={})
    _, body, _ = await gateway.request("POST", f"/subscriptions/{created['id']}/test", key, json=trial)

    assert (without["error"], without["delivered"]) == ("not-tellable", False)
    assert body["delivered"] is True
    assert (upstream.seen[-1].method, upstream.seen[-1].target) == ("PATCH", "/in/crm/v3/objects/contacts/512")


async def test_a_subscription_that_was_sealed_with_another_key_is_still_listed(gateway: Any, where: str) -> None:
    key = gateway.key()
    fields = SubscriptionFields(url=where, event_types=["batch.completed"], headers={"X-Token": "x"})
    row, secret, _ = new_subscription(fields, Seal(b"o" * 32), 1, allow_private=True)
    gateway.store.of("acme").subscriptions.create(row, secret)

    _, shown, _ = await gateway.request("GET", f"/subscriptions/{row.subscription_id}", key)
    status, trial, _ = await gateway.request("POST", f"/subscriptions/{row.subscription_id}/test", key, json={})

    assert shown["header_names"] == ["X-Token"]
    assert (status, trial["delivered"], trial["error"]) == (200, False, "settings-refused")


async def test_another_account_sees_and_changes_nothing(gateway: Any, where: str) -> None:
    created = await made(gateway, gateway.key(), where)
    other = gateway.key("other")
    path = f"/subscriptions/{created['id']}"

    asked = [
        ("GET", path, None),
        ("PATCH", path, {"state": "disabled"}),
        ("POST", f"{path}/secrets", {}),
        ("POST", f"{path}/test", {}),
        ("DELETE", path, None),
    ]
    statuses = [(await gateway.request(method, to, other, json=body))[0] for method, to, body in asked]
    _, listed, _ = await gateway.request("GET", "/subscriptions", other)

    assert statuses == [404] * 5
    assert listed == {"subscriptions": []}


async def test_reading_needs_read_and_writing_admin(gateway: Any, where: str) -> None:
    created = await made(gateway, gateway.key(), where)
    reader, ingester = gateway.key(scopes=("read",)), gateway.key(scopes=("ingest", "predict"))
    path = f"/subscriptions/{created['id']}"

    allowed = [(await gateway.request("GET", to, reader))[0] for to in ("/subscriptions", path, "/deliveries")]
    refused = [
        (await gateway.request("POST", "/subscriptions", reader, json={"url": where, "event_types": ALL}))[0],
        (await gateway.request("PATCH", path, reader, json={"state": "paused"}))[0],
        (await gateway.request("POST", f"{path}/test", reader, json={}))[0],
        (await gateway.request("DELETE", path, reader))[0],
        (await gateway.request("GET", "/subscriptions", ingester))[0],
        (await gateway.request("GET", "/deliveries", ingester))[0],
    ]

    assert (allowed, refused) == ([200] * 3, [403] * 6)


BROKEN = [
    b"", b"\xff\xfe", b"{", b"[]", b"null", b"1", b'"x"', b"[" * 5_000, b'{"url":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"url": NaN, "event_types": ["batch.completed"]}', b'{"url": 1, "event_types": {}}', b'{"url": null}',
    b'{"url": "https://a.example", "event_types": []}', b'{"url": "https://a.example", "event_types": ["x"]}',
    b'{"url": "https://a.example", "event_types": ["batch.completed"], "other": 1}',
    b'{"url": "https://\\ud800.example", "event_types": ["batch.completed"]}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "description": "\\u0000"}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "headers": {"Host": "x"}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "headers": {"A": "x\\r\\nB: y"}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "headers": {"webhook-id": "x"}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "headers": {"A": "1", "a": "2"}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "settings": {"a": 1}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "connector": "sap"}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "connector": "template", "settings": '
    b'{"body": "{{ \'a\' * 999999999 }}"}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "connector": "template", "settings": '
    b'{"body": NaN}}',
    b'{"url": "https://1.1.1.1", "event_types": ["batch.completed"], "connector": "template", "settings": '
    b'{"body": ' + b"[" * 400 + b"1" + b"]" * 400 + b"}}",
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_what_does_not_fit_is_refused_with_its_place(gateway: Any, body: bytes) -> None:
    status, problem, _ = await gateway.request(
        "POST", "/subscriptions", gateway.key(), data=body, headers={"Content-Type": "application/json"}
    )

    assert status == 422
    assert problem["code"] in {"invalid-request", "malformed-json", "address-refused"}
    assert problem["request_id"]


@pytest.mark.parametrize("id", ["a%00b", "%F0%9F%A6%8A", "x" * 65, "a%2Fb", "..%2F.."])
async def test_an_id_that_cannot_be_one_is_refused(gateway: Any, id: str) -> None:
    key = gateway.key()

    statuses = {(await gateway.request("GET", f"/{what}/{id}", key))[0] for what in ("subscriptions", "deliveries")}

    assert statuses <= {404, 422}
