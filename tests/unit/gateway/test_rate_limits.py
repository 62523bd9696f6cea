import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import fakeredis
import limits.storage.memory
import limits.strategies
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool

from gateway.metrics import GatewayMetrics
from gateway.rate_limits import Quota, RateLimits, SlidingMinute
from shared.errors import LimitReached
from shared.settings import GatewaySettings

pytestmark = pytest.mark.usefixtures("within_a_minute")


@dataclass
class Redis:
    """A Redis that several gateways share, and that can go away."""

    server: fakeredis.FakeServer = field(default_factory=fakeredis.FakeServer)
    now: float = 100.0

    def pool(self) -> ConnectionPool:
        return fakeredis.FakeAsyncRedis(server=self.server).connection_pool

    def limits(self) -> RateLimits:
        settings = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32, limits_calls=3, limits_contacts=10)
        return RateLimits(settings, GatewayMetrics(), pool=self.pool(), monotonic=lambda: self.now)


async def admitted(limits: RateLimits, *, spends: bool = False) -> Quota:
    quota = await limits.count("key")
    quota.check(spends=spends)
    return quota


async def test_gateways_that_share_redis_count_together() -> None:
    redis = Redis()
    one, two = redis.limits(), redis.limits()

    await (await admitted(one)).settle(4)
    second = await admitted(two)

    assert (second.calls.remaining, second.contacts.remaining) == (1, 6)


async def test_more_contacts_than_are_left_use_up_all_that_is_left() -> None:
    redis = Redis()
    one, two = redis.limits(), redis.limits()

    await (await admitted(one)).settle(4)
    await (await admitted(one)).settle(50)
    with pytest.raises(LimitReached) as refused:
        await admitted(two, spends=True)

    assert refused.value.members == {"violated-policies": ["contacts"]}


async def test_redis_is_left_alone_for_a_while_and_then_used_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gateway.rate_limits")
    redis = Redis()
    limits = redis.limits()
    await admitted(limits)

    redis.server.connected = False
    away = [(await admitted(limits)).calls.remaining for _ in range(2)]
    redis.server.connected = True
    resting = (await admitted(limits)).calls.remaining
    redis.now = 106.0
    back = (await admitted(limits)).calls.remaining

    assert (away, resting, back) == ([2, 1], 0, 1)
    assert [record.message for record in caplog.records] == ["limits.alone", "limits.shared"]


def test_an_address_may_fail_as_often_as_the_setting_says() -> None:
    settings = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32, limits_failures=2)
    limits = RateLimits(settings, GatewayMetrics())

    limits.count_failure("2001:db8::1")
    limits.count_failure("2001:db8::2")
    with pytest.raises(LimitReached):
        limits.count_failure("2001:db8::3")

    assert [limits.is_shut(one) for one in ("2001:db8::9", "2001:db9::9", "203.0.113.7", "")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_flood_from_everywhere_does_not_fill_the_memory() -> None:
    settings = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32)
    limits = RateLimits(settings, GatewayMetrics())

    for number in range(5_000):
        limits.count_failure(f"10.0.{number // 250}.{number % 250}")

    assert len(limits._failed) <= 2_001


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_700_000_040.0  # a minute of the clock begins
        monkeypatch.setattr("gateway.rate_limits.unix_seconds", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_minute_before_counts_for_as_much_of_it_as_lies_within_the_last_60_seconds(clock: Clock) -> None:
    counts = SlidingMinute(10)
    for _ in range(8):
        counts.hit("key")

    seen = []
    for seconds in (59.0, 60.0, 75.0, 90.0, 105.0, 120.0):
        clock.now = 1_700_000_040.0 + seconds
        seen.append(counts.left("key").remaining)

    assert seen == [2, 2, 4, 6, 8, 10]


def test_after_an_idle_minute_nothing_counts(clock: Clock) -> None:
    counts = SlidingMinute(10)
    counts.hit("key", 10)

    clock.now += 121.0

    assert (counts.left("key"), len(counts)) == ((10, 1), 0)


def test_what_is_more_than_is_left_is_not_counted(clock: Clock) -> None:
    counts = SlidingMinute(3)

    assert [counts.hit("key", 2), counts.hit("key", 2), counts.hit("key"), counts.hit("other")] == [
        True, False, True, True,
    ]  # fmt: skip


def test_more_is_left_when_the_minute_ends_or_one_of_the_minute_before_has_passed(clock: Clock) -> None:
    counts = SlidingMinute(10)
    waits = [counts.left("key").seconds]
    counts.hit("key", 6)
    clock.now += 20.0
    waits.append(counts.left("key").seconds)
    clock.now += 45.0
    waits.append(counts.left("key").seconds)

    assert waits == [1, 40, 5]


@example(limit=1, steps=[(40.0, 1, "a")])
@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.tuples(st.floats(0.0, 70.0), st.integers(1, 7), st.sampled_from("ab")), max_size=40),
)
def test_counts_in_memory_are_those_of_the_library(limit: int, steps: list[tuple[float, int, str]]) -> None:
    now = 1_700_000_000.0
    ours, item = SlidingMinute(limit), RateLimitItemPerMinute(limit)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("gateway.rate_limits.unix_seconds", lambda: now)
        clocked = SimpleNamespace(time=lambda: now)
        patched.setattr(limits.storage.memory, "time", clocked)
        patched.setattr(limits.strategies, "time", clocked)
        patched.setattr(limits.storage.memory.threading, "Timer", lambda *_: SimpleNamespace(start=int, is_alive=bool))
        theirs = SlidingWindowCounterRateLimiter(MemoryStorage())
        for seconds, cost, key in steps:
            now += seconds
            assert ours.hit(key, cost) == theirs.hit(item, key, cost=cost)
            stats = theirs.get_window_stats(item, key)
            assert ours.left(key).remaining == stats.remaining
            seconds_left = ours.left(key).seconds, max(1, math.ceil(stats.reset_time - now))
            # At the very instant at which a count changes, one names this change and the other the next.
            assert abs(seconds_left[0] - seconds_left[1]) <= 1 or min(seconds_left) == 1
