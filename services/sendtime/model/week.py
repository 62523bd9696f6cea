"""The local week: 168 slots, Monday 00 first; smoothing round the clock and its words."""

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, HOUR

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

HOURS, DAYS, SLOTS = 24, 7, 168
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOUR_OF = np.arange(SLOTS) % HOURS
"""Hour of the day of each slot, shape (168,)."""
DAY_OF = np.arange(SLOTS) // HOURS
"""Weekday of each slot, Monday 0, shape (168,)."""


def slot_of(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell the slot of local wall-clock instants.

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
