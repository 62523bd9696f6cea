"""Workers that share, end, are killed, and meet slow receivers."""

import asyncio
import dataclasses
import json
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.contracts.rows import SECOND
from shared.webhooks_out.dispatcher import DispatcherMetrics


async def test_one_slow_receiver_does_not_stall_another(rounds: Any, listening_on: Any) -> None:
    slow, quick = await listening_on(), await listening_on()
    others_are_told = asyncio.Event()

    async def waiting(request: web.Request) -> web.StreamResponse:
        await others_are_told.wait()
        return web.Response()

    async def counting(request: web.Request) -> web.StreamResponse:
        if len(quick.seen) == 20:
            others_are_told.set()
        return web.Response()

    slow.answer, quick.answer = waiting, counting
    rounds.subscribe(slow.url)
    rounds.publish(*(f"m{number}" for number in range(20)))
    rounds.subscribe(quick.url)
    rounds.publish(*(f"n{number}" for number in range(20)))

    await rounds.until_ended()  # it would not end if the quick one waited for the slow one

    assert (len(slow.seen), len(quick.seen)) == (40, 20)


async def test_a_subscription_whose_settings_fit_no_more_does_not_stall_another(rounds: Any, receiver: Any) -> None:
    store = rounds.database.of("default")
    broken, _ = rounds.subscribe(receiver.url, connector="template", settings={"body": {}})
    before = store.subscriptions.find(broken)
    store.subscriptions.update(before, dataclasses.replace(before, settings={"body": "{{ 5 | round(100000000) }}"}))
    rounds.subscribe(receiver.url)
    rounds.publish("m1")

    await rounds.until(lambda: all(one.attempts for one in store.deliveries.page(2)))

    (refused,) = store.deliveries.page(2, subscription_id=broken)
    assert [attempt.error for attempt in store.deliveries.attempts(refused.delivery_id)] == ["settings-refused"]
    assert len(receiver.seen) == 1


async def test_what_a_killed_worker_had_under_way_is_sent_once_its_lease_has_ended(rounds: Any, receiver: Any) -> None:
    subscription_id, _ = rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")
    (taken,) = store.deliveries.lease({subscription_id: 1}, at=rounds.at, until=rounds.at + 30 * SECOND)

    await asyncio.to_thread(rounds.dispatcher.turn)
    before = len(receiver.seen)
    rounds.at += 30 * SECOND
    await rounds.until_ended()

    assert before == 0
    assert [seen.headers["webhook-id"] for seen in receiver.seen] == [taken.delivery_id]


async def test_two_workers_share_what_is_due_and_report_nothing_twice(rounds: Any, receiver: Any) -> None:
    other = dataclasses.replace(
        rounds.dispatcher, metrics=DispatcherMetrics(CollectorRegistry()), _limits={}, _running={}, _unwritten={}
    )
    rounds.subscribe(receiver.url)
    rounds.publish(*(f"m{number}" for number in range(60)))
    store = rounds.database.of("default")

    def worked() -> None:
        while store.deliveries.page(60, state="pending"):
            other.turn()
        other.end()

    await asyncio.gather(rounds.until_ended(), asyncio.to_thread(worked))

    ids = [seen.headers["webhook-id"] for seen in receiver.seen]
    assert (len(ids), len(set(ids))) == (60, 60)


async def test_an_account_that_is_deleted_while_it_is_reported_ends_nothing_else(
    rounds: Any, listening_on: Any
) -> None:
    gone, kept = await listening_on(), await listening_on()
    rounds.subscribe(gone.url)
    rounds.publish("m1")

    async def deleting(request: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(rounds.database.delete_account, "default")
        return web.Response()

    gone.answer = deleting
    await rounds.until(lambda: not rounds.database.accounts())
    await rounds.until(lambda: not rounds.dispatcher._running and not rounds.dispatcher._unwritten)
    rounds.database.create_account("default", created_at=1)
    rounds.subscribe(kept.url)
    rounds.publish("m2")
    await rounds.until_ended()

    assert len(kept.seen) == 1


async def test_what_is_under_way_when_the_worker_stops_is_written_down(rounds: Any, receiver: Any) -> None:
    rounds.subscribe(receiver.url)
    rounds.publish("m1")
    store = rounds.database.of("default")

    async def stopping(request: web.Request) -> web.StreamResponse:
        rounds.stop.set()
        return web.Response(text=json.dumps({"taken": True}))

    receiver.answer = stopping
    await rounds.until(rounds.stop.is_set)
    await asyncio.to_thread(rounds.dispatcher.end)

    assert store.deliveries.page(1)[0].state == "delivered"
