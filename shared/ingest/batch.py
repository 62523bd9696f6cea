"""What comes out of a file at a time: rows, and what had to be refused with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from shared.contracts.mistakes import mistakes

Row = TypeVar("Row")


class Reject(NamedTuple):
    """A row that was left out."""

    line: int
    """1 for the first line of a text file, and for the first row of a Parquet file."""
    reason: str
    """What is wrong and where; the row itself is not repeated."""


@dataclass(frozen=True, slots=True)
class Build(Generic[Row]):
    """How the cells of a line become a row."""

    fields: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Cells to the fields of a wire type; ValueError where a cell cannot be one."""
    row: Callable[[Mapping[str, Any]], Row]
    """Fields to a row; ValidationError where they do not fit."""


@dataclass(slots=True)
class Batch(Generic[Row]):
    """Some rows of a file."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    fraction: float = 0.0
    """How much of the file has been read, 0 to 1."""

    def __len__(self) -> int:
        """Count rows and rejects."""
        return len(self.rows) + len(self.rejects)

    def take(self, line: int, cells: Mapping[str, Any], build: Build[Row]) -> None:
        """Add a row, or the reason why it is none."""
        fields: Mapping[str, Any] = {}
        try:
            fields = build.fields(cells)
            self.rows.append(build.row(fields))
        except ValidationError as error:
            found = mistakes([{**entry} for entry in error.errors(include_url=False)], fields)
            reasons = (f"{entry['pointer'].lstrip('/')}: {entry['detail']}" for entry in found)
            self.rejects.append(Reject(line, "; ".join(reasons)))
        except ValueError as error:
            self.rejects.append(Reject(line, str(error)))

    def take_all(self, numbered: Iterable[tuple[int, Mapping[str, Any]]], build: Build[Row]) -> None:
        """Add many rows."""
        for line, cells in numbered:
            self.take(line, cells, build)
