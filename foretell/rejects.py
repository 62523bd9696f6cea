"""Rows that were refused, for whoever mends them: one user alone reads them, and they go with their data."""

import csv
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from shared.imports.naming import identities_of, private_text, without_rows, words_of
from shared.ingest import Reject

if TYPE_CHECKING:
    from shared.store import AccountStore, Database

RETENTION_DAYS = 30
"""After so long a file of rejects is deleted, whatever became of its rows."""


def folder(home: Path, account: str) -> Path:
    """Say where an account's files of rejects lie."""
    return home / "rejects" / account


def place(home: Path, account: str, source: Path) -> Path:
    """Say where the rejects of a file lie.

    Args:
        home: folder of the installation.
        account: whose rows they are.
        source: the file that is imported.
    """
    named = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:8]
    return folder(home, account) / f"{source.name}.{named}.rejects.csv"


class Rejects:
    """The file that takes line, reason and cells of each bad row of one file; made when there is one."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """Take away what an earlier import of the same file left.

        Args:
            path: of the file of rejects.
            columns: of the file that is imported, in order.
        """
        self.path = path
        self.path.unlink(missing_ok=True)
        self._columns = list(columns)
        self.count = self.left_out = 0
        self.first: list[Reject] = []
        self._open = ExitStack()
        self._writer: Any = None

    def take(self, rejects: Sequence[Reject]) -> None:
        """Write bad rows down."""
        for reject in rejects:
            self._write(reject)
        self.count += len(rejects)
        self.first += rejects[: max(0, 5 - len(self.first))]

    def leave_out(self, line: int, reason: str) -> None:
        """Write down that a row was left out, without the row."""
        self._write(Reject(line, reason))
        self.left_out += 1

    def _write(self, reject: Reject) -> None:
        if self._writer is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = csv.writer(self._open.enter_context(private_text(self.path)))
            self._writer.writerow(("line", "reason", *self._columns, "row"))
        cells = reject.row if isinstance(reject.row, Mapping) else {}
        raw = reject.row if isinstance(reject.row, str) else ""
        self._writer.writerow((reject.line, reject.reason, *(_text(cells.get(name)) for name in self._columns), raw))

    def close(self) -> None:
        """Close the file."""
        self._open.close()


def sweep(home: Path, database: "Database", identity_key: bytes | None) -> None:
    """Delete what must not be kept any longer: files of accounts that are gone, old ones, rows of who was erased.

    Args:
        home: folder of the installation; nothing outside of its `rejects` is touched.
        database: knows the accounts, and who was erased.
        identity_key: recognises them; None: nobody can be recognised, so that every file goes.
    """
    root = home / "rejects"
    if not root.is_dir():
        return
    accounts = {account.name for account in database.accounts()}
    for of_account in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
        for file in _files(of_account):
            if of_account.name not in accounts or _age_days(file) > RETENTION_DAYS:
                file.unlink(missing_ok=True)
            else:
                _without_erased(file, database.of(of_account.name), identity_key)
        if of_account.name not in accounts:
            for rest in of_account.iterdir():
                rest.unlink(missing_ok=True)
            of_account.rmdir()


def erase(home: Path, account: str, contact_id: str) -> bool:
    """Take the rows of one contact away, of whom nothing but rejects may be held; say whether there were any."""
    found = False
    for file in _files(folder(home, account)):
        found |= without_rows(file, {number for word, number in words_of(file) if word == contact_id})
    return found


def _files(of_account: Path) -> list[Path]:
    return sorted(of_account.glob("*.rejects.csv")) if of_account.is_dir() else []


def _without_erased(file: Path, store: "AccountStore", key: bytes | None) -> None:
    """Take rows away in which any word is the id or the address of somebody who was erased."""
    if key is None:  # nobody can be recognised
        file.unlink(missing_ok=True)
        return
    rows: dict[tuple[str, str], set[int]] = {}
    for word, number in words_of(file):
        for identity in identities_of(word, key):
            rows.setdefault(identity, set()).add(number)
    without_rows(file, set[int]().union(*(rows[identity] for identity in store.identities.erased(rows))))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return orjson.dumps(cell).decode() if isinstance(cell, (dict, list)) else str(cell)


def _age_days(file: Path) -> float:
    return (time.time() - file.lstat().st_mtime) / 86_400
