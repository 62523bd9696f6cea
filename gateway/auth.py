"""Authentication and scopes: keys are cached for seconds, and for minutes while the store is away."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from starlette.types import Scope as ASGIScope

from gateway.rate_limits import RateLimits
from shared.contracts.call import SCOPES, Deadline, Scope, allows, matches, public_id_of
from shared.contracts.rows import SECOND, Microseconds
from shared.errors import NotAllowed, NotAuthenticated, StoreUnavailable
from shared.http.exchange import client_address
from shared.store import KeyRow

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT_SECONDS = 2.0
MAX_CACHED_KEYS = 10_000
RETRY_SECONDS = 1.0
Argument = TypeVar("Argument")
Result = TypeVar("Result")


class KeySource(Protocol):
    """The part of the store that knows keys."""

    def key(self, public_id: str) -> KeyRow | None:
        """Find a key by its public id."""

    def touch_keys(self, used: Mapping[str, int]) -> None:
        """Write when keys were last used."""


class Caller(NamedTuple):
    """The account a request belongs to, and what its key may do (`admin` is written out as every scope)."""

    account: str
    scopes: tuple[str, ...]
    public_id: str


@dataclass(slots=True)
class _CachedKey:
    """The store's answer about a public id, and when it came; `row` is None for an unknown id."""

    row: KeyRow | None
    verified_at: float
    refresh_at: float
    away: bool = False
    """The last lookup failed: the next one runs in the background, and no request waits for it."""


class KeyCache:
    """A cache of keys, so that most requests are authenticated without the store.

    A cached key is valid for `fresh_seconds`; while the store is away, a key that the store confirmed within
    `grace_seconds` stays valid. An unknown key is then answered 503, never 401: it may be right.
    """

    def __init__(
        self,
        source: KeySource,
        *,
        fresh_seconds: float,
        grace_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._fresh_seconds = fresh_seconds
        self._grace_seconds = grace_seconds
        self._monotonic = monotonic
        self._now = now
        self._known: OrderedDict[str, _CachedKey] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[_CachedKey]] = {}
        self._used: dict[str, Microseconds] = {}
        # Threads of its own: a key is looked up even while every other thread is busy writing events.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keys")

    async def caller(self, authorization: str | None) -> Caller:
        """Return the caller that a key belongs to.

        Args:
            authorization: the header, `Bearer fk_...`.

        Raises:
            NotAuthenticated: no key, not one of ours, revoked or expired.
            StoreUnavailable: the store is away and this key is not cached.
        """
        text = _bearer(authorization)
        return await self.confirmed(public_id_of(text), partial(matches, text))

    async def confirmed(self, public_id: str, is_right: Callable[[bytes], bool]) -> Caller:
        """Return the caller that a key belongs to which is known otherwise than by its text.

        Args:
            public_id: of the key.
            is_right: whether the digest of the stored key is the one that is meant; compares in constant time.

        Raises:
            NotAuthenticated: not one of ours, another one, revoked or expired.
            StoreUnavailable: the store is away and this key is not cached.
        """
        row = self._valid((await self._known_of(public_id)).row, is_right)
        self._used[public_id] = int(self._now() * SECOND)
        return Caller(row.account, SCOPES if "admin" in row.scopes else row.scopes, public_id)

    def is_known(self, authorization: str | None) -> bool:
        """Whether a request names a key that is cached as one of ours; the store is not read."""
        try:
            known = self._known.get(public_id_of(_bearer(authorization)))
        except NotAuthenticated:
            return False
        return known is not None and known.row is not None

    @property
    def has_usable_key(self) -> bool:
        """Whether some key is valid while the store is away."""
        return any(self._in_grace(one) for one in self._known.values())

    async def write_used(self) -> None:
        """Write when keys were last used; while the store is away, keep that for the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._in_thread(self._source.touch_keys, used)
        except StoreUnavailable:
            self._used = {**used, **self._used}

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Read the store in a thread; a locked store does not hold it longer than a request waits."""

        def within() -> Result:
            with Deadline.within(LOOKUP_TIMEOUT_SECONDS):
                return work(argument)

        return await asyncio.get_running_loop().run_in_executor(self._threads, within)

    def _valid(self, row: KeyRow | None, is_right: Callable[[bytes], bool]) -> KeyRow:
        """Refuse a key that the store does not confirm; an unknown id and a wrong secret get the same message."""
        if row is None or not is_right(row.digest):
            raise NotAuthenticated("This key is not known here. Make one with: foretell keys create")
        now = int(self._now() * SECOND)
        if row.revoked_at is not None and row.revoked_at <= now:
            raise NotAuthenticated("This key was revoked. Make a new one with: foretell keys create")
        if row.expires_at is not None and row.expires_at <= now:
            raise NotAuthenticated("This key has expired. Make a new one with: foretell keys create")
        return row

    async def _known_of(self, public_id: str) -> _CachedKey:
        """Return what is cached, or read the store; requests with the same key share one lookup."""
        known = self._known.get(public_id)
        if known is not None and self._monotonic() < known.refresh_at:
            return known
        lookup = self._lookups.get(public_id)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(public_id))
            self._lookups[public_id] = lookup
            lookup.add_done_callback(lambda task: self._looked_up(public_id, task))
        if known is not None and known.away and self._in_grace(known):
            return known
        return await asyncio.shield(lookup)

    def _looked_up(self, public_id: str, task: asyncio.Task[_CachedKey]) -> None:
        self._lookups.pop(public_id, None)
        if not task.cancelled():
            task.exception()  # retrieved here: perhaps no request waits for this lookup

    def _in_grace(self, known: _CachedKey) -> bool:
        return known.row is not None and self._monotonic() - known.verified_at <= self._grace_seconds

    async def _look_up(self, public_id: str) -> _CachedKey:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
                row = await self._in_thread(self._source.key, public_id)
        except (StoreUnavailable, TimeoutError) as error:
            return self._within_grace(public_id, error)
        now = self._monotonic()
        known = _CachedKey(row, verified_at=now, refresh_at=now + self._fresh_seconds)
        self._known[public_id] = known
        self._known.move_to_end(public_id)
        while len(self._known) > MAX_CACHED_KEYS:
            self._known.popitem(last=False)
        return known

    def _within_grace(self, public_id: str, error: Exception) -> _CachedKey:
        known = self._known.get(public_id)
        if known is None or not self._in_grace(known):
            raise StoreUnavailable("The store is away and this key is not remembered. Ask again soon.") from error
        if not known.away:
            log.warning("keys.grace", extra={"account": known.row.account if known.row else None})
        known.away = True
        known.refresh_at = min(self._monotonic() + RETRY_SECONDS, known.verified_at + self._grace_seconds)
        return known


async def caller_of(key_cache: KeyCache, limits: RateLimits, authorization: str | None, address: str) -> Caller:
    """Return who asks.

    Args:
        key_cache: knows the keys.
        limits: how often an address may fail.
        authorization: the header.
        address: where the request comes from.

    Raises:
        NotAuthenticated: no valid key.
        LimitReached: the address has failed too often.
        StoreUnavailable: the store is away, and the key is not cached.
    """
    # Keys that are cached still work: other clients may come from the same address, through the same proxy.
    if limits.is_shut(address) and not key_cache.is_known(authorization):
        raise limits.too_many_failures()
    try:
        return await key_cache.caller(authorization)
    except NotAuthenticated:
        limits.count_failure(address)
        raise


async def identify(key_cache: KeyCache, limits: RateLimits, scope: ASGIScope, authorization: str | None) -> Caller:
    """Return who asks: by the key, or as a call from this process itself says.

    Args:
        key_cache: knows the keys.
        limits: how often an address may fail.
        scope: of the request. The state of a call from this process holds its caller, whom a session named; no server
            writes that, so no client can.
        authorization: the header.

    Raises:
        NotAuthenticated: no valid key.
        LimitReached: the address has failed too often.
        StoreUnavailable: the store is away, and the key is not cached.
    """
    known: Caller | None = scope["state"].get("caller")
    if known is not None:
        return known
    return await caller_of(key_cache, limits, authorization, client_address(scope))


def permit(caller: Caller, scope: Scope) -> None:
    """Check that a caller's key has a scope.

    Raises:
        NotAllowed: the key lacks the scope.
    """
    if not allows(caller.scopes, scope):
        raise NotAllowed(f"This key lacks the scope {scope}; it has: {', '.join(caller.scopes)}.", scope=scope)


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise NotAuthenticated("Send your key in the header: Authorization: Bearer fk_...")
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("The Authorization header must read: Bearer fk_...")
    return text.strip()
