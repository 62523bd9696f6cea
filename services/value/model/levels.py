"""What makes totals hold: how much more or less cohorts spent than was expected, by the time of the question. Pure."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Matrix, Vector


def between(places: Vector, wanted: Vector) -> Matrix:
    """Return the weights of a straight line through places, the nearest one outside them: shape (len(wanted), k).

    >>> between(np.array([0.0, 10.0]), np.array([-1.0, 2.5, 99.0])).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]]
    """
    eye = np.eye(len(places))
    return np.stack([np.interp(wanted, places, row) for row in eye], axis=1)


@dataclass(frozen=True)
class TotalLevels:
    """Log of actual over expected totals, at judged horizons and at times after the training."""

    at: NDArray[np.int64]
    """Cutoffs, ascending, microseconds, shape (t,)."""
    days: Vector
    """The judged horizons, ascending, shape (k,)."""
    value: Matrix
    """(t, k)."""
    orders: Matrix
    """(t, k)."""

    def of(self, cutoffs: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        """Return the levels of value and of orders at each cutoff, at the judged horizons, shape (n, k) both."""
        if len(self.at) == 1:
            same = np.zeros((len(cutoffs), 1))
            return same + self.value, same + self.orders
        if len(cutoffs) > 1 and (cutoffs == cutoffs[0]).all():
            value, orders = self.of(cutoffs[:1])
            return np.repeat(value, len(cutoffs), axis=0), np.repeat(orders, len(cutoffs), axis=0)
        after = np.clip(np.searchsorted(self.at, cutoffs), 1, len(self.at) - 1)
        begin, end = self.at[after - 1], self.at[after]
        part = np.clip((cutoffs - begin) / (end - begin), 0.0, 1.0)[:, None]
        value, orders = (level[after - 1] + part * (level[after] - level[after - 1]) for level in self._both)
        return value, orders

    @property
    def _both(self) -> tuple[Matrix, Matrix]:
        return self.value, self.orders

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            np.array(fields["at"], dtype=np.int64),
            *(np.array(fields[name], dtype=np.float64) for name in ("days", "value", "orders")),
        )

    @classmethod
    def none(cls, days: Vector) -> Self:
        """Return levels that change nothing."""
        zeros = np.zeros((1, len(days)))
        return cls(np.zeros(1, dtype=np.int64), days, zeros, zeros)
