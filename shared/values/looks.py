"""What one value looks like, before its column is known."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from shared.values.instants import read_time, shown_order
from shared.values.numbers import MAX_CHARACTERS, MAX_WHOLE, read_number, shown_mark
from shared.values.unreadable import Ambiguous, Unreadable
from shared.values.words import WRITTEN_TRUTHS, cleaned, is_missing

Look = Literal[
    "missing", "truth", "yes_no", "bit", "whole", "float", "point", "comma", "either_point", "either_comma",
    "grouped_point", "grouped_comma", "grouped", "spelled", "percent", "scientific", "rounded", "padded", "code",
    "long",    "date", "local", "instant", "day_first", "month_first", "either_order", "text",
]  # fmt: skip
"""`grouped`: thousands are marked; `spelled`: a sign, brackets or a currency stands there; `padded`: a zero in front;
`code`: `1E5`; `rounded`: a spreadsheet kept the first digits only; `long`: more digits than 64 bits hold; `local`: a
time without a zone."""

_YES_NO: Final = frozenset(
    {"yes", "no", "y", "n", "t", "f", "ja", "nein", "oui", "non", "si", "sí", "sì", "nee", "tak", "nie"}
)
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_PADDED = re.compile(r"0[0-9]+")
_LONG = re.compile(r"[+-]?[0-9]{19,}")
_POINT = re.compile(r"-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,17})|-?(?:0|[0-9]{4,})\.[0-9]{3}")
_CODE = re.compile(r"[0-9]+[eE][0-9]+")
_ROUNDED = re.compile(r"[+-]?[0-9](?:[.,](?P<digits>[0-9]{1,9}))?E\+(?P<power>[0-9]{1,3})")
_MONEY_OR_SIGN = re.compile(r"[^0-9.,'’\s]")


def look_of(value: Any) -> Look:
    """Say what a value looks like.

    >>> [look_of(text) for text in ("N/A", "12", "1,299", "49,90", "0012", "1E5", "1.23457E+14")]
    ['missing', 'whole', 'either_comma', 'comma', 'padded', 'code', 'rounded']
    >>> [look_of(text) for text in ("2026-05-03", "03.05.2026 10:15", "5/3/2026", "Paris")]
    ['date', 'local', 'either_order', 'text']
    """
    if not isinstance(value, str):
        return _look_of_typed(value)
    if is_missing(value):
        return "missing"
    if _WHOLE.fullmatch(value):
        return _look_of_whole(value)
    if _POINT.fullmatch(value):
        return "point"
    return _look_of_text(cleaned(value)) if len(value) <= MAX_CHARACTERS else "text"


def _look_of_typed(value: Any) -> Look:
    if is_missing(value):
        return "missing"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int):
        return "bit" if value in (0, 1) else "whole" if abs(value) <= MAX_WHOLE else "long"
    return "float" if isinstance(value, float) and abs(value) != float("inf") else "text"


def _look_of_whole(text: str) -> Look:
    if text in ("0", "1"):
        return "bit"
    return "whole" if len(text) < 19 or abs(int(text)) <= MAX_WHOLE else "long"


@lru_cache(maxsize=16_384)
def _look_of_text(text: str) -> Look:
    if not text:
        return "missing"
    plain = text.lower()
    if plain in WRITTEN_TRUTHS:
        return "truth"
    if plain in _YES_NO:
        return "yes_no"
    if not any(mark.isdecimal() for mark in text):
        return "text"
    if _WHOLE.fullmatch(text):
        return _look_of_whole(text)
    for look, shape in (("padded", _PADDED), ("long", _LONG), ("point", _POINT), ("code", _CODE)):
        if shape.fullmatch(text):
            return look  # type: ignore[return-value]
    if text[4:5] == "-":
        return _look_of_time(text) or "text"
    return _look_of_number(text) or _look_of_time(text) or "text"


def _look_of_number(text: str) -> Look | None:
    rounded = _ROUNDED.fullmatch(text)
    if rounded and int(rounded["power"]) > len(rounded["digits"] or "") and int(rounded["power"]) >= 9:
        return "rounded"
    try:
        number = read_number(text)
    except Ambiguous:
        return "either_comma" if "," in text else "either_point"
    except Unreadable:
        return None
    if number.percent:
        return "percent"
    mark = shown_mark(text)
    if "e" in text.lower() and number.currency is None:
        return "scientific"
    if _MONEY_OR_SIGN.search(text.lstrip("-")):
        return "spelled" if mark is None else "grouped_point" if mark == "point" else "grouped_comma"
    if mark is None:
        return "grouped"
    marks = sum(text.count(other) for other in ".,'’ ")
    if marks > 1:
        return "grouped_point" if mark == "point" else "grouped_comma"
    return mark


def _look_of_time(text: str) -> Look | None:
    order = shown_order(text)
    if order is not None:
        return _checked_order(text, "day_first" if order == "dmy" else "month_first")
    try:
        found = read_time(text)
    except Ambiguous:
        return _checked_order(text, "either_order")
    except Unreadable:
        return None
    if found.tzinfo is not None:
        return "instant"
    return "local" if ":" in text else "date"


def _checked_order(text: str, look: Look) -> Look | None:
    try:
        read_time(text, order="dmy")
    except Ambiguous:
        return None
    except Unreadable:
        return None
    return look


MAX_DISTINCT: Final = 1_000
MAX_LINES: Final = 5
MAX_WIDTHS: Final = 20


@dataclass(slots=True)
class ColumnProfile:
    """What the values of one column look like, counted.

    >>> profile = ColumnProfile("price")
    >>> profile.add_all(["49,90", "1.299,00", "n/a"], first_line=2)
    >>> profile.filled, profile.lines["missing"]
    (2, [4])
    """

    name: str
    looks: Counter[Look] = field(default_factory=Counter)
    lines: dict[Look, list[int]] = field(default_factory=dict)
    """The first few lines of each look."""
    distinct: set[str] = field(default_factory=set)
    """Values as text, up to `MAX_DISTINCT` of them."""
    widths: set[int] = field(default_factory=set)
    """Characters of whole numbers, up to `MAX_WIDTHS` different ones."""
    thousands: int = 0
    """Whole numbers from 1,000 on without a mark between the thousands."""
    timed: int = 0
    """Dates in an unclear order, or in a stated one, that carry a time of day."""

    def add(self, value: Any, line: int) -> None:
        """Count one value; `line` is where it stands."""
        look = look_of(value)
        self.looks[look] += 1
        kept = self.lines.setdefault(look, [])
        if len(kept) < MAX_LINES:
            kept.append(line)
        if look == "missing":
            return
        text = value if isinstance(value, str) else str(value)
        if len(self.distinct) < MAX_DISTINCT:
            self.distinct.add(text.strip())
        if look in ("whole", "padded", "bit"):
            width = len(text.strip().lstrip("-"))
            self.thousands += width > 3
            if len(self.widths) < MAX_WIDTHS:
                self.widths.add(width)
        if look in ("day_first", "month_first", "either_order") and ":" in text:
            self.timed += 1

    def add_all(self, values: Iterable[Any], *, first_line: int) -> None:
        """Count values that stand on lines one after another."""
        for line, value in enumerate(values, start=first_line):
            self.add(value, line)

    def merge(self, other: "ColumnProfile") -> None:
        """Add what was counted elsewhere of the same column."""
        self.looks.update(other.looks)
        for look, lines in other.lines.items():
            self.lines[look] = sorted(self.lines.get(look, []) + lines)[:MAX_LINES]
        for mine, theirs, most in (
            (self.distinct, other.distinct, MAX_DISTINCT),
            (self.widths, other.widths, MAX_WIDTHS),
        ):
            mine.update(list(theirs - mine)[: most - len(mine)])  # type: ignore[arg-type]
        self.thousands += other.thousands
        self.timed += other.timed

    @property
    def count(self) -> int:
        """How many values there are, missing ones included."""
        return self.looks.total()

    @property
    def missing(self) -> int:
        """How many are missing."""
        return self.looks["missing"]

    @property
    def filled(self) -> int:
        """How many are not missing."""
        return self.count - self.missing
