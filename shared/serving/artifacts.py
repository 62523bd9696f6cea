"""The local cache of artifacts: checked by digest, swept when nothing points there."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from shared.registry.digest import digest_of

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
