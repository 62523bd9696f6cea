"""The 80 % interval of an expected value: quantiles of actual over expected among held-out contacts alike. Pure."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from services.value.model.closed_form import Matrix, Vector
from services.value.model.levels import between

LEVEL = 0.8
OUTSIDE = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Intervals:
    """Ratios of both ends to the expected value, by judged horizon and by how large that value is."""

    days: Vector
    """The judged horizons, ascending, shape (k,)."""
    places: Matrix
    """Middle of each bin, log of the expected value, ascending, shape (k, m)."""
    low: Matrix
    """Shape (k, m)."""
    high: Matrix

    def ends(self, grid: Vector, value: Matrix) -> tuple[Matrix, Matrix]:
        """Return both ends at each day of a grid, the expected value between them; monotone, shape (n, g) both.

        Args:
            grid: days, ascending, shape (g,).
            value: expected until each day, shape (n, g).
        """
        logs = np.log(np.maximum(value, 1e-9))
        known = [
            np.stack([np.interp(logs, places, row) for places, row in zip(self.places, ratios, strict=True)], axis=2)
            for ratios in (self.low, self.high)
        ]
        weights = between(np.log(self.days), np.log(grid))
        low, high = (value * np.einsum("ngk,gk->ng", ratio, weights) for ratio in known)
        low, high = np.minimum(low, value), np.maximum(high, value)
        # A longer horizon brings no less: each end is at least that of every shorter one, and never past the middle.
        return np.minimum(np.maximum.accumulate(low, axis=1), value), np.maximum.accumulate(high, axis=1)

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {one.name: getattr(self, one.name).tolist() for one in fields(self)}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{one.name: np.array(written[one.name], dtype=np.float64) for one in fields(cls)})


def quantile_ends(ratio: Vector) -> tuple[float, float]:
    """Return the ends between which 80 % of some ratios lie.

    Where more than a tenth is 0, the lower end is 0 and holds them all, and the upper end leaves a fifth above it.

    >>> quantile_ends(np.array([0.0, 0.0, 1.0, 2.0, 3.0]))
    (0.0, 2.0)
    """
    ordered = np.sort(ratio)
    n = len(ordered)
    if np.mean(ordered <= 0) > OUTSIDE:
        place = min(n - 1, int(np.ceil(LEVEL * (n + 1))) - 1) if n > 5 else int(np.ceil(LEVEL * n)) - 1
        return 0.0, float(ordered[place])
    low = max(0, int(np.floor(OUTSIDE * (n + 1))) - 1)
    return float(ordered[low]), float(ordered[min(n - 1, int(np.ceil((1 - OUTSIDE) * (n + 1))) - 1)])
