"""CSV and NDJSON, plain or gzipped, line by line: memory does not grow with the file."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from shared.errors import FileRefused
from shared.ingest.cells import EVENT_FIELDS, refuse_without, typed

MAX_LINE_BYTES = 1_000_000
_AS_TEXT = {*EVENT_FIELDS, "email", "timezone", "created_at", "valid_from", "consent", "properties", "attributes"}
"""Columns whose cells are not guessed at: their fields say what they are."""


class Line(NamedTuple):
    """One line of a file: its cells, or why it has none."""

    number: int
    cells: Mapping[str, Any] | None
    reason: str
    fraction: float


def csv_lines(path: Path, needed: Sequence[str] = ()) -> Iterator[Line]:
    """Read CSV with a header; cells of other than the known columns become numbers and booleans where they look so.

    Args:
        path: of the file.
        needed: columns that must be there.

    Raises:
        FileRefused: there is no header, or a column twice or missing, or the compressed file is broken.
    """
    with _opened(path) as (stream, fraction):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text)
        header = _header(reader)
        refuse_without(needed, header)
        while (row := _next(reader)) is not None:
            if not row:
                continue
            if isinstance(row, str):
                yield Line(reader.line_num, None, row, fraction())
            elif len(row) != len(header):
                yield Line(reader.line_num, None, f"{len(row)} cells under {len(header)} columns", fraction())
            elif not _is_utf8(row):
                yield Line(reader.line_num, None, "not UTF-8 text", fraction())
            else:
                cells = {
                    name: cell if name in _AS_TEXT else typed(cell) for name, cell in zip(header, row, strict=True)
                }
                yield Line(reader.line_num, cells, "", fraction())


def ndjson_lines(path: Path, needed: Sequence[str] = ()) -> Iterator[Line]:  # noqa: ARG001 - each line has its own names
    """Read one JSON object a line; empty lines are skipped.

    Args:
        path: of the file.
        needed: not looked at, for lines have no header.

    Raises:
        FileRefused: the compressed file is broken.
    """
    with _opened(path) as (stream, fraction):
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_LINE_BYTES)
                yield Line(number, None, f"longer than {MAX_LINE_BYTES:,} bytes", fraction())
            elif line.strip():
                yield _object_line(number, line, fraction())


def _object_line(number: int, line: bytes, fraction: float) -> Line:
    try:
        cells = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Line(number, None, "not JSON", fraction)
    if not isinstance(cells, dict):
        return Line(number, None, "not a JSON object", fraction)
    return Line(number, cells, "", fraction)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], float]]]:
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:

        def fraction() -> float:
            return min(raw.tell() / size, 1.0)

        stream: Any = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        try:
            yield stream, fraction
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileRefused(f"{path.name} is broken: it does not unpack; compress it again.") from error


def _header(reader: Any) -> list[str]:
    header = [name.strip() for name in next(reader, [])]
    if not header or not all(header):
        raise FileRefused("The file has no header: its first line names the columns, none of them empty.")
    if len(set(header)) != len(header):
        raise FileRefused("The header names a column twice; rename one of them.")
    return header


def _next(reader: Any) -> list[str] | str | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        return f"not CSV: {error}"
    return row


def _is_utf8(row: list[str]) -> bool:
    text = "".join(row)
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
