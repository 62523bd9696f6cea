from dataclasses import dataclass, field

import fakeredis
import pytest
from redis.asyncio import ConnectionPool
from starlette.datastructures import State

from gateway.metrics import GatewayMetrics
from gateway.rate_limits import RateLimits
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


async def admitted(limits: RateLimits, *, spends: bool = False) -> State:
    state = State()
    await limits.admit("key", spends=spends, noted_in=state)
    return state


async def test_gateways_that_share_redis_count_together() -> None:
    redis = Redis()
    one, two = redis.limits(), redis.limits()

    await (await admitted(one)).quota.settle(4)
    second = await admitted(two)

    assert (second.quota.calls.remaining, second.quota.contacts.remaining) == (1, 6)


async def test_more_contacts_than_are_left_use_up_all_that_is_left() -> None:
    redis = Redis()
    one, two = redis.limits(), redis.limits()

    await (await admitted(one)).quota.settle(4)
    await (await admitted(one)).quota.settle(50)
    with pytest.raises(LimitReached) as refused:
        await admitted(two, spends=True)

    assert refused.value.members == {"violated-policies": ["contacts"]}


async def test_redis_is_left_alone_for_a_while_and_then_used_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gateway.rate_limits")
    redis = Redis()
    limits = redis.limits()
    await admitted(limits)

    redis.server.connected = False
    away = [(await admitted(limits)).quota.calls.remaining for _ in range(2)]
    redis.server.connected = True
    resting = (await admitted(limits)).quota.calls.remaining
    redis.now = 106.0
    back = (await admitted(limits)).quota.calls.remaining

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
