"""Splits that never let training see what testing asks: forward chaining with a gap; folds for flat data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import Microseconds

SEED = 42
CLOSED_SHARES = (0.3, 0.2, 0.1, 0.05)
"""Shares of all frames that should be closed before anything is judged, the best first."""
LEAST_JUDGED = 0.15
"""Share of all frames that must be left to judge."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows to be judged on."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    hidden: tuple[int, ...] = ()
    """Columns that this split does not see: what could not be learned yet at that time."""


def forward_chain(
    cutoff: NDArray[np.int64],
    *,
    horizon: Microseconds,
    blocks: int = 5,
    known_at: NDArray[np.int64] | None = None,
) -> list[Split]:
    """Cut time into blocks; each is judged by what was known when it began.

    The first block begins as soon as a good share of all frames is closed, so that what is judged resembles
    what will be served; where the horizon is long against the data, a smaller share has to do.

    Args:
        cutoff: microseconds, shape (n,).
        horizon: length of the label window; a training frame's window ends before the test block begins.
        blocks: how many test blocks at most, equal in frames.
        known_at: when each frame's label was known, shape (n,); None: one horizon after its cutoff.

    Returns:
        Splits in time order; fewer where there are not enough distinct cutoffs; none where no frame is closed
        before another begins.
    """
    if not len(cutoff):
        return []
    judged = np.sort(cutoff[cutoff >= _first_start(cutoff, horizon)])
    if not len(judged):
        return []
    starts = np.unique(np.quantile(judged, np.arange(blocks) / blocks, method="higher"))
    ends = [*starts[1:], np.iinfo(np.int64).max]
    known = cutoff + horizon if known_at is None else known_at
    splits = []
    for start, end in zip(starts, ends, strict=True):
        train = np.flatnonzero(known <= start)
        test = np.flatnonzero((cutoff >= start) & (cutoff < end))
        if len(train) and len(test):
            splits.append(Split(train, test))
    return splits


def _first_start(cutoff: NDArray[np.int64], horizon: Microseconds) -> int:
    """Choose where judging begins: the largest share of closed frames that leaves enough frames to judge."""
    ordered = np.sort(cutoff)
    for share in CLOSED_SHARES:
        start = int(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) + horizon
        if np.count_nonzero(cutoff >= start) >= LEAST_JUDGED * len(cutoff):
            return start
    return int(ordered[0]) + horizon


def stratified(label: NDArray[np.float64], *, folds: int = 5, seed: int = SEED) -> list[Split]:
    """Deal rows into folds with equal shares of positives, for flat data without times.

    Args:
        label: 0.0 or 1.0, shape (n,).
        folds: how many.
        seed: of the shuffle.
    """
    generator = np.random.default_rng(seed)
    fold = np.empty(len(label), dtype=np.int64)
    for kind in (0.0, 1.0):
        rows = np.flatnonzero(label == kind)
        fold[generator.permutation(rows)] = np.arange(len(rows)) % folds
    return [Split(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def contact_folds(
    owner: NDArray[np.int32], label: NDArray[np.float64], *, folds: int = 5, seed: int = SEED
) -> list[Split]:
    """Deal contacts into folds, so that no contact is on both sides, with equal shares of those ever positive.

    Args:
        owner: contact of each row, shape (n,).
        label: 0.0 or 1.0, shape (n,).
        folds: how many.
        seed: of the shuffle.
    """
    _, group = np.unique(owner, return_inverse=True)
    ever = (np.bincount(group, weights=label) > 0).astype(np.float64)
    dealt = np.empty(len(ever), dtype=np.int64)
    for fold, split in enumerate(stratified(ever, folds=folds, seed=seed)):
        dealt[split.test] = fold
    fold_of = dealt[group]
    return [Split(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(folds)]
