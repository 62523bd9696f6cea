"""One bad item, one forger, one address of many: each harms only itself."""

import asyncio
from typing import Any

import pytest

CASE = (
    b'[{"email":"p1@example.com","timestamp":1764400000,"event":"click","url":"https://shop.example/a",'
    b'"sg_event_id":"e1","sg_message_id":"m1.x"},{"email":"p2@example.com","subject":"Hello \\ud83d",'
    b'"timestamp":1764400001,"event":"click","url":"https://shop.example/a","sg_event_id":"e2",'
    b'"sg_message_id":"m2.x"},{"email":"p3@example.com","timestamp":1764400002,"event":"click",'
    b'"url":"https://shop.example/a","sg_event_id":"e3","sg_message_id":"m3.x"}]'
)


async def test_half_a_character_costs_one_item_of_a_signed_batch(gateway, add_source, sendgrid) -> None:
    path = await add_source(creates_contacts=True)

    _, answer, _ = await gateway.request("POST", path, **sendgrid.signed(CASE))
    _, letters, _ = await gateway.request("GET", "/dead-letters", gateway.key())
    (letter,) = letters["dead_letters"]
    _, retried, _ = await gateway.request("POST", f"/dead-letters/{letter['id']}/retry", gateway.key(), json={})

    assert (answer["new"], answer["dead"]) == (2, 1)
    assert (letter["reason"], letter["times"]) == ("unreadable_item", 1)
    assert "half a surrogate pair" in letter["detail"]
    assert retried == {"taken": 1, "dead": 0}


async def test_the_same_event_with_another_id_is_one_event(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    first = item(1)

    await gateway.request("POST", path, **sendgrid.signed([first]))
    _, answer, _ = await gateway.request("POST", path, **sendgrid.signed([{**first, "sg_event_id": "again"}] * 2))
    _, other, _ = await gateway.request(
        "POST", path, **sendgrid.signed([{**first, "event": "bounce", "sg_event_id": "b"}])
    )

    assert (answer["new"], answer["duplicate"], other["new"]) == (0, 2, 1)


async def test_a_scanners_open_and_unsubscription_are_its_own_in_any_order(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
    same = {"sg_message_id": "m.f", "timestamp": 1764400000, "useragent": agent}
    told = [
        item(1, "unsubscribe", **same) | {"sg_event_id": "u"},
        item(1, "open", **same) | {"sg_event_id": "o"},
        item(1, "click", url="https://a.example/1", **same) | {"sg_event_id": "c1"},
        item(1, "click", url="https://a.example/2", **same) | {"sg_event_id": "c2"},
        item(1, "open", **same) | {"sg_event_id": "later", "timestamp": 1764403600},
    ]

    for one in told:
        await gateway.request("POST", path, **sendgrid.signed([one]))

    store = gateway.store.of("acme")
    (person,) = (one.contact_id for one in store.contacts.page(9))
    found = {row.event_id: row.human for row in store.events.of_messages({person}, {"m"})}
    assert found == {"mail:u": 0, "mail:o": 0, "mail:c1": 0, "mail:c2": 0, "mail:later": 1}


async def test_what_is_left_out_is_listed_by_field_with_its_number(gateway) -> None:
    key = gateway.key()
    secret = "a-write-key-of-tests"
    asked = {"name": "site", "provider": "segment", "secrets": [secret], "creates_contacts": True}
    _, source, _ = await gateway.request("POST", "/sources", key, json=asked)
    people = [
        {"type": "identify", "messageId": f"i{n}", "userId": f"c-{n}", "traits": {"bio_text": "x" * 300, "plan": "pro"}}
        for n in range(2)
    ]
    orders = [
        {"type": "track", "messageId": f"o{n}", "event": "Order Completed", "userId": "c-1", "properties": properties}
        for n, properties in enumerate(({"revenue": "49,90", "currency": "eur"}, {"revenue": "1,299"}))
    ]

    answer = (await gateway.request("POST", f"/webhooks/segment/{source['id']}", json={"batch": [*people, *orders]},
                             auth=None, headers={"X-Foretell-Secret": secret}))[1]  # fmt: skip
    letters = (await gateway.request("GET", "/dead-letters", key))[1]["dead_letters"]
    listed = (await gateway.request("GET", "/sources", key))[1]["sources"][0]["letters"]

    assert (answer["new"], answer["dead"], answer["notes"]) == (3, 1, {"value_left_out": 2})
    assert listed == {"item_refused": 1, "value_left_out": 2}
    assert {(one["reason"], one["detail"], one["times"]) for one in letters} == {
        ("item_refused", "properties.revenue may be two numbers.", 1),
        ("value_left_out", "bio_text has over 200 characters; the rest of the item was taken.", 2),
    }


async def test_an_address_that_moves_is_reported_and_one_of_many_is_nobodys(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    store = gateway.store.of("acme")

    notes = []
    for number in range(1, 7):
        one = item(number, contact_id=f"c-{number}") | {"email": "team@shop.example"}
        notes.append((await gateway.request("POST", path, **sendgrid.signed([one])))[1]["notes"])
    alone = item(9) | {"email": "team@shop.example"}
    _, nobody, _ = await gateway.request("POST", path, **sendgrid.signed([alone]))

    moved, shared = {"address_moved": 1}, {"address_shared": 1}
    assert notes == [{}, moved, shared, {}, {}, {}]
    assert (nobody["new"], nobody["dead"]) == (0, 1)
    assert [one.contact_id for one in store.contacts.page(9)] == [f"c-{number}" for number in range(1, 7)]
    assert "c-1" in " ".join(letter.detail for letter in store.dead_letters.page(9) if letter.reason == "address_moved")


async def test_a_placeholder_is_nobodys_address_and_an_erasure_by_it_reaches_nobody(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    told = [item(number, contact_id=f"p-{number}") | {"email": "unknown@shop.example"} for number in (1, 2)]

    await gateway.request("POST", path, **sendgrid.signed(told[:1]))
    await gateway.request("DELETE", "/contacts/p-1", gateway.key())
    _, answer, _ = await gateway.request("POST", path, **sendgrid.signed(told[1:]))
    _, alone, _ = await gateway.request("POST", path, **sendgrid.signed([item(3) | {"email": "unknown@shop.example"}]))

    assert (answer["new"], answer["notes"]) == (1, {"placeholder_left_out": 1})
    assert alone["dead"] == 1


async def test_items_of_the_erased_are_counted_and_not_kept(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    await gateway.request("PUT", "/contacts/c-1", gateway.key(), json={"email": "person1@example.com"})
    await gateway.request("DELETE", "/contacts/c-1", gateway.key())

    _, answer, _ = await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    (letter,) = gateway.store.of("acme").dead_letters.page(9)
    assert (answer["ignored"], answer["notes"]) == (1, {"erased_contact": 1})
    assert (letter.reason, letter.payload, letter.recipient) == ("erased_contact", "null", None)


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"limits_failures": 5}


@pytest.mark.usefixtures("within_a_minute")
async def test_who_fails_too_often_has_to_wait_and_the_true_provider_beside_it_is_heard(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    forged = sendgrid.signed([item(1)])
    forged["data"] += b" "

    refused = [(await gateway.request("POST", path, **forged))[0] for _ in range(6)]
    status, problem, headers = await gateway.request("POST", path, **forged)
    true, _, _ = await gateway.request("POST", path, **sendgrid.signed([item(2)]))
    metrics = gateway.metrics()

    assert refused == [401] * 5 + [429]
    assert (status, problem["code"], headers["Retry-After"]) == (429, "quota-exceeded", "60")
    assert true == 200
    assert b'foretell_quota_refusals_total{policy="failed-webhooks"} 2.0' in metrics


@pytest.mark.usefixtures("within_a_minute")
async def test_who_tries_addresses_out_has_to_wait_and_a_known_source_goes_on(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    tried = [await gateway.request("GET", f"{path[:-3]}{number:03}") for number in range(6)]
    true, _, _ = await gateway.request("POST", path, **sendgrid.signed([item(2)]))

    assert [status for status, _, _ in tried] == [404] * 5 + [429]
    assert tried[-1][2]["Retry-After"] == "60"
    assert true == 200


async def test_a_source_that_is_slow_holds_one_thread_and_others_are_served(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    other = await add_source("other", creates_contacts=True)
    reception = gateway.parts.webhook_queue
    slow = path.rsplit("/", 1)[1]
    gate = asyncio.Event()

    async def hold() -> None:
        async with reception._turn(slow) as line, line.places:
            await gate.wait()

    held = [asyncio.create_task(hold()) for _ in range(10)]
    await asyncio.sleep(0)
    status, _, _ = await gateway.request("POST", other, **sendgrid.signed([item(1)]))
    inside = reception._lines[slow].places.borrowed_tokens
    gate.set()
    await asyncio.gather(*held)

    assert (status, inside) == (200, 1)
    assert not reception._lines
