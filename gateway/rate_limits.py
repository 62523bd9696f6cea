"""Rate limits: how many calls and contacts a key may use a minute, and how often an address may fail to authenticate.

Counted in a sliding window: in memory, or by `limits` in Redis, where several gateways count together. While Redis is
away each gateway counts alone: no request is refused because Redis is down.
"""

import asyncio
import ipaddress
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.metrics import GatewayMetrics
from shared.errors import LimitReached
from shared.settings import GatewaySettings

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

log = logging.getLogger(__name__)
Found = TypeVar("Found")
MINUTE_SECONDS: Final = 60
REDIS_SECONDS: Final = 0.25
REDIS_RETRY_SECONDS: Final = 5.0
"""How long Redis is not called after it did not answer, so that not every request waits for it."""
MAX_ADDRESSES: Final = 2_000
"""If more addresses fail within two minutes, all counts are removed, so that memory stays small."""


class Remaining(NamedTuple):
    """What is left of a policy, and after how many seconds there is more."""

    remaining: int
    seconds: int


def unix_seconds() -> float:
    """Read the clock."""
    return time.time()


class SlidingMinute:
    """Counts of the last minute by key, up to a limit.

    The count of the clock's present minute, and that of the minute before in proportion to how much of it lies within
    the last 60 s: as `limits` counts in Redis, of which the same in memory took a quarter of a forwarded call.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = 0.0
        self._present: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many counts are kept."""
        return len(self._present) + len(self._before)

    def hit(self, key: str, cost: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""
        if self._count(key)[0] + cost > self._limit:
            return False
        self._present[key] = self._present.get(key, 0) + cost
        return True

    def left(self, key: str) -> Remaining:
        """Return what is left."""
        count, until_next = self._count(key)
        waits = [until_next] if key in self._present else []
        if before := self._before.get(key):
            waits.append(until_next % (MINUTE_SECONDS / before))
        return Remaining(max(0, self._limit - count), max(1, math.ceil(min(waits, default=0))))

    def reset(self) -> None:
        """Remove all counts."""
        self._present, self._before = {}, {}

    def _count(self, key: str) -> tuple[int, float]:
        """Return the count, and after how many seconds the clock's next minute begins."""
        minute, seconds = divmod(unix_seconds(), MINUTE_SECONDS)
        if minute != self._minute:
            self._before = self._present if minute == self._minute + 1 else {}
            self._present, self._minute = {}, minute
        until_next = MINUTE_SECONDS - seconds
        before = self._before.get(key, 0) * until_next / MINUTE_SECONDS
        return math.floor(before + self._present.get(key, 0)), until_next


class _Counts(Protocol):
    """Counts of both policies, in one place or another."""

    async def hit(self, policy: str, key: str, cost: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""

    async def left(self, policy: str, key: str) -> Remaining:
        """Return what is left."""


class _CountsHere:
    """In the memory of this process."""

    def __init__(self, policies: Mapping[str, int]) -> None:
        self._of = {name: SlidingMinute(limit) for name, limit in policies.items()}

    async def hit(self, policy: str, key: str, cost: int = 1) -> bool:
        return self._of[policy].hit(key, cost)

    async def left(self, policy: str, key: str) -> Remaining:
        return self._of[policy].left(key)


class _CountsInRedis:
    """Together with other gateways."""

    def __init__(self, policies: Mapping[str, int], pool: "ConnectionPool") -> None:
        # Here and not above: memory and a slower start, for those who set it.
        from limits import RateLimitItemPerMinute
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from limits.errors import StorageError

        storage = RedisStorage(
            "async+redis://",  # not used: the pool knows the address
            wrap_exceptions=True,
            implementation="redispy",
            connection_pool=pool,  # type: ignore[arg-type]  # documented, not declared
        )
        self.failures = (StorageError, TimeoutError, OSError)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._items = {
            name: RateLimitItemPerMinute(limit, namespace=f"foretell-{name}") for name, limit in policies.items()
        }

    async def hit(self, policy: str, key: str, cost: int = 1) -> bool:
        return await self._limiter.hit(self._items[policy], key, cost=cost)

    async def left(self, policy: str, key: str) -> Remaining:
        stats = await self._limiter.get_window_stats(self._items[policy], key)
        return Remaining(stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))


class RateLimits:
    """Limits of keys and addresses."""

    def __init__(
        self,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        *,
        pool: "ConnectionPool | None" = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the limiters.

        Args:
            settings: the policies, and where Redis is.
            metrics: counts refusals.
            pool: connections to Redis; None: made from the setting.
            monotonic: seconds that never go back.
        """
        self._metrics = metrics
        self._monotonic = monotonic
        given = {"calls": settings.limits_calls, "contacts": settings.limits_contacts}
        self._policies = {name: limit for name, limit in given.items() if limit}
        self.policy_header = ", ".join(f'"{name}";q={one};w=60' for name, one in self._policies.items()).encode()
        self._failed = SlidingMinute(settings.limits_failures) if settings.limits_failures else None
        self._here = _CountsHere(self._policies)
        url = settings.limits_redis_url
        self._pool = pool if pool or url is None else _connections(url.get_secret_value())
        self._shared = None if self._pool is None else _CountsInRedis(self._policies, self._pool)
        self._away = False
        self._redis_retry_at = 0.0

    async def count(self, key: str) -> "Quota":
        """Count a call, and return what is left to the key; `Quota.check` refuses.

        Args:
            key: public id of the caller's key.
        """

        async def counted(counts: _Counts) -> Quota:
            is_counted = "calls" not in self._policies or await counts.hit("calls", key)
            left = {name: await counts.left(name, key) for name in self._policies}
            return Quota(self, key, left.get("calls"), left.get("contacts"), is_counted)

        return await self._counted_by(counted)

    async def charge(self, key: str, contacts: int) -> Remaining | None:
        """Count the contacts of an answered call; if fewer are left, count those. Return what is left then."""
        if "contacts" not in self._policies:
            return None

        async def charged(counts: _Counts) -> Remaining:
            if not await counts.hit("contacts", key, contacts):
                left = await counts.left("contacts", key)
                await counts.hit("contacts", key, left.remaining)
            return await counts.left("contacts", key)

        return await self._counted_by(charged)

    def is_shut(self, address: str) -> bool:
        """Whether an address has failed as often as it may; cheap while no address fails."""
        failed = self._failed
        return failed is not None and len(failed) > 0 and not failed.left(network_of(address)).remaining

    def count_failure(self, address: str) -> None:
        """Count a failed authentication.

        Raises:
            LimitReached: one too many.
        """
        if self._failed is None:
            return
        if len(self._failed) > MAX_ADDRESSES:
            self._failed.reset()
        if not self._failed.hit(network_of(address)):
            raise self.too_many_failures()

    def too_many_failures(self) -> LimitReached:
        """Return the error for an address that has to wait."""
        self.refused("failed-authentications")
        return LimitReached(
            "Too many requests without a valid key came from this address; check the key, then wait a minute.",
            policies=["failed-authentications"],
            retry_after_seconds=60,
        )

    def refused(self, policy: str) -> None:
        """Count a refused request."""
        self._metrics.refused_by_quota.labels(policy).inc()

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _counted_by(self, work: Callable[[_Counts], Awaitable[Found]]) -> Found:
        """Run against Redis, or in this process while Redis is away."""
        if self._shared is None:
            return await work(self._here)
        if self._monotonic() >= self._redis_retry_at:
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    found = await work(self._shared)
            except self._shared.failures:
                self._redis_retry_at = self._monotonic() + REDIS_RETRY_SECONDS
                if not self._away:
                    log.warning("limits.alone")
                self._away = True
            else:
                if self._away:
                    log.info("limits.shared")
                self._away = False
                return found
        self._metrics.limits_alone.inc()
        return await work(self._here)


@dataclass(slots=True)
class Quota:
    """What is left to a key, for the answer's headers."""

    limits: RateLimits
    key: str
    calls: Remaining | None
    contacts: Remaining | None
    is_counted: bool
    """Whether the call is within the limit."""

    def check(self, *, spends: bool) -> None:
        """Refuse a call that is too many.

        Args:
            spends: the call is about contacts: refused when none are left.

        Raises:
            LimitReached: too many calls, or no contacts left.
        """
        if not self.is_counted:
            raise self.refused("calls", "This key has made as many calls as it may in a minute; slow down.")
        if spends and self.contacts is not None and self.contacts.remaining == 0:
            raise self.refused("contacts", "This key has asked about as many contacts as it may in a minute; wait.")

    @property
    def remaining_contacts(self) -> int | None:
        """How many contacts the key's quota still allows; None: any number."""
        return None if self.contacts is None else self.contacts.remaining

    def refused(self, policy: str, detail: str) -> LimitReached:
        """Refuse the call.

        Args:
            policy: calls or contacts.
            detail: what to do.
        """
        self.limits.refused(policy)
        left = self.calls if policy == "calls" else self.contacts
        seconds = 60 if left is None else left.seconds
        return LimitReached(detail, policies=[policy], retry_after_seconds=seconds)

    async def settle(self, contacts: int) -> None:
        """Count the contacts that the answer is about."""
        if contacts:
            self.contacts = await self.limits.charge(self.key, contacts)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Write what is left (draft-ietf-httpapi-ratelimit-headers); nothing where nothing is limited."""
        policies = (("calls", self.calls), ("contacts", self.contacts))
        left = ", ".join(f'"{name}";r={one.remaining};t={one.seconds}' for name, one in policies if one is not None)
        return [(b"ratelimit-policy", self.limits.policy_header), (b"ratelimit", left.encode())] if left else []


class QuotaHeaders:
    """Charge the contacts of an answer, and write what is left into its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_settled(message: Message) -> None:
            if message["type"] == "http.response.start" and "quota" in scope.get("state", ()):
                state = scope["state"]
                quota: Quota = state["quota"]
                await quota.settle(state["facts"].get("contacts", 0))
                message["headers"] = [*message.get("headers", ()), *quota.headers()]
            await send(message)

        await self.app(scope, receive, send_settled if scope["type"] == "http" else send)


def _connections(url: str) -> "ConnectionPool":
    from redis.asyncio import ConnectionPool  # here and not above: 14 MB, for those who set it

    return ConnectionPool.from_url(url)


def network_of(address: str) -> str:
    """Return the network that one party holds: the whole address of IPv4, the first half of IPv6.

    >>> network_of("203.0.113.7"), network_of("2001:db8::1")
    ('203.0.113.7', '2001:db8::/64')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))
