"""The contact's own clock: 168 slots of the local week, whose zone counts, and which instants are allowed."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, HOUR, SECOND, Microseconds
from shared.features.feature import as_text
from shared.timeline import Pasts
from shared.timeline.pasts import entry_at, utc_offsets

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

HOURS, DAYS, SLOTS = 24, 7, 168
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOUR_OF = np.arange(SLOTS) % HOURS
"""Hour of the day of each slot, shape (168,)."""
DAY_OF = np.arange(SLOTS) // HOURS
"""Weekday of each slot, Monday 0, shape (168,)."""


def slot_name(slot: int) -> str:
    """Write a slot as a person says it.

    >>> slot_name(33)
    'Tuesday 09:00'
    """
    return f"{DAY_NAMES[slot // HOURS]} {slot % HOURS:02d}:00"


def slot_of(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the slot of local wall-clock instants.

    Args:
        local_at: microseconds of the local wall clock since 1970-01-01, a Thursday.

    >>> int(slot_of(np.array([0]))[0])  # Thursday, midnight
    72
    """
    slots: NDArray[np.int64] = (local_at // HOUR + 3 * DAY // HOUR) % SLOTS
    return slots


def by_hour(of_slots: Matrix) -> Matrix:
    """Sum over the weekdays, shape (..., 168) to (..., 24)."""
    summed: Matrix = of_slots.reshape(*of_slots.shape[:-1], DAYS, HOURS).sum(axis=-2)
    return summed


def by_day(of_slots: Matrix) -> Matrix:
    """Sum over the hours of each weekday, shape (..., 168) to (..., 7)."""
    summed: Matrix = of_slots.reshape(*of_slots.shape[:-1], DAYS, HOURS).sum(axis=-1)
    return summed


def smoothed(values: Matrix, share: float) -> Matrix:
    """Let each place of a circle give a share of what it has to either neighbour; the sum stays.

    Args:
        values: shape (..., n), the circle last.
        share: 0 leaves all where it is; at most 1/3.

    >>> smoothed(np.array([0.0, 8.0, 0.0, 0.0]), 0.25).tolist()
    [2.0, 4.0, 2.0, 0.0]
    """
    if not share:
        return values
    spread: Matrix = (1 - 2 * share) * values + share * (np.roll(values, 1, -1) + np.roll(values, -1, -1))
    return spread


def normalised(logs: Matrix) -> Matrix:
    """Turn logs of weights into shares of each row, without overflow.

    >>> normalised(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    raised: Matrix = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return shares


def sums(place: NDArray[np.int64], values: Matrix | float, size: int) -> Vector:
    """Add values up by place, shape (size,).

    >>> sums(np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]), 4).tolist()
    [1.0, 0.0, 5.0, 0.0]
    """
    weights = np.broadcast_to(np.asarray(values, dtype=np.float64), place.shape)
    summed: Vector = np.bincount(place, weights=weights, minlength=size).astype(np.float64, copy=False)
    return summed


def table(row: NDArray[np.int64], column: NDArray[np.int64], values: Matrix | float, shape: tuple[int, int]) -> Matrix:
    """Add values up by row and column."""
    return sums(row * shape[1] + column, values, shape[0] * shape[1]).reshape(shape)


def clock(hour: int) -> str:
    """Write an hour as people say it.

    >>> clock(0), clock(9), clock(12), clock(19)
    ('midnight', '9 am', 'noon', '7 pm')
    """
    if hour % HOURS in (0, 12):
        return "noon" if hour % HOURS else "midnight"
    return f"{hour % 12} {'am' if hour % HOURS < 12 else 'pm'}"


def around(hour: int) -> str:
    """Write the three hours round one, as a stretch of the clock.

    >>> around(8), around(12), around(23)
    ('7-10 am', '11 am-2 pm', '10 pm-1 am')
    """
    first, last = clock((hour - 1) % HOURS), clock((hour + 2) % HOURS)
    same = first[-2:] == last[-2:] and first[-2:] in ("am", "pm")
    return f"{first.split()[0]}-{last}" if same else f"{first}-{last}"


CONTACT, ATTRIBUTE, ACCOUNT = "contact", "attribute", "account"
ZONE_QUALITY: Mapping[str, str] = {ATTRIBUTE: "timezone_from_attribute", ACCOUNT: "timezone_of_account"}
"""What `data_quality` says of a zone that is not the contact's own."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The rule by which a contact without a zone gets one."""

    account: str = "UTC"
    """Where most contacts with a zone are."""
    by_attribute: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Zone by attribute and its value in lower case; attributes in the order in which they are tried."""

    def of(self, pasts: Pasts, cutoffs: NDArray[np.int64]) -> tuple[list[str], list[str]]:
        """Return each contact's zone and where it comes from.

        Args:
            pasts: of n contacts.
            cutoffs: only attribute values from before it are known, shape (n,).

        Returns:
            IANA names, and `contact`, `attribute` or `account`.
        """
        names = [zone or self.account for zone in pasts.zones]
        sources = [CONTACT if zone else ACCOUNT for zone in pasts.zones]
        missing = np.array([row for row, zone in enumerate(pasts.zones) if not zone], dtype=np.int32)
        for attribute, zones in self.by_attribute.items():
            stored = pasts.attributes.get(attribute)
            if stored is None or not len(missing):
                continue
            for row, entry in zip(missing.tolist(), entry_at(stored, missing, cutoffs[missing]).tolist(), strict=True):
                found = zones.get(as_text(stored.value[entry]).lower()) if entry >= 0 else None
                if found is not None and sources[row] == ACCOUNT:
                    names[row], sources[row] = found, ATTRIBUTE
        return names, sources


def zone_quality(sources: Sequence[str]) -> list[list[str]]:
    """Return what `data_quality` says of each contact's zone.

    >>> zone_quality(["contact", "account"])
    [[], ['timezone_of_account']]
    """
    return [[ZONE_QUALITY[source]] if source in ZONE_QUALITY else [] for source in sources]


MINUTE: Microseconds = 60 * SECOND
STEP: Microseconds = 15 * MINUTE
"""Every offset from UTC in use is a multiple of it, so that it hits the top of every local hour."""
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class SendRules:
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
        """Return which minutes of the local day lie in the quiet hours; start included, end not.

        >>> SendRules(0, 1).is_quiet(np.array([20 * 60 + 59, 21 * 60, 0, 7 * 60 + 59, 8 * 60])).tolist()
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


def candidates(zone: str, rules: SendRules) -> Candidates:
    """List the allowed instants: the window's first minute and the top of every local hour in it.

    Instants are counted in UTC and read off the local clock: an hour that daylight saving skips never comes up, and of
    one that it repeats the first is taken.

    Args:
        zone: IANA name.
        rules: window, quiet hours and weekdays.
    """
    first = -(-rules.not_before // MINUTE) * MINUTE
    top = np.arange(-(-first // STEP) * STEP, rules.not_after, STEP, dtype=np.int64)
    top = top[(top + utc_offsets(zone, top)) % HOUR == 0]
    at = top if first >= rules.not_after or (len(top) and top[0] == first) else np.concatenate([[first], top])
    local_at = at + utc_offsets(zone, at)
    fresh = np.ones(len(at), dtype=bool)
    fresh[1:] = local_at[1:] > np.maximum.accumulate(local_at)[:-1]
    minute = local_at % DAY // MINUTE
    weekday = slot_of(local_at) // HOURS
    kept = fresh & ~rules.is_quiet(minute) & np.isin(weekday, sorted(rules.weekdays))
    return Candidates(at[kept], local_at[kept], slot_of(local_at[kept]))


def within_hour(chosen: Microseconds, zone: str, rules: SendRules, *, contact_id: str, minutes: int) -> Microseconds:
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
    local_at = steps + utc_offsets(zone, steps)
    same_hour = (local_at // HOUR == local_at[0] // HOUR) & (local_at - local_at[0] == steps - chosen)
    allowed = same_hour & (steps < rules.not_after) & ~rules.is_quiet(local_at % DAY // MINUTE)
    places = steps[allowed]
    return int(places[zlib.crc32(contact_id.encode()) % len(places)]) if len(places) else chosen


def why_none(rules: SendRules, *, now: Microseconds) -> str:
    """Say in a sentence why no instant is left."""
    if rules.not_after <= now:
        return "The window lies in the past; give one that ends later."
    if rules.not_before >= rules.not_after:
        return "The window ends before it begins."
    return (
        "Nothing of the window is left outside the quiet hours and on the weekdays asked for, on the contact's own "
        "clock; widen the window or switch the quiet hours off."
    )
