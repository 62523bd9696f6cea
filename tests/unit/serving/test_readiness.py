import asyncio
import threading
from typing import Any

import pytest

from shared.errors import StoreUnavailable
from shared.serving.readiness import StoreLook
from shared.serving.service import Service


class Store:
    """Reachable and writable as told; counts how often it was written to."""

    def __init__(self) -> None:
        self.away = False
        self.writable = True
        self.written = 0
        self.gate: threading.Event | None = None

    def ping(self) -> None:
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.away:
            raise StoreUnavailable("away")

    def is_writable(self) -> bool:
        self.written += 1
        return self.writable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_store_that_could_be_written_is_not_written_to_again_for_a_while() -> None:
    store, clock = Store(), Clock()
    look = StoreLook(store, seconds=clock)

    seen = []
    for clock.now in (0.0, 10.0, 29.0, 31.0):
        seen.append((await look.state(), store.written))

    assert seen == [("reachable", 1), ("reachable", 1), ("reachable", 1), ("reachable", 2)]


async def test_a_store_that_could_not_be_written_is_tried_each_time() -> None:
    store, clock = Store(), Clock()
    look = StoreLook(store, seconds=clock)
    store.writable = False

    before = [await look.state() for _ in range(2)]
    store.writable = True

    assert (before, await look.state(), store.written) == (["not-writable"] * 2, "reachable", 3)


async def test_a_store_that_is_away_is_away() -> None:
    store = Store()
    store.away = True

    assert await StoreLook(store).state() == "away"


async def test_a_look_that_hangs_holds_one_thread_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.serving.readiness.PING_SECONDS", 0.05)
    store = Store()
    store.gate = threading.Event()
    look = StoreLook(store)

    states = await asyncio.gather(*(look.state() for _ in range(50)))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio")]
    store.gate.set()

    assert set(states) == {"away"}
    assert len(threads) == 1


async def ready_of(client: Any) -> tuple[int, Any]:
    while not client.app.state.service.champions.tried:
        await asyncio.sleep(0)
    reply = await client.get("/readyz")
    return reply.status, reply.json


async def test_a_service_is_unready_while_champions_are_tried(running: Any) -> None:
    gate = asyncio.Event()

    async def slow(*_: Any) -> Any:
        await gate.wait()
        raise OSError

    async with running(fetch=slow) as client:
        while not client.app.state.service.champions._loading:
            await asyncio.sleep(0)
        before = await client.get("/readyz")
        gate.set()
        after = await ready_of(client)

    assert (before.status, before.json["status"], before.json["causes"]) == (503, "unready", ["models-loading"])
    assert (after[0], after[1]["status"], after[1]["causes"]) == (200, "degraded", ["registry-away"])


async def test_the_wait_for_champions_has_an_end(running: Any, settings: Any) -> None:
    gate = asyncio.Event()

    async def never(*_: Any) -> Any:
        await gate.wait()

    async with running(fetch=never) as client:
        service: Service = client.app.state.service
        while not service.champions._loading:
            await asyncio.sleep(0)
        service._started_at -= settings.ready_within_seconds
        reply = await client.get("/readyz")

    assert (reply.status, reply.json["status"], reply.json["causes"]) == (200, "degraded", ["models-loading"])


async def test_a_store_that_cannot_be_written_degrades_a_service(running: Any, store: Any) -> None:
    store.log_away = True

    async with running() as client:
        status, answer = await ready_of(client)

    assert (status, answer) == (
        200,
        {"status": "degraded", "causes": ["store-not-writable"], "store": "not-writable"},
    )


async def test_predictions_that_were_not_logged_degrade_a_service(running: Any, store: Any) -> None:
    async with running() as client:
        client.app.state.service.predictions._drop(3)
        status, answer = await ready_of(client)

    assert (status, answer["status"], answer["causes"]) == (200, "degraded", ["predictions-dropped"])


async def test_a_process_that_is_about_to_end_sends_others_elsewhere(running: Any) -> None:
    async with running() as client:
        client.app.state.draining = True
        status, answer = await ready_of(client)

    assert (status, answer["status"]) == (503, "draining")
