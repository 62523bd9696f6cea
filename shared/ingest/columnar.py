"""Events column by column: each distinct text is checked once, by the rules of the wire type itself."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

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
from shared.ingest.identity import event_identity
from shared.ingest.rows import canonical

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


class Columnar(NamedTuple):
    """Rows that passed, and positions of those to be looked at one by one."""

    rows: list[EventRow]
    refused: list[int]


class _Column(NamedTuple):
    values: list[Any]
    good: NDArray[np.bool_]


def event_rows(table: Any, *, recorded_at: Microseconds) -> Columnar:
    """Turn a pyarrow table into event rows.

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
        return Columnar([], list(range(n)))
    good = np.logical_and.reduce([column.good for column in columns.values()])
    values: dict[str, list[Any]] = {name: column.values for name, column in columns.items()}
    if not good.all():
        kept = np.flatnonzero(good).tolist()
        values = {name: [column[i] for i in kept] for name, column in values.items()}
    absent: list[Any] = [None] * int(good.sum())
    contact, type_, at = values["contact_id"], values["type"], values["occurred_at"]
    value, properties = values.get("value", absent), values.get("properties", absent)
    currency, message, campaign, item = (
        values.get(name, absent) for name in ("currency", "message_id", "campaign_id", "item")
    )
    ids = [
        event_identity(
            contact[i],
            type_[i],
            at[i],
            value[i],
            currency=currency[i],
            message_id=message[i],
            campaign_id=campaign[i],
            item=item[i],
            properties=properties[i],
        )
        if given is None
        else given
        for i, given in enumerate(values.get("id", absent))
    ]
    recorded, human = [recorded_at] * len(ids), values.get("human", absent)
    records = zip(
        contact, ids, type_, at, recorded, value, currency, message, campaign, item, properties, human, strict=True
    )
    return Columnar(list(map(EventRow._make, records)), np.flatnonzero(~good).tolist())


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
    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    distinct: list[Any] = encoded.dictionary.to_pylist()
    required = name in ("contact_id", "type")
    fine = [_fits(_TEXTS[name], text) if text else not required for text in distinct]
    distinct = [text or None for text in distinct]
    # A missing cell has the code -1: the last entry.
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    distinct.append(None)
    fine.append(not required)
    return _Column([distinct[code] for code in codes.tolist()], np.array(fine, dtype=bool)[codes])


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
    return _Column(at.tolist(), (at >= _EARLIEST) & (at < _LATEST))


def _amounts(column: Any) -> _Column | None:
    import pyarrow as pa

    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    amounts = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy()
    good = np.isnan(amounts) | (np.abs(amounts) <= _MAX_VALUE)
    return _Column([None if amount != amount else amount for amount in amounts.tolist()], good)


def _human_flags(column: Any) -> _Column | None:
    import pyarrow as pa

    if not pa.types.is_boolean(column.type):
        return None
    flags = [None if flag is None else int(flag) for flag in column.to_pylist()]
    return _Column(flags, np.ones(len(flags), dtype=bool))


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
        columns.append(column.values)
        good &= column.good
    texts = [
        canonical({name: value for name, value in zip(names, row, strict=True) if value is not None and value != ""})
        for row in zip(*columns, strict=True)
    ] or [None] * table.num_rows
    good &= np.fromiter(map(_is_plain, texts), dtype=bool, count=len(texts))
    return _Column(texts, good)


def _is_plain(properties: str | None) -> bool:
    """Whether properties are short and seem to hold no NUL; others are looked at one by one."""
    return properties is None or (len(properties) <= MAX_PROPERTIES_CHARACTERS and "\\u0000" not in properties)


def _scalars(column: Any) -> _Column | None:
    import pyarrow as pa

    kind, n = column.type, len(column)
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
        missing = np.isnan(numbers)
        values = [number if abs(number) <= MAX_NUMBER else None for number in numbers.tolist()]  # JSON has no other
        return _Column(values, missing | (np.abs(numbers) <= MAX_NUMBER))
    if pa.types.is_integer(kind):
        wholes = column.to_pylist()
        inside = [whole is None or -MAX_NUMBER <= whole <= MAX_NUMBER for whole in wholes]
        return _Column(wholes, np.array(inside, dtype=bool))
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        return _Column(column.to_pylist(), np.ones(n, dtype=bool))
    return None
