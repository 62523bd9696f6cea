"""What one item holds that nobody can read costs that item, and no other of the call."""

import json
from typing import Any

BAD = {
    "half a surrogate pair": b'"\\ud83d"',
    "a byte that is no UTF-8": b'"\xff"',
    "NUL": b'"\\u0000"',
    "NUL as it is": b'"\x00"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a number out of bounds": b"20260503000000000001",
    "a number of 309 digits": b"9" * 309,
    "a number of 5,000 digits": b"9" * 5_000,
    "too large a fraction": b"1e999",
    "nested without end": b"[" * 20_000 + b"]" * 20_000,
    "a name twice": b'{"a": 1, "a": 2}',
    "a list": b"[1]",
}
EVENT = b'{"contact_id": "c-%d", "type": "page_viewed", "occurred_at": "2026-05-03T10:15:00Z", "properties": {"a": %s}}'


CONTACTS = {
    b'{"id": "\\ud83d"}': "/contacts/0/id",
    b'{"id": "a", "id": "b"}': "/contacts/0/id",
    b'{"id": "a", "\\ud83d": 1}': "/contacts/0",
    b'{"id": "a", "attributes": {"\\ud83d": 1}}': "/contacts/0/attributes",
    b'{"id": "a", "attributes": {"b": 1, "b": 2}}': "/contacts/0/attributes/b",
    b'{"id": "a", "email": "\xff@example.org"}': "/contacts/0/email",
    b'{"id": "a", "created_at": "2026-05-03T10:15:00\x00Z"}': "/contacts/0/created_at",
    b'{"id": "a", "timezone": 99999999999999999999999}': "/contacts/0/timezone",
    b'"\\ud83d"': "/contacts/0",
    b"null": "/contacts/0",
}


async def test_an_attribute_that_nobody_can_read_costs_its_contact_alone(gateway) -> None:
    items = [b'{"id": "b-%d", "attributes": {"x/y": %s}}' % (place, bad) for place, bad in enumerate(BAD.values())]
    body = b'{"contacts": [{"id": "first"}, ' + b", ".join(items) + b', {"id": "last"}]}'

    status, answer, _ = await gateway.request("POST", "/contacts", gateway.key(), data=body)

    first, *bad, last = answer["results"]
    assert (status, first["status"], last["status"]) == (200, "created", "created")
    assert [result["id"] for result in bad] == [f"b-{place}" for place in range(len(BAD))]
    assert {name: error_at(result).removesuffix("/value") for name, result in zip(BAD, bad, strict=True)} == {
        name: f"/contacts/{place}/attributes/x~1y" for place, name in enumerate(BAD, start=1)
    }


async def test_a_property_that_nobody_can_read_costs_its_event_alone(gateway) -> None:
    kinds = {name: bad for name, bad in BAD.items() if name != "a list"}
    items = [EVENT % (place, bad) for place, bad in enumerate([b"1", *kinds.values(), b"1"])]

    status, answer, _ = await gateway.request(
        "POST", "/events", gateway.key(), data=b'{"events": [' + b", ".join(items) + b"]}"
    )

    first, *bad, last = answer["results"]
    assert (status, first["status"], last["status"]) == (200, "created", "created")
    assert {name: error_at(result)[: len(f"/events/{place}/properties/a")] for place, (name, result) in enumerate(
        zip(kinds, bad, strict=True), start=1
    )} == {name: f"/events/{place}/properties/a" for place, name in enumerate(kinds, start=1)}  # fmt: skip


async def test_every_field_of_a_contact_refuses_for_itself(gateway) -> None:
    body = b'{"contacts": [' + b", ".join(CONTACTS) + b', {"id": "other"}]}'

    status, answer, _ = await gateway.request("POST", "/contacts", gateway.key(), data=body)

    assert (status, answer["results"][-1]["status"]) == (200, "created")
    assert [error_at(result).replace(f"/{place}", "/0", 1) for place, result in enumerate(answer["results"][:-1])] == [
        *CONTACTS.values()
    ]


def error_at(result: Any) -> str:
    assert result["status"] == "invalid"
    return str(result["errors"][0]["pointer"])


async def test_999_of_1000_are_taken(gateway) -> None:
    items = [b'{"id": "c-%d"}' % number for number in range(1_000)]
    items[500] = b'{"id": "c-500", "attributes": {"a": "\\ud83d"}}'

    _, answer, _ = await gateway.request(
        "POST", "/contacts", gateway.key(), data=b'{"contacts": [' + b",".join(items) + b"]}"
    )

    assert answer["counts"] == {"created": 999, "updated": 0, "unchanged": 0, "invalid": 1}


async def test_a_single_contact_is_refused_with_the_place(gateway) -> None:
    status, problem, _ = await gateway.request(
        "PUT", "/contacts/b-2", gateway.key(), data=b'{"attributes": {"n": ' + b"9" * 309 + b"}}"
    )

    assert (status, problem["errors"][0]["pointer"]) == (422, "/attributes/n")


async def test_a_value_of_earlier_days_harms_nobody(gateway) -> None:
    key, stored = gateway.key(), {"big": "9" * 309, "long": "9" * 20, "half": '"\\ud83d"', "fine": "1"}
    await gateway.request("PUT", "/contacts/b-2", key, json={"attributes": dict.fromkeys(stored, 0)})
    for name, value in stored.items():
        _overwrite(gateway, name, value)

    shown = await gateway.request("GET", "/contacts/b-2", key)
    exported = await gateway.request("GET", "/contacts/b-2/export", key)
    mended = await gateway.request("PUT", "/contacts/b-2", key, json={"attributes": dict.fromkeys(stored, 2)})
    again = await gateway.request("GET", "/contacts/b-2", key)

    assert (shown[0], shown[1]["unreadable"]) == (200, ["big", "half", "long"])
    assert [shown[1]["attributes"][name]["value"] for name in stored] == [None, None, None, 1]
    assert {one["name"]: one["value"] for one in exported[1]["attributes"]} == {
        "big": "9" * 309, "long": "9" * 20, "half": "\\ud83d", "fine": 1,
    }  # fmt: skip
    assert (mended[1]["status"], again[1]["unreadable"]) == ("updated", [])


def _overwrite(gateway: Any, name: str, value: str) -> None:
    from sqlalchemy import text

    sql = "UPDATE attributes SET value = :value WHERE name = :name"
    with gateway.store._store.writing() as connection:
        connection.execute(text(sql), {"name": name, "value": value})


async def test_an_answer_repeats_no_half_of_a_pair(gateway) -> None:
    body = json.dumps({"contacts": [{"id": "\ud83d", "\ud83d": "\ud83d", "attributes": {"\ud83d": "\ud83d"}}]})

    status, answer, _ = await gateway.request("POST", "/contacts", gateway.key(), data=body.encode())

    assert (status, answer["results"][0]["id"], answer["counts"]["invalid"]) == (200, None, 1)
