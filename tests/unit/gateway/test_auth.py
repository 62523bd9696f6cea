import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from gateway.auth import Caller, KeyCache, identify, permit
from gateway.metrics import GatewayMetrics
from gateway.rate_limits import RateLimits
from shared.contracts.call import NewKey, new_key
from shared.contracts.rows import SECOND
from shared.errors import LimitReached, NotAllowed, NotAuthenticated, StoreUnavailable
from shared.settings import GatewaySettings
from shared.store import KeyRow

NOW_SECONDS = 1_780_000_000.0


@dataclass
class FakeStore:
    rows: dict[str, KeyRow] = field(default_factory=dict)
    away: bool = False
    asked: int = 0
    written: dict[str, int] = field(default_factory=dict)

    def key(self, public_id: str) -> KeyRow | None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return self.rows.get(public_id)

    def touch_keys(self, used: Mapping[str, int]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.written.update(used)

    def holds(self, key: NewKey, scopes: tuple[str, ...] = ("read",), **more: int | None) -> None:
        times = {"last_used_at": None, "revoked_at": None, "expires_at": None, **more}
        self.rows[key.public_id] = KeyRow(key.public_id, "acme", key.digest, scopes, "test", 0, **times)


@dataclass
class Clock:
    at: float = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key_cache(store: FakeStore, clock: Clock) -> KeyCache:
    return KeyCache(store, fresh_seconds=5, grace_seconds=600, monotonic=clock, now=lambda: NOW_SECONDS)


async def test_a_key_is_looked_up_once_in_five_seconds(key_cache: KeyCache, store: FakeStore, clock: Clock) -> None:
    key = new_key()
    store.holds(key)

    for at in (100, 101, 104.9, 105):
        clock.at = at
        assert await key_cache.caller(f"Bearer {key.text}") == Caller("acme", ("read",), key.public_id)

    assert store.asked == 2


async def test_requests_with_the_same_key_share_one_question(key_cache: KeyCache, store: FakeStore) -> None:
    key = new_key()
    store.holds(key)

    await asyncio.gather(*(key_cache.caller(f"Bearer {key.text}") for _ in range(20)))

    assert store.asked == 1


async def test_a_revocation_is_seen_after_five_seconds(key_cache: KeyCache, store: FakeStore, clock: Clock) -> None:
    key = new_key()
    store.holds(key)
    await key_cache.caller(f"Bearer {key.text}")

    store.holds(key, revoked_at=1)
    clock.at += 5

    with pytest.raises(NotAuthenticated, match="revoked"):
        await key_cache.caller(f"Bearer {key.text}")


async def test_while_the_store_is_away_a_known_key_lasts_ten_minutes(
    key_cache: KeyCache, store: FakeStore, clock: Clock
) -> None:
    key = new_key()
    store.holds(key)
    await key_cache.caller(f"Bearer {key.text}")
    store.away = True

    clock.at = 100 + 600
    assert (await key_cache.caller(f"Bearer {key.text}")).account == "acme"
    assert key_cache.has_usable_key

    clock.at = 100 + 600.1
    assert not key_cache.has_usable_key
    with pytest.raises(StoreUnavailable):
        await key_cache.caller(f"Bearer {key.text}")


async def test_while_the_store_is_away_nobody_waits_for_it_twice(
    key_cache: KeyCache, store: FakeStore, clock: Clock
) -> None:
    key = new_key()
    store.holds(key)
    await key_cache.caller(f"Bearer {key.text}")
    store.away = True
    clock.at = 110
    await key_cache.caller(f"Bearer {key.text}")

    answers = threading.Event()

    def blocked(public_id: str) -> KeyRow | None:
        answers.wait(5)
        return store.rows[public_id]

    store.key = blocked  # type: ignore[method-assign]
    clock.at = 120

    caller = await key_cache.caller(f"Bearer {key.text}")
    answers.set()

    assert caller.account == "acme"


async def test_when_the_store_comes_back_a_revocation_counts(
    key_cache: KeyCache, store: FakeStore, clock: Clock
) -> None:
    key = new_key()
    store.holds(key)
    await key_cache.caller(f"Bearer {key.text}")
    store.away = True
    clock.at = 110
    await key_cache.caller(f"Bearer {key.text}")

    store.away = False
    store.holds(key, revoked_at=1)
    clock.at = 120
    await key_cache.caller(f"Bearer {key.text}")
    while key_cache._lookups:
        await asyncio.sleep(0)

    with pytest.raises(NotAuthenticated):
        await key_cache.caller(f"Bearer {key.text}")


async def test_an_unknown_key_is_not_called_wrong_while_the_store_is_away(
    key_cache: KeyCache, store: FakeStore
) -> None:
    store.away = True

    with pytest.raises(StoreUnavailable):
        await key_cache.caller(f"Bearer {new_key().text}")


async def test_an_expired_key_is_refused_though_it_is_remembered(store: FakeStore, clock: Clock) -> None:
    seconds = [NOW_SECONDS]
    key_cache = KeyCache(store, fresh_seconds=5, grace_seconds=600, monotonic=clock, now=lambda: seconds[0])
    key = new_key()
    store.holds(key, expires_at=int((NOW_SECONDS + 1) * SECOND))
    await key_cache.caller(f"Bearer {key.text}")

    seconds[0] += 1

    with pytest.raises(NotAuthenticated, match="expired"):
        await key_cache.caller(f"Bearer {key.text}")


@pytest.mark.parametrize("header", [None, "", "Basic abc", "fk_without_scheme"])
async def test_a_header_of_another_kind_is_refused_as_such(key_cache: KeyCache, header: str | None) -> None:
    with pytest.raises(NotAuthenticated, match="Bearer fk_"):
        await key_cache.caller(header)


async def test_a_missing_scope_is_named(key_cache: KeyCache, store: FakeStore) -> None:
    key = new_key()
    store.holds(key, ("read", "predict"))

    caller = await key_cache.caller(f"bearer {key.text}")
    with pytest.raises(NotAllowed) as refused:
        permit(caller, "ingest")

    assert refused.value.members == {"scope": "ingest"}


async def test_admin_is_written_out_as_every_scope(key_cache: KeyCache, store: FakeStore) -> None:
    key = new_key()
    store.holds(key, ("admin",))

    caller = await key_cache.caller(f"Bearer {key.text}")

    assert caller.scopes == ("predict", "ingest", "read", "admin")


async def test_last_use_is_written_in_batches_and_kept_while_the_store_is_away(
    key_cache: KeyCache, store: FakeStore
) -> None:
    key = new_key()
    store.holds(key)
    await key_cache.caller(f"Bearer {key.text}")
    store.away = True
    await key_cache.write_used()
    assert store.written == {}

    store.away = False
    await key_cache.write_used()

    assert store.written == {key.public_id: int(NOW_SECONDS * SECOND)}


@pytest.fixture
def limits() -> RateLimits:
    settings = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32, limits_failures=1)
    return RateLimits(settings, GatewayMetrics())


async def test_a_call_from_this_process_is_its_callers_without_a_key(
    key_cache: KeyCache, store: FakeStore, limits: RateLimits
) -> None:
    caller = Caller("acme", ("read",), "k-1")

    found = await identify(key_cache, limits, {"client": ("10.0.0.1", 1), "state": {"caller": caller}}, None)

    assert (found, store.asked) == (caller, 0)


async def test_who_brings_no_key_is_refused_and_counted_by_the_address_of_the_request(
    key_cache: KeyCache, limits: RateLimits
) -> None:
    with pytest.raises(NotAuthenticated):
        await identify(key_cache, limits, {"client": ("10.0.0.1", 1), "state": {}}, None)

    with pytest.raises(LimitReached):
        await identify(key_cache, limits, {"client": ("10.0.0.1", 2), "state": {}}, None)
    with pytest.raises(NotAuthenticated):
        await identify(key_cache, limits, {"client": ("10.0.0.2", 1), "state": {}}, None)
