"""What is to be learned: rows, their labels, whose they are, when they close, and how they may be split."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import Microseconds
from shared.learners.columns import Columns, Matrix, Vector, log_odds
from shared.timeline.splits import Split, contact_folds

ENOUGH_TO_CHOOSE = 100
"""Positive contacts among the judged rows below which folds of contacts choose."""
HORIZONS_TO_CHOOSE = 2
"""Horizons that the judged rows must span for time to choose."""
STRATUM_PULL = 10.0
"""Imagined rows at the overall rate with which the base rate of a stratum starts."""


@dataclass(frozen=True)
class Problem:
    """What is to be learned: rows, their labels, whose they are, and how they may be split."""

    matrix: Matrix
    labels: Vector
    owner: NDArray[np.int32]
    """Contact of each row."""
    columns: Columns
    splits: tuple[Split, ...]
    """What the figures come from."""
    cutoff: NDArray[np.int64] | None = None
    """None: flat data, the splits are folds."""
    horizon: Microseconds = 0
    known_at: NDArray[np.int64] | None = None
    """When each row's label was known; None: one horizon after its cutoff."""
    strata: NDArray[np.intp] | None = None
    """Rows whose base rates differ by nature, such as the periods of a hazard: each candidate starts from the base
    rate of a row's stratum, as seen in training; None: there is one."""
    recency: float = 1.5
    """How many times the block before it a block counts when rounds and candidates are chosen: what is served learns
    from more data than any block did and answers about what comes next, so that the last block is the most like it."""

    @property
    def chained(self) -> bool:
        """Tell whether the splits follow each other in time."""
        return self.cutoff is not None

    @property
    def judged(self) -> NDArray[np.intp]:
        """List the rows that figures come from: where time allows, the first block only chooses."""
        return np.sort(np.concatenate([split.test for split in self.counted]))

    @property
    def counted(self) -> tuple[Split, ...]:
        """List the splits that figures come from."""
        return self.splits[1:] if self.chained and len(self.splits) > 2 else self.splits

    @cached_property
    def choosing(self) -> tuple[Split, ...]:
        """Tell on which splits candidates and rounds are chosen.

        The judged rows themselves, by blocks. Where they span less than two horizons, or fewer than 100 contacts
        among them are positive, a choice would be chance made on models that saw a third of the data: then folds
        of contacts over all closed frames choose, and time still judges.
        """
        if self.cutoff is None or self._can_choose(self.cutoff[self.judged]):
            return self.splits
        return tuple(contact_folds(self.owner, self.labels))

    def _can_choose(self, judged_at: NDArray[np.int64]) -> bool:
        positives = self.owner[self.judged][self.labels[self.judged] == 1]
        spans = judged_at.max() - judged_at.min() >= HORIZONS_TO_CHOOSE * self.horizon
        return bool(spans) and len(np.unique(positives)) >= ENOUGH_TO_CHOOSE

    @property
    def chosen_by_folds(self) -> bool:
        """Tell whether folds of contacts chose, because time left too little."""
        return self.choosing is not self.splits

    def weights_of(self, splits: tuple[Split, ...]) -> list[float]:
        """Weigh splits that choose by their rows and, in a chain of blocks, by how recent they are."""
        steps = range(len(splits)) if self.chained and splits is self.splits else [0] * len(splits)
        return [len(split.test) * self.recency**step for step, split in zip(steps, splits, strict=True)]

    @cached_property
    def row_weights(self) -> Vector:
        """Weigh each row by how recent its block is when candidates are chosen, shape (n,); 0 where nobody judged."""
        return np.ones(len(self.labels)) if self.chosen_by_folds else self.recent

    @cached_property
    def recent(self) -> Vector:
        """Weigh each judged row by how recent its block is, shape (n,); 0 where nobody judged, 1 in folds."""
        weight = np.zeros(len(self.labels))
        for step, split in enumerate(self.splits):
            weight[split.test] = self.recency**step if self.chained else 1.0
        return weight

    @property
    def choosing_rows(self) -> NDArray[np.intp]:
        """List the rows on which candidates are chosen for what is served."""
        return np.arange(len(self.labels)) if self.chosen_by_folds else self.judged

    def chosen_before(self, position: int) -> NDArray[np.intp]:
        """List the rows that may choose a candidate for a split: of the blocks before it, or of the other folds."""
        if self.cutoff is None:
            others = [split.test for place, split in enumerate(self.splits) if place != position]
            return np.sort(np.concatenate(others))
        if self.chosen_by_folds:
            return self.closed_by(np.arange(len(self.labels)), int(self.cutoff[self.splits[position].test].min()))
        earlier = [split.test for split in self.splits[:position]]
        return np.sort(np.concatenate(earlier)) if earlier else np.empty(0, dtype=np.intp)

    @property
    def blocks(self) -> list[NDArray[np.intp]]:
        """List the places in `judged` of each counted split's rows."""
        place = np.full(len(self.labels), -1, dtype=np.intp)
        place[self.judged] = np.arange(len(self.judged))
        return [place[split.test] for split in self.counted]

    def seen(self, split: Split, rows: NDArray[np.intp]) -> Matrix:
        """Take rows of the matrix as a split sees them: hidden columns are missing."""
        return hidden(self.matrix[rows], split)

    def base(self, rows: NDArray[np.intp]) -> Vector:
        """Tell the log-odds of each stratum as seen in some rows, shape (n_strata,).

        A stratum with few rows is drawn towards the rate of all.
        """
        strata = self.strata_of(rows)
        count = np.bincount(strata, minlength=self.n_strata)
        hits = np.bincount(strata, weights=self.labels[rows], minlength=self.n_strata)
        if self.strata is None:
            return log_odds(hits / count)
        rate = self.labels[rows].mean()
        return log_odds((hits + STRATUM_PULL * rate) / (count + STRATUM_PULL))

    def strata_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Tell the stratum of each row."""
        return np.zeros(len(rows), dtype=np.intp) if self.strata is None else self.strata[rows]

    @cached_property
    def n_strata(self) -> int:
        """Count the strata."""
        return 1 if self.strata is None else int(self.strata.max()) + 1

    def closed_by(self, rows: NDArray[np.intp], instant: Microseconds) -> NDArray[np.intp]:
        """Keep the rows whose labels were known at an instant; flat data has always known them."""
        if self.cutoff is None:
            return rows
        known = self.cutoff[rows] + self.horizon if self.known_at is None else self.known_at[rows]
        return rows[known <= instant]


def hidden(matrix: Matrix, split: Split) -> Matrix:
    """Make the columns that a split does not see missing; the matrix itself is not changed."""
    if not split.hidden:
        return matrix
    seen = matrix.copy()
    seen[:, list(split.hidden)] = np.nan
    return seen
