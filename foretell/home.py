"""The only place that knows what lies in `FORETELL_HOME`: marker, lock, secrets, key files, logs.

Everything here is of the embedded setup: one folder, one machine, files that only their owner reads.
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from shared.errors import Conflict

MARKER = ".foretell"
SECRETS = ("signing_key", "identity_key")
_SQLITE_MAGIC = b"SQLite format 3\x00"
_DATABASES = ("store.sqlite", "predictions.sqlite", "mlflow.sqlite")
_PRIVATE = ("keys", "secrets", "cache", "logs", "mlartifacts")
_IGNORED = {"lost+found", ".gitignore", ".gitkeep", ".DS_Store"}
_OURS = {"keys", "secrets", "cache", "logs", "mlartifacts", "sample.json", "up.lock", "worker.json", "files", "rejects"}


def prepare(home: Path) -> None:
    """Make the folder where it is missing, and refuse one that is not ours or cannot be used.

    Raises:
        Conflict: a file, unwritable, holding somebody else's files, or a damaged database; says what to do.
    """
    if home.exists() and not home.is_dir():
        raise Conflict(f"{home} is a file, not a folder: move it away or set FORETELL_HOME to another folder.")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(home)
        if not (home / MARKER).exists():
            write_private(home / MARKER, "Foretell keeps its data in this folder.\n")
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Conflict(
            f"{home} cannot be written ({error.strerror}): give this user the folder or set FORETELL_HOME to another."
        ) from error
    _refuse_damaged(home)
    _tighten(home)


def refuse_lost_store(home: Path) -> None:
    """Refuse to make a store anew where one was: keys and models of a lost one lie beside it.

    Raises:
        Conflict: the store's file is missing, empty or without tables; everything is left as it is.
    """
    path = home / _DATABASES[0]
    kept = next((name for name in ("keys", "cache", "mlartifacts") if _holds_something(home / name)), None)
    if kept is None or _has_tables(path):
        return
    found = "is empty" if path.exists() else "is missing"
    raise Conflict(
        f"{path} {found}, and {home / kept} is of a store that had data: restore the file from a backup, or move "
        f"{home} away to begin anew."
    )


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(entry.name[0] != "." for entry in folder.iterdir())


def _has_tables(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError:  # locked: somebody uses it
            return True
        except sqlite3.DatabaseError as error:
            raise Conflict(f"{path} is damaged: restore it from a backup or move it away.") from error


def _tighten(home: Path) -> None:
    """Take from group and others what an older release, or another umask, let them read."""
    for folder in (home, *(home / name for name in _PRIVATE)):
        for path in folder.rglob("*") if folder != home else home.glob("*"):
            if not path.is_symlink() and (path.is_file() or folder != home) and path.stat().st_mode & 0o077:
                with suppress(OSError):  # somebody else's: whoever owns it decides
                    path.chmod(path.stat().st_mode & 0o700)


def _refuse_foreign(home: Path) -> None:
    names = {entry.name for entry in home.iterdir()} - _IGNORED
    foreign = sorted(name for name in names - _OURS if not name.startswith((*_DATABASES, ".probe-")))
    if foreign and MARKER not in names:
        raise Conflict(
            f"{home} holds other files ({foreign[0]}) and no Foretell data: set FORETELL_HOME to an empty folder."
        )


def _refuse_damaged(home: Path) -> None:
    for name in _DATABASES:
        path = home / name
        if not path.exists():
            continue
        if path.is_dir():
            raise Conflict(f"{path} is a folder, not a database: move it away, and restore the file from a backup.")
        try:
            with path.open("rb") as file:
                start = file.read(len(_SQLITE_MAGIC))
        except OSError as error:
            raise Conflict(f"{path} cannot be read ({error.strerror}): give it to this user or restore it.") from error
        if start and start != _SQLITE_MAGIC:
            raise Conflict(f"{path} is damaged (not a SQLite file): restore it from a backup or move it away.")


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the folder's lock, so that one `foretell up` runs on it.

    Raises:
        Conflict: another process holds it.
    """
    with (home / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise Conflict(
                f"`foretell up` (process {owner}) already runs on {home}: stop it, or set FORETELL_HOME to another."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def secret(home: Path, name: str) -> str:
    """Read a secret of this home; made on first use, mode 0600."""
    path = home / "secrets" / name
    if not path.exists():
        write_private(path, secrets.token_hex(32) + "\n")
    return private_text(path)


def private_text(path: Path) -> str:
    """Read a file that only its owner may read.

    Raises:
        Conflict: it is there and this user may not read it, or it is empty.
    """
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise Conflict(f"{path} cannot be read ({error.strerror}): run as the user who made it.") from error
    if not text:
        raise Conflict(f"{path} is empty: delete it to have a new one made.")
    return text


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole or not at all, in a folder of mode 0700 if it has to be made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def notes(path: Path) -> dict[str, Any]:
    """Read one of our small JSON files; absent or damaged ones count as empty, they can be made again."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_notes(path: Path, values: dict[str, Any]) -> None:
    """Write one of our small JSON files whole or not at all."""
    write_private(path, json.dumps(values, indent=2, sort_keys=True) + "\n")
