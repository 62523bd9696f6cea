"""Which version answers, and keeping it in memory: poll the rows, load before drop, the last good one stays."""

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson
from prometheus_client import Counter
from pydantic import TypeAdapter, ValidationError

from shared.capabilities import Capability
from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds
from shared.errors import ModelNotReady, NoModelTrained, RegistryUnavailable, StoreUnavailable
from shared.http.telemetry import trail
from shared.serving.artifacts import RememberedRows, Row, sweep
from shared.serving.capability_spec import ServedModel
from shared.serving.metrics import ServiceMetrics
from shared.store import AccountStore, ShadowRow

log = logging.getLogger(__name__)


Key = tuple[str, str]
"""Account and outcome; the outcome is empty where the capability has none."""
Wanted = tuple[Key, str, str]
"""Whose model, version and digest."""
Fetch = Callable[[Row, str, str], Awaitable[Path]]
"""Row, version, digest → folder in the cache."""
WAIT_SECONDS = 2.0
"""How long a request waits for a model that is being loaded before it gets a 503."""
LONGEST_PAUSE_SECONDS = 60.0


ReadHoldouts = Callable[[], Mapping[str, tuple[Holdout, ...]]]
_HOLDOUTS = TypeAdapter(dict[str, tuple[Holdout, ...]])


class KnownHoldouts:
    """The holdouts of all accounts; no model becomes known here before they are.

    Args:
        read: reads those of the store, by account.
        cache: the folder where they are remembered.
        name: of the capability; each service has a file of its own.
    """

    def __init__(self, read: ReadHoldouts, cache: Path, name: str) -> None:
        self._read = read
        self._path = cache / f"holdouts.{name}.json"
        self._of: Mapping[str, tuple[Holdout, ...]] | None = None
        self._is_behind = False
        """Whether the file could not be written, so that the next poll tries again."""

    def poll(self) -> None:
        """Read them from the store, and remember them where they changed.

        Raises:
            StoreUnavailable: they could not be read; what is known stays.
        """
        found = self._read()
        if found == self._of and not self._is_behind:
            return
        self._of = found
        try:
            self._remember(found)
            self._is_behind = False
        except OSError as error:
            if not self._is_behind:
                log.warning("holdouts.not_remembered", extra={"cause": error.strerror})
            self._is_behind = True

    def recall(self) -> bool:
        """Take those that were remembered, unless the store was read already.

        Returns:
            Whether it is known who is held out: nobody was before there is a file, but a damaged one says nothing.
        """
        if self._of is not None:
            return True
        try:
            entries = _HOLDOUTS.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return True
        except (OSError, ValidationError):
            log.warning("holdouts.unreadable")
            return False
        if self._of is None:  # a request may have read the store meanwhile
            self._of = entries
        return True

    def _remember(self, found: Mapping[str, tuple[Holdout, ...]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        partial.touch(0o600)  # salts are nobody else's business
        partial.write_bytes(orjson.dumps({account: [[*one] for one in listed] for account, listed in found.items()}))
        partial.replace(self._path)

    def of(self, account: str, capability: str, outcome: str, *, at: Microseconds) -> tuple[Holdout, ...]:
        """Return those that hold contacts of an account out of a question now; nearly always none."""
        mine = self._of.get(account) if self._of else None
        if not mine:
            return ()
        return tuple(one for one in mine if one.is_active(at) and one.covers(capability, outcome))


class ChampionRows(Protocol):
    """The part of the store that is polled."""

    def champions(self) -> Sequence[Row]:
        """Read the champion rows of all accounts."""

    def holdouts(self) -> Mapping[str, tuple[Holdout, ...]]:
        """Read the holdouts of all accounts that were not released, by account."""


@dataclass(frozen=True, slots=True)
class Champion:
    """A version in memory; taken once a request, so that version and model cannot disagree."""

    version: str
    digest: str
    model: ServedModel

    def is_of(self, version: str, digest: str) -> bool:
        """Return whether this is what a row names."""
        return (self.version, self.digest) == (version, digest)


@dataclass(slots=True)
class _Attempts:
    """Failed attempts to have a version that the registry could not give."""

    failed: int = 0
    not_before: float = 0.0


class NotLoaded(Protocol):
    """Writes to the log that a version could not be had."""

    def __call__(self, facts: Mapping[str, object], error: Exception, *, refused: bool) -> None:
        """Note it: refused once and for all, or tried again later."""


class VersionLoader:
    """Fetches and loads versions: tried again later and later where the registry is away, refused where they are bad.

    Args:
        fetch: row, version and digest → folder in the cache.
        load: reads an artifact.
        failures: counted by `unavailable` and `refused`.
        note: writes the first failure to the log, and every refusal.
        pause_seconds: before the second attempt; doubled after each.
        seconds: a clock.
    """

    def __init__(
        self,
        fetch: Fetch,
        load: Callable[[Path], ServedModel],
        failures: Counter,
        note: NotLoaded,
        *,
        pause_seconds: float,
        seconds: Callable[[], float],
    ) -> None:
        self._fetch, self._load, self._failures, self._note = fetch, load, failures, note
        self._pause_seconds, self._seconds = pause_seconds, seconds
        self._attempts: dict[Wanted, _Attempts] = {}
        self._one_load = asyncio.Semaphore(1)
        self.refused: set[Wanted] = set()
        """Versions that do not load, and are not tried again."""

    @property
    def unavailable(self) -> Collection[Wanted]:
        """Return the versions that the registry did not give out when they were last wanted."""
        return self._attempts.keys()

    async def attempt(self, key: Key, row: Row, version: str, digest: str) -> Champion | None:
        """Fetch and load one version; None when it cannot be had, now or ever."""
        name = (key, version, digest)
        attempts = self._attempts.get(name, _Attempts())
        if name in self.refused or self._seconds() < attempts.not_before:
            return None
        facts = {"account": row.account, "outcome": row.outcome, "version": version}
        try:
            folder = await self._fetch(row, version, digest)
            async with self._one_load:  # what is missing is fetched together
                model = await asyncio.to_thread(self._load, folder)
        except (RegistryUnavailable, OSError) as error:
            self._failures.labels("unavailable").inc()
            pause = min(LONGEST_PAUSE_SECONDS, self._pause_seconds * 2**attempts.failed)
            self._attempts[name] = _Attempts(attempts.failed + 1, self._seconds() + pause)
            if not attempts.failed:
                self._note(facts, error, refused=False)
            return None
        except Exception as error:  # part of a poll, which must live: whatever does not load is refused, once
            self._failures.labels("refused").inc()
            self.refused.add(name)
            self._note(facts, error, refused=True)
            return None
        self._attempts.pop(name, None)
        return Champion(version, digest, model)


class ChampionHolder:
    """The champions of one capability, for all accounts and outcomes, at most `max_models` of them in memory."""

    def __init__(
        self,
        capability: Capability,
        store: ChampionRows,
        load: Callable[[Path], ServedModel],
        *,
        fetch: Fetch,
        cache: Path,
        metrics: ServiceMetrics,
        poll_seconds: float,
        max_models: int,
        seconds: Callable[[], float] = time.monotonic,
        unix_seconds: Callable[[], float] = time.time,
        also_kept: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._capability = capability
        self._store = store
        self._loader = VersionLoader(
            fetch, load, metrics.champion_failures, _note, pause_seconds=poll_seconds, seconds=seconds
        )
        self._cache = cache
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._max_models = max_models
        self._unix_seconds = unix_seconds
        self._also_kept = also_kept
        self._remembered = RememberedRows(cache, capability.name)
        self.holdouts = KnownHoldouts(store.holdouts, cache, capability.name)
        """Read whenever the rows are, before them: nothing is answered by a model before it is known for whom not."""
        self._rows: dict[Key, Row] = {}
        self._seen_store = False
        self._is_behind = False
        """Whether the rows could not be remembered, so that the next poll tries again."""
        self._loaded: OrderedDict[Key, Champion] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[None]] = {}
        self._first: list[asyncio.Task[None]] | None = None
        """Loads of the champions known at the start; None: none is known yet."""
        self._swept: frozenset[str] | None = None
        self._one_read = asyncio.Lock()

    @property
    def warm(self) -> bool:
        """Whether a model is in memory."""
        return bool(self._loaded)

    @property
    def tried(self) -> bool:
        """Whether every champion known at the start was tried once, however it went."""
        return self._first is not None and all(task.done() for task in self._first)

    def causes(self) -> list[str]:
        """Say what keeps champions from being loaded: the registry, or the artifacts themselves."""
        wanted = {(key, row.version, row.digest) for key, row in self._rows.items()}
        causes = {
            "registry-away": wanted.intersection(self._loader.unavailable),
            "champion-refused": wanted & self._loader.refused,
        }
        return [cause for cause, concerned in causes.items() if concerned]

    def outcomes_of(self, account: str) -> list[str]:
        """List the outcomes for which an account has a champion, as far as known here."""
        return sorted(outcome for owner, outcome in self._rows if owner == account)

    async def run(self) -> None:
        """Poll until cancelled; remembered rows serve until the store is reached."""
        known = await asyncio.to_thread(self.holdouts.recall)
        remembered = await asyncio.to_thread(self._remembered.recall) if known else []
        if not self._seen_store:  # a request may have read the rows meanwhile
            self._rows = {(row.account, row.outcome): row for row in remembered}
        while True:
            try:
                await self.poll()
            except StoreUnavailable:
                self._seen_store = False
                self._metrics.champion_poll_failures.inc()
                self._load_wanted()
                if self._rows:
                    self._note_first()
            except Exception as error:  # the poll must live: the champions in memory go on answering
                self._metrics.champion_poll_failures.inc()
                log.error("champions.poll_failed", extra=trail(error))
            await asyncio.sleep(self._poll_seconds)

    async def settled(self) -> None:
        """Wait until nothing is being loaded."""
        await asyncio.gather(*self._loading.values())

    async def close(self) -> None:
        """Stop what is being loaded."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def poll(self) -> None:
        """Read the rows once, start loading what changed, sweep the cache.

        Raises:
            StoreUnavailable: the rows could not be read.
        """
        every = await self._read_rows()
        self._load_wanted()
        self._note_first()
        referenced = frozenset(digest for row in every for digest in (row.digest, row.previous_digest) if digest)
        referenced |= self._also_kept()
        if referenced != self._swept:
            await asyncio.to_thread(sweep, self._cache, referenced, now=self._unix_seconds())
            self._swept = referenced

    def surely_none(self, account: str, outcome: str) -> bool:
        """Whether no version was promoted when the rows were read last, which is not long ago."""
        return self._seen_store and (account, outcome) not in self._rows

    async def of(self, account: str, outcome: str, *, wait_seconds: float = WAIT_SECONDS) -> Champion:
        """Take the champion that answers now, loading it first where it is not in memory.

        Raises:
            NoModelTrained: there is no row.
            ModelNotReady: there is one, and its model is not loaded yet.
            StoreUnavailable: whether there is one cannot be known now.
        """
        key = (account, outcome)
        champion = self._loaded.get(key)
        if champion is not None:
            self._loaded.move_to_end(key)
            return champion
        if key not in self._rows:
            await self._read_rows()
        if key not in self._rows:
            raise NoModelTrained("No model has been trained for this outcome yet.", outcome=outcome or None)
        await asyncio.wait([self._begin(key)], timeout=wait_seconds)
        champion = self._loaded.get(key)
        if champion is None:
            raise ModelNotReady(self._why_not(key), outcome=outcome or None)
        return champion

    def _why_not(self, key: Key) -> str:
        row = self._rows.get(key)
        if row is not None and (key, row.version, row.digest) in self._loader.refused:
            return "The promoted version cannot be loaded; the service's log says why. Promote another one."
        if row is not None and (key, row.version, row.digest) in self._loader.unavailable:
            return "The registry does not give out the promoted version now; the service goes on trying. Ask later."
        return "The model is being loaded; ask again in a few seconds."

    async def _read_rows(self) -> Sequence[Row]:
        async with self._one_read:
            await asyncio.to_thread(self.holdouts.poll)
            every = await asyncio.to_thread(self._store.champions)
            mine = {(row.account, row.outcome): row for row in every if row.capability == self._capability.name}
            changed = mine != self._rows or not self._seen_store or self._is_behind
            self._rows, self._seen_store = mine, True
            for key in [key for key in self._loaded if key not in mine]:
                del self._loaded[key]
            self._metrics.models.set(len(self._loaded))
            if changed:
                await asyncio.to_thread(self._remember, list(mine.values()))
        return every

    def _remember(self, rows: Sequence[Row]) -> None:
        try:
            self._remembered.keep(rows)
            self._is_behind = False
        except OSError as error:
            if not self._is_behind:
                log.warning("champions.not_remembered", extra={"cause": error.strerror})
            self._is_behind = True

    def _load_wanted(self) -> None:
        """Start loading what changed, and what was never loaded as far as the bound allows."""
        free = self._max_models - len(self._loaded)
        for key, row in self._rows.items():
            held = self._loaded.get(key)
            if held is None:
                free -= 1
            if (held is None and free >= 0) or (held is not None and not held.is_of(row.version, row.digest)):
                self._begin(key)

    def _note_first(self) -> None:
        if self._first is None:
            self._first = list(self._loading.values())

    def _begin(self, key: Key) -> asyncio.Task[None]:
        """Load the champion of a key, once at a time."""
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._bring(key))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return task

    async def _bring(self, key: Key) -> None:
        """Have the current version; where that fails and nothing answers yet, the one before."""
        row = self._rows[key]
        champion = await self._loader.attempt(key, row, row.version, row.digest)
        if champion is None and key not in self._loaded and row.previous_version and row.previous_digest:
            champion = await self._loader.attempt(key, row, row.previous_version, row.previous_digest)
        if champion is not None and key in self._rows:
            self._swap(key, champion)

    def _swap(self, key: Key, champion: Champion) -> None:
        old = self._loaded.get(key)
        self._loaded[key] = champion
        self._loaded.move_to_end(key)
        while len(self._loaded) > self._max_models:
            self._loaded.popitem(last=False)
        self._metrics.champion_loads.inc()
        self._metrics.models.set(len(self._loaded))
        log.info(
            "champion.swapped",
            extra={
                "account": key[0],
                "outcome": key[1],
                "old_version": old.version if old else None,
                "new_version": champion.version,
            },
        )


def _note(facts: Mapping[str, object], error: Exception, *, refused: bool) -> None:
    if refused:
        log.warning("champion.refused", extra={**facts, **trail(error)})
    else:
        log.warning("champion.not_fetched", extra={**facts, **cause_of(error)})


def cause_of(error: Exception) -> dict[str, object]:
    """Say why an artifact is not to be had, in words that hold no address and no secret."""
    cause = error.members.get("cause") if isinstance(error, RegistryUnavailable) else getattr(error, "strerror", None)
    return {"error": type(error).__name__, "cause": cause}


class ServingStore(Protocol):
    """All accounts' rows."""

    def of(self, account: str, *, before_commit: Callable[[], None] | None = None) -> AccountStore:
        """Open one account."""

    def champions(self) -> Sequence[Row]:
        """Read the champion rows of all accounts."""

    def shadows(self) -> Sequence[ShadowRow]:
        """Read which versions shadow a model, of all accounts."""

    def holdouts(self) -> Mapping[str, tuple[Holdout, ...]]:
        """Read the holdouts of all accounts that were not released, by account."""

    def ping(self) -> None:
        """Reach the store.

        Raises:
            StoreUnavailable: it is away.
        """

    def is_writable(self) -> bool:
        """Whether something can be written now; a store that is busy is."""

    def close(self) -> None:
        """Give connections back."""
