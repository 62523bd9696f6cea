"""Splits that never let training see what testing asks: forward chaining with a gap; folds for flat data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import Microseconds

SEED = 42


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows to be judged on."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def forward_chain(cutoff: NDArray[np.int64], *, horizon: Microseconds, blocks: int = 5) -> list[Split]:
    """Cut time into blocks; each is judged by what was known when it began.

    Args:
        cutoff: microseconds, shape (n,).
        horizon: length of the label window; a training frame's window ends before the test block begins.
        blocks: how many test blocks at most, equal in frames, over the later two thirds of the frames.

    Returns:
        Splits in time order; fewer where there are not enough distinct cutoffs; blocks without any
        closed training frame are left out.
    """
    if not len(cutoff):
        return []
    starts = np.unique(np.quantile(cutoff, 1 / 3 + (2 / 3) * np.arange(blocks) / blocks, method="higher"))
    ends = [*starts[1:], np.iinfo(np.int64).max]
    splits = []
    for start, end in zip(starts, ends, strict=True):
        train = np.flatnonzero(cutoff + horizon <= start)
        test = np.flatnonzero((cutoff >= start) & (cutoff < end))
        if len(train) and len(test):
            splits.append(Split(train, test))
    return splits


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


def judged_rows(splits: Sequence[Split]) -> NDArray[np.intp]:
    """List the rows that some split judges, in order."""
    return np.sort(np.concatenate([split.test for split in splits]))
