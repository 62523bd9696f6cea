"""Parquet files: opened here, with pyarrow imported only when one is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shared.contracts.rows import EventRow, Microseconds
from shared.errors import FileRefused
from shared.ingest.batch import Batch, Build
from shared.ingest.columnar import Columnar, event_rows
from shared.ingest.facts import text_fact
from shared.ingest.plan import Findings, Plan, PlannedColumn, Use
from shared.ingest.spill import SAMPLE_EVERY, Piece, by_contact, contact_bytes
from shared.ingest.table import Layout, Progress, Record, named_columns, no_progress
from shared.values.numbers import CODES
from shared.values.unreadable import Unreadable
from shared.values.words import cleaned, is_missing, own_event_type

_AT_ONCE = 20_000
_EVENTS_AT_ONCE = 100_000
"""Events of a batch: as many as one transaction takes, and no more to hold."""
BROKEN_VALUE = "holds a value that is out of bounds or not UTF-8 text"


class ParquetTable:
    """A Parquet file; it says itself what its columns hold."""

    declares_types = True

    def __init__(self, path: Path) -> None:
        """Read its schema.

        Raises:
            FileRefused: it cannot be read, or pyarrow is not installed.
        """
        self.path = path
        self.layout = Layout("Parquet", path.name)
        with self.opened() as file:
            self.rows: int | None = file.metadata.num_rows
            self.header = named_columns(file.schema_arrow.names, self.layout)

    def records(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read from the beginning, row by row."""
        self.layout.begin()
        with self.opened() as file:
            for piece in pieces(file, _AT_ONCE, self.header):
                progress(piece.fraction)
                yield from records_of(piece, np.arange(piece.table.num_rows))
        progress(1.0)

    def sampled(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read rows from the beginning of every group of rows: what the columns hold shows there too."""
        with self.opened() as file:
            groups = file.metadata.num_row_groups
            each = max(_AT_ONCE // max(groups, 1), 1)
            done = 0
            for number in range(groups):
                progress(number / groups)
                part = next(file.iter_batches(batch_size=each, row_groups=[number]), None)
                if part is not None:
                    yield from records_of(_piece(part, done, 1, self.header), np.arange(part.num_rows))
                done += file.metadata.row_group(number).num_rows
        progress(1.0)

    def text_bytes(self) -> int:
        """Return how many bytes of text stand together in the memory of who reads the file, at most.

        A text of a megabyte that stands in each of many rows is kept once in the file, and here too.
        """
        with self.opened() as file:
            schema = file.schema
            leaves = [schema.column(number) for number in range(len(schema))]
            coded = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        with self.opened(read_dictionary=coded) as file:
            parts = file.iter_batches(batch_size=_AT_ONCE)
            return max((sum(map(_text_bytes, part.columns)) for part in parts), default=0)

    @contextmanager
    def opened(self, **more: Any) -> Iterator[Any]:
        """Open the file.

        Args:
            more: for pyarrow's ParquetFile.

        Raises:
            FileRefused: it cannot be read, or pyarrow is not installed.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise FileRefused("Reading Parquet needs pyarrow: pip install 'foretell[train]'.") from error
        try:
            with pq.ParquetFile(self.path, **more) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's own trouble, not the file's
                raise
            raise FileRefused(f"{self.path.name} is not a readable Parquet file; write it again.") from error


def event_batches(
    plan: Plan,
    build: Build[EventRow],
    findings: Findings,
    *,
    recorded_at: Microseconds,
    at_once: int,
    progress: Progress = no_progress,
) -> Iterator[Batch[EventRow]]:
    """Read events column by column; rows that this way refuses are looked at one by one.

    A file of more than one batch is brought into the order of contacts first.
    """
    table: Any = plan.table
    owner = plan.column_of("contact_id")
    with table.opened() as file:
        found = pieces(file, at_once, plan.table.header)
        rows = file.metadata.num_rows
        if rows > at_once and owner is not None:
            sample = _sample(file, at_once, plan.table.header, owner.name)
            found = by_contact(found, sample, rows, at_once=at_once, key=owner.name)
        for piece in found:
            columnar = event_rows(_fields(piece, plan, findings), recorded_at=recorded_at)
            progress(piece.fraction)
            taken: Batch[EventRow] = Batch(fraction=piece.fraction)
            for record in records_of(piece, columnar.refused):
                build.take(taken, record)
            taken.rejects.sort(key=lambda reject: reject.line)
            if taken.rows and len(columnar.places):
                yield _merged(columnar, taken, piece)
                continue
            for start in range(0, len(columnar.places), _EVENTS_AT_ONCE):
                places = columnar.places[start : start + _EVENTS_AT_ONCE]
                yield Batch(columnar.events(places), piece.lines[places].tolist(), fraction=piece.fraction)
            # An empty piece is handed on too: after each batch an import may be stopped.
            if len(taken) or not piece.table.num_rows:
                yield taken


def _merged(columnar: Columnar, taken: Batch[EventRow], piece: Piece) -> Batch[EventRow]:
    """Put rows that were taken one by one among the others: of two events with one id, the first of the file counts."""
    rows = [*columnar.events(columnar.places), *taken.rows]
    lines = [*piece.lines[columnar.places].tolist(), *taken.lines]
    order = sorted(range(len(lines)), key=lines.__getitem__)
    return Batch([rows[one] for one in order], [lines[one] for one in order], taken.rejects, fraction=piece.fraction)


def records_of(piece: Piece, chosen: Any) -> Iterator[Record]:
    """Give chosen rows of a piece one by one; what cannot even be read is found by halving.

    Args:
        piece: of the file.
        chosen: positions in the piece, shape (n,).
    """
    if not len(chosen):
        return
    try:
        rows = piece.table.take(chosen).to_pylist()
    except (OverflowError, ValueError):
        if len(chosen) == 1:
            yield Record(int(piece.lines[chosen[0]]), None, BROKEN_VALUE)
            return
        half = len(chosen) // 2
        yield from records_of(piece, chosen[:half])
        yield from records_of(piece, chosen[half:])
        return
    for line, cells in zip(piece.lines[chosen].tolist(), rows, strict=True):
        yield Record(line, cells)


def pieces(file: Any, at_once: int, header: list[str]) -> Iterator[Piece]:
    """Read a file in pieces of at most `at_once` rows, in its own order."""
    done, rows = 0, max(file.metadata.num_rows, 1)
    for part in file.iter_batches(batch_size=at_once):
        yield _piece(part, done, rows, header)
        done += part.num_rows


def _piece(part: Any, done: int, rows: int, header: list[str]) -> Piece:
    import pyarrow as pa

    lines = np.arange(done + 1, done + part.num_rows + 1)
    table = pa.Table.from_batches([part]).rename_columns(header)
    return Piece(_simplified(table), lines, (done + part.num_rows) / rows)


def _sample(file: Any, at_once: int, header: list[str], owner: str) -> list[bytes]:
    """Take contact ids from all over the file; its order must not matter."""
    import pyarrow as pa

    taken: list[bytes] = []
    column = file.schema_arrow.names[header.index(owner)]
    for part in file.iter_batches(batch_size=at_once, columns=[column]):
        every = np.arange(0, part.num_rows, min(SAMPLE_EVERY, max(at_once // 100, 1)))
        ids = _simplified(pa.Table.from_batches([part])).column(column)  # pyarrow takes no rows of a string_view
        taken += contact_bytes(ids.take(every)).to_pylist()
    return taken


def _fields(piece: Piece, plan: Plan, findings: Findings) -> Any:
    """Arrange a piece as a table of fields and properties, with the texts as they are read elsewhere."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for column in plan.columns:
        if column.use is Use.LEFT_OUT:
            continue
        values = piece.table.column(column.name)
        if pa.types.is_string(values.type):
            values = _tidied(values, column, piece, findings)
        columns[column.target] = values
    for field, constant in plan.options.constants.items():
        columns[field] = pa.array([constant] * piece.table.num_rows, pa.string())
    return pa.table(columns)


def _tidied(values: Any, column: PlannedColumn, piece: Piece, findings: Findings) -> Any:
    """Read each distinct text of a column once, as the way row by row reads it."""
    import pyarrow as pa

    encoded = values.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    try:
        distinct = encoded.dictionary.to_pylist()
    except UnicodeDecodeError:  # found out row by row
        return values
    read, sentences = [], {}
    for code, text in enumerate(distinct):
        value, sentence = _read_text(text, column)
        read.append(value)
        if sentence:
            sentences[code] = sentence
    if read == distinct:
        return values
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, sentence in sentences.items():
        for place in np.flatnonzero(codes == code).tolist():
            findings.mark(column.name, sentence, int(piece.lines[place]))
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(read, pa.string())).cast(pa.string())


def _read_text(text: str, column: PlannedColumn) -> tuple[str | None, str]:
    if is_missing(text):
        return None, ""
    if column.use is Use.KEPT:
        return text_fact(text)
    plain = cleaned(text)
    if column.target == "type":
        try:
            return own_event_type(plain), ""
        except Unreadable:
            return text, ""
    if column.target == "currency":
        return (plain.upper() if plain.upper() in CODES else plain), ""
    return (text if column.target in ("properties",) else plain), ""


def _text_bytes(column: Any) -> int:
    """Count the bytes of a column's texts as if each row had its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary.cast(pa.large_binary()))
        return pc.sum(lengths.cast(pa.int64()).take(column.indices)).as_py() or 0
    if pa.types.is_nested(kind):
        inner = column.flatten() if pa.types.is_struct(kind) else [column.values]
        return sum(map(_text_bytes, inner))
    return int(column.nbytes)


def _simplified(table: Any) -> Any:
    """Turn encodings and widths of text and time into one each, so that both ways read the same values."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        column, kind = table.column(index), field.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_timestamp(kind) and kind.unit != "us":
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif pa.types.is_date(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
            column = column.cast(pa.string())
        table = table.set_column(index, field.name, column.combine_chunks())
    return table
