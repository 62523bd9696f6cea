"""Rate limits: how many calls and contacts a key may use a minute, and how often an address may fail to authenticate.

Counted by `limits` in a sliding window: in memory, or in Redis, where several gateways count together. While Redis is
away each gateway counts alone: no request is refused because Redis is down.
"""

import asyncio
import ipaddress
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SharedLimiter
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.metrics import GatewayMetrics
from shared.errors import LimitReached
from shared.settings import GatewaySettings

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool


TIDY_SECONDS: Final = 1.0
log = logging.getLogger(__name__)
Found = TypeVar("Found")
REDIS_SECONDS: Final = 0.25
REDIS_RETRY_SECONDS: Final = 5.0
"""How long Redis is not called after it did not answer, so that not every request waits for it."""
MAX_ADDRESSES: Final = 2_000
"""If more addresses fail within two minutes, all counts are removed, so that memory stays small."""


class _TidyTimer:
    """A timer that counts as alive for a second, so that the storage starts no other timer meanwhile."""

    def __init__(self, timer: threading.Timer) -> None:
        self._timer = timer
        self._until = 0.0

    def start(self) -> None:
        self._until = time.monotonic() + TIDY_SECONDS
        self._timer.daemon = True
        self._timer.start()

    def is_alive(self) -> bool:
        return time.monotonic() < self._until


class _TidiedMemoryStorage(MemoryStorage):
    """Removes expired windows once a second; `limits` itself starts a thread each 10 ms (measured: 20 us a request)."""

    _tidying: _TidyTimer

    @property  # type: ignore[override]
    def timer(self) -> _TidyTimer:
        return self._tidying

    @timer.setter
    def timer(self, timer: threading.Timer) -> None:
        self._tidying = _TidyTimer(timer)


class InMemoryLimiter:
    """A limiter in the memory of this process; it takes microseconds, so it may run on the event loop."""

    def __init__(self) -> None:
        self._storage = _TidiedMemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return len(self._storage.storage)

    async def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""
        return self._limiter.hit(item, *identifiers, cost=cost)

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return what is left."""
        return self._limiter.get_window_stats(item, *identifiers)

    def hit_sync(self, item: RateLimitItem, identifier: str) -> bool:
        """Count as `hit` does, without awaiting."""
        return self._limiter.hit(item, identifier)

    def is_used_up(self, item: RateLimitItem, identifier: str) -> bool:
        """Whether nothing is left."""
        return not self._limiter.test(item, identifier)

    def reset(self) -> None:
        """Remove all counts."""
        self._storage.reset()


class Remaining(NamedTuple):
    """What is left of a policy, and after how many seconds there is more."""

    remaining: int
    seconds: int


class _Limiter(Protocol):
    async def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return what is left."""


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
        self.calls = _policy(settings.limits_calls, "calls")
        self.contacts = _policy(settings.limits_contacts, "contacts")
        policies = {"calls": self.calls, "contacts": self.contacts}
        quotas = (f'"{name}";q={one.amount};w=60' for name, one in policies.items() if one)
        self.policy_header = ", ".join(quotas).encode()
        self._failures = _policy(settings.limits_failures, "failures")
        self._failed = InMemoryLimiter()
        self._in_memory = InMemoryLimiter()
        url = settings.limits_redis_url
        self._pool = pool if pool or url is None else _connections(url.get_secret_value())
        self._shared = None if self._pool is None else _shared(self._pool)
        self._away = False
        self._redis_retry_at = 0.0

    async def count(self, key: str) -> "Quota":
        """Count a call, and return what is left to the key; `Quota.check` refuses.

        Args:
            key: public id of the caller's key.
        """
        counted, calls, contacts = await self._counted_by(lambda limiter: self._counted(limiter, key))
        return Quota(self, key, calls, contacts, is_counted=counted)

    async def charge(self, key: str, contacts: int) -> Remaining | None:
        """Count the contacts of an answered call; if fewer are left, count those. Return what is left then."""
        policy = self.contacts
        if policy is None:
            return None

        async def charged(limiter: _Limiter) -> Remaining:
            if not await limiter.hit(policy, key, cost=contacts):
                left = (await limiter.get_window_stats(policy, key)).remaining
                if left:
                    await limiter.hit(policy, key, cost=left)
            return await _remaining(limiter, policy, key)

        return await self._counted_by(charged)

    def is_shut(self, address: str) -> bool:
        """Whether an address has failed as often as it may; cheap while no address fails."""
        if self._failures is None or not self._failed:
            return False
        return self._failed.is_used_up(self._failures, network_of(address))

    def count_failure(self, address: str) -> None:
        """Count a failed authentication.

        Raises:
            LimitReached: one too many.
        """
        if self._failures is None:
            return
        if len(self._failed) > MAX_ADDRESSES:
            self._failed.reset()
        if not self._failed.hit_sync(self._failures, network_of(address)):
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

    async def _counted(self, limiter: _Limiter, key: str) -> tuple[bool, Remaining | None, Remaining | None]:
        counted = self.calls is None or await limiter.hit(self.calls, key)
        calls = None if self.calls is None else await _remaining(limiter, self.calls, key)
        contacts = None if self.contacts is None else await _remaining(limiter, self.contacts, key)
        return counted, calls, contacts

    async def _counted_by(self, work: Callable[[_Limiter], Awaitable[Found]]) -> Found:
        """Run against Redis, or in this process while Redis is away."""
        if self._shared is None:
            return await work(self._in_memory)
        if self._monotonic() >= self._redis_retry_at:
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    found = await work(self._shared)
            except (StorageError, TimeoutError, OSError):
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
        return await work(self._in_memory)


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


async def _remaining(limiter: _Limiter, policy: RateLimitItem, key: str) -> Remaining:
    stats = await limiter.get_window_stats(policy, key)
    return Remaining(stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))


def _policy(amount: int, name: str) -> RateLimitItem | None:
    return RateLimitItemPerMinute(amount, namespace=f"foretell-{name}") if amount else None


def _connections(url: str) -> "ConnectionPool":
    from redis.asyncio import ConnectionPool  # here and not above: 14 MB, for those who set it

    return ConnectionPool.from_url(url)


def _shared(pool: "ConnectionPool") -> SharedLimiter:
    storage = RedisStorage(
        "async+redis://",  # not used: the pool knows the address
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=pool,  # type: ignore[arg-type]  # documented, not declared
    )
    return SharedLimiter(storage)


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
