"""What a provider sends, from the socket to the store."""

import asyncio
from typing import Any

import pytest

EMPTY: dict[str, Any] = {"received": 0, "new": 0, "duplicate": 0, "ignored": 0, "dead": 0, "notes": {}}


def counts(**said: int) -> dict[str, Any]:
    return {**EMPTY, "received": sum(said.values()), **said}


async def test_a_signed_batch_becomes_events_of_new_contacts(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)

    status, answer, _ = await gateway.request("POST", path, **sendgrid.signed([item(1), item(2, "bounce")]))

    store = gateway.store.of("acme")
    assert (status, answer) == (200, counts(new=2))
    assert len(store.contacts.page(10)) == 2
    assert {kind for one in store.contacts.page(10) for kind in store.events.counts(one.contact_id)} == {
        "email_opened",
        "email_bounced",
    }


async def test_the_same_batch_again_changes_nothing(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    await gateway.request("POST", path, **sendgrid.signed([item(1), item(2)]))

    status, answer, _ = await gateway.request("POST", path, **sendgrid.signed([item(2), item(1), item(1)]))

    assert (status, answer) == (200, counts(duplicate=3))


async def test_the_same_batch_many_times_at_once_is_stored_once(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    batch = [item(number) for number in range(20)]

    answers = await asyncio.gather(*(gateway.request("POST", path, **sendgrid.signed(batch)) for _ in range(10)))

    assert [status for status, _, _ in answers] == [200] * 10
    assert sum(answer["new"] for _, answer, _ in answers) == 20
    assert [one.events for one in gateway.store.of("acme").events.types()] == [20]


async def test_one_bad_item_among_a_hundred_spoils_no_other(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    batch: list[Any] = [item(number) for number in range(100)]
    batch[50] = {"event": "open", "email": 7}

    status, answer, _ = await gateway.request("POST", path, **sendgrid.signed(batch))
    _, letters, _ = await gateway.request("GET", "/dead-letters", gateway.key())

    assert (status, answer) == (200, counts(new=99, dead=1))
    assert [letter["reason"] for letter in letters["dead_letters"]] == ["item_refused"]


async def test_forged_is_401_and_nothing_is_stored(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    forged = sendgrid.signed([item(1)])
    forged["data"] = forged["data"].replace(b"person1", b"person2")

    status, problem, headers = await gateway.request("POST", path, **forged)

    assert (status, problem["code"]) == (401, "webhook-refused")
    assert headers["Content-Type"] == "application/problem+json"
    assert gateway.store.of("acme").contacts.page(10) == []


@pytest.mark.parametrize("age", [400, -400])
async def test_stale_or_far_ahead_is_401(gateway, add_source, sendgrid, item, age: int) -> None:
    path = await add_source()

    status, problem, _ = await gateway.request("POST", path, **sendgrid.signed([item(1)], age=age))

    assert (status, problem["code"]) == (401, "webhook-refused")


async def test_truncated_is_401(gateway, add_source, sendgrid, item) -> None:
    path = await add_source()
    cut = sendgrid.signed([item(1)])
    cut["data"] = cut["data"][:-10]

    assert (await gateway.request("POST", path, **cut))[0] == 401


async def test_another_accounts_source_does_not_take_it(gateway, add_source, sendgrid, item) -> None:
    await add_source(creates_contacts=True)
    others = await add_source("other", secrets=[type(sendgrid)().secret], creates_contacts=True)

    status, _, _ = await gateway.request("POST", others, **sendgrid.signed([item(1)]))

    assert status == 401
    assert gateway.store.of("other").contacts.page(10) == []


async def test_unknown_source_and_wrong_provider_are_the_same_404(gateway, add_source, sendgrid, item) -> None:
    path = await add_source()
    wrong = [path.replace("sendgrid", "mailgun"), path[:-1] + ("a" if path[-1] != "a" else "b"), path + "x",
             "/webhooks/nobody/nothing", path.replace("sendgrid", "SENDGRID")]  # fmt: skip

    answers = [await gateway.request("POST", one, **sendgrid.signed([item(1)])) for one in wrong]

    assert {status for status, _, _ in answers} == {404}
    assert len({problem["detail"] for _, problem, _ in answers}) == 1


async def test_a_known_address_may_be_visited_first(gateway, add_source) -> None:
    path = await add_source()

    assert (await gateway.request("GET", path))[:2] == (200, {"status": "ready"})
    assert (await gateway.request("HEAD", path))[:2] == (200, None) or (await gateway.request("HEAD", path))[0] == 200
    assert (await gateway.request("HEAD", path[:-3] + "xyz"))[0] == 404


async def test_a_body_past_the_limit_is_413(gateway, add_source, sendgrid) -> None:
    path = await add_source()

    status, problem, _ = await gateway.request("POST", path, **sendgrid.signed(b"[" + b" " * 1_000_001 + b"]"))

    assert (status, problem["code"]) == (413, "body-too-large")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[null, 7, [], {}]", b'[{"a": NaN}]']
)
async def test_nonsense_that_is_signed_is_never_a_bug(gateway, add_source, sendgrid, body: bytes) -> None:
    path = await add_source()

    status, _, _ = await gateway.request("POST", path, **sendgrid.signed(body))

    assert status in (200, 422)


async def test_while_the_store_is_away_503_asks_to_come_again_and_nothing_is_lost(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    gateway.store.away = True
    status, problem, headers = await gateway.request("POST", path, **sendgrid.signed([item(1), item(2)]))
    gateway.store.away = False
    again = await gateway.request("POST", path, **sendgrid.signed([item(1), item(2)]))

    assert (status, problem["code"], headers["Retry-After"]) == (503, "store-unavailable", "5")
    assert again[:2] == (200, counts(new=1, duplicate=1))


async def test_a_removed_source_is_404_at_once(gateway, add_source, sendgrid, item) -> None:
    path = await add_source()
    await gateway.request("POST", path, **sendgrid.signed([item(1)]))

    await gateway.request("DELETE", f"/sources/{path.rsplit('/', 1)[1]}", gateway.key())

    assert (await gateway.request("POST", path, **sendgrid.signed([item(2)])))[0] == 404


async def test_what_became_of_it_is_counted_and_named_in_the_log(gateway, add_source, sendgrid, item, caplog) -> None:
    path = await add_source(creates_contacts=True)
    with caplog.at_level("INFO"):
        await gateway.request("POST", path, **sendgrid.signed([item(1), item(1)]))
    await gateway.request("POST", path, data=b"[]")

    metrics = gateway.metrics()

    assert b'foretell_webhooks_total{became="new",provider="sendgrid"} 1.0' in metrics
    assert b'foretell_webhooks_total{became="refused",provider="sendgrid"} 1.0' in metrics
    answered = next(record for record in caplog.records if getattr(record, "route", "").startswith("/webhooks"))
    assert (answered.account, answered.source, answered.provider) == ("acme", "mail", "sendgrid")  # type: ignore[attr-defined]
    assert "person1" not in caplog.text
