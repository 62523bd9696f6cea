"""Events column by column: each distinct text is checked once, by the rules of the wire type itself."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from shared.contracts.columnar_events import ColumnarEvents
from shared.contracts.contact import ContactId, Currency, Text
from shared.contracts.outcome import AttributeName, EventType
from shared.contracts.rows import (
    MAX_NUMBER,
    MAX_PROPERTIES,
    MAX_PROPERTIES_CHARACTERS,
    EventRow,
    Microseconds,
    microseconds,
)
from shared.ingest.identity import LATER_FIELDS, amount_text, identities, later_part, sized
from shared.ingest.rows import canonical
from shared.ingest.spill import contact_order

EVENT_FIELDS = (
    "contact_id",
    "type",
    "occurred_at",
    "id",
    "value",
    "currency",
    "message_id",
    "campaign_id",
    "item",
    "human",
)
"""Columns that are fields; `properties` holds JSON; any other column is a property."""
_TEXTS: dict[str, TypeAdapter[str]] = {
    "contact_id": TypeAdapter(ContactId),
    "type": TypeAdapter(EventType),
    "id": TypeAdapter(Text),
    "currency": TypeAdapter(Currency),
    "message_id": TypeAdapter(Text),
    "campaign_id": TypeAdapter(Text),
    "item": TypeAdapter(Text),
}
_NAME: TypeAdapter[str] = TypeAdapter(AttributeName)
_MAX_VALUE = 1e12
_EARLIEST = microseconds(datetime(1900, 1, 1, tzinfo=UTC))
_LATEST = microseconds(datetime(2201, 1, 1, tzinfo=UTC))


class _Column(NamedTuple):
    """A column as its distinct values."""

    distinct: NDArray[Any]
    """None stands for a missing cell."""
    codes: NDArray[np.intp]
    """Of each row, the place of its value."""
    good: NDArray[np.bool_]
    """Whether each row may have its value."""

    def at(self, places: NDArray[np.intp]) -> list[Any]:
        """Return the values of some rows."""
        found: list[Any] = self.distinct[self.codes[places]].tolist()
        return found

    def written(self, places: NDArray[np.intp], write: Callable[[Any], str]) -> Any:
        """Write each distinct value once, and return the texts of some rows as a pyarrow array."""
        import pyarrow as pa

        texts = pa.array([write(value) for value in self.distinct.tolist()], pa.large_string())
        return texts.take(self.codes[places])

    def is_missing(self, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether some rows have no value."""
        missing = np.array([value is None for value in self.distinct.tolist()], dtype=bool)
        return missing[self.codes[places]]


class Columnar(NamedTuple):
    """Rows of a table that passed, ordered by contact as the store keeps them, and those to be looked at one by one."""

    places: NDArray[np.intp]
    """Positions of the rows that passed."""
    refused: NDArray[np.intp]
    """Positions of the other rows, ascending."""
    columns: dict[str, _Column]
    recorded_at: Microseconds

    def events(self, places: NDArray[np.intp]) -> ColumnarEvents:
        """Make events of some of the rows that passed."""
        columns = self.columns
        values: dict[str, Any] = {"event_id": _ids(columns, places)}
        for name in EventRow._fields:
            if name in columns and not columns[name].is_missing(places).all():
                values[name] = columns[name].at(places)
        values["recorded_at"] = [self.recorded_at] * len(places)
        return ColumnarEvents(len(places), values)


def event_rows(table: Any, *, recorded_at: Microseconds) -> Columnar:
    """Read a pyarrow table whose rows are to be events.

    Args:
        table: text, timestamps in microseconds, no dictionaries.
        recorded_at: now.

    Returns:
        Exactly what validating row by row would give for the rows that passed; whatever is unusual is refused,
        all rows where a column is of another kind or holds bytes that are no text.
    """
    n = table.num_rows
    try:
        columns = _columns(table)
    except UnicodeDecodeError:
        columns = None
    if columns is None:
        return Columnar(np.arange(0), np.arange(n), {}, recorded_at)
    good = np.logical_and.reduce([column.good for column in columns.values()])
    places = contact_order(table.column("contact_id"))
    return Columnar(places[good[places]], np.flatnonzero(~good), columns, recorded_at)


def _ids(columns: dict[str, _Column], places: NDArray[np.intp]) -> list[str]:
    """Return the given ids of some rows, and derive the others."""
    if "id" not in columns:
        return identities(_encoded(columns, places))
    given = columns["id"].at(places)
    derived = iter(identities(_encoded(columns, places[columns["id"].is_missing(places)])))
    return [next(derived) if one is None else one for one in given]


def _encoded(columns: dict[str, _Column], places: NDArray[np.intp]) -> list[bytes]:
    """Encode rows as `event_identity` does, whole columns at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def joined(*parts: Any) -> Any:
        return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))

    def written(name: str, write: Callable[[Any], str]) -> Any:
        return columns[name].written(places, write) if name in columns else pa.scalar(write(None), pa.large_string())

    def required(text: str | None) -> str:
        return sized(text or "")  # the value of missing cells, which no row here has

    owner, type_ = written("contact_id", required), written("type", required)
    at = pa.array(columns["occurred_at"].distinct[places]).cast(pa.large_string())
    end = pa.scalar(";", pa.large_string())
    amount, properties = written("value", amount_text), written("properties", lambda text: text or "")
    encoded = joined(owner, type_, at, end, amount, end, properties)
    later = [name for name in LATER_FIELDS if name in columns]
    if later:
        is_none = np.logical_and.reduce([columns[name].is_missing(places) for name in later])
        before = joined(*(written(name, later_part) for name in LATER_FIELDS))
        encoded = joined(pc.if_else(is_none, pa.scalar("", pa.large_string()), before), encoded)
    texts: list[bytes] = encoded.cast(pa.large_binary()).to_pylist()
    return texts


def _columns(table: Any) -> dict[str, _Column] | None:
    """Read all columns; None where one is of a kind that only reading row by row can judge."""
    if not {"contact_id", "type", "occurred_at"} <= set(table.column_names):
        return None
    columns: dict[str, _Column] = {}
    others = [name for name in table.column_names if name not in EVENT_FIELDS]
    for name in EVENT_FIELDS:
        if name in table.column_names:
            read = _READ.get(name)
            column = _text(table.column(name), name) if read is None else read(table.column(name))
            if column is None:
                return None
            columns[name] = column
    if others:
        properties = _properties(table, others)
        if properties is None:
            return None
        columns["properties"] = properties
    return columns


def _text(column: Any, name: str) -> _Column | None:
    import pyarrow as pa

    if pa.types.is_integer(column.type) and name not in ("type", "currency"):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        return None
    distinct, codes = _coded(column)
    required = name in ("contact_id", "type")
    fine = [_fits(_TEXTS[name], text) if text else not required for text in distinct]
    values = np.array([text or None for text in distinct], dtype=object)
    return _Column(values, codes, np.array(fine, dtype=bool)[codes])


def _coded(column: Any) -> tuple[list[Any], NDArray[np.intp]]:
    """Give a column's distinct values, the last of them None for missing cells, and the place of each row's."""
    import pyarrow as pa

    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    distinct = [*encoded.dictionary.to_pylist(), None]
    codes = encoded.indices.fill_null(len(distinct) - 1).to_numpy(zero_copy_only=False)
    return distinct, codes.astype(np.intp)


def _fits(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True


def _instants(column: Any) -> _Column | None:
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return None
    at = column.cast(pa.int64()).fill_null(_LATEST).to_numpy()
    return _Column(at, np.arange(len(at)), (at >= _EARLIEST) & (at < _LATEST))


def _amounts(column: Any) -> _Column | None:
    import pyarrow as pa

    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    given, codes = _coded(column.cast(pa.float64(), safe=False))
    amounts = [None if amount is None or amount != amount else amount for amount in given]
    fine = [amount is None or abs(amount) <= _MAX_VALUE for amount in amounts]
    return _Column(np.array(amounts, dtype=object), codes, np.array(fine, dtype=bool)[codes])


def _human_flags(column: Any) -> _Column | None:
    import pyarrow as pa

    if not pa.types.is_boolean(column.type):
        return None
    given, codes = _coded(column)
    flags = [None if flag is None else int(flag) for flag in given]
    return _Column(np.array(flags, dtype=object), codes, np.ones(len(codes), dtype=bool))


_READ: dict[str, Callable[[Any], _Column | None]] = {
    "occurred_at": _instants,
    "value": _amounts,
    "human": _human_flags,
}


def _properties(table: Any, names: list[str]) -> _Column | None:
    good = np.ones(table.num_rows, dtype=bool)
    if "properties" in names:
        names = [name for name in names if name != "properties"]
        good &= table.column("properties").is_null().to_numpy()
    if len(names) > MAX_PROPERTIES or not all(_fits(_NAME, name) for name in names):
        return None
    columns = []
    for name in names:
        column = _scalars(table.column(name))
        if column is None:
            return None
        columns.append(column[0])
        good &= column[1]
    texts = [
        canonical({name: value for name, value in zip(names, row, strict=True) if value is not None and value != ""})
        for row in zip(*columns, strict=True)
    ] or [None] * table.num_rows
    good &= np.fromiter(map(_is_plain, texts), dtype=bool, count=len(texts))
    return _Column(np.array(texts, dtype=object), np.arange(len(texts)), good)


def _is_plain(properties: str | None) -> bool:
    """Whether properties are short and seem to hold no NUL; others are looked at one by one."""
    return properties is None or (len(properties) <= MAX_PROPERTIES_CHARACTERS and "\\u0000" not in properties)


def _scalars(column: Any) -> tuple[list[Any], NDArray[np.bool_]] | None:
    """Give a property's values, and whether each row may have its own; None: only one by one shows it."""
    import pyarrow as pa

    kind, n = column.type, len(column)
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
        missing = np.isnan(numbers)
        values = [number if abs(number) <= MAX_NUMBER else None for number in numbers.tolist()]  # JSON has no other
        return values, missing | (np.abs(numbers) <= MAX_NUMBER)
    if pa.types.is_integer(kind):
        wholes = column.to_pylist()
        inside = [whole is None or -MAX_NUMBER <= whole <= MAX_NUMBER for whole in wholes]
        return wholes, np.array(inside, dtype=bool)
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        return column.to_pylist(), np.ones(n, dtype=bool)
    return None
