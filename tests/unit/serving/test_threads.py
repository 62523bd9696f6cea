import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts.call import Deadline
from shared.serving.threads import SMALL_CONTACTS, GatheringThreads, ThreadPools


async def test_a_small_call_is_answered_while_large_ones_still_run() -> None:
    pools, gate = ThreadPools(1), threading.Event()
    large = [asyncio.create_task(pools.run(gate.wait, contacts=1_000)) for _ in range(5)]

    small = await pools.run(lambda: "answered", contacts=SMALL_CONTACTS)
    waiting = [task.done() for task in large]
    gate.set()

    assert small == "answered"
    assert waiting == [False] * 5
    assert await asyncio.gather(*large) == [True] * 5
    pools.close()


async def test_small_calls_take_turns_on_one_thread() -> None:
    pools = ThreadPools(1)

    names = await asyncio.gather(*(pools.run(lambda: threading.current_thread().name, contacts=1) for _ in range(20)))

    assert len(set(names)) == 1
    pools.close()


class Doubling:
    """Doubles numbers, odd ones and even ones apart; keeps what came together."""

    def __init__(self) -> None:
        self.together: list[list[int]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()

    def compute(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.together.append(list(numbers))
        self.begun.set()
        assert self.gate.wait(10)
        if 13 in numbers:
            raise ValueError("unlucky")
        return [ValueError("zero") if number == 0 else 2 * number for number in numbers]

    async def of(self, *numbers: int) -> list[Any]:
        """Hand the first number over, the rest while it is computed, and return what became of each."""
        threads = GatheringThreads[int, int](
            self.compute, lambda taken, one: one % 2 == taken[0] % 2, threads=1, name="test"
        )
        first = asyncio.create_task(threads.run(numbers[0]))
        await asyncio.to_thread(self.begun.wait, 10)
        rest = [asyncio.create_task(threads.run(number)) for number in numbers[1:]]
        await asyncio.sleep(0)  # all of them wait now
        self.gate.set()
        results = await asyncio.gather(first, *rest, return_exceptions=True)
        await asyncio.to_thread(threads.close)
        return results


async def test_what_waits_at_the_same_moment_is_computed_together() -> None:
    doubling = Doubling()

    results = await doubling.of(1, 2, 4, 6)

    assert results == [2, 4, 8, 12]
    assert doubling.together == [[1], [2, 4, 6]]


async def test_what_does_not_join_keeps_its_turn() -> None:
    doubling = Doubling()

    results = await doubling.of(1, 2, 3, 4, 5)

    assert results == [2, 4, 6, 8, 10]
    assert doubling.together == [[1], [2, 4], [3, 5]]


async def test_one_that_fails_fails_alone() -> None:
    doubling = Doubling()

    results = await doubling.of(2, 0, 4)

    assert [str(one) for one in results] == ["4", "zero", "8"]


async def test_where_a_computation_raises_each_is_computed_alone() -> None:
    doubling = Doubling()

    results = await doubling.of(2, 13, 15, 4)

    assert [str(one) for one in results] == ["4", "unlucky", "30", "8"]
    assert doubling.together == [[2], [13, 15], [13], [15], [4]]


class Panic(BaseException):
    """As extensions raise it: no `Exception`."""


async def test_the_thread_outlives_a_panic() -> None:
    def compute(numbers: Sequence[int]) -> Sequence[int | Exception]:
        if 13 in numbers:
            raise Panic
        return numbers

    threads = GatheringThreads[int, int](compute, lambda taken, one: True, threads=1, name="test")

    async with asyncio.timeout(10):
        with pytest.raises(Panic):
            await threads.run(13)
        assert await threads.run(1) == 1
    threads.close()


async def test_an_error_that_no_future_takes_reaches_who_waits_for_a_pool() -> None:
    pools = ThreadPools(1)

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await pools.run(lambda: next(iter(())), contacts=1_000)
    pools.close()


async def test_an_error_that_no_future_takes_still_reaches_who_waits() -> None:
    def compute(numbers: Sequence[int]) -> Sequence[int | Exception]:
        return [next(iter(())) for _ in numbers]

    threads = GatheringThreads[int, int](compute, lambda taken, one: True, threads=1, name="test")

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(1)
    await asyncio.to_thread(threads.close)


class Limited:
    """Computes numbers within so many seconds each, and keeps how many seconds each computation had."""

    def __init__(self, *, raises_for_several: bool = False) -> None:
        self.raises_for_several = raises_for_several
        self.seen: list[tuple[list[int], float | None]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()

    def compute(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        left = Deadline.seconds_left()
        self.seen.append((list(numbers), None if left is None else round(left)))
        self.begun.set()
        assert self.gate.wait(10)
        if len(numbers) > 1 and self.raises_for_several:
            raise ValueError
        return numbers

    async def of(self, *limits: float) -> list[tuple[list[int], float | None]]:
        """Compute a number without a limit, and together the places of limits after it."""
        threads = GatheringThreads[int, int](self.compute, lambda taken, one: True, threads=1, name="test")
        tasks = [asyncio.create_task(threads.run(0))]
        await asyncio.to_thread(self.begun.wait, 10)
        for place, seconds in enumerate(limits, start=1):
            with Deadline.within(seconds):
                tasks.append(asyncio.create_task(threads.run(place)))
        await asyncio.sleep(0)  # all of them wait now
        self.gate.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(threads.close)
        return self.seen


async def test_the_nearest_deadline_holds_for_all_that_are_computed_together() -> None:
    assert await Limited().of(900.0, 300.0) == [([0], None), ([1, 2], 300)]


async def test_what_has_no_time_left_is_not_computed_with_others() -> None:
    seen = await Limited().of(300.0, 0.0, 900.0)

    assert seen == [([0], None), ([1, 3], 300), ([2], 0)]
    assert await Limited().of(0.0, 300.0) == [([0], None), ([1], 0), ([2], 300)]


async def test_who_is_computed_alone_after_all_has_its_own_time() -> None:
    seen = await Limited(raises_for_several=True).of(300.0, 900.0)

    assert seen[2:] == [([1], 300), ([2], 900)]


async def test_who_left_while_waiting_is_not_computed_and_harms_nobody() -> None:
    doubling = Doubling()
    threads = GatheringThreads[int, int](doubling.compute, lambda taken, one: True, threads=1, name="test")
    first = asyncio.create_task(threads.run(2))
    await asyncio.to_thread(doubling.begun.wait, 10)
    gone, stays = asyncio.create_task(threads.run(4)), asyncio.create_task(threads.run(6))
    await asyncio.sleep(0)

    gone.cancel()
    await asyncio.sleep(0)
    doubling.gate.set()

    assert await asyncio.gather(first, stays) == [4, 12]
    assert doubling.together == [[2], [6]]
    await asyncio.to_thread(threads.close)


async def test_closing_waits_for_what_waits() -> None:
    doubling = Doubling()
    threads = GatheringThreads[int, int](doubling.compute, lambda taken, one: False, threads=1, name="test")
    tasks = [asyncio.create_task(threads.run(number)) for number in (2, 4, 6)]
    await asyncio.sleep(0)
    doubling.gate.set()

    await asyncio.to_thread(threads.close)

    assert await asyncio.gather(*tasks) == [4, 8, 12]
