"""How JSON is read, and how mistakes are named: one place for files, API, webhooks.

JSON is read so that one bad item of a thousand costs that item and no other. What a strict reader refuses the whole
text for becomes a value that no field takes, so that its item is found invalid: half a surrogate pair, a byte that
is no UTF-8, NUL, NaN and Infinity, a number of thousands of digits, a name given twice, nesting without end.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from pydantic_core import PydanticCustomError

from shared.contracts.rows import MAX_NUMBER, NAMED_TWICE, REPEATED, OutOfBounds, json_object


def checked_object(value: dict[str, Any]) -> dict[str, Any]:
    """Do the same as `json_object` where pydantic asks; `mistakes` reads the place."""
    try:
        return json_object(value)
    except OutOfBounds as error:
        raise PydanticCustomError("out_of_bounds", "{reason}", {"reason": error.reason, "at": error.place}) from None


def read_all(text: str) -> Any:
    """Read stored JSON whatever it holds, for a person who asks for everything: nothing is lost, nothing fails.

    What some reader could not read comes as text: numbers out of bounds as their digits, half a surrogate pair as its
    escape, and what is no JSON at all as it is.

    >>> read_all('{"a": 12345678901234567890, "b": 1.5}')
    {'a': '12345678901234567890', 'b': 1.5}
    """
    try:
        found = json.loads(text, parse_int=_digits, parse_float=_decimal, parse_constant=str)
        orjson.dumps(found)
    except (ValueError, RecursionError):
        return _printable(text)
    except TypeError:  # half a surrogate pair
        return _with_escapes(found)
    return found


def _digits(text: str) -> int | str:
    return int(text) if len(text) <= 17 and abs(int(text)) <= MAX_NUMBER else text


def _decimal(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _with_escapes(value: Any) -> Any:
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, list):
        return [_with_escapes(inner) for inner in value]
    if isinstance(value, dict):
        return {_printable(name): _with_escapes(inner) for name, inner in value.items()}
    return value


_MOST_DIGITS: Final = 20
"""Longer integers are out of bounds everywhere; Python itself refuses to read those of thousands of digits."""
_MOST_NESTED: Final = 100
"""What lies deeper is left out of an item that is nested without end; what is left is still too deep to be taken."""
_TOKENS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string, to the end of the text where it is not closed, or a bracket."""


def read_json(text: bytes) -> Any:
    """Read JSON; what no field may hold is kept in place for the fields to refuse.

    Raises:
        json.JSONDecodeError: it is not JSON.

    >>> read_json(b'[1, NaN, {"a": 1, "a": 2}]')
    [1, nan, {'a': REPEATED}]
    """
    written = text.decode("utf-8", "surrogateescape")  # a bad byte becomes half a surrogate pair
    try:
        return _DECODER.decode(written)
    except RecursionError:
        return _DECODER.decode(_flattened(written))


def write_json(value: Any) -> bytes:
    """Write what `read_json` read, so that another reader finds the same in it, also what no field takes.

    >>> write_json(read_json(b'[{"a": 1, "a": 2}]'))
    b'[{"a": null, "a": null}]'
    """
    try:
        written = json.dumps(value, ensure_ascii=False)
    except TypeError:  # a name that was given twice
        written = json.dumps(_as_sent(value), ensure_ascii=False)
    return written.encode("utf-8", "surrogatepass")


class _RepeatingObject(dict[str, Any]):
    """An object that is written with the same names twice as were sent twice."""

    def items(self) -> Any:
        return [pair for name, value in super().items() for pair in _sent_pairs(name, value)]


def _sent_pairs(name: str, value: Any) -> list[tuple[str, Any]]:
    return [(name, None), (name, None)] if value is REPEATED else [(name, value)]


def _as_sent(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    if isinstance(value, dict):
        return _RepeatingObject({name: _as_sent(inner) for name, inner in value.items()})
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        given = Counter(name for name, _ in pairs)
        found.update((name, REPEATED) for name, times in given.items() if times > 1)
    return found


def _integer(digits: str) -> int | float:
    if len(digits) <= _MOST_DIGITS:
        return int(digits)
    return -math.inf if digits[0] == "-" else math.inf


_DECODER: Final = json.JSONDecoder(strict=False, object_pairs_hook=_object, parse_int=_integer)


def _flattened(text: str) -> str:
    """Leave out what is nested without end; the brackets round it stay, so that the rest reads as before."""
    kept: list[str] = []
    depth, start = 0, 0
    for token in _TOKENS.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            if depth == _MOST_NESTED + 1:
                kept.append(text[start : token.end()])
        elif mark in "]}":
            if depth == _MOST_NESTED + 1:
                start = token.start()
            depth -= 1
    kept.append(text[start:] if depth <= _MOST_NESTED else "")
    return "".join(kept)


MAX_ID = 200
MAX_MISTAKES = 20
MAX_SEGMENT = 128
"""Longest field name that a pointer repeats: a name of a megabyte is not sent back."""

_SENTENCES = {
    "extra_forbidden": "This field is not known here; leave it out.",
    "missing": "This field is required.",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "Send a JSON object."),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "Send a JSON array."),
    **dict.fromkeys(("bool_type", "bool_parsing"), "Send true or false."),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "Send an integer."),
    **dict.fromkeys(("float_type", "float_parsing"), "Send a number."),
    "string_type": "Send a string.",
    "none_required": "Send null.",
    "too_long": "Give at most {max_length}.",
    "too_short": "Give at least {min_length}.",
    "finite_number": "Give a finite number.",
    "string_unicode": "Send text that is valid Unicode.",
    "timezone_aware": "Give the time a zone, such as 2026-06-01T09:30:00Z.",
    **dict.fromkeys(("date_type", "date_from_datetime_inexact"), "Give a date, such as 2026-06-01."),
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing"), "Give a date, such as 2026-06-01 ({error})."),
    "datetime_type": "Give a time, such as 2026-06-01T09:30:00Z.",
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing"), "Give a time, such as 2026-06-01T09:30:00Z ({error})."
    ),
}
"""What a kind of mistake asks for where pydantic says it in the words of its authors' language."""
_SHAPES = {
    r"^[a-z][a-z0-9_]{0,63}$": (
        "Write it in small letters of a to z, digits and underscores, beginning with a letter, such as order_placed; "
        "at most 64 characters."
    ),
    r"^[a-z0-9_]{1,63}$": "Write it in small letters of a to z, digits and underscores; at most 63 characters.",
    r"^[a-z0-9_-]{1,63}$": (
        "Write it in small letters of a to z, digits, underscores and hyphens; at most 63 characters."
    ),
    r"^[a-z0-9][a-z0-9_-]{0,38}$": (
        "Write it in small letters of a to z, digits, underscores and hyphens, beginning with a letter or a digit; "
        "at most 39 characters."
    ),
    r"^[A-Za-z][A-Za-z0-9_]{0,99}$": (
        "Write it in letters of A to Z, digits and underscores, beginning with a letter; at most 100 characters."
    ),
    r"^[^\x00-\x1f\x7f]*$": "Write it in one line, without control characters.",
    r"^[A-Za-z0-9-]{1,64}$": "Write it in letters of A to Z, digits and hyphens; at most 64 characters.",
    r"^[\x20-\x7e]{1,4000}$": "Write 1 to 4,000 characters of ASCII in one line.",
    r"^[\x20-\x7e]+$": "Write it in ASCII, in one line.",
    r"^[A-Za-z0-9_]{1,64}$": "Give an id as it was answered: letters of A to Z, digits and underscores.",
    r"^([01]\d|2[0-3]):[0-5]\d$": "Give a time of day from 00:00 to 23:59, such as 09:30.",
    r"^[A-Z]{3}$": "Give the currency's code of three capital letters, such as EUR.",
    r"^s\d{1,9}$": "Give the id of a segment, such as s3.",
    r"^[1-9][0-9]{0,8}$": "Give the number of a version, such as 7.",
    r"^\d{1,18}$": "Give the number of a version, such as 7.",
    r"^(channel|campaign|message|properties\.[^\x00-\x1f]{1,100})$": (
        "Give channel, campaign, message or properties.NAME."
    ),
    r"^[a-z][a-z0-9_]{0,63}(,[a-z][a-z0-9_]{0,63}){0,9}$": (
        "Give one to ten event types, separated by commas, such as order_placed,order_shipped."
    ),
}
"""What a pattern asks for, in plain words."""
_BARE, _DATED = "function-before[scalar()", "DatedScalar"


def mistakes(errors: Sequence[Mapping[str, Any]], within: Any, prefix: str = "") -> list[dict[str, str]]:
    """Turn pydantic's error details into JSON pointers; the first twenty mistakes are named.

    Args:
        errors: from `ValidationError.errors()`, their context too.
        within: what was validated; distinguishes names in the data from pydantic's own names of union members.
        prefix: pointer of the validated part within the body, such as `/contacts/3`.

    Returns:
        `pointer` (RFC 6901) and `detail`, each pair once, in order.

    >>> mistakes([{"loc": ("size", "int"), "msg": "Input should be ...", "type": "int_parsing"}], {"size": "x"})
    [{'pointer': '/size', 'detail': 'Send an integer.'}]
    """
    found = dict.fromkeys((prefix + pointer, sentence) for pointer, sentence in _reported_once(errors, within))
    return [{"pointer": pointer, "detail": detail} for pointer, detail in found][:MAX_MISTAKES]


def _reported_once(errors: Sequence[Mapping[str, Any]], within: Any) -> Iterator[tuple[str, str]]:
    # An attribute is a bare or a dated value, and pydantic reports what is wrong with it as either.
    for entry in errors:
        pointer, value = _place(entry, within)
        last = str(entry["loc"][-1]) if entry["loc"] else ""
        if last.startswith(_BARE) and _DATED not in entry["loc"][2:] and isinstance(value, Mapping):
            continue
        if last == _DATED and entry["type"] == "model_type":
            continue
        yield pointer, NAMED_TWICE if value is REPEATED else sentence(entry)


def _place(entry: Mapping[str, Any], within: Any) -> tuple[str, Any]:
    """Return the pointer of a mistake and what lies there."""
    parts = []
    place: Sequence[int | str] = (*entry["loc"], *entry.get("ctx", {}).get("at", ()))
    for number, part in enumerate(place, start=1):
        if _holds(within, part):
            within = within[part]
        elif entry["type"] != "missing" or number < len(place):
            continue
        parts.append(f"/{escaped(part)}")
    return "".join(parts), within


def _holds(within: Any, part: int | str) -> bool:
    if isinstance(within, list):
        return isinstance(part, int) and part < len(within)
    return isinstance(within, Mapping) and part in within


def escaped(part: int | str) -> str:
    """Write a name as a part of a JSON pointer (RFC 6901)."""
    # Half a surrogate pair can be part of a name that was sent, but of no answer.
    written = str(part)[:MAX_SEGMENT].encode(errors="backslashreplace").decode()
    return written.replace("~", "~0").replace("/", "~1")


def sentence(entry: Mapping[str, Any]) -> str:
    """Say what a mistake asks for.

    Args:
        entry: of `ValidationError.errors()`, its context too.

    >>> sentence({"type": "too_long", "msg": "Tuple should ...", "ctx": {"max_length": 10}})
    'Give at most 10.'
    """
    shape = _SHAPES.get(entry.get("ctx", {}).get("pattern", ""))
    if shape is not None:
        return shape
    ours = _SENTENCES.get(entry["type"])
    if ours is None:
        return str(entry["msg"]).removeprefix("Value error, ")
    return ours.format_map(entry.get("ctx", {}))


def repeatable_id(raw: Any) -> str | None:
    """Return the id of an invalid item where it can be repeated safely."""
    given = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID or not given.isprintable():
        return None
    return given
