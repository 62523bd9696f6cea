"""What a column holds, found over all its values: a type for the column, never one for each cell.

`ColumnProfile` counts what each value looks like, in bounded memory; profiles of parts of a file are merged. `decide`
chooses the type that nearly all values have, and `reader` reads values as that type.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.values.instants import DateOrder, is_iso, read_time
from shared.values.looks import MAX_LINES, ColumnProfile, Look
from shared.values.numbers import DecimalMark, absent_mark, read_number
from shared.values.unreadable import Unreadable
from shared.values.words import WRITTEN_TRUTHS, cleaned, is_missing, read_truth, same_name_key

Kind = Literal["empty", "boolean", "whole", "decimal", "date", "instant", "text"]
Question = Literal["decimal", "date_order"]
"""What a person has to say before the column can be read as what it seems to be."""
Value = str | int | float | bool | None

NEARLY_ALL: Final = 0.95
"""A column is what this share of its values is; the others become missing, and are counted."""
MIN_WHOLES: Final = 3
MIN_COMMAS: Final = 20

_NUMBERS: Final[frozenset[Look]] = frozenset(
    {
        "bit",
        "whole",
        "float",
        "point",
        "comma",
        "grouped_point",
        "grouped_comma",
        "grouped",
        "spelled",
        "scientific",
        "rounded",
    }
)
_WHOLES: Final[frozenset[Look]] = frozenset({"bit", "whole"})
_GROUPED: Final[frozenset[Look]] = frozenset({"grouped"})
_EITHER_NUMBERS: Final[frozenset[Look]] = frozenset({"either_point", "either_comma"})
_NONE: Final[frozenset[Look]] = frozenset()
_TRUTHS: Final[frozenset[Look]] = frozenset({"truth", "yes_no"})
_TIMES: Final[frozenset[Look]] = frozenset({"date", "local", "instant", "day_first", "month_first"})
_EITHER_TIMES: Final[frozenset[Look]] = frozenset({"either_order"})
_VERSIONS: Final = ("version", "release", "build", "firmware")
_CODES: Final = ("zip", "postal", "postcode", "plz", "sku", "ean", "gtin", "isbn", "barcode", "phone", "code")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a column is read as, and what of it does not fit."""

    name: str
    kind: Kind
    decimal: DecimalMark | None = None
    """The mark that begins decimals; None: no value needs it."""
    order: DateOrder | None = None
    """Of day and month; None: no value needs it."""
    percent: bool = False
    """Whether the numbers are written with a percent sign, and are that many per cent."""
    count: int = 0
    missing: int = 0
    unreadable: int = 0
    """Values that are not of the kind and become missing."""
    unreadable_lines: tuple[int, ...] = ()
    """The first few of their lines."""
    respelled: int = 0
    """Values that are read though most are written otherwise, such as `1,234.50` among plain numbers."""
    respelled_lines: tuple[int, ...] = ()
    rounded: int = 0
    """Values of which a spreadsheet kept the first digits only: `1.23457E+14`."""
    rounded_lines: tuple[int, ...] = ()
    question: Question | None = None
    """Set where the column is text only because nobody said this."""


def decide(profile: ColumnProfile, *, decimal: DecimalMark | None = None, order: DateOrder | None = None) -> ColumnType:
    """Choose what a column is: what nearly all its values are, else text.

    Args:
        profile: of all its values.
        decimal: the mark that begins decimals, as a person says; else found over the column.
        order: of day and month, as a person says; else found over the column.

    >>> profile = ColumnProfile("price")
    >>> profile.add_all(["49,90", "1.299,00", "n/a"], first_line=2)
    >>> decide(profile).kind, decide(profile).decimal
    ('decimal', 'comma')
    """
    looks = profile.looks
    mark = decimal or _mark(profile)
    days = order or order_of_counts(looks["day_first"], looks["month_first"])
    if not profile.filled:
        return _typed(profile, "empty", frozenset(looks))
    for kind, fitting in _candidates(profile, mark, days):
        if _share(profile, fitting) >= NEARLY_ALL:
            return _typed(profile, kind, fitting, decimal=mark, order=days)
    question: Question | None = None
    if mark is None and not _is_code(profile) and _share(profile, _NUMBERS | _EITHER_NUMBERS) >= NEARLY_ALL:
        question = "decimal"
    elif days is None and _share(profile, _TIMES | _EITHER_TIMES) >= NEARLY_ALL:
        question = "date_order"
    return _typed(profile, "text", frozenset(looks), question=question)


def reader(column: ColumnType) -> Callable[[Any], Value]:
    """Make the function that reads values of a column.

    Returns:
        It gives None for what is missing, and raises `Unreadable` for what is not of the column's kind. Times are
        given as ISO 8601 text, as attributes are kept: dates as `2026-05-03`, instants with their zone where they
        name one; ISO text stays as it is.

    >>> read = reader(ColumnType("price", "decimal", decimal="comma"))
    >>> read("1.299"), read("49,90"), read("n/a")
    (1299, 49.9, None)
    """
    parse: Callable[[Any], Value] = {
        "empty": _read_text,
        "boolean": _read_boolean,
        "whole": lambda value: _read_number(value, column),
        "decimal": lambda value: _read_number(value, column),
        "date": lambda value: _read_date(value, column),
        "instant": lambda value: _read_time(value, column),
        "text": _read_text,
    }[column.kind]
    return lambda value: None if is_missing(value) else parse(value)


def _candidates(
    profile: ColumnProfile, mark: DecimalMark | None, order: DateOrder | None
) -> Iterable[tuple[Kind, frozenset[Look]]]:
    looks = profile.looks
    if any(looks[look] for look in _TRUTHS):
        yield "boolean", _TRUTHS | {"bit"}
    if not _is_code(profile) and not _is_versions(profile):
        loose: frozenset[Look] = frozenset({"padded", "code"})
        if looks["percent"] >= NEARLY_ALL * profile.filled:
            yield "decimal", _NUMBERS | {"percent"}
        wholes = _WHOLES | loose | _EITHER_NUMBERS | _GROUPED
        yield "whole", wholes if looks["whole"] + looks["bit"] >= NEARLY_ALL * profile.filled else _NONE
        yield "decimal", _NUMBERS | loose | (_EITHER_NUMBERS if mark else frozenset())
    times = _TIMES | (_EITHER_TIMES if order else frozenset())
    has_clock = looks["local"] + looks["instant"] + profile.timed
    yield ("instant" if has_clock else "date"), times


def _mark(profile: ColumnProfile) -> DecimalMark | None:
    """Find the mark that begins decimals: as values show it, else by what always stands behind a mark.

    Decimals that are always three, never fewer, beside numbers that have none, are thousands: `1,299` beside `912`.
    So are twenty values with a comma, for one of as many would be below one (`0,250`); not with a point, which
    programs write with three decimals.
    """
    looks = profile.looks
    shown = mark_of_counts(
        looks["point"] + looks["grouped_point"] + looks["float"], looks["comma"] + looks["grouped_comma"]
    )
    if shown or looks["point"] or looks["comma"]:
        return shown
    commas, points, wholes = looks["either_comma"], looks["either_point"], looks["whole"] + looks["bit"]
    beside = wholes >= MIN_WHOLES and not profile.thousands
    if commas and not points and (commas >= MIN_COMMAS or (beside and commas >= MIN_WHOLES)):
        return "point"
    return "comma" if points >= MIN_WHOLES and not commas and beside else None


def mark_of_counts(points: int, commas: int) -> DecimalMark | None:
    """Choose the mark that nearly all values show that show any: nine of ten, at least.

    >>> mark_of_counts(99, 1), mark_of_counts(3, 2)
    ('point', None)
    """
    if points >= 9 * commas and points:
        return "point"
    return "comma" if commas >= 9 * points and commas else None


def order_of_counts(day_first: int, month_first: int) -> DateOrder | None:
    """Choose the order that all dates show that show any.

    >>> order_of_counts(3, 0), order_of_counts(3, 1)
    ('dmy', None)
    """
    if day_first and not month_first:
        return "dmy"
    return "mdy" if month_first and not day_first else None


def _share(profile: ColumnProfile, fitting: frozenset[Look]) -> float:
    return sum(profile.looks[look] for look in fitting) / profile.filled


def _is_code(profile: ColumnProfile) -> bool:
    """Whether digits are letters here: `0012`, `1E5`, numbers of one width that begin with a zero."""
    padded, codes = profile.looks["padded"], profile.looks["code"]
    if not padded and not codes:
        return False
    if padded + codes > (1 - NEARLY_ALL) * profile.filled:
        return True
    key = same_name_key(profile.name)
    return padded > 0 and (len(profile.widths) == 1 or any(word in key for word in _CODES))


def _is_versions(profile: ColumnProfile) -> bool:
    """Whether decimals are parts of a version here: `1.10` is not `1.1`; nothing else is written both ways."""
    if not profile.looks["point"]:
        return False
    if any(word in same_name_key(profile.name) for word in _VERSIONS):
        return True
    pointed = [text for text in profile.distinct if text.count(".") == 1]
    stripped = Counter(text.rstrip("0") for text in pointed)
    return any(number > 1 for number in stripped.values())


def _typed(
    profile: ColumnProfile,
    kind: Kind,
    fitting: frozenset[Look],
    *,
    decimal: DecimalMark | None = None,
    order: DateOrder | None = None,
    question: Question | None = None,
) -> ColumnType:
    looks = profile.looks
    is_number = kind in ("whole", "decimal")
    unread = [look for look in looks if look not in fitting and look != "missing"]
    respelled = _respelled(looks, decimal) if is_number else []
    return ColumnType(
        profile.name,
        kind,
        decimal=decimal if kind == "decimal" else None,
        order=order if kind in ("date", "instant") else None,
        percent="percent" in fitting and is_number,
        count=profile.count,
        missing=profile.missing,
        unreadable=sum(looks[look] for look in unread),
        unreadable_lines=_first_lines(profile, unread),
        respelled=sum(looks[look] for look in respelled),
        respelled_lines=_first_lines(profile, respelled),
        rounded=looks["rounded"],
        rounded_lines=_first_lines(profile, ["rounded"]),
        question=question,
    )


def _respelled(looks: Counter[Look], decimal: DecimalMark | None) -> list[Look]:
    """List the looks that fewer values have than are plain, so that they are worth a word."""
    usual: set[Look] = {"bit", "whole", "float", "either_point" if decimal == "point" else "either_comma"}
    usual |= {"point"} if decimal != "comma" else {"comma"}
    others = [look for look in (*_NUMBERS, *_EITHER_NUMBERS, "padded", "code") if looks[look] and look not in usual]
    plain = sum(looks[look] for look in usual)
    return [look for look in others if looks[look] < plain]


def _first_lines(profile: ColumnProfile, looks: Iterable[Look]) -> tuple[int, ...]:
    return tuple(sorted(line for look in looks for line in profile.lines.get(look, []))[:MAX_LINES])


def _read_text(value: Any) -> Value:
    if isinstance(value, str):
        return cleaned(value) if not value.isascii() and cleaned(value) != value.strip() else value.strip()
    return value  # type: ignore[no-any-return]


def _read_boolean(value: Any) -> Value:
    if not isinstance(value, str):
        if value not in (0, 1):
            raise Unreadable("It is neither yes nor no.")
        return bool(value)
    plain = value.strip().lower()
    if plain in WRITTEN_TRUTHS:
        return WRITTEN_TRUTHS[plain]
    if read_truth(plain) is None:
        raise Unreadable("It is neither yes nor no.")
    return value.strip()


def _read_number(value: Any, column: ColumnType) -> Value:
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    # Where no value has decimals, a mark before three digits is between thousands.
    decimal = column.decimal or (absent_mark(text) if column.kind == "whole" else None)
    number = read_number(text, decimal=decimal)
    if number.percent and not column.percent:
        raise Unreadable("It is a percentage among plain numbers.")
    return number.value


def _read_date(value: Any, column: ColumnType) -> Value:
    return read_time(str(value), order=column.order).date().isoformat()


def _read_time(value: Any, column: ColumnType) -> Value:
    text = str(value).strip()
    found = read_time(text, order=column.order)
    return text if is_iso(text) else found.isoformat()
