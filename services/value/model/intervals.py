"""The 80 % interval of an expected value: quantiles of actual over expected among held-out contacts alike. Pure."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Matrix, Vector
from services.value.model.curves import ValueCurves
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

    def ends(self, curves: ValueCurves) -> tuple[Matrix, Matrix]:
        """Return both ends at each day of the curves, the expected value between them; monotone, shape (n, g) both."""
        at, spread = self._laid_out(curves.days)
        logs = np.log(np.maximum(curves.value[:, at], 1e-9)).T
        low, high = (
            curves.value
            * (np.stack([np.interp(*one) for one in zip(logs, self.places, ratio, strict=True)]).T @ spread)
            for ratio in (self.low, self.high)
        )
        low, high = np.minimum(low, curves.value), np.maximum(high, curves.value)
        # A longer horizon brings no less: each end is at least that of every shorter one, and never past the middle.
        low = np.minimum(np.maximum.accumulate(low, axis=1), curves.value)
        return low, np.maximum.accumulate(high, axis=1)

    def _laid_out(self, grid: Vector) -> tuple[NDArray[np.intp], Matrix]:
        """Return where the judged horizons stand in a grid, and the weights from them to it; made once a grid."""
        found = self._grids.get(len(grid))
        if found is None:
            weights = between(np.log(self.days), np.log(grid)).T
            found = self._grids[len(grid)] = (np.searchsorted(grid, self.days), weights)
        return found

    @cached_property
    def _grids(self) -> dict[int, tuple[NDArray[np.intp], Matrix]]:
        return {}

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
