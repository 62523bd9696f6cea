"""Curves over the days after the cutoff: expected value, orders and silence, monotone by construction. Pure."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from services.value.model.closed_form import ClosedForm, Histories, Matrix, Vector
from services.value.model.levels import between

DAYS = (1, 3, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 450, 540, 630, 730, 900, 1095, 1280, 1460)
"""Where every curve is computed; between them it is a straight line. Two of the longest horizons, for `alive`."""
SMALLEST = 1e-12
WIDEST = 20.0
"""Of a correction, log scale: no number leaves what can be computed with."""


class Corrections(NamedTuple):
    """How far trees lie from the closed form at the main horizon, log scale, shape (n,) each; zeros without trees."""

    value: Vector
    orders: Vector

    @classmethod
    def of(cls, value: Vector, orders: Vector) -> Self:
        """Keep corrections within what can be computed with."""
        return cls(*(np.minimum(np.maximum(one, -WIDEST), WIDEST) for one in (value, orders)))


@dataclass(frozen=True)
class Knots:
    """What was measured at each judged horizon: how much of a correction holds, and the level; shape (k,) each."""

    days: Vector
    """The judged horizons, ascending."""
    value_slope: Vector
    value_level: Vector
    orders_slope: Vector
    orders_level: Vector
    silence_slope: Vector
    silence_level: Vector

    def to_json(self) -> dict[str, list[float]]:
        """Write as plain values."""
        return {one.name: getattr(self, one.name).tolist() for one in fields(self)}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{one.name: np.array(written[one.name], dtype=np.float64) for one in fields(cls)})


class ValueCurves(NamedTuple):
    """Of n contacts at each day of a grid, all monotone along it; shape (n, k) each."""

    days: Vector
    """Ascending, shape (k,)."""
    value: Matrix
    orders: Matrix
    silent: Matrix
    """Chance of no order until then."""

    def value_at(self, days: float) -> Vector:
        """Return the expected value within a horizon, shape (n,)."""
        return read_at(self.days, self.value, days)

    def orders_at(self, days: float) -> Vector:
        """Return the expected orders within a horizon, shape (n,)."""
        return read_at(self.days, self.orders, days)

    def ordered_at(self, days: float) -> Vector:
        """Return the chance of an order within a horizon, shape (n,)."""
        chance: Vector = 1.0 - read_at(self.days, self.silent, days, start=1.0)
        return chance

    def days_of(self, chances: tuple[float, ...]) -> Matrix:
        """Return the days until the chance of an order reaches each value, shape (n, len(chances)); NaN: beyond."""
        came = np.concatenate([np.zeros((len(self.silent), 1)), 1.0 - self.silent], axis=1)
        days = np.concatenate([_ZERO, self.days])
        wanted = np.array(chances)
        reached = came[:, None, :] >= wanted[:, None]
        place = np.maximum(np.argmax(reached, axis=2), 1)
        row = np.arange(len(came))[:, None]
        low, high = came[row, place - 1], came[row, place]
        part = np.clip((wanted - low) / np.maximum(high - low, SMALLEST), 0.0, 1.0)
        found: Matrix = days[place - 1] + part * (days[place] - days[place - 1])
        return np.where(reached[:, :, -1], found, np.nan)


_ZERO = np.zeros(1)


def read_at(grid: Vector, curve: Matrix, days: float, *, start: float = 0.0) -> Vector:
    """Read a curve at a day, shape (n,): between the days of the grid it is a straight line, beyond it stays.

    Args:
        grid: days, ascending, shape (k,).
        curve: shape (n, k).
        days: where to read.
        start: what holds at day 0.
    """
    place = int(np.searchsorted(grid, days))
    if place >= len(grid):
        last: Vector = curve[:, -1]
        return last
    if grid[place] == days:
        exact: Vector = curve[:, place]
        return exact
    before = curve[:, place - 1] if place else np.full(len(curve), start)
    begin = grid[place - 1] if place else 0.0
    part = (days - begin) / (grid[place] - begin)
    between_days: Vector = before + part * (curve[:, place] - before)
    return between_days


@dataclass(frozen=True)
class CurveMaker:
    """The closed form with what was measured at the judged horizons."""

    form: ClosedForm
    knots: Knots
    main_days: float
    """The horizon that trees answer about."""

    @cached_property
    def grid(self) -> Vector:
        """Return the days at which curves are computed: those of every version, and the judged horizons."""
        return np.unique(np.concatenate([np.array(DAYS, dtype=np.float64), self.knots.days]))

    @cached_property
    def spread(self) -> Matrix:
        """Return the weights from the judged horizons to the grid, on the log of days, shape (k, g)."""
        return between(np.log(self.knots.days), np.log(self.grid)).T

    @cached_property
    def _columns(self) -> tuple[Vector, ...]:
        return tuple(getattr(self.knots, one.name) @ self.spread for one in fields(Knots)[1:])

    def base(self, known: Histories) -> "ClosedCurves":
        """Return what the closed form alone says of contacts."""
        alive = self.form.alive(known)
        return ClosedCurves(
            self.form.orders(known, alive, self.grid),
            self.form.silent(known, alive, self.grid),
            self.form.order_value(known),
        )

    @cached_property
    def _main(self) -> int:
        return int(np.searchsorted(self.grid, self.main_days))

    def plain(self, closed: "ClosedCurves") -> tuple[Vector, Vector]:
        """Return the log of value and of orders within the main horizon by the closed form alone, shape (n,)."""
        orders = np.log(np.maximum(closed.orders[:, self._main], SMALLEST))
        return orders + np.log(closed.order_value), orders

    def curves(self, closed: "ClosedCurves", corrections: Corrections, levels: tuple[Matrix, Matrix]) -> ValueCurves:
        """Compute the curves of contacts.

        Args:
            closed: what the closed form says of them.
            corrections: of the same contacts.
            levels: by which totals of value and of orders are recalibrated at the judged horizons, log scale,
                shape (n, k) both.
        """
        slope, base, orders_slope, orders_base, silence_slope, silence_base = self._columns
        level, orders_level = levels[0] @ self.spread, levels[1] @ self.spread
        worth = closed.order_value[:, None]
        value = closed.orders * worth * np.exp(_line(corrections.value, slope, base + level))
        orders = closed.orders * np.exp(_line(corrections.orders, orders_slope, orders_base + orders_level))
        power = np.exp(_line(corrections.orders, silence_slope, silence_base + orders_level))
        orders = np.maximum.accumulate(orders, axis=1)
        came = -np.expm1(power * np.log(np.minimum(np.maximum(closed.silent, SMALLEST), 1.0)))
        came = np.maximum.accumulate(came, axis=1)
        # Nobody orders less often than at all: a chance is no larger than the number that is expected.
        return ValueCurves(self.grid, np.maximum.accumulate(value, axis=1), orders, 1.0 - np.minimum(came, orders))


class ClosedCurves(NamedTuple):
    """What the closed form alone says of n contacts, at each day of the grid."""

    orders: Matrix
    """Shape (n, g)."""
    silent: Matrix
    """Chance of no order until then, shape (n, g)."""
    order_value: Vector
    """Shape (n,)."""


def _line(correction: Vector, slope: Vector, level: Matrix) -> Matrix:
    found: Matrix = correction[:, None] * slope + level
    return found
