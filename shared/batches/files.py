"""Where the files of batches lie, and how they get there: written beside their place, synced, and renamed into it."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from shared.errors import SettingsRefused, StoreUnavailable

ABANDONED_SECONDS = 86_400.0
"""An unfinished upload older than this is nobody's any more."""


UNKNOWN_SECONDS = 600.0
"""A younger folder of a batch that the store does not know may be that of one which is just being made."""


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class BatchFolder:
    """The files of one batch."""

    path: Path

    def upload(self, ending: str) -> Path:
        """Where the uploaded contacts lie until they are cut into parts."""
        return self.path / f"upload.{ending}"

    def contacts(self, number: int) -> Path:
        """Where the contacts of a part lie, one a line, as in a request."""
        return self.path / f"contacts-{number:05}.ndjson"

    def values(self, number: int) -> Path:
        """Where lies what the contacts of a part are worth in a plan, until all are decided about together."""
        return self.path / f"values-{number:05}.npz"

    def part(self, number: int, ending: str) -> Path:
        """Where the rows of a part lie."""
        return self.path / f"part-{number:05}.{ending}"

    def result(self, name: str) -> Path:
        """Where all rows lie; each attempt to join them has a name of its own, and the store says which one counts."""
        return self.path / name

    def drop_all_but(self, *kept: Path) -> None:
        """Remove every other file."""
        for file in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            if file not in kept:
                file.unlink(missing_ok=True)

    def is_old(self) -> bool:
        """Whether it was there before any request that is being answered now."""
        return time.time() - self.path.stat().st_mtime > UNKNOWN_SECONDS

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """The files of all batches; gateway and worker see the same folder."""

    root: Path

    def of(self, account: str, batch_id: str) -> BatchFolder:
        """Return the folder of a batch; nothing is made."""
        return BatchFolder(self.root / "batches" / account / batch_id)

    def accounts(self) -> Iterator[tuple[str, list[str]]]:
        """List the accounts that have files, and the ids of their batches."""
        above = self.root / "batches"
        for folder in sorted(above.iterdir()) if above.is_dir() else ():
            yield folder.name, sorted(one.name for one in folder.iterdir())

    def remove_account(self, account: str) -> None:
        """Remove the files of all batches of an account."""
        shutil.rmtree(self.root / "batches" / account, ignore_errors=True)

    def new_upload(self) -> Path:
        """Name a file for what is being uploaded."""
        return _made(self.root / "uploads") / f"{uuid4().hex}.partial"

    def sweep_uploads(self) -> None:
        """Remove what was begun to be uploaded, and never ended."""
        above = self.root / "uploads"
        for file in above.glob("*.partial") if above.is_dir() else ():
            if time.time() - file.stat().st_mtime > ABANDONED_SECONDS:
                file.unlink(missing_ok=True)


@contextmanager
def needing_space() -> Iterator[None]:
    """Say that there is no room on the disk, which passes, where something is written.

    Raises:
        StoreUnavailable: there is none.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StoreUnavailable("There is no room left where the files of batches lie (FORETELL_FILES).") from error


@contextmanager
def replacing(goal: Path) -> Iterator[IO[bytes]]:
    """Write a file that is in its place whole or not at all, and lasts once it is there.

    Raises:
        StoreUnavailable: there is no room for it.
    """
    _made(goal.parent)
    # Processes of several machines may have the same number, and may write the same file.
    fresh = goal.with_name(f".{goal.name}.{uuid4().hex}.new")
    try:
        with needing_space():
            with open_private(fresh) as target:
                yield target
                target.flush()
                os.fsync(target.fileno())
            fresh.replace(goal)
            sync_folder(goal.parent)
    finally:
        fresh.unlink(missing_ok=True)


def open_private(path: Path) -> IO[bytes]:
    """Make a file that only this user reads; what an earlier process left unfinished under the name goes."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def moved(upload: Path, goal: Path) -> None:
    """Put an uploaded file in its place, to last."""
    _made(goal.parent)
    with needing_space():
        upload.replace(goal)
        sync_folder(goal.parent)


def sync_folder(folder: Path) -> None:
    """Let a renaming last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _made(folder: Path) -> Path:
    try:
        with needing_space():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsRefused(f"FORETELL_FILES cannot be written ({error.strerror}): {folder}.") from error
    return folder
