"""What comes out of a file at a time: rows with their lines, and what had to be refused with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

Row = TypeVar("Row")


class Reject(NamedTuple):
    """A row that was left out."""

    line: int
    """1 for the first line of a text file; of a workbook its own row number; of Parquet the row."""
    reason: str
    """What is wrong and in which column; what stands there is not repeated."""
    row: Mapping[str, Any] | str = ""
    """The row itself, for the file of rejects alone: cells by column, or as it stands in the file."""


@dataclass(slots=True)
class Batch(Generic[Row]):
    """Some rows of a file."""

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """Of each row."""
    rejects: list[Reject] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    """Of events that name no contact but an address: its keyed hash by the contact id that the rows have meanwhile."""
    fraction: float = 0.0
    """How much of the file has been read, 0 to 1."""

    def __len__(self) -> int:
        """Count rows and rejects."""
        return len(self.rows) + len(self.rejects)

    def add(self, line: int, row: Row) -> None:
        """Add a row."""
        self.rows.append(row)
        self.lines.append(line)

    def refuse(self, line: int, reason: str, row: Mapping[str, Any] | str) -> None:
        """Add the reason why a row is none."""
        self.rejects.append(Reject(line, reason, row))
