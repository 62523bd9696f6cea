import time

import pytest

from shared.contracts.call import new_key
from shared.contracts.rows import SECOND


async def test_without_a_key_401_says_how_to_send_one(gateway) -> None:
    status, problem, headers = await gateway.request("GET", "/contacts")

    assert status == 401
    assert problem["code"] == "invalid-key"
    assert "Authorization: Bearer" in problem["detail"]
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert headers["Content-Type"] == "application/problem+json"


async def test_an_unknown_key_is_401(gateway) -> None:
    status, problem, _ = await gateway.request("GET", "/contacts", new_key().text)

    assert (status, problem["code"]) == (401, "invalid-key")


async def test_the_right_public_id_with_another_secret_is_401(gateway) -> None:
    key, other = gateway.key(), new_key()
    forged = new_key_with(public_id=key.split("_")[1], like=other.text)

    status, _, _ = await gateway.request("GET", "/contacts", forged)

    assert status == 401


def new_key_with(public_id: str, like: str) -> str:
    from shared.contracts import call as keys

    body = f"fk_{public_id}_{like.split('_')[2][:32]}"
    return body + keys._checksum(body)


async def test_a_mistyped_key_is_named_as_such(gateway) -> None:
    key = gateway.key()
    typo = key[:-1] + ("A" if key[-1] != "A" else "B")

    status, problem, _ = await gateway.request("GET", "/contacts", typo)

    assert status == 401
    assert "mistyped" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/score", "predict"),
        ("POST", "/events", "ingest"),
        ("GET", "/contacts", "read"),
        ("DELETE", "/outcomes/demo", "admin"),
    ],
)
async def test_a_key_without_the_scope_is_403_and_named(gateway, method: str, path: str, scope: str) -> None:
    others = tuple({"predict", "ingest", "read"} - {scope})
    key = gateway.key(scopes=others)

    status, problem, headers = await gateway.request(method, path, key, data=b"{}")

    assert (status, problem["code"], problem["scope"]) == (403, "missing-scope", scope)
    assert f'scope="{scope}"' in headers["WWW-Authenticate"]


async def test_a_revoked_key_is_refused(gateway) -> None:
    key = gateway.key()
    assert (await gateway.request("GET", "/contacts", key))[0] == 200

    gateway.store.of("acme").keys.revoke(key.split("_")[1], int(time.time() * SECOND))
    status, problem, _ = await gateway.request("GET", "/contacts", key)

    assert status == 401
    assert "revoked" in problem["detail"]


async def test_an_expired_key_is_refused(gateway) -> None:
    key = gateway.key(expires_at=int((time.time() - 1) * SECOND))

    status, problem, _ = await gateway.request("GET", "/contacts", key)

    assert status == 401
    assert "expired" in problem["detail"]


async def test_a_known_key_goes_on_working_while_the_store_is_away(gateway, upstream) -> None:
    key = gateway.key()
    assert (await gateway.request("POST", "/score", key, json={}))[0] == 200

    gateway.store.away = True
    status, _, _ = await gateway.request("POST", "/score", key, json={})

    assert status == 200


async def test_an_unknown_key_is_503_not_401_while_the_store_is_away(gateway) -> None:
    key = gateway.key()
    gateway.store.away = True

    status, problem, headers = await gateway.request("POST", "/score", key, json={})

    assert (status, problem["code"]) == (503, "store-unavailable")
    assert headers["Retry-After"] == "5"


async def test_when_a_key_was_last_used_is_written(gateway) -> None:
    key = gateway.key()
    await gateway.request("GET", "/contacts", key)

    await gateway.parts.key_cache.write_used()

    row = gateway.store.key(key.split("_")[1])
    assert row.last_used_at > (time.time() - 60) * SECOND


async def test_another_accounts_key_sees_nothing_of_this_account(gateway) -> None:
    mine, theirs = gateway.key("acme"), gateway.key("other")
    await gateway.request("PUT", "/contacts/c-1", mine, json={"attributes": {"country": "FR"}})
    await gateway.request(
        "PUT", "/outcomes/secret", mine, json={"event_types": ["order_placed"]}, params={"capability": "scoring"}
    )

    listed = (await gateway.request("GET", "/contacts", theirs))[1]
    outcomes = (await gateway.request("GET", "/outcomes", theirs))[1]

    assert listed == {"contacts": [], "next_cursor": None}
    assert (await gateway.request("GET", "/contacts/c-1", theirs))[0] == 404
    assert (await gateway.request("GET", "/contacts/c-1/predictions", theirs))[0] == 404
    assert (await gateway.request("GET", "/outcomes/secret", theirs))[0] == 404
    assert "secret" not in [outcome["name"] for outcome in outcomes["outcomes"]]
