"""JSON: one object a line, or an array of objects, also within an object as the API takes them."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from shared.errors import FileRefused
from shared.ingest.byte_streams import UNPACK_ERRORS, opened
from shared.ingest.encodings import BROKEN, BROKEN_HANDLER, encoding_of
from shared.ingest.table import (
    MAX_COLUMNS,
    MAX_RECORD_CHARACTERS,
    Layout,
    Options,
    Progress,
    Record,
    clean_name,
    no_progress,
)

_EVERY = 1_000
_BLOCK = 1 << 16
_WRAPPED = re.compile(r'\s*\{\s*"(contacts|events|items|results|data|records|rows)"\s*:\s*\[')
_SPACE = re.compile(r"[\s,]*")


class JsonTable:
    """JSON lines or an array; its columns are the names that were met."""

    declares_types = True
    rows: int | None = None

    def __init__(self, path: Path, options: Options, first: str) -> None:
        """Find out the encoding, and whether it is an array.

        Args:
            path: of the file.
            options: the encoding.
            first: characters of its beginning.
        """
        self._path = path
        self.layout = Layout("NDJSON", path.name)
        with opened(path) as stream:
            try:
                self._encoding = encoding_of(stream.bytes, options.encoding, self.layout)
            except UNPACK_ERRORS:
                self._encoding = self.layout.encoding = "utf-8-sig"
        self._array = first.lstrip("\ufeff \t\r\n").startswith("[")
        wrapped = None if self._array else _WRAPPED.match(first.lstrip("\ufeff"))
        line, _, rest = first.partition("\n")
        one_a_line = _is_object(line) and rest.strip() != ""
        self._wrapper = 0 if wrapped is None or one_a_line else wrapped.end()
        self._sequence = not (self._array or self._wrapper) and not _is_object(line) and _begins_with_object(first)
        if self._array or self._wrapper or self._sequence:
            self.layout.format = "JSON"
        self._names: dict[str, None] = {}

    @property
    def header(self) -> list[str]:
        """Names that were met so far."""
        return list(self._names)

    def records(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read from the beginning; what is no object is a reject."""
        self.layout.begin()
        with opened(self._path) as stream:
            text = io.TextIOWrapper(stream.bytes, encoding=self._encoding, errors=BROKEN_HANDLER, newline=None)
            found = self._elements(text) if self.layout.format == "JSON" else _lines(text)
            line = 0
            try:
                for number, record in enumerate(found):
                    line = record.line
                    if number % _EVERY == 0:
                        progress(stream.fraction())
                    yield self._known(record)
            except UNPACK_ERRORS:
                self.layout.stop(line + 1, "the packed file is broken there; compress it again")
        progress(1.0)

    def _known(self, record: Record) -> Record:
        if record.cells is not None:
            cells = {name: value for given, value in record.cells.items() if (name := clean_name(given))}
            for name in cells:
                if name not in self._names:
                    self._names[name] = None
            if len(self._names) > MAX_COLUMNS:
                raise FileRefused(
                    f"The rows have more than {MAX_COLUMNS:,} different names; at most so many can be read."
                )
            return record._replace(cells=cells)
        return record

    def _elements(self, text: io.TextIOWrapper) -> Iterator[Record]:
        """Read the elements of an array one by one; after a broken one, no element can be found any more."""
        decoder = json.JSONDecoder(parse_constant=_constant)
        waiting, line, begun = text.read(_BLOCK), 1, False
        while True:
            if not begun:
                start = 0 if self._sequence else self._wrapper or waiting.index("[") + 1
                line += waiting.count("\n", 0, start)
                waiting, begun = waiting[start:], True
            skipped = _SPACE.match(waiting).end()  # type: ignore[union-attr]
            line += waiting.count("\n", 0, skipped)
            waiting = waiting[skipped:]
            if waiting.startswith("]"):
                return
            if self._sequence and not waiting:
                waiting = text.read(_BLOCK)
                if not waiting:
                    return
                continue
            try:
                value, end = decoder.raw_decode(waiting)
                if end == len(waiting) and (more := text.read(_BLOCK)):  # a number may go on
                    waiting += more
                    continue
            except (ValueError, RecursionError):
                more = text.read(_BLOCK) if len(waiting) <= MAX_RECORD_CHARACTERS else ""
                if more:
                    waiting += more
                    continue
                reason = "the array does not end" if not waiting else "no JSON can be read there"
                self.layout.stop(line, reason)
                return
            yield _record(line, value, waiting[:end])
            line += waiting.count("\n", 0, end)
            waiting = waiting[end:]
            if not waiting:
                waiting = text.read(_BLOCK)


def _lines(text: io.TextIOWrapper) -> Iterator[Record]:
    number = 0
    while line := text.readline(MAX_RECORD_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_RECORD_CHARACTERS:
            beginning = line[:200]
            while line and not line.endswith("\n"):
                line = text.readline(MAX_RECORD_CHARACTERS)
            yield Record(number, None, f"longer than {MAX_RECORD_CHARACTERS:,} characters", beginning)
        elif line.strip():
            yield _line(number, line.rstrip("\n"))


def _line(number: int, line: str) -> Record:
    try:
        return _record(number, orjson.loads(line), line)
    except (ValueError, TypeError):
        pass
    if BROKEN in line:
        return Record(number, None, "not UTF-8 text", line)
    try:  # NaN, as some programs write it, is a missing value
        return _record(number, json.loads(line, parse_constant=_constant), line)
    except (ValueError, RecursionError):
        return Record(number, None, "not JSON", line)


def _constant(name: str) -> float | None:
    """Read what JSON does not know and some programs write: NaN is missing, the infinite is out of bounds."""
    return None if name == "NaN" else float("-inf" if name.startswith("-") else "inf")


def _record(number: int, value: Any, raw: str) -> Record:
    if not isinstance(value, dict):
        return Record(number, None, "not a JSON object", raw)
    if BROKEN in raw:
        return Record(number, None, "not UTF-8 text", raw)
    return Record(number, value)


def _begins_with_object(text: str) -> bool:
    """Whether a file is objects one after another, whatever lines they stand in."""
    try:
        return isinstance(json.JSONDecoder().raw_decode(text.lstrip("\ufeff \t\r\n"))[0], dict)
    except (ValueError, RecursionError):
        return False


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
