"""What an attribute's values mean over time: which one is news, and what a cutoff sees. Pure."""

from bisect import insort
from collections.abc import Collection, Iterable
from typing import NamedTuple

from shared.contracts.bounds import read_scalar
from shared.contracts.rows import ALWAYS, Microseconds
from shared.timeline import DatedValue


class Entry(NamedTuple):
    """One stored value of one attribute of one contact; sorts in the order in which later ones win."""

    valid_from: Microseconds
    recorded_at: Microseconds
    value: str
    """JSON."""
    dated: bool


def is_news(known: Collection[Entry], entry: Entry) -> bool:
    """Tell whether a value says something that the stored ones do not.

    A value that already holds at that instant is none, unless it was undated and now gets its date.

    Args:
        known: the stored values of this attribute of this contact, in order.
        entry: the new one.
    """
    holding = None
    for stored in known:
        if stored.valid_from <= entry.valid_from:
            holding = stored
    return holding is None or holding.value != entry.value or (entry.dated and not holding.dated)


def keep(known: list[Entry], entry: Entry) -> None:
    """Put an entry in its place; one of the same instants replaces the older."""
    known[:] = [stored for stored in known if stored[:2] != entry[:2]]
    insort(known, entry)


def values_seen(
    entries: Iterable[tuple[str, Entry]],
    *,
    static: Collection[str],
    all_static: bool,
    cutoff: Microseconds | None = None,
) -> tuple[tuple[DatedValue, ...], frozenset[str]]:
    """Tell which values of a contact's attributes exist before a cutoff, by name and instant.

    Args:
        entries: name and value, in any order.
        static: names whose newest value holds at any cutoff.
        all_static: every name is static.
        cutoff: values valid from then on do not exist yet; None: all exist.

    Returns:
        One value for each name and instant (the last recorded one); static names have one, valid ALWAYS. And the names
        whose last one could not be read: taken in before there were bounds, it is None.
    """
    seen: dict[tuple[str, Microseconds], DatedValue] = {}
    unreadable: set[str] = set()
    for name, entry in sorted(entries):
        valid_from, dated = entry.valid_from, entry.dated
        if all_static or name in static:
            valid_from, dated = ALWAYS, True
        elif cutoff is not None and valid_from >= cutoff:
            continue
        value, readable = read_scalar(entry.value)
        (unreadable.discard if readable else unreadable.add)(name)
        seen[name, valid_from] = DatedValue(name, valid_from, value, dated)
    return tuple(seen.values()), frozenset(unreadable)
