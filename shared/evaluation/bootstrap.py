"""Intervals by resampling contacts, never frames: frames of one contact are not independent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
DRAWS = 1_000
DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % percentile interval."""

    # Rounded by those who make it: a gain of nothing is 0, not what is left of a sum, for its sign decides things.

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write as `0.712 (0.690 to 0.733)`."""
        if not np.isfinite(self.value):
            return "cannot be told"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def to_json(self) -> dict[str, float | None]:
        """Write as plain values; None where there is no finite number."""
        return {
            name: round(float(number), 6) if np.isfinite(number) else None
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def of_mean(
    values: Vector, owner: NDArray[np.integer], *, draws: int = DRAWS, seed: int = 0, share: float = 0.975
) -> Interval:
    """Bootstrap the mean of one value a row, by contact.

    Args:
        values: shape (n,).
        owner: contact of each row, shape (n,).
        draws: how many resamples.
        seed: of the resampling.
        share: of the resamples that lie below the upper bound, and above the lower one.
    """
    _, group = np.unique(owner, return_inverse=True)
    n_groups = int(group.max()) + 1
    sums = np.bincount(group, weights=values, minlength=n_groups)
    sizes = np.bincount(group, minlength=n_groups).astype(np.float64)
    generator = np.random.default_rng(seed)
    means = np.empty(draws)
    for draw in range(draws):
        weight = np.bincount(generator.integers(0, n_groups, n_groups), minlength=n_groups)
        means[draw] = (weight @ sums) / (weight @ sizes)
    low, high = np.quantile(means, (1 - share, share))
    return Interval(*(round(float(figure), DECIMALS) for figure in (values.mean(), low, high)))


def of_figures(
    figures: Callable[[Vector], Mapping[str, float]],
    owner: NDArray[np.integer],
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap several figures of a set of rows at once, by contact.

    Args:
        figures: takes how often each row counts, shape (n,), and returns numbers by name; NaN draws are left out.
        owner: contact of each row, shape (n,).
        draws: how many resamples.
        seed: of the resampling.
    """
    _, group = np.unique(owner, return_inverse=True)
    n_groups = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(draws):
        times = np.bincount(generator.integers(0, n_groups, n_groups), minlength=n_groups).astype(np.float64)
        for name, value in figures(times[group]).items():
            drawn.setdefault(name, []).append(value)
    return {name: _interval(whole, np.array(drawn[name])) for name, whole in figures(np.ones(len(owner))).items()}


def _interval(whole: float, values: Vector) -> Interval:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(whole, float("nan"), float("nan"))
    low, high = np.quantile(finite, (0.025, 0.975))
    return Interval(whole, float(low), float(high))
