"""Whose event it is: known people, unknown ones, merges, erasures, dead letters tried again."""

import base64
import json
from typing import Any

import pytest

WRITE_KEY = "a-write-key-of-tests"


@pytest.fixture
def segment(gateway: Any) -> Any:
    """Send Segment messages to a source of its own; gives the counts."""
    path = ""

    async def send(*messages: dict[str, Any], account: str = "acme", **more: Any) -> Any:
        nonlocal path
        if not path:
            asked = {"name": "site", "provider": "segment", "secrets": [WRITE_KEY], **more}
            _, source, _ = await gateway.request("POST", "/sources", gateway.key(account), json=asked)
            path = f"/webhooks/segment/{source['id']}"
        basic = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        stamped = [
            {"messageId": f"m-{json.dumps(one, sort_keys=True)}", "timestamp": "2026-06-01T09:00:00Z", **one}
            for one in messages
        ]
        status, answer, _ = await gateway.request(
            "POST", path, json={"batch": stamped}, headers={"Authorization": f"Basic {basic}"}
        )
        assert status == 200, answer
        return answer

    return send


async def letters(gateway: Any) -> list[Any]:
    _, answer, _ = await gateway.request("GET", "/dead-letters", gateway.key())
    return answer["dead_letters"]  # type: ignore[no-any-return]


async def test_an_unknown_recipient_is_a_dead_letter_until_the_contact_is_put(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source()
    answer = (await gateway.request("POST", path, **sendgrid.signed([item(1), item(2)])))[1]
    (letter, _) = await letters(gateway)

    put = {"email": "person1@example.com"}
    await gateway.request("PUT", "/contacts/c-1", gateway.key(), json=put)
    retried = (
        await gateway.request("POST", "/dead-letters/all/retry", gateway.key(), json={"reason": "unknown_contact"})
    )[1]

    assert (answer["dead"], letter["reason"]) == (2, "unknown_contact")
    assert "@" not in json.dumps(letter)
    assert retried == {"taken": 1, "dead": 1}
    assert gateway.store.of("acme").events.counts("c-1").keys() == {"email_opened"}
    assert len(await letters(gateway)) == 1


async def test_a_letter_that_is_taken_and_sent_again_is_there_once(gateway, add_source, sendgrid, item) -> None:
    path = await add_source()
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))
    await gateway.request("PUT", "/contacts/c-1", gateway.key(), json={"email": "person1@example.com"})
    (letter,) = await letters(gateway)

    one = await gateway.request("POST", f"/dead-letters/{letter['id']}/retry", gateway.key())
    again = await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    assert one[:2] == (200, {"taken": 1, "dead": 0})
    assert again[1]["duplicate"] == 1
    assert gateway.store.of("acme").events.counts("c-1")["email_opened"].events == 1
    assert (await gateway.request("POST", f"/dead-letters/{letter['id']}/retry", gateway.key()))[0] == 404


async def test_a_letter_of_a_removed_source_says_so(gateway, add_source, sendgrid, item) -> None:
    path = await add_source()
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))
    await gateway.request("DELETE", f"/sources/{path.rsplit('/', 1)[1]}", gateway.key())
    (letter,) = await letters(gateway)

    status, problem, _ = await gateway.request("POST", f"/dead-letters/{letter['id']}/retry", gateway.key())

    assert (status, problem["code"]) == (409, "conflict")


async def test_dead_letters_of_another_account_are_not_shown(gateway, add_source, sendgrid, item) -> None:
    await gateway.request("POST", await add_source(), **sendgrid.signed([item(1)]))
    (letter,) = await letters(gateway)

    other = gateway.key("other")

    assert (await gateway.request("GET", "/dead-letters", other))[1]["dead_letters"] == []
    assert (await gateway.request("GET", f"/dead-letters/{letter['id']}", other))[0] == 404
    assert (await gateway.request("POST", f"/dead-letters/{letter['id']}/retry", other))[0] == 404


async def test_dead_letters_come_page_by_page(gateway, add_source, sendgrid, item) -> None:
    await gateway.request("POST", await add_source(), **sendgrid.signed([item(number) for number in range(3)]))
    key = gateway.key()

    _, first, _ = await gateway.request("GET", "/dead-letters?limit=2", key)
    _, second, _ = await gateway.request("GET", f"/dead-letters?limit=2&cursor={first['next_cursor']}", key)

    assert [len(first["dead_letters"]), len(second["dead_letters"]), second["next_cursor"]] == [2, 1, None]
    assert (await gateway.request("GET", f"/dead-letters?cursor={first['next_cursor']}&reason=x", key))[0] == 422


async def test_a_visitors_past_comes_to_the_contact_who_says_who_they_are(gateway, segment) -> None:
    visit = {"type": "page", "anonymousId": "visitor", "name": "Pricing"}
    identify = {"type": "identify", "anonymousId": "visitor", "userId": "c-1", "traits": {"plan": "pro"}}

    await segment(visit, creates_contacts=True)
    await segment(identify)
    await segment({**visit, "name": "Docs"})

    store = gateway.store.of("acme")
    assert [one.contact_id for one in store.contacts.page(9)] == ["c-1"]
    assert store.events.counts("c-1")["page_viewed"].events == 2
    assert [(one.name, one.value) for one in store.contacts.find("c-1").attributes] == [("plan", "pro")]


async def test_the_order_within_a_batch_does_not_matter_to_whose_it_is(gateway, segment) -> None:
    visit = {"type": "page", "anonymousId": "visitor", "name": "Pricing"}
    identify = {"type": "identify", "anonymousId": "visitor", "userId": "c-1", "traits": {}}

    await segment(visit, identify, {**visit, "name": "Docs"}, creates_contacts=True)

    store = gateway.store.of("acme")
    assert [one.contact_id for one in store.contacts.page(9)] == ["c-1"]
    assert store.events.counts("c-1")["page_viewed"].events == 2


async def test_who_was_erased_stays_out_until_put_again(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    await gateway.request("PUT", "/contacts/c-1", gateway.key(), json={"email": "person1@example.com"})
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    erased = await gateway.request("DELETE", "/contacts/c-1", gateway.key())
    late = await gateway.request("POST", path, **sendgrid.signed([item(1, sg_event_id="late")]))
    await gateway.request("PUT", "/contacts/c-1", gateway.key(), json={"email": "person1@example.com"})
    back = await gateway.request("POST", path, **sendgrid.signed([item(1, sg_event_id="later")]))

    assert erased[0] in (200, 204)
    assert (late[1]["ignored"], back[1]["new"]) == (1, 1)
    assert gateway.store.of("acme").events.counts("c-1")["email_opened"].events == 1


async def test_a_machine_is_distinguished_from_a_human(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    opened = item(1, sg_machine_open=True)
    links = [
        {**item(2, "click", url=f"https://a.example/{number}", sg_message_id="m.f"), "sg_event_id": f"c-{number}"}
        for number in range(2)
    ]

    for batch in ([opened], links[:1], links[1:]):
        await gateway.request("POST", path, **sendgrid.signed(batch))

    store = gateway.store.of("acme")
    people = [one.contact_id for one in store.contacts.page(9)]
    found = {row.event_id: row.human for row in store.events.of_messages(people, {"message-1", "m"})}
    assert found == {"mail:event-1": 0, "mail:c-0": 0, "mail:c-1": 0}
