"""Templates to pages: every value from data is escaped, numbers carry their units, instants are shown where one is."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from gateway.console.api import segment
from shared.capabilities import NAMES, TABLE
from shared.cards.charts import bar, calibration_chart, calibration_finding
from shared.cards.text import per_hundred, percentage

FOLDER: Final = Path(__file__).parent
CAPABILITY_FOLDERS: Final = {name: FOLDER.parents[1] / "services" / name / "console" for name in NAMES}
"""Where a capability keeps its page: read as data, never imported."""


@cache
def environment() -> Environment:
    """Return the templates of the console, and of each capability below its name."""
    own = FileSystemLoader(FOLDER / "templates")
    theirs = PrefixLoader({name: FileSystemLoader(folder) for name, folder in CAPABILITY_FOLDERS.items()})
    made = Environment(
        loader=ChoiceLoader([own, theirs]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "ago": ago,
        "clock": clock,
        "count": count,
        "number": number,
        "plain": plain,
        "seconds": seconds,
        "seg": segment,
        "share": percentage,
        "per_hundred": per_hundred,
        "plot": _plot,
        "web_address": web_address,
        "when": when,
        "words": words,
    }
    made.globals |= {
        "bar": bar,
        "calibration_chart": calibration_chart,
        "calibration_finding": calibration_finding,
        "capabilities": TABLE,
        "with_query": with_query,
    }
    return made


def when(instant: str | None, *, day: bool = False) -> Markup:
    """Write an instant of the API; the page's script shows it in the viewer's zone.

    >>> when("2026-06-01T08:05:00Z")
    Markup('<time datetime="2026-06-01T08:05:00Z">1 Jun 2026, 08:05 UTC</time>')
    >>> when("2026-06-01T08:05:00Z", day=True)
    Markup('<time datetime="2026-06-01T08:05:00Z" data-day>1 Jun 2026</time>')
    """
    if instant is None:
        return Markup('<span class="none">never</span>')
    at = _instant(instant)
    text = f"{at.day} {at:%b %Y}" if day else f"{at.day} {at:%b %Y, %H:%M} UTC"
    shape = '<time datetime="{}" data-day>{}</time>' if day else '<time datetime="{}">{}</time>'
    return Markup(shape).format(instant, text)  # noqa: S704 - one of the two above


def ago(instant: str | None, now: datetime | None = None) -> Markup:
    """Write how long an instant is past, the instant itself as its title.

    >>> ago("2026-06-01T08:05:00Z", datetime(2026, 6, 3, 9, tzinfo=UTC)).striptags()
    '2 days ago'
    """
    if instant is None:
        return Markup('<span class="none">never</span>')
    seconds = ((now or datetime.now(UTC)) - _instant(instant)).total_seconds()
    return Markup('<time datetime="{}" data-ago>{}</time>').format(instant, _in_words(seconds))


def _in_words(seconds: float) -> str:
    length, ending = abs(seconds), "ago" if seconds >= 0 else "from now"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if length >= size:
            many = int(length // size)
            return f"{many:,} {unit}{'' if many == 1 else 's'} {ending}"
    return "just now" if seconds >= 0 else "in a moment"


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def clock(instant: str) -> str:
    """Write an instant as the clock that it was written with shows it, in no other zone.

    >>> clock("2026-06-02T08:00:00+02:00")
    'Tuesday, 2 Jun, 08:00'
    """
    at = datetime.fromisoformat(instant)
    return f"{at:%A}, {at.day} {at:%b, %H:%M}"


def seconds(instant: str) -> int:
    """Count the seconds from 1970 to an instant or a day of the API: what a plot takes.

    >>> seconds("1970-01-02"), seconds("1970-01-01T00:01:00Z")
    (86400, 60)
    """
    return int(_instant(instant).timestamp())


def count(value: float | None) -> str:
    """Write a number of things.

    >>> count(1234567), count(None)
    ('1,234,567', '-')
    """
    return "-" if value is None else f"{value:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure to so many significant digits, without an exponent.

    >>> number(0.04217), number(1234.6), number(None)
    ('0.0422', '1,235', '-')
    """
    if value is None:
        return "-"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return f"{float(text):f}".rstrip("0").rstrip(".") if "e" in text else text


def words(name: str) -> str:
    """Write a name of the API as words.

    >>> words("email_clicked")
    'email clicked'
    """
    return name.replace("_", " ")


def plain(value: object) -> str:
    """Write a value of the data as a person would.

    >>> plain(None), plain(True), plain(3.0), plain(["a", 2]), plain({"a": 1})
    ('-', 'yes', '3', 'a, 2', '{"a": 1}')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return ", ".join(plain(one) for one in value)
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def with_query(path: str, **parameters: object) -> str:
    """Write a path with the parameters that are neither None nor empty.

    >>> with_query("/console/contacts", cursor="a b", near=None)
    '/console/contacts?cursor=a+b'
    """
    wanted = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def web_address(value: object) -> str:
    """Return a value of the data that a link may lead to; empty: it is no address of a page.

    >>> web_address("https://shop.example/tea"), web_address("javascript:alert(1)"), web_address(None)
    ('https://shop.example/tea', '', '')
    """
    return value if isinstance(value, str) and value.lower().startswith(("https://", "http://")) else ""


def _plot(content: Any) -> str:
    """Write what a plot shows for the page's script; it stands in an attribute, so it is escaped like any text."""
    return json.dumps(content, separators=(",", ":"))
