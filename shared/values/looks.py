"""What one value looks like, before its column is known."""

import re
from functools import lru_cache
from typing import Any, Final, Literal

from shared.values.instants import read_time, shown_order
from shared.values.missing import cleaned, is_missing
from shared.values.numbers import MAX_CHARACTERS, MAX_WHOLE, read_number, shown_mark
from shared.values.truth import WRITTEN
from shared.values.unreadable import Ambiguous, Unreadable

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
    if plain in WRITTEN:
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
