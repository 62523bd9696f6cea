"""What a value may be at every entrance, so that every reader can read it: one place for files, API and webhooks.

A number lies within what all of them keep exactly: JSON clients, orjson, numpy, PostgreSQL and SQLite (RFC 8259,
section 6; RFC 7493, section 2.2). A text is valid Unicode without NUL, which PostgreSQL cannot keep.
"""

import json
import math
import re
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
