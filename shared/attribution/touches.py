"""Which event is a touch, and of which channel. Pure; the same table stands in docs/attribution.md."""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from shared.contracts.attribution import touch_channel
from shared.contracts.outcome import NOT_ACTIVITY
from shared.store import TouchRow

MOST_CHARACTERS: Final = 100
"""Of a name; the rest is cut off."""
NO_TOUCH: Final = NOT_ACTIVITY
"""Types that are no touch whatever they name: what we or machines did, and farewells."""
Naming = Callable[[TouchRow], str | None]


def naming(by: str, reached_by: Collection[str]) -> Naming:
    """Return what names the touch that an event is; None: it is none.

    Args:
        by: channel, campaign, message or properties.NAME.
        reached_by: types of events that reach the outcome: never a touch.
    """
    name_of = _BY.get(by) or _by_property(by.removeprefix("properties."))
    excluded = {*reached_by, *NO_TOUCH}

    def named(row: TouchRow) -> str | None:
        return None if row.type in excluded else name_of(row)

    return named


def _by_channel(row: TouchRow) -> str | None:
    return (_channel_in(row.properties) if row.properties else None) or touch_channel(row.type)


def _by_campaign(row: TouchRow) -> str | None:
    return _text(row.campaign_id) or (_text(_read(row.properties).get("utm_campaign")) if row.properties else None)


def _by_message(row: TouchRow) -> str | None:
    return _text(row.message_id)


def _by_property(name: str) -> Naming:
    return lambda row: _text(_read(row.properties).get(name)) if row.properties else None


_BY: Final[Mapping[str, Naming]] = {"channel": _by_channel, "campaign": _by_campaign, "message": _by_message}


@lru_cache(4_096)
def _channel_in(properties: str) -> str | None:
    """Return the channel that properties name, else source and medium of their campaign parameters.

    >>> _channel_in('{"channel": "Paid Search"}'), _channel_in('{"utm_source": "Google", "utm_medium": "cpc"}')
    ('paid search', 'google / cpc')
    >>> _channel_in('{"utm_source": "newsletter"}'), _channel_in('{"page": "/pricing"}')
    ('newsletter', None)
    """
    read = _read(properties)
    named = _text(read.get("channel"))
    if named is None:
        parts = [text for name in ("utm_source", "utm_medium") if (text := _text(read.get(name)))]
        named = " / ".join(parts) or None
    return None if named is None else named.lower()


def _read(properties: str | None) -> Mapping[str, Any]:
    found = orjson.loads(properties or "{}")
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (dict, list)):
        return None
    written = str(value).lower() if isinstance(value, bool) else str(value)
    return " ".join(written.split())[:MOST_CHARACTERS] or None
