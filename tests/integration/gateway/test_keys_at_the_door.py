import time

import pytest

from shared.contracts.credentials import new_key
from shared.contracts.rows import SECOND


async def test_without_a_key_401_says_how_to_send_one(door) -> None:
    status, problem, headers = await door.ask("GET", "/contacts")

    assert status == 401
    assert problem["code"] == "invalid-key"
    assert "Authorization: Bearer" in problem["detail"]
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert headers["Content-Type"] == "application/problem+json"


async def test_an_unknown_key_is_401(door) -> None:
    status, problem, _ = await door.ask("GET", "/contacts", new_key().text)

    assert (status, problem["code"]) == (401, "invalid-key")


async def test_the_right_public_id_with_another_secret_is_401(door) -> None:
    key, other = door.key(), new_key()
    forged = new_key_with(public_id=key.split("_")[1], like=other.text)

    status, _, _ = await door.ask("GET", "/contacts", forged)

    assert status == 401


def new_key_with(public_id: str, like: str) -> str:
    from shared.contracts import credentials as keys

    body = f"fk_{public_id}_{like.split('_')[2][:32]}"
    return body + keys._checksum(body)


async def test_a_mistyped_key_is_told_so(door) -> None:
    key = door.key()
    typo = key[:-1] + ("A" if key[-1] != "A" else "B")

    status, problem, _ = await door.ask("GET", "/contacts", typo)

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
async def test_a_key_without_the_scope_is_403_and_told_which(door, method: str, path: str, scope: str) -> None:
    others = tuple({"predict", "ingest", "read"} - {scope})
    key = door.key(scopes=others)

    status, problem, headers = await door.ask(method, path, key, data=b"{}")

    assert (status, problem["code"], problem["scope"]) == (403, "missing-scope", scope)
    assert f'scope="{scope}"' in headers["WWW-Authenticate"]


async def test_a_revoked_key_is_refused(door) -> None:
    key = door.key()
    assert (await door.ask("GET", "/contacts", key))[0] == 200

    door.store.of("acme").keys.revoke(key.split("_")[1], int(time.time() * SECOND))
    status, problem, _ = await door.ask("GET", "/contacts", key)

    assert status == 401
    assert "revoked" in problem["detail"]


async def test_an_expired_key_is_refused(door) -> None:
    key = door.key(expires_at=int((time.time() - 1) * SECOND))

    status, problem, _ = await door.ask("GET", "/contacts", key)

    assert status == 401
    assert "expired" in problem["detail"]


async def test_a_known_key_goes_on_working_while_the_store_is_away(door, upstream) -> None:
    key = door.key()
    assert (await door.ask("POST", "/score", key, json={}))[0] == 200

    door.store.away = True
    status, _, _ = await door.ask("POST", "/score", key, json={})

    assert status == 200


async def test_an_unknown_key_is_503_not_401_while_the_store_is_away(door) -> None:
    key = door.key()
    door.store.away = True

    status, problem, headers = await door.ask("POST", "/score", key, json={})

    assert (status, problem["code"]) == (503, "store-unavailable")
    assert headers["Retry-After"] == "5"


async def test_when_a_key_was_last_used_is_written(door) -> None:
    key = door.key()
    await door.ask("GET", "/contacts", key)

    await door.app.state.gateway.keyring.write_used()

    row = door.store.key(key.split("_")[1])
    assert row.last_used_at > (time.time() - 60) * SECOND


async def test_another_accounts_key_sees_nothing_of_this_account(door) -> None:
    mine, theirs = door.key("acme"), door.key("other")
    await door.ask("PUT", "/contacts/c-1", mine, json={"attributes": {"country": "FR"}})
    await door.ask(
        "PUT", "/outcomes/secret", mine, json={"event_types": ["order_placed"]}, params={"capability": "scoring"}
    )

    listed = (await door.ask("GET", "/contacts", theirs))[1]
    outcomes = (await door.ask("GET", "/outcomes", theirs))[1]

    assert listed == {"contacts": [], "next_cursor": None}
    assert (await door.ask("GET", "/contacts/c-1", theirs))[0] == 404
    assert (await door.ask("GET", "/contacts/c-1/predictions", theirs))[0] == 404
    assert (await door.ask("GET", "/outcomes/secret", theirs))[0] == 404
    assert "secret" not in [outcome["name"] for outcome in outcomes["outcomes"]]
