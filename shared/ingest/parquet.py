"""Parquet files: opened here, with pyarrow imported only when one is read."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.errors import FileRefused
from shared.ingest.batch import Batch, Reject
from shared.ingest.cells import plain
from shared.ingest.columnar import event_rows

Row = TypeVar("Row")
Build = Callable[[Mapping[str, Any]], Row]


def event_batches(
    path: Path, build: Build[EventRow], *, recorded_at: Microseconds, at_once: int
) -> Iterator[Batch[EventRow]]:
    """Read events column by column; rows that this way refuses are looked at one by one."""
    for first, table, fraction in _tables(path, at_once):
        columnar = event_rows(table, recorded_at=recorded_at)
        batch = Batch(rows=columnar.rows, fraction=fraction)
        batch_slowly(batch, first, table, columnar.refused, build)
        yield batch


def contact_batches(path: Path, build: Build[ContactRow], *, at_once: int) -> Iterator[Batch[ContactRow]]:
    """Read contacts row by row."""
    for first, table, fraction in _tables(path, at_once):
        batch: Batch[ContactRow] = Batch(fraction=fraction)
        batch_slowly(batch, first, table, list(range(table.num_rows)), build)
        yield batch


def batch_slowly(batch: Batch[Row], first: int, table: Any, chosen: list[int], build: Build[Row]) -> None:
    """Add chosen rows of a table one by one.

    Args:
        batch: what they are added to.
        first: line number of the table's first row.
        table: as read.
        chosen: positions in the table.
        build: makes a row of cells.
    """
    if not chosen:
        return
    try:
        records = table.take(chosen).to_pylist()
    except (OverflowError, ValueError, UnicodeDecodeError):
        if len(chosen) == 1:
            batch.rejects.append(Reject(first + chosen[0], "holds a value that is out of bounds or not UTF-8 text"))
            return
        half = len(chosen) // 2
        batch_slowly(batch, first, table, chosen[:half], build)
        batch_slowly(batch, first, table, chosen[half:], build)
        return
    cells = ({name: plain(value) for name, value in record.items()} for record in records)
    batch.take_all(zip((first + position for position in chosen), cells, strict=True), build)


def _tables(path: Path, at_once: int) -> Iterator[tuple[int, Any, float]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise FileRefused("Reading Parquet needs pyarrow: pip install 'foretell[train]'.") from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if len(set(names)) != len(names):
                raise FileRefused("The file names a column twice; rename one of them.")
            done = 0
            for part in file.iter_batches(batch_size=at_once):
                table = _simplified(pa.Table.from_batches([part]))
                done += part.num_rows
                yield done - part.num_rows + 1, table, done / max(file.metadata.num_rows, 1)
    except (pa.ArrowInvalid, OSError) as error:
        raise FileRefused(f"{path.name} is not a readable Parquet file; write it again.") from error


def _simplified(table: Any) -> Any:
    """Turn encodings and widths of text and time into one each, so that both ways read the same values."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        column, kind = table.column(index), field.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_timestamp(kind) and kind.unit != "us":
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_large_string(kind) or str(kind) == "string_view":
            column = column.cast(pa.string())
        table = table.set_column(index, field.name, column.combine_chunks())
    return table
