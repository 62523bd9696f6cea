"""A cell turned into what its column holds; one that cannot be read costs its row, or only itself."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from shared.ingest.plan import Findings, PlannedColumn
from shared.values.addresses import NotAnAddress, read_address
from shared.values.instants import read_instant
from shared.values.numbers import CODES, SIGNS, Number, read_number
from shared.values.unreadable import Ambiguous, NaiveTime, Unreadable
from shared.values.words import cleaned, is_missing, own_event_type, read_truth
from shared.values.zones import zone_of

MARKED_TEXT = re.compile(r"'[0-9+=@-]")
EXACT = 2**53
"""From here on, not every program reads a number exactly; a longer whole one is kept as text."""
MAX_LABEL = 200
"""Characters of an item's name or category."""
EITHER_ORDER = "a date whose day and month may be either way round"
NO_ZONE = "is a time without a zone; say --timezone Europe/Berlin"
APOSTROPHE = "an apostrophe in front, as spreadsheets mark a text; it was taken out"
_DROPPED = {
    "several": "several addresses; the first one counts",
    "named": "a name beside the address; the name was left out",
    "invisible": "with invisible characters; those were taken out",
}

Reader = Callable[[Any, int], Any]
"""Takes a cell that is not missing and its line; None: there is nothing to keep."""


class CellRefused(ValueError):
    """A cell because of which its row is none; the message names the column."""


def present(cell: Any) -> bool:
    """Whether anything stands in a cell."""
    if isinstance(cell, (list, dict)):
        return True
    return not is_missing(cell)


class Cells:
    """Readers for the columns of a plan."""

    def __init__(self, zone: ZoneInfo | None, findings: Findings) -> None:
        """Remember what all columns share.

        Args:
            zone: of times that name none.
            findings: takes what was changed or left out.
        """
        self._zone = zone
        self._findings = findings

    def id(self, column: PlannedColumn) -> Reader:
        """Read an id: text without space round it, or a whole number."""
        name = column.name

        def read(cell: Any, line: int) -> Any:
            if isinstance(cell, str):
                plain = cleaned(cell)
                if MARKED_TEXT.match(plain):
                    self._findings.mark(name, APOSTROPHE, line)
                    return plain[1:]
                return plain
            if isinstance(cell, bool):
                raise CellRefused(f"{name} is true or false, not an id")
            if isinstance(cell, int):
                return str(cell)
            if isinstance(cell, (float, Decimal)):
                number = float(cell)
                if number.is_integer() and abs(number) < EXACT:
                    return str(int(number))
                raise CellRefused(f"{name} is a number with decimals or too large to be exact; write ids as text")
            raise CellRefused(f"{name} is not a text or a whole number")

        return read

    def event_type(self, column: PlannedColumn) -> Reader:
        """Read the type of an event; one that is not in our spelling is written in it."""
        known: dict[str, str] = {}

        def read(cell: Any, line: int) -> Any:
            if not isinstance(cell, str):
                raise CellRefused(f"{column.name} is not a text")
            found = known.get(cell)
            if found is None:
                try:
                    found = own_event_type(cell.strip())
                except Unreadable as error:
                    raise CellRefused(f"{column.name} is refused: {_lower(error)}") from None
                if len(known) < 10_000:
                    known[cell] = found
            if found != cell:
                self._findings.mark(
                    column.name, "not spelled as types are; read as Order Placed would be: order_placed", line
                )
            return found

        return read

    def instant(self, column: PlannedColumn, *, optional: bool = False) -> Reader:
        """Read an instant; `optional`: one that lacks only an option costs only itself."""
        name, zone = column.name, self._zone

        def read(cell: Any, line: int) -> Any:
            try:
                if isinstance(cell, str):
                    return read_instant(cell, zone=zone, order=column.order, count=column.counts)
                if isinstance(cell, (int, float)) and not isinstance(cell, bool):
                    return read_instant(str(cell), zone=zone, count=column.counts)
                if isinstance(cell, (date, datetime)):
                    return _aware(cell, zone)
            except NaiveTime:
                if optional:
                    self._findings.mark(name, "a time without a zone; left out (say --timezone Europe/Berlin)", line)
                    return None
                raise CellRefused(f"{name} {NO_ZONE}") from None
            except Ambiguous as error:
                if optional:
                    self._findings.mark(name, f"{EITHER_ORDER}; left out (say --date-order dmy or mdy)", line)
                    return None
                raise CellRefused(f"{name} is refused: {_lower(error)}") from None
            except Unreadable as error:
                raise CellRefused(f"{name} is refused: {_lower(error)}") from None
            raise CellRefused(f"{name} is not a time")

        return read

    def amount(self, column: PlannedColumn) -> Reader:
        """Read a sum of money or another number, with the currency that stands beside it."""

        def read(cell: Any, line: int) -> Any:  # noqa: ARG001
            if isinstance(cell, str):
                try:
                    return read_number(cell, decimal=column.decimal)
                except Unreadable as error:
                    raise CellRefused(f"{column.name} is refused: {_lower(error)}") from None
            if isinstance(cell, Decimal):
                return float(cell)
            return cell

        return read

    def number(self, column: PlannedColumn, *, is_truth: bool = False) -> Reader:
        """Read a number, without the currency that may stand beside it; `is_truth`: yes is 1 and no is 0."""
        read_amount = self.amount(column)

        def read(cell: Any, line: int) -> Any:
            truth = as_boolean(cell) if is_truth else None
            if truth is not None:
                return int(truth)
            found = read_amount(cell, line)
            return found.value if isinstance(found, Number) else found

        return read

    def share(self, column: PlannedColumn) -> Reader:
        """Read a chance: 0.5 and 50 % are the same."""
        read_amount = self.amount(column)

        def read(cell: Any, line: int) -> Any:
            found = read_amount(cell, line)
            if not isinstance(found, Number):
                return found
            return found.value / 100 if found.percent else found.value

        return read

    def currency(self, column: PlannedColumn) -> Reader:
        """Read a currency's code, or a sign that is of one currency alone."""

        def read(cell: Any, line: int) -> Any:  # noqa: ARG001
            if not isinstance(cell, str):
                raise CellRefused(f"{column.name} is not a text")
            plain = cleaned(cell)
            code = plain.upper() if plain.upper() in CODES else SIGNS.get(plain.lower()) or plain
            return code.upper() if len(code) == 3 and code.isascii() and code.isalpha() else code

        return read

    def boolean(self, column: PlannedColumn) -> Reader:
        """Read true or false."""

        def read(cell: Any, line: int) -> Any:  # noqa: ARG001
            found = as_boolean(cell)
            if found is None:
                raise CellRefused(f"{column.name} is neither true nor false")
            return found

        return read

    def label(self, column: PlannedColumn) -> Reader:
        """Read a name: a text in one line, cut where it is too long."""
        name = column.name

        def read(cell: Any, line: int) -> Any:
            if isinstance(cell, (list, dict)):
                raise CellRefused(f"{name} is not a text")
            plain = " ".join(cleaned(str(cell)).split())
            if len(plain) > MAX_LABEL:
                self._findings.mark(name, f"longer than {MAX_LABEL} characters; cut", line)
            return plain[:MAX_LABEL].rstrip() or None

        return read

    def state(self, column: PlannedColumn, read_state: Callable[[str], bool | None]) -> Reader:
        """Read a state of an item: true or false, a number, or a word for it."""

        def read(cell: Any, line: int) -> Any:  # noqa: ARG001
            found = cell if isinstance(cell, bool) else read_state(str(cell))
            if found is None:
                raise CellRefused(f"{column.name} is neither true nor false, and no word that is known for it")
            return found

        return read

    def names(self, column: PlannedColumn) -> Reader:
        """Read several ids: a JSON list, or a text in which `|` separates them."""
        read_one = self.id(column)

        def read(cell: Any, line: int) -> Any:
            listed = cell
            if isinstance(cell, str):
                listed = _listed(cell) if cell.lstrip().startswith("[") else [one for one in cell.split("|") if one]
            if not isinstance(listed, list):
                raise CellRefused(f"{column.name} is neither a JSON list nor ids that are separated by |")
            return [None if one is None else read_one(one, line) for one in listed]

        return read

    def address(self, column: PlannedColumn, shared: frozenset[int]) -> Reader:
        """Read an e-mail address in the spelling that is hashed; one that is nobody's recognises nobody."""
        name = column.name

        def read(cell: Any, line: int) -> Any:
            if not isinstance(cell, str):
                raise CellRefused(f"{name} is not an e-mail address")
            try:
                found = read_address(cell)
            except NotAnAddress:
                raise CellRefused(f"{name} is not an e-mail address") from None
            for note in found.notes:
                if note in _DROPPED:
                    self._findings.mark(name, _DROPPED[note], line)
            if found.is_placeholder:
                self._findings.mark(name, "a placeholder and nobody's address; it recognises nobody", line)
                return None
            if shared and hash(found.email) in shared:
                self._findings.mark(name, "an address of three contacts or more; it recognises nobody", line)
                return None
            return found.email

        return read

    def timezone(self, column: PlannedColumn) -> Reader:
        """Read a zone's name in any case; another name costs only itself."""

        def read(cell: Any, line: int) -> Any:
            try:
                return zone_of(cell).key
            except (Unreadable, AttributeError):
                self._findings.mark(column.name, "no time zone such as Europe/Paris; left out", line)
                return None

        return read

    def consent(self, column: PlannedColumn) -> Reader:
        """Read consent to profiling: granted, denied, or a JSON object."""

        def read(cell: Any, line: int) -> Any:  # noqa: ARG001
            if isinstance(cell, str) and not cell.lstrip().startswith("{"):
                word = cleaned(cell).lower()
                if word not in ("granted", "denied"):
                    raise CellRefused(f"{column.name} is neither granted nor denied")
                return {"profiling": word}
            return as_object(cell, column.name)

        return read


def as_boolean(cell: Any) -> bool | None:
    """Read true or false in the usual words; None: it is neither.

    >>> as_boolean("Yes"), as_boolean(0), as_boolean("maybe")
    (True, False, None)
    """
    if isinstance(cell, bool):
        return cell
    return read_truth(str(cell)) if isinstance(cell, (str, int)) else None


def as_object(cell: Any, name: str) -> dict[str, Any]:
    """Take a JSON object, or read it from text.

    Raises:
        CellRefused: it is none.
    """
    if isinstance(cell, str):
        try:
            cell = orjson.loads(cell)
        except orjson.JSONDecodeError:
            cell = None
    if not isinstance(cell, dict):
        raise CellRefused(f"{name} is not a JSON object")
    return dict(cell)


def _listed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _aware(cell: date | datetime, zone: ZoneInfo | None) -> datetime:
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell
    if zone is None:
        raise NaiveTime("The time names no zone.")
    whole = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    return whole.replace(tzinfo=zone)


def _lower(error: Unreadable) -> str:
    sentence = str(error).rstrip(".")
    return sentence[:1].lower() + sentence[1:]
