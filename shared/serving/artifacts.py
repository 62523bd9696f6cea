"""The local cache of artifacts: filled by a short-lived child process, swept when nothing points there."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from shared.environment import granting
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.digest import digest_of
from shared.settings import Settings

FETCH_SECONDS = 120.0
SWEEP_AFTER_SECONDS = 3_600.0
"""A younger folder is left alone: another process may have fetched it for a row not read here yet."""
MAX_CAUSE_CHARACTERS = 300
EXIT_REFUSED = 4
"""Exit code with which the child says that the artifact is not the promoted one."""


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


class RegistryChild:
    """Fetch artifacts by a child process, so that this one never imports MLflow (264 MB and seconds)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, row: Row, version: str, digest: str) -> Path:
        """Tell the folder of an artifact, fetching it when the cache does not hold it undamaged.

        Raises:
            RegistryUnavailable: it could not be had now; trying again later is right.
            ArtifactRefused: the registry holds something else than what was promoted.
        """
        folder = self.settings.cache_folder / digest
        if await asyncio.to_thread(_is_intact, folder, digest):
            return folder
        code, cause = await self._outcome(row, version, digest)
        if code == EXIT_REFUSED:
            raise ArtifactRefused("The registry's artifact is not the one that was promoted.")
        if code != 0:
            raise RegistryUnavailable("The artifact could not be fetched from the registry.", cause=cause)
        return folder

    async def _outcome(self, row: Row, version: str, digest: str) -> tuple[int, str]:
        """Run the child; return its exit code and why it failed."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shared.registry.fetch", row.account, row.capability, row.outcome, version, digest,
            env=_environment(self.settings), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            told, _ = await asyncio.wait_for(child.communicate(), FETCH_SECONDS)
            cause = told.decode(errors="replace").strip().rpartition("\n")[2][:MAX_CAUSE_CHARACTERS]
            return child.returncode or 0, cause or f"exit code {child.returncode}"
        except TimeoutError:
            return -1, f"no answer within {FETCH_SECONDS:.0f} s"
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


def _environment(settings: Settings) -> dict[str, str]:
    given = {
        "FORETELL_HOME": str(settings.home.absolute()),
        "FORETELL_REGISTRY_URL": settings.registry_url.get_secret_value() if settings.registry_url else None,
        "FORETELL_REGISTRY_ARTIFACTS": settings.registry_artifacts,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    known = {name: value for name, value in given.items() if value is not None}
    return {**granting(os.environ, ["registry_url"]), **known}


def _is_intact(folder: Path, digest: str) -> bool:
    """Tell whether the cache holds an artifact; a damaged one is taken away."""
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
