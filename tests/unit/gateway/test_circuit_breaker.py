import asyncio
import logging

import pytest

from gateway.metrics import GatewayMetrics
from gateway.upstream import CircuitBreaker
from shared.errors import UpstreamUnavailable


class Health:
    """Answers as told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.alive = True
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> bool:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.alive


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(health: Health, clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("scoring", GatewayMetrics(), health, seconds=clock)


async def is_admitted(breaker: CircuitBreaker) -> bool:
    try:
        await breaker.admit()
    except UpstreamUnavailable:
        return False
    return True


async def test_three_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    admitted = []
    for _ in range(4):
        admitted.append(await is_admitted(breaker))
        breaker.failed(OSError())

    assert admitted == [True, True, True, False]


async def test_an_answer_between_them_counts_from_the_start(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        breaker.failed(OSError())
        breaker.failed(OSError())
        breaker.succeeded()

    assert await is_admitted(breaker)


async def test_a_proven_hang_opens_it_at_once(breaker: CircuitBreaker) -> None:
    breaker.failed(TimeoutError(), proven=True)

    assert not await is_admitted(breaker)


async def test_while_it_rests_nobody_is_called(breaker: CircuitBreaker, health: Health, clock: Clock) -> None:
    breaker.failed(TimeoutError(), proven=True)

    for clock.now in (0.0, 1.0, 1.9):
        assert not await is_admitted(breaker)
    assert health.asked == 0


async def test_after_the_rest_its_health_decides_and_no_request_does(
    breaker: CircuitBreaker, health: Health, clock: Clock
) -> None:
    breaker.failed(TimeoutError(), proven=True)
    health.alive = False

    seen = []
    for clock.now in (2.1, 3.0, 4.2, 5.0):
        health.alive = clock.now > 4
        seen.append((await is_admitted(breaker), health.asked))

    assert seen == [(False, 1), (False, 1), (True, 2), (True, 2)]


async def test_one_request_looks_and_the_others_do_not_wait_for_it(
    breaker: CircuitBreaker, health: Health, clock: Clock
) -> None:
    breaker.failed(TimeoutError(), proven=True)
    clock.now, health.gate = 3.0, asyncio.Event()

    first = asyncio.create_task(is_admitted(breaker))
    await asyncio.sleep(0)
    others = [await is_admitted(breaker) for _ in range(3)]
    health.gate.set()

    assert (others, await first, health.asked) == ([False] * 3, True, 1)


async def test_on_trial_one_failure_opens_it_again(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.failed(TimeoutError(), proven=True)
    clock.now = 3.0
    await breaker.admit()

    breaker.failed(OSError())

    assert not await is_admitted(breaker)


async def test_it_says_when_it_opens_and_when_all_is_well(
    breaker: CircuitBreaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        breaker.failed(TimeoutError(), proven=True)
        breaker.failed(TimeoutError(), proven=True)
        clock.now = 3.0
        await breaker.admit()
        breaker.succeeded()

    assert [record.getMessage() for record in caplog.records] == ["upstream.left_alone", "upstream.recovered"]
