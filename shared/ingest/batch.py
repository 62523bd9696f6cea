"""What comes out of a file at a time: rows, and what had to be refused with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from shared.ingest.problems import problems

Row = TypeVar("Row")


class Reject(NamedTuple):
    """A row that was left out."""

    line: int
    """1 for the first line of a text file, and for the first row of a Parquet file."""
    reason: str
    """What is wrong and where; the row itself is not repeated."""


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

    def take(self, line: int, cells: Mapping[str, Any], build: Callable[[Mapping[str, Any]], Row]) -> None:
        """Add a row, or the reason why it is none."""
        try:
            self.rows.append(build(cells))
        except ValidationError as error:
            reasons = (f"{entry['pointer'].lstrip('/')}: {entry['detail']}" for entry in problems(error))
            self.rejects.append(Reject(line, "; ".join(reasons)))
        except ValueError as error:
            self.rejects.append(Reject(line, str(error)))

    def take_all(
        self, numbered: Iterable[tuple[int, Mapping[str, Any]]], build: Callable[[Mapping[str, Any]], Row]
    ) -> None:
        """Add many rows."""
        for line, cells in numbered:
            self.take(line, cells, build)
