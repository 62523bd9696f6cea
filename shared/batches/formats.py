"""The rows of a batch as files: one line or row a contact and model; parts joined in order, contacts taken out."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from shared.batches.request import Format
from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds, instant_of
from shared.errors import FileRefused

Holds = Callable[[str], bool]
"""Whether a contact is among those to be taken out, by its id."""
COLUMNS: Final = (
    "contact_id",
    "capability",
    "outcome",
    "status",
    "detail",
    "probability",
    "score",
    "band",
    "trend",
    "source",
    "data_quality",
    "reasons",
    "answer",
    "errors",
    "version",
    "cutoff",
)
"""Of a CSV and of a Parquet file; `answer` holds what a capability adds to the head, as JSON."""
_HEAD: Final = frozenset(COLUMNS[:-3])
_AS_JSON: Final = ("reasons", "answer", "errors")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row of a result: a contact's answer by one model."""

    model: ModelName
    version: str
    cutoff: Microseconds
    status: str
    body: bytes
    """The prediction as a single call sends it, JSON."""

    def to_line(self) -> bytes:
        """Write it as JSON: the prediction as a single call has it, and which model and version it is by."""
        named = {
            "capability": self.model.capability,
            "outcome": self.model.outcome or None,
            "version": self.version,
            "cutoff": instant_of(self.cutoff).isoformat().replace("+00:00", "Z"),
        }
        return orjson.dumps(named)[:-1] + b"," + self.body[1:] + b"\n"

    def to_cells(self) -> dict[str, Any]:
        """Arrange it under COLUMNS; `cutoff` is a number of microseconds."""
        answer = orjson.loads(self.body)
        cells = {name: answer.get(name) for name in COLUMNS}
        cells["answer"] = {name: value for name, value in answer.items() if name not in _HEAD and name != "errors"}
        cells |= {"capability": self.model.capability, "outcome": self.model.outcome or None}
        cells |= {"version": self.version, "cutoff": self.cutoff}
        for name in _AS_JSON:
            cells[name] = json.dumps(cells[name], ensure_ascii=False) if cells[name] else None
        return cells


class ResultFormat(Protocol):
    """How rows become a file."""

    @property
    def ending(self) -> str:
        """Of its files."""

    def write(self, target: IO[bytes], rows: Sequence[ResultRow]) -> None:
        """Write the rows of one part."""

    def join(self, target: IO[bytes], parts: Sequence[Path]) -> None:
        """Write the rows of all parts, in order."""

    def without(self, target: IO[bytes], file: Path, gone: Holds) -> bool:
        """Write a part or a result again without some contacts; return whether any was in it."""


class _Ndjson:
    """One JSON object a line."""

    ending = "ndjson"

    def write(self, target: IO[bytes], rows: Sequence[ResultRow]) -> None:
        target.writelines(row.to_line() for row in rows)

    def join(self, target: IO[bytes], parts: Sequence[Path]) -> None:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target)

    def without(self, target: IO[bytes], file: Path, gone: Holds) -> bool:
        found = False
        with file.open("rb") as source:
            for line in source:
                contact_id = json.loads(line).get("contact_id")
                if contact_id is not None and gone(contact_id):
                    found = True
                else:
                    target.write(line)
        return found


class _Csv:
    """RFC 4180; a text that a spreadsheet would run as a formula gets a leading apostrophe. A part has no header."""

    ending = "csv"

    def write(self, target: IO[bytes], rows: Sequence[ResultRow]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(self._cells(row) for row in rows)
        target.write(text.getvalue().encode())

    def join(self, target: IO[bytes], parts: Sequence[Path]) -> None:
        target.write((",".join(COLUMNS) + "\r\n").encode())
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target)

    def without(self, target: IO[bytes], file: Path, gone: Holds) -> bool:
        found = False
        with file.open(encoding="utf-8", newline="") as source:
            for cells in csv.reader(source):
                neutral = cells[0].removeprefix("'")
                if tuple(cells) != COLUMNS and (gone(cells[0]) or gone(neutral)):
                    found = True
                    continue
                text = io.StringIO()
                csv.writer(text).writerow(cells)
                target.write(text.getvalue().encode())
        return found

    def _cells(self, row: ResultRow) -> list[Any]:
        cells = row.to_cells()
        cells["data_quality"] = " ".join(cells["data_quality"] or ())  # a row of a send plan has none
        cells["cutoff"] = instant_of(row.cutoff).isoformat().replace("+00:00", "Z")
        return [neutral(cells[name]) for name in COLUMNS]


class ParquetFormat:
    """One group of rows a part, so that the file depends on nothing but its rows."""

    ending = "parquet"

    def write(self, target: IO[bytes], rows: Sequence[ResultRow]) -> None:
        """Write the rows of one part."""
        cells = [row.to_cells() for row in rows]
        columns = {name: [one[name] for one in cells] for name in COLUMNS}
        self._written(target, [self._arrow.table(columns, schema=self._schema)])

    def join(self, target: IO[bytes], parts: Sequence[Path]) -> None:
        """Write the rows of all parts, in order."""
        self._written(target, (self._pq.read_table(part, schema=self._schema) for part in parts))

    def without(self, target: IO[bytes], file: Path, gone: Holds) -> bool:
        """Write a part or a result again without some contacts; return whether any was in it."""
        found = False

        def kept() -> Any:
            nonlocal found
            with self._pq.ParquetFile(file) as source:
                for number in range(source.metadata.num_row_groups):
                    table = source.read_row_group(number)
                    ids = table.column("contact_id").to_pylist()
                    stays = [one is None or not gone(one) for one in ids]
                    found = found or not all(stays)
                    yield table.filter(self._arrow.array(stays))

        self._written(target, kept())
        return found

    def write_columns(self, target: IO[bytes], columns: Mapping[str, Any]) -> None:
        """Write the rows of one part from columns: arrays, lists, or what is the same in every row."""
        n = len(columns["contact_id"])
        arrays = []
        for name in COLUMNS:
            kind, given = self._schema.field(name).type, columns[name]
            if isinstance(given, self._arrow.Array):
                arrays.append(given)
            elif isinstance(given, list):
                arrays.append(self._arrow.array(given, kind))
            else:
                arrays.append(self._arrow.repeat(self._arrow.scalar(given, kind), n))
        self._written(target, [self._arrow.Table.from_arrays(arrays, schema=self._schema)])

    def kind_of(self, name: str) -> Any:
        """Return the Arrow type of a column."""
        return self._schema.field(name).type

    def _written(self, target: IO[bytes], tables: Any) -> None:
        with self._pq.ParquetWriter(target, self._schema, compression="zstd", version="2.6") as writer:
            for table in tables:
                writer.write_table(table, row_group_size=max(table.num_rows, 1))

    @cached_property
    def _arrow(self) -> Any:
        try:
            import pyarrow
        except ImportError as error:
            raise FileRefused("Writing Parquet needs pyarrow: pip install 'foretell[train]'.") from error
        return pyarrow

    @cached_property
    def _pq(self) -> Any:
        _ = self._arrow
        import pyarrow.parquet

        return pyarrow.parquet

    @cached_property
    def _schema(self) -> Any:
        pa = self._arrow
        kinds: Mapping[str, Any] = {
            "probability": pa.float64(),
            "score": pa.int16(),
            "data_quality": pa.list_(pa.string()),
            "cutoff": pa.timestamp("us", tz="UTC"),
        }
        return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


_FORMATS: Final[Mapping[str, ResultFormat]] = {"ndjson": _Ndjson(), "csv": _Csv(), "parquet": ParquetFormat()}


def format_of(name: Format) -> ResultFormat:
    """Return what writes a format."""
    return _FORMATS[name]


def id_in(line: bytes) -> str | None:
    """Return the id of a contact that stands in a line; None: none does.

    >>> id_in(b'{"id": "c-1"}'), id_in(b"[1"), id_in(b'{"id": 7}')
    ('c-1', None, None)
    """
    try:
        contact = json.loads(line)
    except (ValueError, RecursionError):  # also nesting without end, and a number of thousands of digits
        return None
    found = contact.get("id") if isinstance(contact, dict) else None
    return found if isinstance(found, str) else None


def status_counts(rows: Collection[ResultRow]) -> dict[str, dict[str, int]]:
    """Count rows by capability and status."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        of_one = counts.setdefault(row.model.capability, {})
        of_one[row.status] = of_one.get(row.status, 0) + 1
    return counts


def neutral(cell: Any) -> Any:
    """Return a cell that no spreadsheet reads as a formula.

    >>> neutral("=1+1"), neutral("ann"), neutral(-1)
    ("'=1+1", 'ann', -1)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
