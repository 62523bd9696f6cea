"""Cells that become attributes and properties: read by what their column holds; whatever is odd costs only itself."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.ingest.cells import APOSTROPHE, EXACT, MARKED_TEXT, CellRefused, Reader
from shared.ingest.plan import Findings, PlannedColumn
from shared.values.addresses import holds_address
from shared.values.columns import reader
from shared.values.unreadable import Unreadable
from shared.values.words import cleaned

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
    read_typed = reader(column.type)

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
