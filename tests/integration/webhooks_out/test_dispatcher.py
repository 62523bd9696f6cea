"""Deliveries to receivers on sockets, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from shared.contracts.message import EXAMPLES
from shared.contracts.rows import HOUR, SECOND
from shared.contracts.seal import Seal
from shared.webhooks_out.sender import Sender
from shared.webhooks_out.subscription_schemas import SubscriptionChanges
from shared.webhooks_out.subscriptions import changed_subscription, new_secret_of

SEAL = Seal(b"k" * 32)


def answering(status: int, text: str = "", **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


async def test_a_receiver_verifies_what_it_gets_with_the_public_library(rounds: Any, receiver: Any) -> None:
    _, secret = rounds.subscribe(receiver.url + "/in?key=1", headers={"Authorization": "Bearer x"})
    rounds.publish("m1")

    await rounds.until_ended()

    (seen,) = receiver.seen
    message = Webhook(secret).verify(seen.body, dict(seen.headers))
    assert message["type"] == "score.band_changed"
    assert message["data"] == EXAMPLES["score.band_changed"]
    assert (seen.method, seen.target, seen.headers["Authorization"]) == ("POST", "/in?key=1", "Bearer x")


async def test_while_a_secret_is_replaced_either_one_verifies(rounds: Any, receiver: Any) -> None:
    subscription_id, old = rounds.subscribe(receiver.url)
    row, new = new_secret_of(subscription_id, SEAL, rounds.at)
    rounds.database.of("default").subscriptions.add_secret(row, retire_at=rounds.at + HOUR)
    rounds.publish("m1")

    await rounds.until_ended()

    for secret in (old, new):
        Webhook(secret).verify(receiver.seen[0].body, dict(receiver.seen[0].headers))


async def test_a_failure_is_tried_again_under_the_same_id_with_its_own_time(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")
    receiver.answer = answering(500, "no\x00 thanks")

    await rounds.until(lambda: len(store.deliveries.attempts(store.deliveries.page(1)[0].delivery_id)) == 1)
    first = store.deliveries.page(1)[0]
    rounds.at += 6 * SECOND
    receiver.answer = answering(204)
    await rounds.until_ended()

    one, two = receiver.seen
    assert first.due_at == rounds.at - SECOND
    assert one.headers["webhook-id"] == two.headers["webhook-id"] == first.delivery_id
    assert int(two.headers["webhook-timestamp"]) - int(one.headers["webhook-timestamp"]) == 6
    assert one.body == two.body
    assert [(a.number, a.status, a.response) for a in store.deliveries.attempts(first.delivery_id)] == [
        (1, 500, "no\ufffd thanks"), (2, 204, ""),
    ]  # fmt: skip


async def test_ten_attempts_are_made_and_then_it_has_failed(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")
    receiver.answer = answering(400)

    for number in range(1, 11):
        await rounds.until(lambda number=number: store.deliveries.page(1)[0].attempts == number)
        rounds.at = max(rounds.at, store.deliveries.page(1)[0].due_at)
    rounds.at += 200 * HOUR
    await asyncio.to_thread(rounds.dispatcher.turn)

    assert store.deliveries.page(1)[0].state == "failed"
    assert len(receiver.seen) == 10


async def test_a_redirection_is_a_failure_and_not_followed(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url + "/a")
    rounds.publish("m1")
    store = rounds.database.of("default")
    receiver.answer = answering(307, Location="/b")

    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    assert [seen.target for seen in receiver.seen] == ["/a"]
    assert store.deliveries.page(1)[0].state == "pending"


async def test_a_receiver_that_asks_for_time_gets_it(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")
    receiver.answer = answering(503, Retry_After="3600")

    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    assert store.deliveries.page(1)[0].due_at == rounds.at + HOUR


async def test_gone_disables_the_subscription(rounds: Any, receiver: Any) -> None:
    subscription_id, _ = rounds.subscribe(receiver.url)
    rounds.publish("m1")
    receiver.answer = answering(410)

    await rounds.until_ended()

    assert rounds.state(subscription_id) == (
        "disabled", "The receiver answered 410 Gone: it wants nothing more.",
    )  # fmt: skip


async def test_a_receiver_that_fails_for_days_is_paused_and_gets_what_waited_when_it_goes_on(
    rounds: Any, receiver: Any
) -> None:
    subscription_id, _ = rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")
    receiver.answer = answering(500)
    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    rounds.at += 97 * HOUR
    rounds.publish("m2")
    await rounds.until(lambda: rounds.state(subscription_id)[0] == "paused")
    rounds.publish("m3")
    paused = len(receiver.seen)
    receiver.answer = answering(200)
    row = store.subscriptions.find(subscription_id)
    resumed = changed_subscription(row, SubscriptionChanges(state="enabled"), SEAL, rounds.at, allow_private=True)
    store.subscriptions.update(row, resumed)
    rounds.at += HOUR
    await rounds.until_ended()

    assert paused < len(receiver.seen)
    assert {row.state for row in store.deliveries.page(9)} == {"delivered"}
    assert store.subscriptions.counts() == {}


async def test_of_a_large_answer_only_the_beginning_is_read(rounds: Any, receiver: Any) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionError:
            return response

    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    receiver.answer = endless

    await rounds.until_ended()

    store = rounds.database.of("default")
    (attempt,) = store.deliveries.attempts(store.deliveries.page(1)[0].delivery_id)
    assert (attempt.status, attempt.response) == (200, "x" * 500)


async def test_nobody_there_is_reported_as_such(rounds: Any, receiver: Any) -> None:
    rounds.subscribe("http://127.0.0.1:9/")
    rounds.publish("m1")
    store = rounds.database.of("default")

    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    (attempt,) = store.deliveries.attempts(store.deliveries.page(1)[0].delivery_id)
    assert (attempt.status, attempt.error) == (None, "connection-failed")


async def test_an_address_inside_is_refused_at_the_delivery_too(rounds: Any, receiver: Any) -> None:
    rounds.dispatcher.sender = lambda: Sender(timeout_seconds=2.0, allow_private=False)
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")

    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    (attempt,) = store.deliveries.attempts(store.deliveries.page(1)[0].delivery_id)
    assert (receiver.seen, attempt.error) == ([], "address-refused")


async def test_another_identity_key_is_named_in_the_attempt(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    rounds.dispatcher.seal = Seal(b"o" * 32)
    store = rounds.database.of("default")

    await rounds.until(lambda: store.deliveries.page(1)[0].attempts == 1)

    (attempt,) = store.deliveries.attempts(store.deliveries.page(1)[0].delivery_id)
    assert (receiver.seen, attempt.error) == ([], "settings-refused")
