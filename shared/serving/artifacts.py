"""Artifacts of models: the local cache, checked by digest, and the short-lived child process that fills it."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from shared.environment import granting
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.artifact import ArtifactRequest, Fetched, digest_of
from shared.settings import Settings

SWEEP_AFTER_SECONDS = 3_600.0
"""A younger folder is left alone: another process may have fetched it for a row not read here yet."""


class Row(Protocol):
    """A champion row of the store."""

    @property
    def account(self) -> str:
        """Whose model it is."""

    @property
    def capability(self) -> str:
        """Which question."""

    @property
    def outcome(self) -> str:
        """Which outcome; empty when the capability has none."""

    @property
    def version(self) -> str:
        """The version that answers."""

    @property
    def digest(self) -> str:
        """Of its artifact."""

    @property
    def previous_version(self) -> str | None:
        """The version before."""

    @property
    def previous_digest(self) -> str | None:
        """Of the version before."""


@dataclass(frozen=True, slots=True)
class RememberedRow:
    """A champion row as the cache folder remembers it."""

    account: str
    capability: str
    outcome: str
    version: str
    digest: str
    previous_version: str | None
    previous_digest: str | None


def is_intact(folder: Path, digest: str) -> bool:
    """Return whether the cache holds an artifact; a damaged one is taken away."""
    if not folder.is_dir():
        return False
    if digest_of(folder) == digest:
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def sweep(cache: Path, referenced: Iterable[str], *, now: float) -> int:
    """Delete artifacts that no champion row points to, now or before.

    Args:
        cache: the folder of folders.
        referenced: digests of all current and previous champions, of every capability.
        now: Unix seconds.

    Returns:
        How many folders went.
    """
    kept = set(referenced)
    swept = 0
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.is_dir() and folder.name not in kept and now - folder.stat().st_mtime > SWEEP_AFTER_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


class RememberedRows:
    """The champion rows seen last, for a start while the store is away; one small file a capability."""

    def __init__(self, cache: Path, capability: str) -> None:
        self.path = cache / f"champions.{capability}.json"

    def keep(self, rows: Iterable[Row]) -> None:
        """Write the rows; the file is replaced whole."""
        fields = ("account", "capability", "outcome", "version", "digest", "previous_version", "previous_digest")
        entries = [{name: getattr(row, name) for name in fields} for row in rows]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(orjson.dumps(entries))
        partial.replace(self.path)

    def recall(self) -> list[RememberedRow]:
        """Read them back; nothing when there is no file or a damaged one."""
        try:
            return [RememberedRow(**entry) for entry in orjson.loads(self.path.read_bytes())]
        except (OSError, ValueError, TypeError):
            return []


FETCH_SECONDS = 120.0
"""How long one artifact may take; then the child is ended, and the others get another one."""
MAX_CAUSE_CHARACTERS = 300

Children = Callable[[Sequence[ArtifactRequest]], AsyncGenerator[Fetched]]
"""Run a child for some artifacts; yields one answer each, in order, fewer where it fails on the way."""


class _Order(NamedTuple):
    wanted: ArtifactRequest
    answer: asyncio.Future[Fetched]


class RegistryChild:
    """Fetch artifacts by a child process, so that this one never imports MLflow (264 MB and seconds).

    At a start with an empty cache every champion is missing: one child brings them all, and each is handed over as
    soon as it lies in the cache. What is asked for while a child runs waits for the next one.
    """

    def __init__(
        self, settings: Settings, children: Children | None = None, *, fetch_seconds: float = FETCH_SECONDS
    ) -> None:
        """Prepare; nothing is started.

        Args:
            settings: where cache and registry are.
            children: runs a child; None: a process of its own.
            fetch_seconds: how long one artifact may take.
        """
        self._fetch_seconds = fetch_seconds
        self._settings = settings
        self._children = children or process_of(settings)
        self._looking = 0
        """Callers that look whether the cache holds what they want: a child waits for them, to be the only one."""
        self._orders: list[_Order] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, row: Row, version: str, digest: str) -> Path:
        """Return the folder of an artifact, fetching it when the cache does not hold it undamaged.

        Raises:
            RegistryUnavailable: it could not be had now; trying again later is right.
            ArtifactRefused: the registry holds something else than what was promoted.
        """
        folder = self._settings.cache_folder / digest
        self._looking += 1
        try:
            if await asyncio.to_thread(is_intact, folder, digest):
                return folder
            wanted = ArtifactRequest(
                account=row.account, capability=row.capability, outcome=row.outcome, version=version, digest=digest
            )
            order = _Order(wanted, asyncio.get_running_loop().create_future())
            self._orders.append(order)
        finally:
            self._looking -= 1
            self._start()
        fetched = await self._answer(order)
        if fetched.result == "refused":
            raise ArtifactRefused("The registry's artifact is not the one that was promoted.")
        if fetched.result == "unavailable":
            raise RegistryUnavailable("The artifact could not be fetched from the registry.", cause=fetched.cause)
        return folder

    def _start(self) -> None:
        if self._orders and not self._looking and self._running is None:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(self._over)

    def _over(self, _: asyncio.Task[None]) -> None:
        self._running = None
        self._start()

    async def _answer(self, order: _Order) -> Fetched:
        """Wait for an answer; whoever is the last to lose interest ends the child."""
        try:
            return await order.answer
        except asyncio.CancelledError:
            if self._running is not None and all(other.answer.done() for other in self._orders):
                self._running.cancel()
                await asyncio.wait([self._running])
            raise

    async def _run(self) -> None:
        """Have one child bring what is missing now; an artifact over which it fails costs no other one its turn."""
        orders = self._orders = [order for order in self._orders if not order.answer.done()]
        pending = list(orders)
        cause = "the child ended without an answer"
        try:
            async with contextlib.aclosing(self._children([order.wanted for order in pending])) as answers:
                while pending:
                    async with asyncio.timeout(self._fetch_seconds):
                        fetched = await anext(answers)
                    if len(pending) == 1:  # before the last one is handed over, nothing is left of the child
                        await answers.aclose()
                    self._settle(pending.pop(0), fetched)
        except TimeoutError:
            cause = f"no answer within {self._fetch_seconds:.0f} s"
        except StopAsyncIteration:
            pass
        except OSError as error:
            cause = f"{type(error).__name__} ({error.strerror})"
        finally:
            if pending:
                self._settle(pending[0], Fetched(result="unavailable", cause=cause))

    def _settle(self, order: _Order, fetched: Fetched) -> None:
        self._orders.remove(order)
        if not order.answer.done():
            order.answer.set_result(fetched)


def process_of(settings: Settings) -> Children:
    """Return what runs `python -m shared.registry.fetch` for some artifacts."""

    async def answers(wanted: Sequence[ArtifactRequest]) -> AsyncGenerator[Fetched]:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shared.registry.fetch",
            env=_environment(settings), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if child.stdin is None or child.stdout is None:
                raise RuntimeError("both are pipes")
            child.stdin.write("".join(one.model_dump_json() + "\n" for one in wanted).encode())
            child.stdin.close()
            async for line in child.stdout:
                with contextlib.suppress(ValidationError):
                    fetched = Fetched.model_validate_json(line)
                    yield fetched.model_copy(update={"cause": fetched.cause[:MAX_CAUSE_CHARACTERS]})
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            await child.communicate()  # reads to the end: the pipes are closed

    return answers


def _environment(settings: Settings) -> dict[str, str]:
    given = {
        "FORETELL_HOME": str(settings.home.absolute()),
        "FORETELL_REGISTRY_URL": settings.registry_url.get_secret_value() if settings.registry_url else None,
        "FORETELL_REGISTRY_ARTIFACTS": settings.registry_artifacts,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    known = {name: value for name, value in given.items() if value is not None}
    return {**granting(os.environ, ["registry_url"]), **known}
