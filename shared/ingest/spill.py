"""Large Parquet files brought into the order in which the store keeps events, in bounded memory.

The store clusters events by contact. A file in order of time touches every page of it with every chunk, so the
import would slow down with every million; cut by contact and sorted within each part, every page is written once.
"""

import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PART_ROWS = 500_000
SAMPLE_EVERY = 500
_LINE = "\x00line"
"""Name of the column that carries line numbers; no column of a file may have a control character."""


class Piece(NamedTuple):
    """Some rows of a file."""

    table: Any
    lines: NDArray[np.int64]
    """Line number of each row."""
    fraction: float
    """How much of the work is done with it, 0 to 1."""


def by_contact(
    pieces: Iterator[Piece],
    sample: list[bytes],
    rows: int,
    *,
    at_once: int,
    part_rows: int = PART_ROWS,
    key: str = "contact_id",
) -> Iterator[Piece]:
    """Reorder a file by contact: cut into parts on disk, then sort part by part.

    Args:
        pieces: the file in its own order.
        sample: contact ids from all over the file, as bytes.
        rows: how many the file has.
        at_once: rows of a piece that comes out.
        part_rows: rows sorted at once; the memory it takes.
        key: name of the column of contact ids.

    Returns:
        Empty pieces while the parts are written, then the same rows by contact.
    """
    import pyarrow as pa

    sample = sorted(sample)
    parts = max(1, -(-rows // part_rows))
    bounds = sorted({sample[i * len(sample) // parts] for i in range(1, parts)}) if sample else []
    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        files = [Path(folder) / f"{number}.arrow" for number in range(len(bounds) + 1)]
        with ExitStack() as open_files:
            writers: dict[int, Any] = {}
            for piece in pieces:
                table = piece.table.append_column(_LINE, pa.array(piece.lines))
                for number, part in _cut(table, bounds, key):
                    if number not in writers:
                        options = pa.ipc.IpcWriteOptions(compression="lz4")
                        writer = pa.ipc.new_file(files[number], table.schema, options=options)
                        writers[number] = open_files.enter_context(writer)
                    writers[number].write_table(part)
                yield Piece(piece.table.slice(0, 0), piece.lines[:0], 0.2 * piece.fraction)
        done = 0
        for number in sorted(writers):
            for table in _sorted_tables(files[number], at_once, key, most=4 * part_rows):
                done += table.num_rows
                lines = table.column(_LINE).to_numpy()
                yield Piece(table.drop_columns([_LINE]), lines, 0.2 + 0.8 * done / rows)
            files[number].unlink()


def contact_bytes(column: Any) -> Any:
    """Turn contact ids into bytes: they sort as the store sorts, and need not be valid text yet."""
    import pyarrow as pa

    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    return text.cast(pa.binary()).fill_null(b"")


def contact_order(column: Any) -> NDArray[np.intp]:
    """Order rows by contact id, as the store does; those of one contact stay as they are.

    Args:
        column: of contact ids; a missing one is the least.
    """
    import pyarrow.compute as pc

    encoded = contact_bytes(column).combine_chunks().dictionary_encode()
    rank = np.empty(len(encoded.dictionary), dtype=np.int32)
    rank[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(rank), dtype=np.int32)
    return np.argsort(rank[encoded.indices.to_numpy()], kind="stable")


def _cut(table: Any, bounds: list[bytes], key: str) -> Iterator[tuple[int, Any]]:
    encoded = contact_bytes(table.column(key)).combine_chunks().dictionary_encode()
    part_of = np.array([bisect_right(bounds, name) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
    parts = part_of[encoded.indices.to_numpy()]
    ordered = table.take(np.argsort(parts, kind="stable"))
    counts = np.bincount(parts, minlength=len(bounds) + 1)
    start = 0
    for number, count in enumerate(counts.tolist()):
        if count:
            yield number, ordered.slice(start, count)
            start += count


def _sorted_tables(file: Path, at_once: int, key: str, *, most: int) -> Iterator[Any]:
    import pyarrow as pa

    with pa.ipc.open_file(file) as reader:
        rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
        if rows > most:  # one contact has most of the file: nothing to sort, and too much to hold
            for i in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(i)])
            return
        table = reader.read_all()
    order = contact_order(table.column(key))
    for start in range(0, rows, at_once):
        yield table.take(order[start : start + at_once]).combine_chunks()
