"""What comes out of a file at a time: rows with their lines, and what had to be refused with the reason.

`Build` makes a row of a record, or the reason why it is none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pydantic import ValidationError

from shared.ingest.cells import CellRefused, Reader, present
from shared.ingest.reasons import reasons
from shared.ingest.table import Record
from shared.values.numbers import Number

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

    rows: Sequence[Row] = field(default_factory=list)
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
        """Add a row to a batch that was begun without any."""
        cast("list[Row]", self.rows).append(row)
        self.lines.append(line)

    def refuse(self, line: int, reason: str, row: Mapping[str, Any] | str) -> None:
        """Add the reason why a row is none."""
        self.rejects.append(Reject(line, reason, row))


@dataclass(slots=True)
class Build(Generic[Row]):
    """How the cells of a record become a row."""

    columns: list[tuple[str, str, str, Reader]]
    """Name, field (or empty), attribute or property (or empty), and reader of each column that is used."""
    facts: str
    """`attributes` or `properties`."""
    row: Callable[[Mapping[str, Any]], Row]
    names: Mapping[str, str]
    """Column by field, for the findings of a row."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    """Keyed hash by contact id, of contacts that were named by address alone since the last batch."""

    def take(self, batch: Batch[Row], record: Record) -> None:
        """Add a record to a batch: as a row, or as the reason why it is none."""
        if record.cells is None:
            batch.refuse(record.line, record.reason, record.raw)
            return
        try:
            batch.add(record.line, self.row(self.fields(record.cells, record.line)))
        except ValidationError as error:
            batch.refuse(record.line, reasons(error, self.names), record.cells)
        except CellRefused as error:
            batch.refuse(record.line, str(error), record.cells)

    def fields(self, cells: Mapping[str, Any], line: int) -> dict[str, Any]:
        """Arrange cells as the fields of the wire type.

        Raises:
            CellRefused: a cell because of which there is no row; all of them are named.
        """
        fields: dict[str, Any] = dict(self.constants)
        facts: dict[str, Any] = {}
        refused: list[str] = []
        for name, target, fact, read in self.columns:
            cell = cells.get(name)
            if cell is None or not present(cell):
                continue
            try:
                value = read(cell, line)
            except CellRefused as error:
                refused.append(str(error))
                continue
            if value is None:
                continue
            if target:
                fields[target] = value
            else:
                facts[fact] = value
        if refused:
            raise CellRefused("; ".join(refused))
        return self._completed(fields, facts)

    def _completed(self, fields: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
        for name in ("value", "price"):
            amount = fields.get(name)
            if isinstance(amount, Number):
                fields[name] = amount.value
                if amount.currency is not None:
                    fields.setdefault("currency", amount.currency)
        given = fields.pop(self.facts, None)
        if given:
            facts = {**given, **facts}
        valid_from = fields.pop("valid_from", None)
        if valid_from is not None:
            facts = {
                name: value if isinstance(value, dict) else {"value": value, "valid_from": valid_from}
                for name, value in facts.items()
            }
        if facts:
            fields[self.facts] = facts
        return fields
