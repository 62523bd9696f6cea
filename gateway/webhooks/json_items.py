"""Split a foreign JSON body into items, so that one damaged item does not cost the others. Pure.

A sound body is read in one go. In any other the items are found by their brackets, in the bytes as they came, and each
is read alone: a bad byte, NUL, half a surrogate pair, a name that stands there twice with two values, a number of
thousands of digits or too deep nesting then belong to one item. A body that ends in the middle is refused as a whole:
nobody knows how much of it is missing, and the provider sends it again.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import BadRequest

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89abcdefABCDEF])")
"""Escapes of characters that no text may hold."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.$ -]{1,40}")
_SPACE: Final = b" \t\r\n"
_CLOSING: Final = {b"[": b"]", b"{": b"}"}
_BOM: Final = b"\xef\xbb\xbf"

_CUT: Final = "The body is not JSON, or ends in the middle."


class _Unreadable(ValueError):
    """Why a document cannot be read, as a sentence without any value of it."""


@dataclass(frozen=True, slots=True)
class DamagedItem:
    """An item that cannot be taken as it came."""

    reason: str
    """A sentence without any value of it."""
    readable: Any
    """What is left without the damage, for the dead letter; None: nothing."""


def items(body: bytes) -> list[Any]:
    """Split a body into items: an array of items, one item alone, or one item a line.

    Returns:
        JSON values, with `DamagedItem` in the place of each that cannot be read.

    Raises:
        BadRequest: the ends of its items cannot be found.
    """
    try:
        found = _read(body)
    except _Unreadable:
        raw = body.removeprefix(_BOM).strip(_SPACE)
        if raw[:1] == b"[":
            return [_item(part) for part in _parts(raw)]
        return [_item(part) for part in _documents(raw)]
    return found if isinstance(found, list) else [found]


def envelope(body: bytes, name: str) -> tuple[Mapping[str, Any], list[Any] | None]:
    """Split an object that holds its items in a list, beside fields that they share.

    Args:
        body: as it came.
        name: of the list.

    Returns:
        The fields beside the list, without damage, and the items as `items` returns them; None: there is no list.

    Raises:
        BadRequest: it is no object, or the ends of its parts cannot be found.
    """
    try:
        read = _read(body)
    except _Unreadable:
        raw = body.removeprefix(_BOM).strip(_SPACE)
        if raw[:1] != b"{":
            raise BadRequest(_CUT) from None
        members = dict(_members(raw))
        listed = members.pop(name, None)
        shared = {key: lenient(value) for key, value in members.items()}
        if listed is None or listed[:1] != b"[":
            return shared | ({} if listed is None else {name: lenient(listed)}), None
        return shared, [_item(part) for part in _parts(listed)]
    if not isinstance(read, dict):
        raise BadRequest("The body is not a JSON object.")
    found = read.get(name)
    beside = {key: value for key, value in read.items() if key != name}
    return (beside, found) if isinstance(found, list) else (read, None)


def single_item(body: bytes) -> Any:
    """Read a body that is one item.

    Returns:
        The value, or `DamagedItem`.

    Raises:
        BadRequest: it ends in the middle.
    """
    try:
        return _read(body)
    except _Unreadable:
        raw = body.removeprefix(_BOM).strip(_SPACE)
        if raw[:1] == b"[":
            list(_parts(raw))
            return _item(raw)
        found = list(_documents(raw))
        if len(found) != 1:
            raise BadRequest("The body is more than one JSON document.") from None
        return _item(found[0])


def lenient(body: bytes, *, keeps_damage: bool = False) -> Any:
    """Return what can be read of a document; None: nothing.

    For fields that are needed before a request is verified, and for what is left of a damaged item.

    Args:
        body: as it came.
        keeps_damage: whether half characters are kept, because they are signed, and not replaced.
    """
    try:
        read = json.loads(body.removeprefix(_BOM).decode("utf-8", "replace"), strict=False)
        return read if keeps_damage else _cleaned(read)
    except (ValueError, RecursionError):
        return None


def map_item(change: Callable[[Any], Any], item: Any) -> Any:
    """Change an item, or what is left of a damaged one."""
    return DamagedItem(item.reason, change(item.readable)) if isinstance(item, DamagedItem) else change(item)


def _item(raw: bytes) -> Any:
    try:
        return _read(raw)
    except _Unreadable as error:
        return DamagedItem(str(error), lenient(raw))


def _read(raw: bytes) -> Any:
    """Read one document strictly.

    Raises:
        _Unreadable: says why, in words for the account.
    """
    try:
        text = raw.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise _Unreadable("It holds a byte that is no UTF-8.") from error
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise _Unreadable("It is nested too deep.") from error
    except _Unreadable:
        raise
    except ValueError as error:
        raise _Unreadable(_cause(error)) from error
    if _SUSPECT.search(raw) and any(_NO_TEXT.search(text) for text in _texts(found)):
        raise _Unreadable("A text in it holds NUL or half a surrogate pair: a character that was cut in two.")
    return found


def _cause(error: ValueError) -> str:
    message = error.msg if isinstance(error, json.JSONDecodeError) else ""
    if message.startswith("Invalid control character"):
        return "A text in it holds a bare control character, such as NUL or a line break."
    return "It is not JSON." if message else "A number in it has thousands of digits."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        for name, value in pairs:
            if found[name] != value:
                subject = f"{name} stands" if _NAME.fullmatch(name) else "A name stands"
                raise _Unreadable(f"{subject} in it twice, with two values.")
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts of a document, names too, without recursion."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left.extend(value)
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(inner) for name, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _tokens(raw: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield the brackets and commas outside of texts: the token, its start and end, and the depth before it.

    Raises:
        BadRequest: brackets or quotes are not closed, or closed by another one.
    """
    waiting: list[bytes] = []
    for found in _TOKEN.finditer(raw):
        token, depth = found[0], len(waiting)
        if token in _CLOSING:
            waiting.append(_CLOSING[token])
        elif token in (b"]", b"}"):
            if not waiting or waiting.pop() != token:
                raise BadRequest(_CUT)
            depth -= 1
        elif token == b'"':  # a quote that is not closed
            raise BadRequest(_CUT)
        elif token != b",":
            continue
        yield token, found.start(), found.end(), depth
    if waiting:
        raise BadRequest(_CUT)


def _parts(raw: bytes) -> Iterator[bytes]:
    """Split the inside of an array or an object at its commas."""
    begin, last = 1, 0
    for token, start, end, depth in _tokens(raw):
        if depth == 1 and token == b",":
            yield raw[begin:start].strip(_SPACE)
            begin = end
        elif depth == 0 and start > 0:
            last = start
            break
    inside = raw[begin:last].strip(_SPACE)
    if raw[last + 1 :].strip(_SPACE):
        raise BadRequest(_CUT)
    if inside or begin > 1:
        yield inside


def _members(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for part in _parts(raw):
        named = _TOKEN.match(part)
        name, rest = (b"", part) if named is None else (named[0], part[named.end() :].lstrip(_SPACE))
        key = lenient(name)
        if isinstance(key, str) and rest[:1] == b":":
            yield key, rest[1:].strip(_SPACE)


def _documents(raw: bytes) -> Iterator[bytes]:
    """Yield objects that follow each other; if each has a line of its own, also those that are not closed."""
    lines = [line.strip(_SPACE) for line in raw.split(b"\n") if line.strip(_SPACE)]
    if len(lines) > 1 and all(line[:1] == b"{" for line in lines):
        yield from lines
        return
    begin = end = 0
    for token, start, stop, depth in _tokens(raw):
        if depth == 0 and token in _CLOSING:
            begin = start
            if raw[end:start].strip(_SPACE):
                raise BadRequest(_CUT)
        elif depth == 0 and token in (b"]", b"}"):
            yield raw[begin:stop]
            end = stop
    if end == 0 or raw[end:].strip(_SPACE):
        raise BadRequest(_CUT)
