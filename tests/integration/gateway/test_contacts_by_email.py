import json
import logging
from typing import Any

from shared.contracts.contact import ContactInput
from shared.contracts.rows import SECOND
from shared.ingest import contact_row
from tests.integration.gateway.conftest import LONG_AGO, SIGNING_KEY


def put(gateway: Any, contact_id: str, email: str) -> None:
    given = ContactInput.model_validate({"id": contact_id, "email": email})
    row = contact_row(given, recorded_at=LONG_AGO + SECOND, identity_key=SIGNING_KEY.encode())
    gateway.store.of("acme").contacts.put([row], recorded_at=LONG_AGO + SECOND)


async def forwarded(gateway: Any, upstream: Any, contacts: list[Any]) -> list[Any]:
    status, answer, _ = await gateway.request(
        "POST", "/score", gateway.key(scopes=("predict",)), json={"contacts": contacts}
    )
    assert status == 200, answer
    return list(json.loads(upstream.seen[-1].body)["contacts"])


async def test_a_contact_is_named_by_its_address(any_gateway, upstream) -> None:
    put(any_gateway, "c-1", "ann@example.com")
    put(any_gateway, "c-2", "bob@example.com")

    seen = await forwarded(
        any_gateway,
        upstream,
        [
            {"email": " Ann <ANN@Example.com>", "attributes": {"plan": "pro"}},
            {"id": "c-2", "email": "bob@example.com"},
            {"id": "c-9"},
            {"id": "c-1", "email": "bob@example.com"},
            {"email": "nobody@example.com"},
            {"id": "c-3", "email": "not an address"},
            {"id": "c-4", "email": None},
            {"email": 7},
        ],
    )

    assert seen == [
        {"id": "c-1", "attributes": {"plan": "pro"}},
        {"id": "c-2"},
        {"id": "c-9"},
        {"id": "c-1", "unresolved": "differs"},
        {"unresolved": "unknown"},
        {"id": "c-3", "unresolved": "malformed"},
        {"id": "c-4"},
        {"unresolved": "malformed"},
    ]


async def test_a_name_given_twice_beside_an_address_is_passed_on_as_it_was_sent(gateway, upstream) -> None:
    put(gateway, "c-1", "ann@example.com")
    body = b'{"contacts": [{"email": "ann@example.com", "attributes": {"a": 1, "a": 2}}]}'

    status, _, _ = await gateway.request("POST", "/score", gateway.key(scopes=("predict",)), data=body)

    assert status == 200
    assert upstream.seen[-1].body == b'{"contacts": [{"attributes": {"a": null, "a": null}, "id": "c-1"}]}'


async def test_a_body_without_an_address_passes_byte_by_byte(gateway, upstream) -> None:
    body = b'{ "contacts": [ {"id":"c-1", "attributes": {"x": 1.50, "email_x": "\\u0041"}} ],"reasons":0}'

    await gateway.request("POST", "/score", gateway.key(scopes=("predict",)), data=body)

    assert upstream.seen[-1].body == body


async def test_an_address_of_another_account_is_unknown(gateway, upstream) -> None:
    put(gateway, "c-1", "ann@example.com")

    await gateway.request("POST", "/score", gateway.key("other"), json={"contacts": [{"email": "ann@example.com"}]})

    assert json.loads(upstream.seen[-1].body)["contacts"] == [{"unresolved": "unknown"}]


async def test_an_address_is_never_logged(gateway, upstream, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        await gateway.request("POST", "/score", gateway.key(), json={"contacts": [{"email": "ann@example.com"}]})
        await gateway.request("POST", "/score", gateway.key(), data=b'{"contacts": [{"email": "ann@example.com"}')

    assert all("ann@" not in json.dumps(record.__dict__, default=str) for record in caplog.records)
    assert all(b"ann@" not in seen.body for seen in upstream.seen)
