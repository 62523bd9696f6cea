"""Cells that become attributes and properties: read by what their column holds; whatever is odd costs only itself."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.ingest.cells import APOSTROPHE, EXACT, MARKED_TEXT, CellRefused, Reader
from shared.ingest.plan import Findings, PlannedColumn
from shared.values.columns import ColumnType, Value
from shared.values.instants import is_iso, read_time
from shared.values.numbers import absent_mark, read_number
from shared.values.personal import holds_address
from shared.values.unreadable import Unreadable
from shared.values.words import WRITTEN_TRUTHS, cleaned, is_missing, read_truth

MAX_TEXT_CHARACTERS = 2_000
TOO_LONG = f"longer than {MAX_TEXT_CHARACTERS:,} characters; left out"
NOT_SCALAR = "a list or an object, which no attribute can be; left out"
CONTROL = "with characters that cannot be shown; those were taken out"
HOLDS_ADDRESS = "with an e-mail address in the text; left out"
OUT_OF_BOUNDS = "a number out of bounds; left out"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def fact_reader(column: PlannedColumn, findings: Findings, *, scalar: bool) -> Reader:
    """Read an attribute (`scalar`) or a property by what its column holds; whatever is odd costs only itself."""
    name, mark, kind = column.name, findings.mark, column.type.kind
    read_typed = typed_reader(column.type)

    def read(cell: Any, line: int) -> Any:
        if isinstance(cell, str):
            return text(cell, line) if kind == "text" else typed(cell, line)
        if isinstance(cell, bool):
            return cell
        if isinstance(cell, (int, float, Decimal)):
            found = number(float(cell) if isinstance(cell, Decimal) else cell, line)
            return str(found) if kind == "text" and column.mixes_texts and found is not None else found
        if isinstance(cell, (date, datetime)):
            return cell.isoformat()
        if scalar:
            mark(name, NOT_SCALAR, line)
            return None
        return cell

    def typed(cell: str, line: int) -> Any:
        try:
            found = read_typed(cell)
        except Unreadable:  # counted by the plan
            return None
        return number(found, line) if isinstance(found, (int, float)) else found

    def number(found: int | float, line: int) -> Any:
        if abs(found) < EXACT:
            return found
        if isinstance(found, int) and len(str(found)) <= MAX_TEXT_CHARACTERS:  # an order's number, not an amount
            return str(found)
        mark(name, OUT_OF_BOUNDS, line)
        return None

    def text(cell: str, line: int) -> Any:
        found, sentence = text_fact(cell)
        if sentence:
            mark(name, sentence, line)
        if found is not None and not found.isprintable() and _SURROGATE.search(found):
            raise CellRefused(f"{name} holds half of a character")
        return found

    return read


def text_fact(cell: str) -> tuple[str | None, str]:
    """Read a text that is kept, and say what was done to it; None: it is left out."""
    if len(cell) > MAX_TEXT_CHARACTERS:
        return None, TOO_LONG
    plain, sentence = cleaned(cell), ""
    if not plain.isprintable() and _CONTROL.search(plain):
        plain, sentence = _CONTROL.sub("", plain), CONTROL
    if MARKED_TEXT.match(plain):
        plain, sentence = plain[1:], APOSTROPHE
    if holds_address(plain):
        return None, HOLDS_ADDRESS
    return plain or None, sentence


def typed_reader(column: ColumnType) -> Callable[[Any], Value]:
    """Make the function that reads values of a column.

    Returns:
        It gives None for what is missing, and raises `Unreadable` for what is not of the column's kind. Times are
        given as ISO 8601 text, as attributes are kept: dates as `2026-05-03`, instants with their zone where they
        name one; ISO text stays as it is.

    >>> read = typed_reader(ColumnType("price", "decimal", decimal="comma"))
    >>> read("1.299"), read("49,90"), read("n/a")
    (1299, 49.9, None)
    """
    parse: Callable[[Any], Value] = {
        "empty": _read_text,
        "boolean": _read_boolean,
        "whole": lambda value: _read_number(value, column),
        "decimal": lambda value: _read_number(value, column),
        "date": lambda value: _read_date(value, column),
        "instant": lambda value: _read_time(value, column),
        "text": _read_text,
    }[column.kind]
    return lambda value: None if is_missing(value) else parse(value)


def _read_text(value: Any) -> Value:
    if isinstance(value, str):
        return cleaned(value) if not value.isascii() and cleaned(value) != value.strip() else value.strip()
    return value  # type: ignore[no-any-return]


def _read_boolean(value: Any) -> Value:
    if not isinstance(value, str):
        if value not in (0, 1):
            raise Unreadable("It is neither yes nor no.")
        return bool(value)
    plain = value.strip().lower()
    if plain in WRITTEN_TRUTHS:
        return WRITTEN_TRUTHS[plain]
    if read_truth(plain) is None:
        raise Unreadable("It is neither yes nor no.")
    return value.strip()


def _read_number(value: Any, column: ColumnType) -> Value:
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    # Where no value has decimals, a mark before three digits is between thousands.
    decimal = column.decimal or (absent_mark(text) if column.kind == "whole" else None)
    number = read_number(text, decimal=decimal)
    if number.percent and not column.percent:
        raise Unreadable("It is a percentage among plain numbers.")
    return number.value


def _read_date(value: Any, column: ColumnType) -> Value:
    return read_time(str(value), order=column.order).date().isoformat()


def _read_time(value: Any, column: ColumnType) -> Value:
    text = str(value).strip()
    found = read_time(text, order=column.order)
    return text if is_iso(text) else found.isoformat()
