import asyncio
import threading

import pytest

from shared.errors import StoreUnavailable
from shared.http.readiness import StoreLook


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
    monkeypatch.setattr("shared.http.readiness.PING_SECONDS", 0.05)
    store = Store()
    store.gate = threading.Event()
    look = StoreLook(store)

    states = await asyncio.gather(*(look.state() for _ in range(50)))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio")]
    store.gate.set()

    assert set(states) == {"away"}
    assert len(threads) == 1
