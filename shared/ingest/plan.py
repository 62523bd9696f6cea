"""What was understood of a file, before anything is written: plain data that a terminal or a page can show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from shared.ingest.table import Layout, Options, Table
from shared.values.columns import ColumnType
from shared.values.instants import DateOrder
from shared.values.numbers import DecimalMark

Subject = Literal["contacts", "events", "items", "decisions"]


KINDS = {
    "empty": "none",
    "boolean": "true or false",
    "whole": "whole numbers",
    "decimal": "numbers",
    "date": "dates",
    "instant": "times",
    "text": "text",
}
"""What the values of a column are, in plain words."""


class Use(StrEnum):
    """What becomes of a column."""

    FIELD = "field"
    HASHED = "hashed"
    KEPT = "kept"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One column of the file, and what becomes of it."""

    number: int
    name: str
    """As in the header; `column 3` where it has none."""
    use: Use
    target: str
    """Field, attribute or property that it becomes; empty where it is left out."""
    type: ColumnType
    """What its values are read as, how many are missing, and which do not fit."""
    reason: str = ""
    """Why it is left out or hashed, or how it was recognised."""
    decimal: DecimalMark | None = None
    """Mark that begins decimals where a value of this field may be read two ways."""
    order: DateOrder | None = None
    """Of day and month in this field."""
    counts: Literal["seconds", "milliseconds"] | None = None
    """What numbers in a column of times count."""
    mixes_texts: bool = False
    """Whether numbers and texts stand in it, so that all are texts."""

    @property
    def filled(self) -> int:
        """How many values are not missing."""
        return self.type.count - self.type.missing

    def to_row(self) -> dict[str, Any]:
        """Lay it out for a table or as JSON."""
        return {
            "column": self.name,
            "use": str(self.use),
            "as": self.target,
            "values": KINDS[self.type.kind],
            "filled": self.filled,
            "missing": self.type.missing,
            "note": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file will be read. The real import uses the same plan that `--check` shows."""

    path: Path
    subject: Subject
    options: Options
    table: Table
    rows: int
    """Rows that have cells; those that have none are rejects."""
    unreadable: int
    """Rows that are rejects already: too few cells, broken text."""
    columns: tuple[PlannedColumn, ...]
    first_rows: tuple[Mapping[str, str], ...] = ()
    """By column; what is personal is masked."""
    warnings: tuple[str, ...] = ()
    """Sentences: what may be wrong."""
    shared_addresses: frozenset[int] = frozenset()
    """Python's hashes, of this process, of addresses that stand at so many contacts that they are nobody's."""

    @property
    def layout(self) -> Layout:
        """Format, encoding, delimiter and sheet, with notes."""
        return self.table.layout

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences: what was understood where the file left a choice."""
        return tuple(self.layout.notes)

    def column_of(self, target: str) -> PlannedColumn | None:
        """Find the column that becomes a field; None: the file has none."""
        return next((one for one in self.columns if one.target == target and one.use in (Use.FIELD, Use.HASHED)), None)

    def to_dict(self) -> dict[str, Any]:
        """Lay it out as JSON."""
        layout = self.layout
        return {
            "file": str(self.path),
            "subject": self.subject,
            "format": layout.format,
            "encoding": layout.encoding or None,
            "delimiter": layout.delimiter or None,
            "sheet": layout.sheet or None,
            "rows": self.rows,
            "not_read_from_line": layout.unread_from,
            "columns": [column.to_row() for column in self.columns],
            "first_rows": [dict(row) for row in self.first_rows],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


@dataclass(slots=True)
class Findings:
    """What reading the values found, by column and sentence: how many, and the first lines."""

    MAX_LINES = 5
    found: dict[tuple[str, str], tuple[int, list[int]]] = field(default_factory=dict)

    def mark(self, column: str, sentence: str, line: int) -> None:
        """Count a value of which a sentence holds."""
        count, lines = self.found.get((column, sentence), (0, []))
        if len(lines) < self.MAX_LINES:
            lines.append(line)
        self.found[column, sentence] = (count + 1, lines)

    def sentences(self, filled: Mapping[str, int]) -> list[str]:
        """Say each finding with its count and the first lines.

        Args:
            filled: how many values each column has.
        """
        sentences = []
        for (column, sentence), (count, lines) in self.found.items():
            of = f" of {filled[column]:,}" if filled.get(column, 0) >= count else ""
            sentences.append(f"{column}: {count:,}{of} values: {sentence} ({lines_text(lines, count)}).")
        return sentences


def lines_text(lines: list[int], count: int) -> str:
    """Name lines, and say that there are more.

    >>> lines_text([4], 1), lines_text([4, 9], 2), lines_text([4, 9], 7)
    ('line 4', 'lines 4, 9', 'lines 4, 9, ...')
    """
    listed = ", ".join(str(line) for line in lines)
    return f"line{'s' if count > 1 else ''} {listed}{', ...' if count > len(lines) else ''}"
