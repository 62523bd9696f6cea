"""Who asks and what they may do: keys, remembered for seconds, and for minutes while the store is away."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from shared import deadline
from shared.contracts.credentials import SCOPES, Scope, allows, matches, public_id_of
from shared.contracts.rows import SECOND, Microseconds
from shared.errors import NotAllowed, NotAuthenticated, StoreUnavailable
from shared.store import KeyRow

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT_SECONDS = 2.0
REMEMBERED_KEYS = 10_000
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
class _Known:
    """What the store said of a public id, and when; `row` is None for one it does not know."""

    row: KeyRow | None
    verified_at: float
    ask_again_at: float
    away: bool = False
    """The last question went unanswered: ask on in the background, nobody waits for it."""


class Keyring:
    """Remembers keys, so that most requests are authenticated without the store.

    A key is believed for `fresh_seconds`; while the store is away, one it vouched for within `grace_seconds`
    goes on being believed. An unknown key is then answered 503, never 401: nobody can say that it is wrong.
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
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Known]] = {}
        self._used: dict[str, Microseconds] = {}
        # Threads of its own: a key is looked up even while every other thread is busy writing events.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keys")

    async def caller(self, authorization: str | None) -> Caller:
        """Tell who asks.

        Args:
            authorization: the header, `Bearer fk_...`.

        Raises:
            NotAuthenticated: no key, not one of ours, revoked or expired.
            StoreUnavailable: the store is away and this key is not remembered.
        """
        text = _bearer(authorization)
        public_id = public_id_of(text)
        row = self._valid((await self._known_of(public_id)).row, text)
        self._used[public_id] = int(self._now() * SECOND)
        return Caller(row.account, SCOPES if "admin" in row.scopes else row.scopes, public_id)

    def trusts(self, authorization: str | None) -> bool:
        """Tell whether a request names a key that is remembered as one of ours; the store is not asked."""
        try:
            known = self._known.get(public_id_of(_bearer(authorization)))
        except NotAuthenticated:
            return False
        return known is not None and known.row is not None

    @property
    def remembers(self) -> bool:
        """Tell whether some key would be believed while the store is away."""
        return any(self._in_grace(one) for one in self._known.values())

    async def write_used(self) -> None:
        """Write when keys were last used; kept for the next time while the store is away."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._in_thread(self._source.touch_keys, used)
        except StoreUnavailable:
            self._used = {**used, **self._used}

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        """Ask the store from a thread, which a locked one does not hold for longer than anybody waits."""

        def within() -> Result:
            with deadline.within(LOOKUP_TIMEOUT_SECONDS):
                return work(argument)

        return await asyncio.get_running_loop().run_in_executor(self._threads, within)

    def _valid(self, row: KeyRow | None, text: str) -> KeyRow:
        """Refuse what the store does not vouch for; the same words for an unknown id and a wrong secret."""
        if row is None or not matches(text, row.digest):
            raise NotAuthenticated("This key is not known here. Make one with: foretell keys create")
        now = int(self._now() * SECOND)
        if row.revoked_at is not None and row.revoked_at <= now:
            raise NotAuthenticated("This key was revoked. Make a new one with: foretell keys create")
        if row.expires_at is not None and row.expires_at <= now:
            raise NotAuthenticated("This key has expired. Make a new one with: foretell keys create")
        return row

    async def _known_of(self, public_id: str) -> _Known:
        """Take what is remembered, or ask the store; requests with the same key share one question."""
        known = self._known.get(public_id)
        if known is not None and self._monotonic() < known.ask_again_at:
            return known
        asking = self._asking.get(public_id)
        if asking is None:
            asking = asyncio.create_task(self._ask(public_id))
            self._asking[public_id] = asking
            asking.add_done_callback(lambda task: self._asked(public_id, task))
        if known is not None and known.away and self._in_grace(known):
            return known
        return await asyncio.shield(asking)

    def _asked(self, public_id: str, task: asyncio.Task[_Known]) -> None:
        self._asking.pop(public_id, None)
        if not task.cancelled():
            task.exception()  # looked at here: perhaps nobody waits for this answer

    def _in_grace(self, known: _Known) -> bool:
        return known.row is not None and self._monotonic() - known.verified_at <= self._grace_seconds

    async def _ask(self, public_id: str) -> _Known:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
                row = await self._in_thread(self._source.key, public_id)
        except (StoreUnavailable, TimeoutError) as error:
            return self._within_grace(public_id, error)
        now = self._monotonic()
        known = _Known(row, verified_at=now, ask_again_at=now + self._fresh_seconds)
        self._known[public_id] = known
        self._known.move_to_end(public_id)
        while len(self._known) > REMEMBERED_KEYS:
            self._known.popitem(last=False)
        return known

    def _within_grace(self, public_id: str, error: Exception) -> _Known:
        known = self._known.get(public_id)
        if known is None or not self._in_grace(known):
            raise StoreUnavailable("The store is away and this key is not remembered. Ask again soon.") from error
        if not known.away:
            log.warning("keys.grace", extra={"account": known.row.account if known.row else None})
        known.away = True
        known.ask_again_at = min(self._monotonic() + RETRY_SECONDS, known.verified_at + self._grace_seconds)
        return known


def permit(caller: Caller, scope: Scope) -> None:
    """Let a caller do something.

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
