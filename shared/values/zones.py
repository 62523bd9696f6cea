"""Time zones as texts name them: offsets, abbreviations of one zone alone, IANA names."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from shared.values.unreadable import Ambiguous, Unreadable

_OFFSET = re.compile(r"(?:utc|gmt)?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?", re.IGNORECASE)
_ABBREVIATED: Final = {
    "z": 0, "utc": 0, "gmt": 0, "ut": 0, "wet": 0, "west": 1, "cet": 1, "mez": 1, "cest": 2, "mesz": 2, "eet": 2,
    "eest": 3, "msk": 3, "est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip
"""Hours east of Greenwich, where one zone alone goes by that name; `IST`, `CST` and `BST` are those of several."""
_NAMES: dict[str, str] = {}


def zone_name(text: str) -> str:
    """Find the name of an IANA zone, in any case; HubSpot's `europe_slash_berlin` is one too.

    Raises:
        Unreadable: there is none of that name.

    >>> zone_name("europe/berlin"), zone_name("utc")
    ('Europe/Berlin', 'UTC')
    """
    if not _NAMES:
        _NAMES.update(sorted((known.lower(), known) for known in available_timezones()))
    found = _NAMES.get(text) or _NAMES.get(text.strip().lower().replace("_slash_", "/").replace(" ", "_"))
    if found is None:
        raise Unreadable("not an IANA time zone such as Europe/Paris")
    return found


def zone_of(text: str) -> ZoneInfo:
    """Find an IANA zone, as `zone_name` does.

    >>> zone_of("europe/berlin").key
    'Europe/Berlin'
    """
    return ZoneInfo(zone_name(text))


def is_shifted(local: datetime) -> bool:
    """Whether an aware local time is one that its clocks show twice or never.

    >>> is_shifted(datetime(2026, 3, 29, 2, 30, tzinfo=zone_of("Europe/Berlin")))
    True
    """
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def named_zone(name: str) -> tzinfo:
    """Find the zone that a time names.

    Raises:
        Ambiguous: several zones go by that abbreviation.
        Unreadable: there is no such zone.

    >>> named_zone("+0530").utcoffset(None), named_zone("UTC")
    (datetime.timedelta(seconds=19800), datetime.timezone.utc)
    """
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset["hours"]) * 60 + int(offset["minutes"] or 0)
        if minutes > 15 * 60 or int(offset["minutes"] or 0) > 59:
            raise Unreadable("There is no such zone.")
        return timezone(timedelta(minutes=minutes if offset["sign"] == "+" else -minutes))
    hours = _ABBREVIATED.get(name.lower())
    if hours is not None:
        return timezone(timedelta(hours=hours)) if hours else UTC
    if "/" in name:
        return zone_of(name)
    raise Ambiguous("Several zones go by that abbreviation, or none; write the zone as +02:00 or as Europe/Berlin.")
