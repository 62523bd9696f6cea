import asyncio
import threading

from shared.serving.answering import SMALL_CONTACTS, ThreadPools


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
