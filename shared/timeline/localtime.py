"""Local wall-clock time of instants, vectorised: zones as sorted transition tables."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, HOUR, SECOND, microseconds

_FIRST_YEAR, _LAST_YEAR = 1990, 2060
_STEP = timedelta(days=7)


def local(at: NDArray[np.int64], zone_of: NDArray[np.int32], zones: Sequence[str | None]) -> NDArray[np.int64]:
    """Shift instants to the wall clock of their zones.

    Args:
        at: microseconds since the epoch, UTC, shape (n,).
        zone_of: index into `zones` for each instant, shape (n,); not read when there is only one zone.
        zones: IANA names; None counts as UTC.

    Returns:
        Microseconds of the local wall clock, shape (n,); `// DAY` is the local day, Monday 5 January 1970 is day 4.
        Before 1990 and after 2060 the nearest known offset holds.
    """
    if not any(zones):
        return at
    if len(zones) == 1:
        return at + offsets(zones[0] or "UTC", at)
    shifted = at.copy()
    for index, zone in enumerate(zones):
        if zone is not None and zone != "UTC":
            rows = np.flatnonzero(zone_of == index)
            shifted[rows] += offsets(zone, at[rows])
    return shifted


def offsets(zone: str, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the zone's offset from UTC at each instant, microseconds."""
    starts, values = _table(zone)
    found: NDArray[np.int64] = values[np.maximum(np.searchsorted(starts, at, side="right") - 1, 0)]
    return found


def offset_runs(zone: str | None, at: Sequence[int]) -> list[tuple[int, int, int]]:
    """List runs of one contact's instants between two changes of its clocks, in plain Python.

    Args:
        zone: IANA name; None counts as UTC.
        at: microseconds since the epoch, ascending.

    Returns:
        First and one past the last of each run, and the zone's offset from UTC in it, as `offsets` gives it.
    """
    if not zone or zone == "UTC" or not at:
        return [(0, len(at), 0)]
    starts, values = _listed_table(zone)
    place = max(bisect_right(starts, at[0]) - 1, 0)
    last = max(bisect_right(starts, at[-1]) - 1, 0)
    runs = []
    begin = 0
    while place < last:
        end = bisect_left(at, starts[place + 1], begin)
        runs.append((begin, end, values[place]))
        place, begin = place + 1, end
    return [*runs, (begin, len(at), values[place])]


def hour_of_day(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the local hour, 0-23."""
    hours: NDArray[np.int64] = local_at % DAY // HOUR
    return hours


def weekday(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the local weekday, Monday 0.

    >>> int(weekday(np.array([4 * DAY]))[0])  # 5 January 1970
    0
    """
    days: NDArray[np.int64] = (local_at // DAY + 3) % 7
    return days


@lru_cache(maxsize=600)
def _table(zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the instants at which the offset changes, and the offset from then on."""
    info = ZoneInfo(zone)
    moment = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(_LAST_YEAR, 1, 1, tzinfo=UTC)
    current = _offset(info, moment)
    starts, values = [moment], [current]
    while moment < end:
        following = moment + _STEP
        changed = _offset(info, following)
        if changed != current:
            starts.append(_change_between(info, moment, following))
            values.append(changed)
            current = changed
        moment = following
    return (
        np.array([microseconds(start) for start in starts], dtype=np.int64),
        np.array(values, dtype=np.int64),
    )


@lru_cache(maxsize=600)
def _listed_table(zone: str) -> tuple[list[int], list[int]]:
    starts, values = _table(zone)
    return starts.tolist(), values.tolist()


def _offset(info: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(info).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * SECOND


def _change_between(info: ZoneInfo, early: datetime, late: datetime) -> datetime:
    before = _offset(info, early)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if _offset(info, middle) == before:
            early = middle
        else:
            late = middle
    return late
