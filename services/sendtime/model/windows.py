"""Which instants of a window a message may go out at, on the contact's own clock."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.week import HOURS, slot_of
from shared.contracts.rows import DAY, HOUR, SECOND, Microseconds
from shared.timeline.localtime import offsets

MINUTE: Microseconds = 60 * SECOND
STEP: Microseconds = 15 * MINUTE
"""Every offset from UTC in use is a multiple of it, so that it hits the top of every local hour."""
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the caller allows."""

    not_before: Microseconds
    not_after: Microseconds
    """Not included."""
    quiet_from: int | None = 21 * 60
    """Minute of the local day from which nothing is sent; None: no quiet hours."""
    quiet_to: int = 8 * 60
    """Minute of the local day at which sending begins again."""
    weekdays: frozenset[int] = EVERY_DAY
    """Local weekdays, Monday 0."""

    def is_quiet(self, minute: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which minutes of the local day lie in the quiet hours; start included, end not.

        >>> Rules(0, 1).is_quiet(np.array([20 * 60 + 59, 21 * 60, 0, 7 * 60 + 59, 8 * 60])).tolist()
        [False, True, True, True, False]
        """
        if self.quiet_from is None or self.quiet_from == self.quiet_to:
            return np.zeros(len(minute), dtype=bool)
        after, before = minute >= self.quiet_from, minute < self.quiet_to
        quiet: NDArray[np.bool_] = after & before if self.quiet_from < self.quiet_to else after | before
        return quiet


@dataclass(frozen=True, slots=True)
class Candidates:
    """Instants that are allowed, ascending."""

    at: NDArray[np.int64]
    """UTC microseconds, shape (n,)."""
    local_at: NDArray[np.int64]
    """The same on the wall clock, shape (n,)."""
    slot: NDArray[np.int64]
    """Of the local week, shape (n,)."""

    def __len__(self) -> int:
        """Count the instants."""
        return len(self.at)


def candidates(zone: str, rules: Rules) -> Candidates:
    """List the allowed instants: the window's first minute and the top of every local hour in it.

    Instants are counted in UTC and read off the local clock: an hour that daylight saving skips never comes up, and of
    one that it repeats the first is taken.

    Args:
        zone: IANA name.
        rules: window, quiet hours and weekdays.
    """
    first = -(-rules.not_before // MINUTE) * MINUTE
    top = np.arange(-(-first // STEP) * STEP, rules.not_after, STEP, dtype=np.int64)
    top = top[(top + offsets(zone, top)) % HOUR == 0]
    at = top if first >= rules.not_after or (len(top) and top[0] == first) else np.concatenate([[first], top])
    local_at = at + offsets(zone, at)
    fresh = np.ones(len(at), dtype=bool)
    fresh[1:] = local_at[1:] > np.maximum.accumulate(local_at)[:-1]
    minute = local_at % DAY // MINUTE
    weekday = slot_of(local_at) // HOURS
    kept = fresh & ~rules.is_quiet(minute) & np.isin(weekday, sorted(rules.weekdays))
    return Candidates(at[kept], local_at[kept], slot_of(local_at[kept]))


def inside_hour(chosen: Microseconds, zone: str, rules: Rules, *, contact_id: str, minutes: int) -> Microseconds:
    """Move an instant inside its local hour, the same for the same contact, so that not all leave at once.

    Args:
        chosen: from `candidates`.
        zone: IANA name.
        rules: not left.
        contact_id: decides how far.
        minutes: multiples of it; 60 moves nothing.

    Returns:
        An instant that is allowed too; the chosen one where the moved one is not.
    """
    if minutes >= 60:
        return chosen
    steps = np.arange(chosen, chosen + HOUR, minutes * MINUTE, dtype=np.int64)
    local_at = steps + offsets(zone, steps)
    same_hour = (local_at // HOUR == local_at[0] // HOUR) & (local_at - local_at[0] == steps - chosen)
    allowed = same_hour & (steps < rules.not_after) & ~rules.is_quiet(local_at % DAY // MINUTE)
    places = steps[allowed]
    return int(places[zlib.crc32(contact_id.encode()) % len(places)]) if len(places) else chosen


def why_none(rules: Rules, *, now: Microseconds) -> str:
    """Say in a sentence why no instant is left."""
    if rules.not_after <= now:
        return "The window lies in the past; give one that ends later."
    if rules.not_before >= rules.not_after:
        return "The window ends before it begins."
    return (
        "Nothing of the window is left outside the quiet hours and on the weekdays asked for, on the contact's own "
        "clock; widen the window or switch the quiet hours off."
    )
