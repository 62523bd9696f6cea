"""Whether a row names somebody: by an id or an address, as a cell or as a word within one."""

import csv
import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from shared.contracts.rows import contact_hash
from shared.ingest import Options, email_hash
from shared.ingest.files import open_table
from shared.values.addresses import maybe_address

_WORD = re.compile(r"[^\s,;|\"'<>(){}\[\]]+")
Identity = tuple[str, str]
"""Kind and keyed hash."""


def identities_of(word: str, key: bytes) -> Iterator[Identity]:
    """Hash a word as the id of a contact, and as an address where it is one."""
    yield "contact", contact_hash(word, key)
    address = maybe_address(word) if "@" in word else None
    if address is not None:
        yield "email", email_hash(address.email, key)


def words_of(file: Path) -> Iterator[tuple[str, int]]:
    """Give every cell and every word of a file of rejects with the number of its row."""
    with file.open(newline="", encoding="utf-8") as opened:
        for number, row in enumerate(csv.reader(opened)):
            for cell in row[2:] if number else ():
                yield from ((word, number) for word in words_in(cell))


def words_in(cell: str) -> Iterator[str]:
    """Give a cell, and the words in it: what could not be read is one text."""
    if cell:
        yield cell.strip()
        yield from _WORD.findall(cell)


def names_any(file: Path, identities: Collection[Identity], key: bytes) -> bool:
    """Whether any of them stands in an uploaded file, of whatever format.

    Raises:
        FileRefused: it cannot be read, so that nobody knows.
    """
    for record in open_table(file, Options()).records():
        cells = [record.raw] if record.cells is None else [_text(cell) for cell in record.cells.values()]
        for cell in cells:
            if any(one in identities for word in words_in(cell) for one in identities_of(word, key)):
                return True
    return False


def without_rows(file: Path, gone: Collection[int]) -> bool:
    """Write a file of rejects again without some of its rows; return whether there were any."""
    if not gone:
        return False
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    with file.open(newline="", encoding="utf-8") as source, private_text(fresh) as target:
        csv.writer(target).writerows(row for number, row in enumerate(csv.reader(source)) if number not in gone)
    os.utime(fresh, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    fresh.replace(file)
    return True


def without_named(file: Path, is_gone: Callable[[Identity], bool], key: bytes) -> bool:
    """Take the rows out of a file of rejects in which somebody stands who is gone."""
    gone = {number for word, number in words_of(file) if any(is_gone(one) for one in identities_of(word, key))}
    return without_rows(file, gone)


def private_text(path: Path) -> Any:
    """Make a file that only this user reads; one that is there, or a link, is never written through."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "w", newline="", encoding="utf-8", errors="backslashreplace")


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
