"""Time after the cutoff in periods: about sixteen, widening to a year, and the rows of a hazard that they make.

Source of the form: discrete-time hazards, Singer and Willett (1993); on landmark frames, van Houwelingen (2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
BOUNDS_DAYS = (1, 3, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)
PERIOD, SEASON = "period", ("season_sine", "season_cosine")
YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Periods:
    """Half-open stretches of days after the cutoff, without gaps, from 0 on."""

    ends: tuple[float, ...]
    """Ascending, days; the first one begins at 0."""

    @classmethod
    def of(cls, horizon_days: int) -> "Periods":
        """Lay the periods so that the horizon is one of their ends."""
        return cls(tuple(float(end) for end in sorted({*BOUNDS_DAYS, horizon_days})))

    def __len__(self) -> int:
        """Count the periods."""
        return len(self.ends)

    @property
    def starts(self) -> Vector:
        """Where each begins, days."""
        return np.array([0.0, *self.ends[:-1]])

    @property
    def middles(self) -> Vector:
        """The middle of each, days."""
        middles: Vector = (self.starts + np.array(self.ends)) / 2
        return middles

    @property
    def last_day(self) -> float:
        """How far the curve reaches."""
        return self.ends[-1]

    def first(self, count: int) -> "Periods":
        """Keep the first ones."""
        return Periods(self.ends[:count])

    def observed(self, wait: Vector, followed: Vector) -> tuple[NDArray[np.intp], NDArray[np.intp], Vector]:
        """List the (frame, period) rows that a frame was at risk in and followed through.

        A period counts only when it was followed to its end, whether or not the event came: counting those that
        ended early with the event alone would make every hazard too high.

        Args:
            wait: days until the event, infinite where none was seen, shape (n,).
            followed: days from the cutoff to the end of the data, shape (n,).

        Returns:
            Frame and period of each row, and 1.0 where the event came in it; by frame, then period.
        """
        at_risk = wait[:, None] >= self.starts
        whole = np.array(self.ends) <= followed[:, None]
        frame, period = np.nonzero(at_risk & whole)
        return frame, period, (wait[frame] < np.array(self.ends)[period]).astype(np.float64)

    def cumulative(self, hazard: Matrix, days: Sequence[float]) -> Matrix:
        """Read the cumulative hazard at some days: it grows evenly within a period.

        Args:
            hazard: cumulative at the end of each period, shape (n, len(self)).
            days: not beyond the last period, m of them.

        Returns:
            Shape (n, m).
        """
        ends = np.array([0.0, *self.ends])
        padded = np.concatenate([np.zeros((len(hazard), 1)), hazard], axis=1)
        place = np.clip(np.searchsorted(ends, days, side="left"), 1, len(self))
        part = (np.asarray(days) - ends[place - 1]) / (ends[place] - ends[place - 1])
        before, after = padded[:, place - 1], padded[:, place]
        # Rounding must not take it past the end of the period: the next day would lie below.
        read: Matrix = np.minimum(before + (after - before) * part, after)
        return read

    def day_of(self, hazard: Matrix, level: float) -> Vector:
        """Return on which day the cumulative hazard reaches a level, shape (n,); NaN where it never does."""
        days = np.full(len(hazard), np.nan)
        reached = hazard[:, -1] >= level
        rows = hazard[reached]
        period = np.argmax(rows >= level, axis=1)
        every = np.arange(len(rows))
        before = np.where(period > 0, rows[every, np.maximum(period - 1, 0)], 0.0)
        part = (level - before) / (rows[every, period] - before)
        ends, starts = np.array(self.ends), self.starts
        days[reached] = starts[period] + part * (ends[period] - starts[period])
        return days


def time_columns(*, seasonal: bool) -> tuple[str, ...]:
    """Name the columns that stand behind the features in a row of the hazard."""
    return (PERIOD, *SEASON) if seasonal else (PERIOD,)


def expanded(
    values: Matrix, cutoff: NDArray[np.int64], period: NDArray[np.intp], periods: Periods, *, seasonal: bool
) -> Matrix:
    """Put the columns of time behind the features of each row.

    The season is that of the period's middle, not of the cutoff: a shop with a peak in November is asked about
    November from September on.

    Args:
        values: features of each row's frame, shape (n, p).
        cutoff: of each row's frame, microseconds, shape (n,).
        period: of each row, shape (n,).
        periods: what `period` counts.
        seasonal: whether the time of year is looked at.

    Returns:
        Shape (n, p + 1) or, with the season, (n, p + 3).
    """
    columns = [values, period[:, None].astype(np.float64)]
    if seasonal:
        days = cutoff / DAY + periods.middles[period]
        angle = (2 * np.pi / YEAR_DAYS) * np.mod(days, YEAR_DAYS)
        columns += [np.sin(angle)[:, None], np.cos(angle)[:, None]]
    return np.concatenate(columns, axis=1)
