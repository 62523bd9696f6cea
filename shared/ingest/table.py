"""What every format is read as: a header, and records with the line that each one begins in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from shared.errors import FileRefused

MAX_RECORD_CHARACTERS = 1_000_000
"""Longest record; a longer one is a reject, so that memory does not grow with the file."""
MAX_COLUMNS = 2_000
Progress = Callable[[float], None]
"""Takes how much of the file has been read, 0 to 1."""


def no_progress(fraction: float) -> None:
    """Take how far the reading is, and show it nowhere."""


class Record(NamedTuple):
    """One row of a file: its cells by column name, or why it has none."""

    line: int
    """1 for the first line of a text file; of a workbook its own row number; of Parquet the row."""
    cells: Mapping[str, Any] | None
    reason: str = ""
    raw: str = ""
    """The row as it stands in the file; only where there are no cells."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller knows of a file better than we could guess it."""

    renames: Mapping[str, str] = field(default_factory=dict)
    """Field or attribute by column name: `{"Prospect ID": "id"}`."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Value by field, for every row: `{"type": "order_placed"}`."""
    timezone: str | None = None
    """IANA name of the zone of times that name none."""
    date_order: str | None = None
    """`ymd`, `dmy` or `mdy`."""
    decimal: str | None = None
    """`point` or `comma`."""
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(slots=True)
class Layout:
    """How a file was understood; what only reading can show is added while its records are read."""

    format: str
    """`CSV`, `Excel workbook`, `NDJSON`, `JSON` or `Parquet`."""
    file: str = ""
    """Its name, without the folder."""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    notes: list[str] = field(default_factory=list)
    """Sentences for people, each once."""
    marks: dict[str, list[int]] = field(default_factory=dict)
    """Sentences that hold for some lines, with the lines; of the last reading."""
    unread_from: int | None = None
    """Line from which on nothing was read; None: the file was read to its end."""
    unread_reason: str = ""

    def note(self, sentence: str) -> None:
        """Add a sentence unless it is there."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def mark(self, line: int, sentence: str) -> None:
        """Add a line to those of which a sentence holds."""
        self.marks.setdefault(sentence, []).append(line)

    def begin(self) -> None:
        """Forget what an earlier reading found."""
        self.marks.clear()
        self.unread_from, self.unread_reason = None, ""

    def stop(self, line: int, reason: str) -> None:
        """Say that nothing is read from a line on."""
        self.unread_from, self.unread_reason = line, reason


class Table(Protocol):
    """A file that can be read several times."""

    layout: Layout
    declares_types: bool
    """Whether a text is known to be one (JSON, Parquet), so that `"100000"` is no number."""
    rows: int | None
    """How many rows it has; None: only reading shows it."""

    @property
    def header(self) -> list[str]:
        """Names of the columns, each once; of JSON those that were met so far."""

    def records(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read from the beginning."""


def named_columns(given: list[str], layout: Layout) -> list[str]:
    """Give every column of a header a name of its own.

    Args:
        given: as they stand in the file.
        layout: takes the warnings.

    Raises:
        FileRefused: there are too many columns, or none has a name.

    >>> named_columns(["id", "", "plan", "plan"], Layout("CSV"))
    ['id', 'column 2', 'plan', 'plan (2)']
    """
    if not any(name.strip() for name in given):
        raise FileRefused("The file has no header: its first line names the columns.")
    if len(given) > MAX_COLUMNS:
        raise FileRefused(f"The header names {len(given):,} columns; at most {MAX_COLUMNS:,} can be read.")
    names: list[str] = []
    for number, raw in enumerate(given, start=1):
        name = clean_name(raw)
        if not name:
            name = f"column {number}"
            layout.note(f'Column {number} has no name; it is left out unless --map "{name}=..." names it.')
        elif name in names:
            copies = 2
            while f"{name} ({copies})" in names:
                copies += 1
            layout.note(f"The header names {name} twice; column {number} is called {name} ({copies}).")
            name = f"{name} ({copies})"
        names.append(name)
    return names


def note_titles(layout: Layout, line: int) -> None:
    """Say that the header is not the first line."""
    layout.note(f"The header is line {line:,}; what stands above it is a title and was left out.")


def clean_name(name: str) -> str:
    r"""Take space, control and invisible characters from a column's name.

    >>> clean_name("\ufeff  First\u00a0Name\n ")
    'First Name'
    """
    return " ".join("".join(" " if char.isspace() else char for char in name if _is_shown(char)).split())


def _is_shown(char: str) -> bool:
    return char.isprintable() or char.isspace()
