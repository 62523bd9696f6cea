"""An address means the same by request as in a file: one spelling, one identity; a placeholder is nobody's."""

from typing import Any

import pytest

SPELLINGS = {
    "c-1": "Ann Smith <ann@example.com>",
    "c-2": "bob@example.com;bob2@example.com",
    "c-3": "mailto:carl@example.com",
    "c-4": "not an address",
    "c-5": "\u200bdora@example.com",
    "c-6": "ERIN+news@Example.COM",
    "c-7": "fritz@m\u00fcller.example",
    "c-8": "n/a",
}
PLAIN = {
    "c-1": "ann@example.com",
    "c-2": "bob@example.com",
    "c-3": "carl@example.com",
    "c-5": "dora@example.com",
    "c-6": "erin+news@example.com",
    "c-7": "fritz@xn--mller-kva.example",
}


async def put(gateway: Any, key: str, contacts: dict[str, str]) -> list[dict[str, Any]]:
    body = {"contacts": [{"id": contact_id, "email": email} for contact_id, email in contacts.items()]}
    return (await gateway.request("POST", "/contacts", key, json=body))[1]["results"]


async def hashes(gateway: Any, key: str, contact_id: str) -> list[str]:
    export = (await gateway.request("GET", f"/contacts/{contact_id}/export", key))[1]
    return [identity["key_hash"] for identity in export["identities"]]


async def test_an_address_is_the_same_in_every_spelling_and_what_is_none_costs_its_contact_alone(gateway) -> None:
    key, other = gateway.key(), gateway.key("other")

    results = await put(gateway, key, SPELLINGS)
    await put(gateway, other, PLAIN)

    assert [result["status"] for result in results] == [*["created"] * 3, "invalid", *["created"] * 4]
    assert results[3]["errors"] == [{"pointer": "/contacts/3/email", "detail": "It is not an e-mail address."}]
    for contact_id in PLAIN:
        assert await hashes(gateway, key, contact_id) == await hashes(gateway, other, contact_id) != []
    assert await hashes(gateway, key, "c-8") == []


async def test_an_address_that_is_none_is_422_with_its_pointer(gateway) -> None:
    status, problem, _ = await gateway.request("PUT", "/contacts/c-4", gateway.key(), json={"email": "not an address"})

    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/email"])


@pytest.mark.parametrize("address", ["unknown@none.example", "noreply@shop.example", "test@test.com"])
async def test_a_placeholder_neither_merges_nor_erases_people(gateway, address: str) -> None:
    key = gateway.key()

    await put(gateway, key, {"p-1": address, "p-2": address})
    await gateway.request("DELETE", "/contacts/p-2", key)
    results = await put(gateway, key, {"p-3": address, "p-4": address})

    assert [result["status"] for result in results] == ["created", "created"]
    assert [(await gateway.request("GET", f"/contacts/p-{number}", key))[0] for number in (1, 3, 4)] == [200, 200, 200]
    assert await hashes(gateway, key, "p-1") == []


@pytest.mark.parametrize("at", ["2026-05-03 10:15:00 UTC", "2026-05-03 12:15:00 +0200", "Sun, 3 May 2026 10:15:00 GMT"])
async def test_a_time_that_names_its_zone_is_read_in_every_spelling(gateway, at: str) -> None:
    key = gateway.key()
    event = {"contact_id": "c-1", "type": "order_placed", "occurred_at": at}

    _, answer, _ = await gateway.request("POST", "/events", key, json={"events": [event]})
    _, contact, _ = await gateway.request("GET", "/contacts/c-1", key)

    assert answer["results"][0]["status"] == "created"
    assert contact["events"][0]["first_at"] == "2026-05-03T10:15:00Z"


async def test_a_zone_is_kept_as_it_is_called(gateway) -> None:
    key = gateway.key()

    await gateway.request("PUT", "/contacts/c-1", key, json={"timezone": "europe/berlin"})

    assert (await gateway.request("GET", "/contacts/c-1", key))[1]["timezone"] == "Europe/Berlin"
