"""What a value from outside may be, how JSON is read, and how mistakes are named: one place for files, API, webhooks.

A number lies within what all readers keep exactly: JSON clients, orjson, numpy, PostgreSQL and SQLite (RFC 8259,
section 6; RFC 7493, section 2.2). A text is valid Unicode without NUL, which PostgreSQL cannot keep.

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

MAX_NUMBER: Final = 2**53 - 1
MAX_TEXT_CHARACTERS: Final = 2_000
MAX_NAME_CHARACTERS: Final = 128
MAX_ATTRIBUTES: Final = 500
MAX_PROPERTIES: Final = 200
MAX_PROPERTIES_CHARACTERS: Final = 20_000
MAX_DEPTH: Final = 16
"""Objects and lists inside one another in `properties`."""

_NUMBER: Final = (
    f"a number lies between -{MAX_NUMBER:,} and {MAX_NUMBER:,}; send longer ones, such as order numbers, as text"
)
_NAN: Final = "must be a finite number"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_SCALAR: Final = "must be a string, a number, true, false or null"

REPEATED: Final = type("Repeated", (), {"__repr__": lambda _: "REPEATED", "__slots__": ()})()
"""Stands for the value of a name that an object gives twice; no field takes it."""
NAMED_TWICE: Final = "This name is given twice in one object; give it once."


class OutOfBounds(ValueError):
    """A value that some reader could not read."""

    def __init__(self, reason: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place
        """Names and numbers that lead to it from where was looked."""


def scalar(value: Any) -> Any:
    """Check a JSON scalar, as attributes have.

    Returns:
        The value itself.

    Raises:
        OutOfBounds: it is none, or too long, or some reader could not read it.

    >>> scalar(2**53 - 1), scalar("Paris"), scalar(None)
    (9007199254740991, 'Paris', None)
    """
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise OutOfBounds(f"at most {MAX_TEXT_CHARACTERS:,} characters")
    if isinstance(value, (dict, list)):
        raise OutOfBounds(_NO_SCALAR)
    reason = _fault(value)
    if reason:
        raise OutOfBounds(reason)
    return value


def readable(value: str) -> str:
    """Check a text alone, as `scalar` does.

    Raises:
        OutOfBounds: it is no Unicode, or holds NUL.
    """
    reason = _fault(value)
    if reason:
        raise OutOfBounds(reason)
    return value


def no_control(value: str) -> str:
    """Check a name or an id.

    Raises:
        OutOfBounds: it holds control characters.
    """
    # Most texts are printable throughout, which is many times cheaper to ask.
    if not value.isprintable() and _CONTROL.search(value):
        raise OutOfBounds("must not contain control characters")
    return value


def json_object(value: dict[str, Any]) -> dict[str, Any]:
    """Check a JSON object, as `properties` are: its depth, its size, and every value and name in it.

    Raises:
        OutOfBounds: says what is wrong and where.
    """
    _check(value, (), MAX_DEPTH)
    if len(json.dumps(value, separators=(",", ":"))) > MAX_PROPERTIES_CHARACTERS:
        raise OutOfBounds(f"at most {MAX_PROPERTIES_CHARACTERS:,} characters of JSON")
    return value


def checked_object(value: dict[str, Any]) -> dict[str, Any]:
    """Do the same as `json_object` where pydantic asks; `mistakes` reads the place."""
    try:
        return json_object(value)
    except OutOfBounds as error:
        raise PydanticCustomError("out_of_bounds", "{reason}", {"reason": error.reason, "at": error.place}) from None


def are_plain(values: Sequence[Any]) -> bool:
    r"""Whether each is what `scalar` takes; False too where only a look at each could say so.

    >>> are_plain([1, None, "Paris", True]), are_plain(["two\nlines"]), are_plain([float("nan")])
    (True, False, False)
    """
    kinds = frozenset(map(type, values))
    if not kinds <= _SCALARS:
        return False
    texts, numbers = _of_kinds(values, kinds, _TEXTS), _of_kinds(values, kinds, _NUMBERS)
    within = not numbers or (
        min(numbers) >= -MAX_NUMBER and max(numbers) <= MAX_NUMBER and not math.isnan(sum(numbers))
    )
    return within and max(map(len, texts), default=0) <= MAX_TEXT_CHARACTERS and "".join(texts).isprintable()


_TEXTS, _NUMBERS = frozenset({str}), frozenset({int, float})
_SCALARS: Final = _TEXTS | _NUMBERS | {bool, type(None)}


def _of_kinds(values: Sequence[Any], present: frozenset[type], wanted: frozenset[type]) -> Sequence[Any]:
    if present <= wanted:
        return values
    return () if present.isdisjoint(wanted) else [one for one in values if one.__class__ in wanted]


def read_scalar(text: str) -> tuple[Any, bool]:
    """Read a stored scalar; one that was taken in before there were bounds, and breaks them, is missing.

    Args:
        text: JSON.

    Returns:
        The value, and whether it could be read; one that could not is None.

    >>> read_scalar("12"), read_scalar("9" * 309)
    ((12, True), (None, False))
    """
    try:
        return scalar(orjson.loads(text)), True
    except ValueError:
        return None, False


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


def _check(value: Any, place: tuple[str | int, ...], depth: int) -> None:
    if not isinstance(value, (dict, list)):
        reason = _fault(value)
        if reason:
            raise OutOfBounds(reason, place)
        return
    if depth == 0:
        raise OutOfBounds(f"at most {MAX_DEPTH} objects and lists inside one another", place)
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        reason = _fault(name)
        if reason:
            raise OutOfBounds(reason, place)
        _check(inner, (*place, name), depth - 1)


def _fault(value: Any) -> str | None:
    """Say what is wrong with a value that is no object and no list; None: nothing."""
    if isinstance(value, str):
        return None if value.isprintable() else _fault_of_text(value)  # most are, half a surrogate pair is not
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return None if -MAX_NUMBER <= value <= MAX_NUMBER else _NAN if value != value else _NUMBER
    return NAMED_TWICE if value is REPEATED else _NO_SCALAR


def _fault_of_text(value: str) -> str | None:
    if "\x00" in value:
        return "text must not contain the character NUL"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "text must be valid Unicode, without half a surrogate pair"
    return None


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
    "timezone_aware": "Give the time a zone, such as 2026-06-01T09:30:00Z.",
    "finite_number": "Give a finite number.",
    "model_type": "Send a JSON object.",
    "dict_type": "Send a JSON object.",
    "list_type": "Send a JSON array.",
    "string_unicode": "Send text that is valid Unicode.",
}
_SHAPES = {
    r"^[a-z][a-z0-9_]{0,63}$": (
        "Write it in small letters of a to z, digits and underscores, beginning with a letter, such as order_placed; "
        "at most 64 characters."
    ),
    r"^[a-z0-9_]{1,63}$": "Write it in small letters of a to z, digits and underscores; at most 63 characters.",
    r"^[A-Z]{3}$": "Give the currency's code of three capital letters, such as EUR.",
}
"""What a pattern asks for, in plain words."""
_BARE, _DATED = "function-before[scalar()", "DatedScalar"


def mistakes(errors: Sequence[Mapping[str, Any]], within: Any, prefix: str = "") -> list[dict[str, str]]:
    """Turn pydantic's error details into JSON pointers; the first twenty mistakes are named.

    Args:
        errors: from `ValidationError.errors()`.
        within: what was validated; distinguishes names in the data from pydantic's own names of union members.
        prefix: pointer of the validated part within the body, such as `/contacts/3`.

    Returns:
        `pointer` (RFC 6901) and `detail`, each pair once, in order.

    >>> mistakes([{"loc": ("size", "int"), "msg": "Not a number", "type": "int_parsing"}], {"size": "x"})
    [{'pointer': '/size', 'detail': 'Not a number'}]
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
        yield pointer, NAMED_TWICE if value is REPEATED else _sentence(entry)


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


def _sentence(entry: Mapping[str, Any]) -> str:
    shape = _SHAPES.get(entry.get("ctx", {}).get("pattern", ""))
    if shape is not None:
        return shape
    return _SENTENCES.get(entry["type"], str(entry["msg"]).removeprefix("Value error, "))


def repeatable_id(raw: Any) -> str | None:
    """Return the id of an invalid item where it can be repeated safely."""
    given = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID or not given.isprintable():
        return None
    return given
