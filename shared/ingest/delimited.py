"""Delimited text, strictly: a quote that does not close costs its own line and never swallows the next ones."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from shared.errors import FileRefused
from shared.ingest.byte_streams import UNPACK_ERRORS, opened
from shared.ingest.encodings import BROKEN, BROKEN_HANDLER, encoding_of
from shared.ingest.table import (
    MAX_RECORD_CHARACTERS,
    Layout,
    Options,
    Progress,
    Record,
    named_columns,
    no_progress,
    note_titles,
)
from shared.values.headers import MAX_TITLES, field_of, titles_above

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}
_SAMPLE_RECORDS = 100
_EVERY = 1_000
"""Records between two reports of progress."""
READ_AS_IT_STANDS = "a quote opens and does not close before the next cell; the line was read as it stands"
SPANS_ROWS = "a quote that opens in line {} closes only in line {}, over lines that look like rows: one is missing"
# One cell may be as long as a record; the library's own limit is an eighth of that, for the whole process.
csv.field_size_limit(MAX_RECORD_CHARACTERS)


class _Row(NamedTuple):
    line: int
    cells: list[str]
    problem: str
    raw: str


class _Lines:
    """Physical lines with their numbers, which can be put back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self.number = 0

    def next(self) -> str:
        """Take the next line with its end; empty when there is none."""
        line = self._waiting.popleft() if self._waiting else self._text.readline(MAX_RECORD_CHARACTERS + 1)
        if line:
            self.number += 1
        return line

    def skip_rest(self, line: str) -> None:
        """Read on to the end of a line that is too long."""
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(MAX_RECORD_CHARACTERS + 1)

    def put_back(self, lines: list[str]) -> None:
        """Have lines come again."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)


class DelimitedTable:
    """CSV and its relatives."""

    declares_types = False
    rows: int | None = None

    def __init__(self, path: Path, options: Options) -> None:
        """Find out encoding and delimiter, and read the header.

        Raises:
            FileRefused: there is no header, or an option does not fit.
        """
        self._path = path
        self.layout = Layout("CSV", path.name)
        with opened(path) as stream:
            try:
                self._encoding = encoding_of(stream.bytes, options.encoding, self.layout)
            except UNPACK_ERRORS:  # where it breaks is found out when it is read
                self._encoding = self.layout.encoding = "utf-8-sig"
        self._named = tuple(options.renames)
        self._skips_first, self._delimiter = self._found_delimiter(options.delimiter)
        self.layout.delimiter = DELIMITERS.get(self._delimiter, self._delimiter)
        with self._lines() as (lines, _):
            rows = self._first_rows(lines, MAX_TITLES + 2)
        if not rows:
            raise FileRefused("The file has no header: its first line names the columns.")
        self._titles = titles_above([row.cells for row in rows], named=options.renames)
        first = rows[self._titles]
        if self._titles:
            note_titles(self.layout, first.line)
        if BROKEN in first.raw:
            raise FileRefused(f"The header is not {self.layout.encoding} text; say --encoding.")
        self.header = named_columns(first.cells, self.layout)

    @contextmanager
    def _lines(self) -> Iterator[tuple[_Lines, Any]]:
        with opened(self._path) as stream:
            text = io.TextIOWrapper(stream.bytes, encoding=self._encoding, errors=BROKEN_HANDLER, newline="")
            lines = _Lines(text)
            if getattr(self, "_skips_first", False):
                lines.next()
            yield lines, stream.fraction

    def _found_delimiter(self, given: str | None) -> tuple[bool, str]:
        """Take the delimiter that is given, declared by Excel's first line, or with which most rows fit the header."""
        if given is not None:
            given = _NAMES.get(given.lower(), given)
            if len(given) != 1 or given in '"\r\n':
                raise FileRefused("--delimiter: give one character, or comma, semicolon, tab or pipe.")
        with self._lines() as (lines, _):
            first = lines.next()
            declared = first.strip().strip('"')
            if declared.lower().startswith("sep=") and len(declared) == 5:
                return True, given or declared[4]
            if declared.lower() == "sep=" and "\t" in first:
                return True, given or "\t"
        if given is not None:
            return False, given
        fits = {delimiter: self._fit(delimiter) for delimiter in DELIMITERS}
        return False, max(fits, key=lambda delimiter: fits[delimiter])

    def _fit(self, delimiter: str) -> tuple[float, int, int]:
        """Weigh a delimiter: share of rows as wide as the header, known names, width; one cell fits nothing."""
        with self._lines() as (lines, _):
            self._delimiter = delimiter
            found = self._first_rows(lines, _SAMPLE_RECORDS + 1)
        found = found[titles_above([row.cells for row in found], named=self._named) :]
        widths = [len(row.cells) for row in found]
        known = (
            sum(1 for name in found[0].cells if field_of(name, "contacts") or field_of(name, "events")) if found else 0
        )
        if not widths or widths[0] < 2:
            return 0.0, 0, 0
        rows = widths[1:]
        share = sum(width == widths[0] for width in rows) / len(rows) if rows else 1.0
        return round(share + 0.01, 3), known, widths[0]

    def _first_rows(self, lines: _Lines, most: int) -> list[_Row]:
        """Read the first rows, of whatever number of cells; fewer where the file ends or breaks before."""
        found: list[_Row] = []
        with suppress(*UNPACK_ERRORS):
            found += islice(self._rows(lines, 0), most)
        return found

    def records(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read from the beginning; a row that is none has a reason."""
        self.layout.begin()
        width = len(self.header)
        with self._lines() as (lines, fraction):
            try:
                for _ in islice(self._rows(lines, 0), self._titles + 1):
                    pass
                for number, row in enumerate(self._rows(lines, width)):
                    if number % _EVERY == 0:
                        progress(fraction())
                    if row.problem:
                        yield Record(row.line, None, row.problem, row.raw)
                    elif BROKEN in row.raw:
                        yield Record(row.line, None, f"not {_shown(self._encoding)} text", row.raw)
                    else:
                        yield Record(row.line, dict(zip(self.header, row.cells, strict=True)))
            except UNPACK_ERRORS:
                self.layout.stop(lines.number + 1, "the packed file is broken there; compress it again")
        progress(1.0)

    def _rows(self, lines: _Lines, width: int) -> Iterator[_Row]:
        """Read rows; `width` 0: whatever their number of cells."""
        while line := lines.next():
            number = lines.number
            if len(line) > MAX_RECORD_CHARACTERS:
                lines.skip_rest(line)
                yield _Row(number, [], f"longer than {MAX_RECORD_CHARACTERS:,} characters", line[:200])
                continue
            bare = line.rstrip("\r\n")
            if not bare.strip():
                continue
            if '"' not in bare:
                found = [_Row(number, bare.split(self._delimiter), "", bare)]
            else:
                found = self._quoted(line, lines, width)
            for row in found:
                if row.problem or any(cell.strip() for cell in row.cells):
                    yield _fitted(row, width)

    def _quoted(self, first: str, lines: _Lines, width: int) -> list[_Row]:
        """Read a row with quotes in it, over several lines if need be; more than one are rejects."""
        taken, number = [first], lines.number

        def feed() -> Iterator[str]:
            yield first
            characters = len(first)
            while line := lines.next():
                taken.append(line)
                characters += len(line)
                if characters > MAX_RECORD_CHARACTERS:
                    return
                yield line

        try:
            cells = next(csv.reader(feed(), delimiter=self._delimiter, strict=True))
        except csv.Error:
            lines.put_back(taken[1:])
            return [self._literal(number, first.rstrip("\r\n"), width)]
        if width > 1 and len(taken) > 1 and self._are_rows(taken, width):
            reason = SPANS_ROWS.format(number, number + len(taken) - 1)
            return [_Row(number + i, [], reason, line.rstrip("\r\n")) for i, line in enumerate(taken)]
        raw = "".join(taken).rstrip("\r\n")
        if width and len(cells) != width and len(taken) == 1:
            cells = self._read_otherwise(raw, width) or cells
        return [_Row(number, cells, "", raw)]

    def _literal(self, number: int, bare: str, width: int) -> _Row:
        """Read a line whose quotes are not in order: as another way of writing them, else as they stand."""
        cells = self._read_otherwise(bare, width)
        if cells is None:
            cells = bare.split(self._delimiter)
            if len(cells) == width:
                self.layout.mark(number, READ_AS_IT_STANDS)
        return _Row(number, cells, "", bare)

    def _are_rows(self, taken: list[str], width: int) -> bool:
        """Whether the lines of one quoted cell look like rows: each but the last has as many cells as the header."""
        inner = taken[:-1] if len(taken) > 2 else taken
        return all(line.count(self._delimiter) == width - 1 for line in inner)

    def _read_otherwise(self, line: str, width: int) -> list[str] | None:
        """Read a line with space before its quotes or with quotes escaped by a backslash; None: that does not fit."""
        dialects: tuple[dict[str, Any], ...] = ({"skipinitialspace": True}, {"escapechar": "\\", "doublequote": False})
        for dialect in dialects:
            try:
                cells = next(csv.reader([line], delimiter=self._delimiter, strict=True, **dialect))
            except csv.Error:
                continue
            if len(cells) == width:
                return cells
        return None


def _fitted(row: _Row, width: int) -> _Row:
    """Say of a row that it has too few or too many cells; empty ones at its end are none."""
    cells = row.cells
    if row.problem or not width or len(cells) == width:
        return row
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return row._replace(cells=cells[:width])
    return row._replace(problem=f"{len(cells)} cells under {width} columns")


def _shown(encoding: str) -> str:
    return "UTF-8" if encoding == "utf-8-sig" else encoding
