from typing import Any

import pytest

from shared.contracts.call import public_id_of
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway

LATER = "2100-01-01T00:00:00Z"


async def test_a_key_that_is_made_works_and_is_listed_without_its_text(gateway: RunningGateway) -> None:
    admin = gateway.key()

    status, made, headers = await gateway.request(
        "POST", "/keys", admin, json={"name": " crm ", "scopes": ["read", "ingest"], "expires_at": LATER}
    )
    _, listed, _ = await gateway.request("GET", "/keys", admin)
    used, _, _ = await gateway.request("GET", "/contacts", made["key"])

    assert (status, headers["Location"], used) == (201, "/keys", 200)
    (new,) = [one for one in listed["keys"] if one["id"] == made["id"]]
    assert (new["name"], new["scopes"], new["state"], new["expires_at"]) == ("crm", ["ingest", "read"], "valid", LATER)
    assert [one["own"] for one in listed["keys"]] == [True, False]
    assert made["key"] not in str(listed)


async def test_a_revoked_key_is_refused_and_says_so_in_the_list_and_the_audit_log(gateway: RunningGateway) -> None:
    admin, other = gateway.key(), gateway.key(scopes=("read",))

    status, _, _ = await gateway.request("DELETE", f"/keys/{public_id_of(other)}", admin)

    _, listed, _ = await gateway.request("GET", "/keys", admin)
    _, audit, _ = await gateway.request("GET", "/audit?limit=1", admin)
    assert status == 204
    assert [one["state"] for one in listed["keys"] if one["id"] == public_id_of(other)] == ["revoked"]
    entry = audit["entries"][0]
    assert (entry["action"], entry["target"], entry["actor"]) == (
        "key.revoked",
        public_id_of(other),
        public_id_of(admin),
    )


async def test_the_key_of_the_call_is_revoked_only_when_that_is_confirmed(gateway: RunningGateway) -> None:
    admin = gateway.key()
    path = f"/keys/{public_id_of(admin)}"

    refused, problem, _ = await gateway.request("DELETE", path, admin)
    done, _, _ = await gateway.request("DELETE", f"{path}?confirm=true", admin)

    assert (refused, problem["code"], done) == (409, "conflict", 204)


async def test_a_key_is_replaced_by_one_of_the_same_kind_and_ends_after_the_overlap(
    gateway: RunningGateway,
) -> None:
    admin, old = gateway.key(), gateway.key(scopes=("ingest",))
    path = f"/keys/{public_id_of(old)}/rotate"

    status, made, _ = await gateway.request("POST", path, admin, json={"overlap_hours": 0})
    again, problem, _ = await gateway.request("POST", path, admin, json={})

    _, listed, _ = await gateway.request("GET", "/keys", admin)
    states = {one["id"]: one["state"] for one in listed["keys"]}
    assert (status, made["scopes"], made["name"]) == (201, ["ingest"], "test")
    assert (states[public_id_of(old)], states[made["id"]]) == ("expired", "valid")
    assert (again, problem["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "", "scopes": ["read"]}, "/name"),
        ({"name": "a", "scopes": []}, "/scopes"),
        ({"name": "a", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "a", "scopes": ["read"], "expires_at": "2100-01-01T00:00:00"}, "/expires_at"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(gateway: RunningGateway, body: Any, pointer: str) -> None:
    status, problem, _ = await gateway.request("POST", "/keys", gateway.key(), json=body)

    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/keys"), ("POST", "/keys"), ("DELETE", "/keys/0123456789"), ("POST", "/keys/0123456789/rotate")],
)
async def test_only_administrators_touch_keys_and_only_those_of_their_account(
    gateway: RunningGateway, method: str, path: str
) -> None:
    other = gateway.key("other")
    body = {} if method == "GET" else {"json": {"name": "a", "scopes": ["read"]} if path == "/keys" else {}}

    lacking, _, _ = await gateway.request(method, path, gateway.key(scopes=("predict", "ingest", "read")), **body)
    foreign, _, _ = await gateway.request("DELETE", f"/keys/{public_id_of(other)}", gateway.key())

    assert (lacking, foreign) == (403, 404)
    assert gateway.store.of("other").keys.all()[0].revoked_at is None


async def test_an_expired_key_is_listed_as_that(gateway: RunningGateway) -> None:
    gateway.key(expires_at=LONG_AGO + 1)

    _, listed, _ = await gateway.request("GET", "/keys", gateway.key())

    assert sorted(one["state"] for one in listed["keys"]) == ["expired", "valid"]
