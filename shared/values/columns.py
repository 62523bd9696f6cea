"""What a column holds, found over all its values: a type for the column, never one for each cell.

`look_of` names what one value looks like, `ColumnProfile` counts that in bounded memory (profiles of parts of a file
are merged), and `decide` chooses the type that nearly all values have.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from shared.values.instants import DateOrder, read_time, shown_order
from shared.values.numbers import MAX_CHARACTERS, MAX_WHOLE, DecimalMark, read_number, shown_mark
from shared.values.unreadable import Ambiguous, Unreadable
from shared.values.words import WRITTEN_TRUTHS, cleaned, is_missing, same_name_key

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
    """Set where the column is text only because this is not known."""


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
