"""What is wrong with a payload, with its place; the payload itself is never repeated."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.contracts.bounds import NAMED_TWICE, REPEATED

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
        within: what was validated; tells names in the data from pydantic's own names of union members.
        prefix: pointer of the validated part within the body, such as `/contacts/3`.

    Returns:
        `pointer` (RFC 6901) and `detail`, each pair once, in order.

    >>> mistakes([{"loc": ("size", "int"), "msg": "Not a number", "type": "int_parsing"}], {"size": "x"})
    [{'pointer': '/size', 'detail': 'Not a number'}]
    """
    found = dict.fromkeys((prefix + pointer, sentence) for pointer, sentence in _told_once(errors, within))
    return [{"pointer": pointer, "detail": detail} for pointer, detail in found][:MAX_MISTAKES]


def _told_once(errors: Sequence[Mapping[str, Any]], within: Any) -> Iterator[tuple[str, str]]:
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
    """Tell the pointer of a mistake and what lies there."""
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
