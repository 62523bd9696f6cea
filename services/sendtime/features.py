"""What the account's own data say before anything is learned: whose clock counts."""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from shared.features.feature import as_text
from shared.timeline import Pasts

PLACES = ("city", "region", "state", "province", "country", "country_code")
"""Attributes that say where a contact is, the finest first."""
COUNTRIES = ("country", "country_code")
FEWEST_AT_A_PLACE = 3
"""Contacts with a zone at a place before it counts for others there."""
NOWHERE = "UTC"


def account_zone(pasts: Pasts) -> str:
    """Return the zone of most contacts; UTC where none has one."""
    known = Counter(zone for zone in pasts.zones if zone)
    return min(known, key=lambda zone: (-known[zone], zone)) if known else NOWHERE


def zones_by_place(pasts: Pasts) -> dict[str, dict[str, str]]:
    """Return the zone of each place: of the account's own contacts there, else of the country by its ISO 3166 code.

    Returns:
        Zone by attribute and value in lower case, for the attributes that the account has.
    """
    found = {}
    for name in PLACES:
        stored = pasts.attributes.get(name)
        if stored is None:
            continue
        counts: dict[str, Counter[str]] = {}
        for contact, value in zip(stored.contact.tolist(), stored.value, strict=True):
            zone = pasts.zones[contact]
            if zone:
                counts.setdefault(as_text(value).lower(), Counter())[zone] += 1
        own = {value: zone for value, zones in counts.items() if (zone := _of_most(zones)) is not None}
        zones = {**(zones_of_countries() if name in COUNTRIES else {}), **own}
        if zones:
            found[name] = zones
    return found


def _of_most(zones: Counter[str]) -> str | None:
    """Choose the zone that at least half of the contacts of a place have."""
    zone, count = min(zones.items(), key=lambda entry: (-entry[1], entry[0]))
    return zone if count >= FEWEST_AT_A_PLACE and 2 * count >= zones.total() else None


@lru_cache(maxsize=1)
def zones_of_countries() -> Mapping[str, str]:
    """List the zone of each country by code and by English name; of several the one that the IANA table names first.

    >>> zones_of_countries()["fr"], zones_of_countries()["france"]
    ('Europe/Paris', 'Europe/Paris')
    """
    folder = files("tzdata") / "zoneinfo"
    names = dict(_lines((folder / "iso3166.tab").read_text(encoding="utf-8")))
    zones: dict[str, str] = {}
    for code, _, zone in ([*line, "", ""][:3] for line in _cells((folder / "zone.tab").read_text(encoding="utf-8"))):
        zones.setdefault(code.lower(), zone)
        zones.setdefault(names.get(code, code).lower(), zone)
    return zones


def _cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def _lines(text: str) -> list[tuple[str, str]]:
    return [(cells[0], cells[1]) for cells in _cells(text)]
