"""Whether there is a signal at all: ranking within blocks of time, and what is saved beyond the level of each block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.bootstrap import Interval, of_mean
from shared.evaluation.calibration import level
from shared.evaluation.metrics import Ranking, losses

Vector = NDArray[np.float64]
DRAWS = 1_000
SURE = 0.99
"""Confidence, on one side, with which the ranking must lie above chance when contacts are drawn again."""
LIKELY = 0.80
"""Confidence, on one side, of the gain: its noise is twice that of the ranking, which is asked first.

With 0.90, 13 of 20 weak worlds with dates (AUC 0.62, 400 positives) passed, and 17 do; not one table of noise more.
"""
OVER_BLOCKS = 0.95
"""Confidence, on one side, with which the ranking must lie above chance when blocks differ. Source: Student (1908)."""
FOLDS_WIDEN = 1.75
"""How many times as wide the interval of the ranking is over folds as drawing contacts again says.

Each fold is judged by what the others taught, so that what is chance in the whole table is found in every fold again.
Nadeau and Bengio (2003) give 1.5 for five folds; on made tables of noise it was 1.65, and 0.9 over blocks of time.
"""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a model knows beyond the level of each block."""

    ranking: Interval
    """AUC within blocks: a positive against a negative of the same block; the interval is the wider of two."""
    gain: Interval
    """Share of the log loss saved against a constant that knows the rate of each block; both sides re-levelled."""
    by_block: tuple[float, ...]
    """AUC of each block; NaN where a block has labels of one kind only."""

    @property
    def usable(self) -> bool:
        """Whether the ranking is surely above chance and something is saved by it."""
        return self.ranking.low > 0.5 and self.gain.low > 0.0

    @property
    def missing(self) -> str:
        """Return what is missing, in words; empty where nothing is."""
        if not self.ranking.low > 0.5:
            return (
                "within the same stretch of time it does not surely rank those who reach the outcome above those who "
                f"do not (AUC {self.ranking}; 0.5 is chance)"
            )
        if not self.gain.low > 0.0:
            return f"its chances are no better than the average of each stretch of time (log loss saved {self.gain})"
        return ""


def signal(
    labels: Vector,
    margin: Vector,
    owner: NDArray[np.integer],
    blocks: Sequence[NDArray[np.intp]],
    *,
    chained: bool = True,
    seed: int = 0,
) -> Signal:
    """Measure the signal in held-out margins.

    A model that only follows the level of the base rate gains nothing here, and neither is one blamed for a level
    that moved: within each block the mean chance is set to the rate that was seen there.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        margin: held-out margins, each of a model that knew nothing of its row, shape (n,).
        owner: contact of each row, shape (n,).
        blocks: rows of each block (of time, or of a fold); together all rows.
        chained: whether each block was judged by what came before it; False: by the other folds.
        seed: of the resampling.

    Returns:
        The ranking with an interval that holds both when contacts are drawn again (over folds wider: they learn from
        each other's rows) and over the blocks (Student's t, from three blocks on), and the gain with a
        contact-bootstrap interval.
    """
    mixed = [rows for rows in blocks if 0 < labels[rows].sum() < len(rows)]
    by_block = tuple(_auc(labels[rows], margin[rows]) for rows in blocks)
    if not mixed:
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return Signal(nothing, nothing, by_block)
    widen = 1.0 if chained else FOLDS_WIDEN
    return Signal(_ranking(labels, margin, owner, mixed, seed, widen), _gain(labels, margin, owner, mixed), by_block)


def _auc(labels: Vector, margin: Vector) -> float:
    return Ranking(labels, margin).auc(np.ones(len(labels)))


def _ranking(
    labels: Vector,
    margin: Vector,
    owner: NDArray[np.integer],
    blocks: Sequence[NDArray[np.intp]],
    seed: int,
    widen: float,
) -> Interval:
    from scipy.special import stdtrit  # what a serving process does not need

    rankings = [Ranking(labels[rows], margin[rows]) for rows in blocks]
    positives = np.array([labels[rows].sum() for rows in blocks])
    sizes = np.array([float(len(rows)) for rows in blocks])
    # Weighed by the inverse of its variance, but for a factor that all share. Source: Mann and Whitney (1947).
    weight = positives * (sizes - positives) / (sizes + 1)
    areas = np.array([ranking.auc(np.ones(len(rows))) for ranking, rows in zip(rankings, blocks, strict=True)])
    value = float(np.average(areas, weights=weight))
    _, group = np.unique(owner, return_inverse=True)
    n_groups = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        times = np.bincount(generator.integers(0, n_groups, n_groups), minlength=n_groups).astype(np.float64)[group]
        each = np.array([ranking.auc(times[rows]) for ranking, rows in zip(rankings, blocks, strict=True)])
        found = np.isfinite(each)
        drawn[draw] = np.average(each[found], weights=weight[found]) if found.any() else 0.5
    low, high = value + widen * (np.quantile(drawn, (1 - SURE, SURE)) - value)
    if len(areas) > 2:
        spread = np.sqrt(np.average((areas - value) ** 2, weights=weight) / (len(areas) - 1))
        reach = float(spread * stdtrit(len(areas) - 1, OVER_BLOCKS))
        low, high = min(low, value - reach), max(high, value + reach)
    return Interval(value, float(low), float(high))


def _gain(labels: Vector, margin: Vector, owner: NDArray[np.integer], blocks: Sequence[NDArray[np.intp]]) -> Interval:
    saved, scale = np.zeros(len(labels)), 0.0
    for rows in blocks:
        mine, rate = labels[rows], float(labels[rows].mean())
        relevelled = margin[rows] + level(mine, margin[rows])
        constant = losses(mine, np.full(len(rows), rate))
        saved[rows] = constant - losses(mine, 0.5 * (1.0 + np.tanh(0.5 * relevelled)))
        scale += float(constant.sum())
    every = np.concatenate(list(blocks))
    scale /= len(every)
    gain = of_mean(saved[every], owner[every], share=LIKELY)
    return Interval(gain.value / scale, gain.low / scale, gain.high / scale)
