"""Times in the usual spellings; a time is read only where its zone, and the order of its day and month, are known.

A local time that a clock shows twice (the hour that is set back) is the first of the two; one that no clock shows (the
hour that is skipped) is as much later as the clock jumps. `zones.is_shifted` finds both, so that they can be counted.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal

from shared.values.unreadable import Ambiguous, NaiveTime, Unreadable
from shared.values.words import cleaned
from shared.values.zones import named_zone

_FULL: Final = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber maerz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
)
_SHORT: Final = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mär apr mai jun jul aug sept okt nov dez",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "ene feb mar abr may jun jul ago set oct nov dic",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
)


def _numbered() -> dict[str, int]:
    found: dict[str, int] = {}
    for line in (*_FULL, *_SHORT):
        for number, name in enumerate(line.split(), start=1):
            if found.setdefault(name, number) != number:
                raise AssertionError(name)
    return found


MONTHS: Final = _numbered()
"""Number of a month by its name in small letters; no name stands for two."""


DateOrder = Literal["dmy", "mdy"]
"""What `05/03/2026` means: 5 March or May 3."""
Count = Literal["seconds", "milliseconds", "spreadsheet"]
"""What a number alone counts: since 1970, or days since the last of 1899 as spreadsheets do."""

FIRST_YEAR, LAST_YEAR = 1900, 2200
MAX_CHARACTERS: Final = 80
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_COMPACT = re.compile(r"(?:19|20|21)[0-9]{6}(?:[0-9]{4}|[0-9]{6})?")
_COMPACT_TIME = re.compile(r"(?:19|20|21)[0-9]{6}T[0-9]{4,6}(?:\.[0-9]+)?(?:Z|[+-][0-9:]{2,5})?")
_CLOCK = (
    r"(?P<hour>[0-9]{1,2})[:.h](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?(?![a-z]))?(?:\s*uhr)?"
)
_ZONE = (
    r"(?P<zone>[a-z]{1,5}(?:[+-][0-9]{1,2}(?::?[0-9]{2})?)?|[+-][0-9]{1,2}(?::?[0-9]{2})?|[a-z]+(?:/[a-z_+-]+){1,2})"
)
_NAMED = r"(?:\s*[\[(](?P<name>[a-z0-9/_+ -]+)[\])])?"
_TAIL = re.compile(
    rf"(?:[t,]?\s*(?:at |um |à )?{_CLOCK}(?:\s*{_ZONE}(?:\s+(?:utc|gmt|[a-z]+/[a-z_/]+))?)?{_NAMED}"
    r"|(?P<day_zone>z|[+-][0-9]{2}:[0-9]{2}))?",
    re.IGNORECASE,
)
_NUMERIC = re.compile(
    r"(?P<first>[0-9]{1,4})(?P<mark>[-/. ])\s?(?P<middle>[0-9]{1,2})(?P=mark)\s?(?P<last>[0-9]{1,4})(?![0-9])"
)
_WORDED = re.compile(
    r"(?:[^\W\d]{2,12}\.?,?\s+)??"
    r"(?:(?P<day_first>[0-9]{1,2})(?:st|nd|rd|th|er|\.)?[\s-]+(?:de\s+)?(?P<month_second>[^\W\d]{3,10})\.?"
    r"|(?P<month_first>[^\W\d]{3,10})\.?[\s-]+(?P<day_second>[0-9]{1,2})(?:st|nd|rd|th)?)"
    r"(?:,?[\s-]+(?:de\s+)?|\s?')(?P<year>[0-9]{4}|[0-9]{2})(?![0-9:])",
    re.IGNORECASE,
)
_UNIX = re.compile(
    r"[a-z]{3},? (?P<month>[a-z]{3}) +(?P<day>[0-9]{1,2}) (?P<clock>[0-9:]{8})"
    r"(?: (?P<zone>[a-z]{1,5}|[a-z]{3}[+-][0-9:]{4,5}))? (?P<year>[0-9]{4})"
    r"(?: (?P<offset>(?:gmt|utc)?[+-][0-9]{4})(?: \([^)]*\))?)?",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPREADSHEET_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001


def read_instant(
    text: str, *, zone: tzinfo | None = None, order: DateOrder | None = None, count: Count | None = None
) -> datetime:
    """Read an instant.

    Args:
        text: as written.
        zone: of a time that names none; a date alone is its midnight there.
        order: of day and month where both readings are dates; a point between them means the day is first.
        count: what a number alone counts; not given: a number is no time.

    Returns:
        Aware.

    Raises:
        NaiveTime: it names no zone, and none is given.
        Ambiguous: day and month may be either way round, and no order is given.
        Unreadable: it is no time, or its year lies outside 1900 to 2200.

    >>> read_instant("2026-05-03 10:15:00 +0200").isoformat()
    '2026-05-03T10:15:00+02:00'
    >>> read_instant("3.5.2026 10:15", zone=UTC).isoformat()
    '2026-05-03T10:15:00+00:00'
    """
    found = read_time(text, order=order, count=count)
    if found.tzinfo is None:
        if zone is None:
            raise NaiveTime("The time names no zone; write it as 2026-05-03T10:15:00Z or say the zone.")
        found = found.replace(tzinfo=zone)
    return found


def read_time(text: str, *, order: DateOrder | None = None, count: Count | None = None) -> datetime:
    """Read a time with its zone if it names one, else naive; otherwise as `read_instant`.

    >>> read_time("May 3, 2026 10:15 PM")
    datetime.datetime(2026, 5, 3, 22, 15)
    """
    found = _iso(text) or _other_spelling(text, order, count)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unreadable(f"The year must lie between {FIRST_YEAR} and {LAST_YEAR}.")
    return found


def read_date(text: str, *, order: DateOrder | None = None) -> date:
    """Read a date; midnight may stand behind it, any other time may not.

    Raises:
        Ambiguous: day and month may be either way round, and no order is given.
        Unreadable: it is no date.

    >>> read_date("03.05.2026")
    datetime.date(2026, 5, 3)
    """
    found = read_time(text, order=order)
    if found.tzinfo is not None or (found.hour, found.minute, found.second, found.microsecond) != (0, 0, 0, 0):
        raise Unreadable("It is a time of day, not a date.")
    return found.date()


def shown_order(text: str) -> DateOrder | None:
    """Say which of day and month comes first, as far as one date alone shows it.

    >>> shown_order("13/03/2026"), shown_order("03/13/2026 09:00"), shown_order("05/03/2026")
    ('dmy', 'mdy', None)
    """
    numeric = _NUMERIC.match(cleaned(text)) if len(text) <= MAX_CHARACTERS else None
    if numeric is None or numeric["mark"] == "." or len(numeric["first"]) > 2:
        return None
    first, middle = int(numeric["first"]), int(numeric["middle"])
    if 12 < first <= 31 and 1 <= middle <= 12:
        return "dmy"
    return "mdy" if 12 < middle <= 31 and 1 <= first <= 12 else None


def is_iso(text: str) -> bool:
    """Whether a text is a date or a time in ISO 8601, with marks in its date."""
    return _iso(text) is not None


def _iso(text: str) -> datetime | None:
    """Read ISO 8601 with marks in its date; Python also takes any mark between date and time, and parts of an hour."""
    if text[4:5] == "-" and text[10:11] in ("T", " ", "") and text[13:14] not in (".", ","):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    return None


def _other_spelling(text: str, order: DateOrder | None, count: Count | None) -> datetime:
    plain = cleaned(text)
    if not plain or len(plain) > MAX_CHARACTERS:
        raise Unreadable("It is not a time.")
    if _NUMBER.fullmatch(plain):
        return _counted(plain, count)
    plain = " ".join(plain.split())
    unix = _UNIX.fullmatch(plain)
    if unix:
        zone = unix["offset"] or unix["zone"] or ""
        plain = f"{unix['day']} {unix['month']} {unix['year']} {unix['clock']} {zone}".strip()
    found = _iso(plain)
    if found is not None:
        return found
    if _COMPACT_TIME.fullmatch(plain):
        return _compact(plain)
    for shape, day_of in ((_NUMERIC, _numeric_day), (_WORDED, _worded_day)):
        match = shape.match(plain)
        tail = _TAIL.fullmatch(plain, match.end()) if match else None
        if match and tail:
            try:
                return _at_clock(day_of(match, order), tail)
            except Unreadable:
                raise
            except (ValueError, OverflowError) as error:
                raise Unreadable("There is no such date or time.") from error
    raise Unreadable("It is not a time.")


def _counted(plain: str, count: Count | None) -> datetime:
    if count is None:
        if _COMPACT.fullmatch(plain):
            return _compact(plain if len(plain) == 8 else f"{plain[:8]}T{plain[8:]}")
        raise Unreadable("A number alone is no time; write it as 2026-05-03T10:15:00Z, or say what it counts.")
    try:
        if count == "spreadsheet":
            return _SPREADSHEET_ZERO + timedelta(seconds=round(float(plain) * 86_400))
        seconds, _, decimals = plain.partition(".")
        return _EPOCH + (
            timedelta(milliseconds=float(plain))
            if count == "milliseconds"
            else timedelta(seconds=int(seconds), microseconds=int(f"{decimals:0<6}"[:6]))
        )
    except (ValueError, OverflowError) as error:
        raise Unreadable("The number is too large for a time.") from error


def _compact(plain: str) -> datetime:
    try:
        return datetime.fromisoformat(plain)
    except ValueError as error:
        raise Unreadable("There is no such date or time.") from error


def _numeric_day(match: re.Match[str], order: DateOrder | None) -> datetime:
    first, middle, last = int(match["first"]), int(match["middle"]), int(match["last"])
    if len(match["first"]) == 4 and len(match["last"]) <= 2:
        return datetime(first, middle, last)  # noqa: DTZ001
    if len(match["first"]) > 2 or len(match["last"]) not in (2, 4):
        raise Unreadable("It is not a date.")
    if len(match["last"]) == 2 and match["mark"] in "- ":
        raise Ambiguous("The year has two digits, and may stand first or last; write the date as 2026-05-03.")
    year = _year(match["last"])
    shown: DateOrder | None = (
        "dmy" if match["mark"] == "." or first == middle or first > 12 else "mdy" if middle > 12 else order
    )
    if shown is None:
        raise Ambiguous("Day and month may be either way round; write the date as 2026-05-03 or say the order.")
    day, month = (first, middle) if shown == "dmy" else (middle, first)
    return datetime(year, month, day)  # noqa: DTZ001


def _worded_day(match: re.Match[str], _: DateOrder | None) -> datetime:
    name = (match["month_second"] or match["month_first"]).lower()
    month = MONTHS.get(name)
    if month is None:
        raise Unreadable("It is not a date.")
    return datetime(_year(match["year"]), month, int(match["day_first"] or match["day_second"]))  # noqa: DTZ001


def _year(digits: str) -> int:
    """Read a year; of two digits as POSIX does: 69 to 99 are of the last century.

    >>> _year("26"), _year("69"), _year("2026")
    (2026, 1969, 2026)
    """
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= 69 else 2000)


def _at_clock(day: datetime, tail: re.Match[str]) -> datetime:
    if tail["hour"] is None:
        return day if tail["day_zone"] is None else day.replace(tzinfo=named_zone(tail["day_zone"]))
    hour = int(tail["hour"])
    if tail["half"]:
        if not 1 <= hour <= 12:
            raise Unreadable("There is no such hour before or after noon.")
        hour = hour % 12 + (12 if tail["half"][0] in "pP" else 0)
    midnight = hour == 24 and int(tail["minute"]) == 0 and int(tail["second"] or 0) == 0
    at = day.replace(
        hour=0 if midnight else hour,
        minute=int(tail["minute"]),
        second=int(tail["second"] or 0),
        microsecond=int(f"{tail['fraction'] or 0:0<6}"[:6]),
    ) + timedelta(days=midnight)
    if tail["zone"] is not None:
        return at.replace(tzinfo=named_zone(tail["zone"]))
    return at.replace(tzinfo=named_zone(tail["name"])) if tail["name"] is not None else at
