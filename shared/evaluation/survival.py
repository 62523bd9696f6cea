"""How good survival curves are where not everyone was followed to the end: Kaplan-Meier, Brier over time.

A row is followed for its duration (any unit, the same everywhere); its event is 1.0 when it ended with what is waited
for, and 0.0 when it was only seen until then (censored). An event and a censoring at one time: the event came first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Curve:
    """A share that is 1 at first and takes `values` from `times` on; nothing is known after the last time."""

    times: Vector
    values: Vector

    def at(self, times: Vector) -> Vector:
        """Return the share that remains just after each time; NaN where nothing is known."""
        known = (times <= self.times[-1]) | (self.values[-1] == 0)
        return np.where(known, self._after(np.searchsorted(self.times, times, side="right")), np.nan)

    def before(self, times: Vector) -> Vector:
        """Return the share that remains just before each time, the last share after the last time."""
        return self._after(np.searchsorted(self.times, times, side="left"))

    def _after(self, steps: NDArray[np.intp]) -> Vector:
        return np.concatenate([[1.0], self.values])[steps]


def _product_limit(durations: Vector, events: Vector, *, censoring: bool = False) -> _Curve:
    """Estimate the curve of the events, or of the censoring, which starts once the events of that time have gone."""
    times, place = np.unique(durations, return_inverse=True)
    ended = np.bincount(place, weights=events)
    censored = np.bincount(place) - ended
    at_risk = np.cumsum((ended + censored)[::-1])[::-1]
    leaving, staying = (censored, at_risk - ended) if censoring else (ended, at_risk)
    return _Curve(times, np.cumprod(1 - leaving / np.maximum(staying, 1)))


def kaplan_meier(durations: Vector, events: Vector, times: Vector) -> Vector:
    """Estimate the share without the event just after each time.

    Source: Kaplan and Meier (1958).

    Args:
        durations: how long each row was followed, shape (n,).
        events: 1.0 where it ended with the event, 0.0 where it was censored, shape (n,).
        times: where to read the curve, shape (n_times,).

    Returns:
        Shares, shape (n_times,); NaN after the longest duration, unless the event had come to everyone by then.

    >>> kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.0, 2.0, 3.0])).tolist()
    [1.0, 0.75, 0.375]
    """
    return _product_limit(durations, events).at(times)


def brier_losses(
    durations: Vector,
    events: Vector,
    survival: Matrix,
    times: Vector,
    *,
    censoring_from: tuple[Vector, Vector] | None = None,
) -> Matrix:
    """Return each row's squared error at each time, weighted up for the rows that censoring hides.

    With G the Kaplan-Meier curve of the censoring: a row whose event came at T, up to t, counts 1 / G(T-) times, a row
    seen for longer than t counts 1 / G(t) times, a row censored up to t not at all. Means over rows estimate the plain
    Brier score when censoring does not depend on the row. For an interval, resample these rows; the weights stay.

    Source: Graf, Schmoor, Sauerbrei and Schumacher (1999). The left limit G(T-) is what R's pec takes; scikit-survival
    0.28 takes G(T), which is another number where events and censorings share a time, as in whole months.

    Args:
        durations: how long each row was followed, shape (n,).
        events: 1.0 where it ended with the event, 0.0 where it was censored, shape (n,).
        survival: chance that the event comes after the time, shape (n, n_times).
        times: shape (n_times,).
        censoring_from: durations and events of the rows to learn the censoring from; None: these rows.

    Returns:
        Losses, shape (n, n_times).

    Raises:
        ValueError: nobody was followed past one of the times, or the shapes do not fit. Where everyone is followed for
            365 days, the last time that can be judged lies before 365.

    One event at 1, one censoring at 2, one event at 3, and a coin for each. The last row counts for two: of the
    two that reach 2, one is seen for longer.

    >>> durations, events = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0])
    >>> brier_losses(durations, events, np.full((3, 1), 0.5), np.array([2.0]))[:, 0].tolist()
    [0.25, 0.0, 0.5]
    """
    if survival.shape != (len(durations), len(times)):
        raise ValueError("survival needs one row for each duration and one column for each time")
    learned = (durations, events) if censoring_from is None else censoring_from
    still_seen, seen_until_end = _censoring(*learned, times, durations)
    length, ended = durations[:, None], events[:, None] == 1
    came = np.where(ended & (length <= times), 1 / seen_until_end[:, None], 0.0)
    not_yet = np.where(length > times, 1 / still_seen, 0.0)
    losses: Matrix = came * survival**2 + not_yet * (1 - survival) ** 2
    return losses


def _censoring(durations: Vector, events: Vector, times: Vector, ends: Vector) -> tuple[Vector, Vector]:
    """Return G(t) of each time and G(T-) of each end."""
    if np.all(events == 1):
        return np.ones(len(times)), np.ones(len(ends))
    curve = _product_limit(durations, events, censoring=True)
    still_seen = curve.at(times)
    if not np.all(still_seen > 0):
        raise ValueError("nobody was followed past one of the times; let them end before the longest duration")
    # An end past the longest duration learned from is not reached by any of the times: it only must not divide by 0.
    return still_seen, np.where(ends <= curve.times[-1], curve.before(ends), 1.0)


def over_time(losses: Matrix, times: Vector) -> Vector:
    """Average each row's losses over the time from the first to the last of the times, by the trapezoid rule.

    Args:
        losses: of `brier_losses`, shape (n, n_times).
        times: rising, at least two, shape (n_times,).

    Returns:
        Shape (n,); its mean is the integrated Brier score, its interval that of `bootstrap.of_mean`.

    Raises:
        ValueError: fewer than two times, or they do not rise.

    >>> over_time(np.array([[0.0, 0.2, 0.2]]), np.array([0.0, 1.0, 2.0])).round(6).tolist()
    [0.15]
    """
    if len(times) < 2 or not np.all(np.diff(times) > 0):
        raise ValueError("needs at least two times, in rising order")
    steps = np.diff(times)
    middles = (losses[:, 1:] + losses[:, :-1]) / 2
    averages: Vector = middles @ steps / steps.sum()
    return averages


def integrated_brier(
    durations: Vector,
    events: Vector,
    survival: Matrix,
    times: Vector,
    *,
    censoring_from: tuple[Vector, Vector] | None = None,
) -> float:
    """Average the Brier score over rows and over time; arguments and source as of `brier_losses`.

    Without censoring and with a coin for everybody it is a coin's Brier score.

    >>> integrated_brier(np.array([1.0, 2.0]), np.ones(2), np.full((2, 3), 0.5), np.array([0.0, 1.0, 2.0]))
    0.25
    """
    losses = brier_losses(durations, events, survival, times, censoring_from=censoring_from)
    return float(over_time(losses, times).mean())
