"""Parquet files: opened here, with pyarrow imported only when one is read."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.errors import FileRefused
from shared.ingest.batch import Batch, Build, Reject
from shared.ingest.cells import CONTACT_COLUMNS, EVENT_COLUMNS, plain, refuse_without
from shared.ingest.columnar import event_rows
from shared.ingest.spill import SAMPLE_EVERY, Piece, by_contact, contact_bytes

Row = TypeVar("Row")


def event_batches(
    path: Path, build: Build[EventRow], *, recorded_at: Microseconds, at_once: int
) -> Iterator[Batch[EventRow]]:
    """Read events column by column; rows that this way refuses are looked at one by one.

    A file of more than one batch is brought into the order of contacts first.
    """
    with _opened(path, EVENT_COLUMNS) as file:
        pieces = _pieces(file, at_once)
        rows = file.metadata.num_rows
        if rows > at_once:
            pieces = by_contact(pieces, _sample(file, at_once), rows, at_once=at_once)
        for piece in pieces:
            with _collector_paused():
                columnar = event_rows(piece.table, recorded_at=recorded_at)
            batch = Batch(rows=columnar.rows, fraction=piece.fraction)
            take_slowly(batch, piece, columnar.refused, build)
            batch.rejects.sort()
            yield batch


def contact_batches(path: Path, build: Build[ContactRow], *, at_once: int) -> Iterator[Batch[ContactRow]]:
    """Read contacts row by row."""
    with _opened(path, CONTACT_COLUMNS) as file:
        for piece in _pieces(file, at_once):
            batch: Batch[ContactRow] = Batch(fraction=piece.fraction)
            take_slowly(batch, piece, list(range(piece.table.num_rows)), build)
            yield batch


def take_slowly(batch: Batch[Row], piece: Piece, chosen: list[int], build: Build[Row]) -> None:
    """Add chosen rows of a piece one by one; what cannot even be read is found by halving.

    Args:
        batch: what they are added to.
        piece: of the file.
        chosen: positions in the piece.
        build: makes a row of cells.
    """
    if not chosen:
        return
    try:
        records = piece.table.take(chosen).to_pylist()
    except (OverflowError, ValueError):
        if len(chosen) == 1:
            reason = "holds a value that is out of bounds or not UTF-8 text"
            batch.rejects.append(Reject(int(piece.lines[chosen[0]]), reason))
            return
        half = len(chosen) // 2
        take_slowly(batch, piece, chosen[:half], build)
        take_slowly(batch, piece, chosen[half:], build)
        return
    cells = ({name: plain(value) for name, value in record.items()} for record in records)
    batch.take_all(zip(piece.lines[chosen].tolist(), cells, strict=True), build)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Make millions of tuples without the collector looking through all of them again and again: a third faster."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _opened(path: Path, needed: Sequence[str]) -> Iterator[Any]:
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
            refuse_without(needed, names)
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's own trouble, not the file's
            raise
        raise FileRefused(f"{path.name} is not a readable Parquet file; write it again.") from error


def _pieces(file: Any, at_once: int) -> Iterator[Piece]:
    import pyarrow as pa

    done, rows = 0, max(file.metadata.num_rows, 1)
    for part in file.iter_batches(batch_size=at_once):
        lines = np.arange(done + 1, done + part.num_rows + 1)
        done += part.num_rows
        yield Piece(_simplified(pa.Table.from_batches([part])), lines, done / rows)


def _sample(file: Any, at_once: int) -> list[bytes]:
    """Take contact ids from all over the file; its order must not matter."""
    import pyarrow as pa

    taken: list[bytes] = []
    for part in file.iter_batches(batch_size=at_once, columns=["contact_id"]):
        every = np.arange(0, part.num_rows, min(SAMPLE_EVERY, max(at_once // 100, 1)))
        column = _simplified(pa.Table.from_batches([part]).take(every)).column("contact_id")
        taken += contact_bytes(column).to_pylist()
    return taken


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
