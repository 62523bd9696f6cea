"""JSON from outside, read so that one bad item of a thousand costs that item and no other.

What a strict reader refuses the whole text for becomes a value that no field takes, so that the item that holds it is
found invalid where it stands: half a surrogate pair, a byte that is no UTF-8, NUL, NaN and Infinity, a number of
thousands of digits, a name given twice, nesting without end.
"""

import json
import math
import re
from collections import Counter
from typing import Any, Final

from shared.contracts.bounds import REPEATED

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
