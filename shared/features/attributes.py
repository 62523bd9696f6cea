"""Attribute features: the value valid at the cutoff, as a number."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bounds import MAX_NUMBER
from shared.contracts.rows import DAY
from shared.features.feature import Feature
from shared.timeline.pasts import AttributeColumn, Pasts
from shared.values.instants import DateOrder, read_time
from shared.values.missing import is_missing
from shared.values.numbers import DecimalMark, absent_mark, read_number
from shared.values.unreadable import Unreadable

_TRUE = frozenset({"true", "yes", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "n", "f", "0"})


def attribute_column(
    feature: Feature, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute one attribute feature for each frame, shape (n,); NaN where nothing is known or it does not parse."""
    stored = pasts.attributes.get(feature.attribute or "")
    result = np.full(len(contact), np.nan)
    if stored is None:
        return result
    entry = entry_at(stored, contact, cutoff)
    found = entry >= 0
    parse = parser_of(feature)
    numbers = np.array([parse(value) for value in stored.value], dtype=np.float64)
    result[found] = numbers[entry[found]]
    if feature.kind == "date":
        result = cutoff / DAY - result
    return result


def entry_at(stored: AttributeColumn, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the entry that is valid at each cutoff: the last one whose `valid_from` lies before it; -1: none."""
    if len(contact) == 1:
        begin, end = stored.contact.searchsorted([contact[0], contact[0] + 1]).tolist()
        last = begin + stored.valid_from[begin:end].searchsorted(cutoff) - 1
        return np.where(last >= begin, last, -1).astype(np.int64)
    n = len(stored.contact)
    # One searchable key: entries are sorted by contact, then valid_from; ranks keep it inside 64 bits.
    instants, rank = np.unique(stored.valid_from, return_inverse=True)
    width = len(instants) + 1
    key = stored.contact.astype(np.int64) * width + rank
    wanted = contact.astype(np.int64) * width + np.searchsorted(instants, cutoff, side="left") - 1
    position = np.searchsorted(key, wanted, side="right") - 1
    valid = (position >= 0) & (stored.contact[np.clip(position, 0, n - 1)] == contact)
    return np.where(valid, position, -1).astype(np.int64)


def parser_of(feature: Feature) -> Callable[[Any], float]:
    """Choose how a stored value of this feature becomes a number."""
    if feature.kind == "categorical":
        place = {name: float(code) for code, name in enumerate(feature.categories)}
        return lambda value: as_category(value, place)
    if feature.kind == "numeric":
        return lambda value: as_number(value, feature.decimal, is_whole=feature.is_whole)
    return as_boolean if feature.kind == "boolean" else lambda value: as_days(value, feature.date_order)


def as_number(value: Any, decimal: DecimalMark | None = None, *, is_whole: bool = False) -> float:
    """Read a number as its column wrote them; NaN when it is none, or a text of one that no attribute could be.

    >>> as_number("12.5"), as_number(3), as_number("1,234.50"), as_number("1.234,50", "comma"), as_number("1e300")
    (12.5, 3.0, 1234.5, 1234.5, nan)
    >>> as_number("41,250"), as_number("41,250", is_whole=True), as_number(True)
    (nan, 41250.0, nan)
    """
    if is_missing(value) or isinstance(value, bool):
        return np.nan
    try:
        if isinstance(value, str):
            value = read_number(value, decimal=absent_mark(value) if is_whole else decimal).value
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # what does not read is a ValueError too
        return np.nan
    return number if abs(number) <= MAX_NUMBER else np.nan


def as_boolean(value: Any) -> float:
    """Read yes or no as 1 or 0; NaN when it is neither.

    >>> as_boolean("Yes"), as_boolean(False)
    (1.0, 0.0)
    """
    if isinstance(value, (bool, int, float)):
        return float(value) if value in (0, 1) else np.nan
    text = str(value).strip().lower()
    return 1.0 if text in _TRUE else 0.0 if text in _FALSE else np.nan


def as_days(value: Any, order: DateOrder | None = None) -> float:
    """Read a date or instant as days since 1970-01-01, as its column wrote them; NaN when it is none.

    >>> as_days("1970-01-03"), as_days("04.01.1970", "dmy")
    (2.0, 3.0)
    """
    if not isinstance(value, str) or is_missing(value):
        return np.nan
    try:
        instant = read_time(value, order=order)
    except Unreadable:
        return np.nan
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return aware.timestamp() / 86_400


def as_text(value: Any) -> str:
    """Name a category."""
    return str(value).strip()


def as_category(value: Any, place: dict[str, float]) -> float:
    """Code a category; one never seen shares the code after the last; NaN when nothing is filled in."""
    code = place.get(as_text(value))  # first: a model of before may have learned a word that means missing today
    if code is not None:
        return code
    return np.nan if is_missing(value) else float(len(place))
