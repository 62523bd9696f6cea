"""The candidates of a competition: each is fitted on the past of every split and predicts what came after.

No number is judged on rows that chose it: the rounds and the calibration of a block come from the blocks before it
(of a fold: from the other folds). The first block only chooses.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import Microseconds
from shared.evaluation.calibration import Calibrator, calibrate
from shared.evaluation.metrics import losses
from shared.learners.blend import Blend
from shared.learners.learner import Learner
from shared.learners.simple import Columns, Logistic, Matrix, Rule, Vector, chance, log_odds
from shared.learners.trees import Path, Trees, TreeShape, fits_at_once, grow
from shared.ties import largest, rounded
from shared.training.material import SEED, Split, contact_folds

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
        """Return whether the splits follow each other in time."""
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
        """Return on which splits candidates and rounds are chosen.

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
        """Return whether folds of contacts chose, because time left too little."""
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

    def judged_before(self, position: int) -> NDArray[np.intp]:
        """List the rows on which the blocks before a split were judged, or the other folds, split by split."""
        others = [split.test for place, split in enumerate(self.splits) if place != position]
        rows = others[:position] if self.chained else others
        return np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)

    def chosen_before(self, position: int) -> NDArray[np.intp]:
        """List the rows that may choose a candidate for a split: of the blocks before it, or of the other folds."""
        if self.chosen_by_folds:
            return self.known_before(position, np.arange(len(self.labels)))
        return np.sort(self.judged_before(position))

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
        """Return the log-odds of each stratum as seen in some rows, shape (n_strata,).

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
        """Return the stratum of each row."""
        return np.zeros(len(rows), dtype=np.intp) if self.strata is None else self.strata[rows]

    @cached_property
    def n_strata(self) -> int:
        """Count the strata."""
        return 1 if self.strata is None else int(self.strata.max()) + 1

    def known_before(self, position: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Keep the rows whose labels were known when a split began; flat data has always known them."""
        if self.cutoff is None:
            return rows
        known = self.cutoff[rows] + self.horizon if self.known_at is None else self.known_at[rows]
        closed: NDArray[np.intp] = rows[known <= self.cutoff[self.splits[position].test].min()]
        return closed


def hidden(matrix: Matrix, split: Split) -> Matrix:
    """Make the columns that a split does not see missing; the matrix itself is not changed."""
    if not split.hidden:
        return matrix
    seen = matrix.copy()
    seen[:, list(split.hidden)] = np.nan
    return seen


FIRST_ROUNDS = 60
"""Rounds of the first block, which nothing before it can choose."""

Raw = Callable[[Matrix], Vector]
"""From a matrix to margins beyond the base."""


@dataclass(frozen=True, slots=True)
class Based:
    """What was learned from some rows: a margin of each stratum, and a learner on top of it."""

    base: Vector
    """Log-odds, shape (n_strata,)."""
    beyond: Raw

    def margins(self, matrix: Matrix, strata: NDArray[np.intp]) -> Vector:
        """Add both, shape (n,)."""
        margins: Vector = self.base[strata] + self.beyond(matrix)
        return margins


@dataclass(frozen=True, slots=True)
class SplitJudge:
    """What one split learned, able to answer about other rows than its own."""

    split: Split
    learned: Based
    calibrator: Calibrator

    def margins(self, matrix: Matrix, strata: NDArray[np.intp]) -> Vector:
        """Return calibrated margins of any rows, as this split would have, shape (n,)."""
        return self.calibrator.margins(self.learned.margins(hidden(matrix, self.split), strata))


@dataclass(frozen=True, slots=True)
class Refitted:
    """What is served: fitted on all rows with what the competition chose."""

    learner: Learner
    base: Vector
    """Log-odds of each stratum, on which the learner stands; (0,) where there is one and the learner holds it."""


@dataclass(frozen=True, slots=True)
class CandidateEntry:
    """One candidate after the competition."""

    kind: str
    label: str
    margin: Vector
    """Calibrated out-of-fold margins, shape (n,); NaN where nobody judged."""
    raw: Vector
    """The same before calibration."""
    row_loss: Vector
    """Log loss of each row that may choose between candidates, shape (n,); NaN elsewhere."""
    calibrates: bool
    """Whether calibration helped; if not, `margin` is `raw`."""
    judges: tuple[SplitJudge, ...]
    """One a split, in order."""
    refit: Callable[[], Refitted]
    by_folds: Vector | None = None
    """Margins of folds of contacts, shape (n,), where those choose and not the blocks."""
    grown: tuple[TreeShape, int] | None = None
    """Of trees: their shape, and how many are grown on all rows."""


Fit = Callable[[Matrix, Vector, Vector | None], Learner]
"""Matrix, labels and offset to a learner."""


def rule_entry(problem: Problem) -> CandidateEntry:
    """Enter the best single rule."""

    def fit(matrix: Matrix, labels: Vector, offset: Vector | None) -> Learner:
        return Rule.fit(matrix, labels, problem.columns, offset=offset)

    return _entry(problem, Rule.kind, "rule", _fitted(problem, problem.splits, fit), fit)


def logistic_entry(problem: Problem, ridge: float) -> CandidateEntry:
    """Enter logistic regression of one strength."""

    def fit(matrix: Matrix, labels: Vector, offset: Vector | None) -> Learner:
        return Logistic.fit(matrix, labels, problem.columns, ridge=ridge, offset=offset)

    learned = _fitted(problem, problem.splits, fit)
    return _entry(problem, Logistic.kind, f"logistic, ridge {ridge:g}", learned, fit)


def trees_entry(problem: Problem, shape: TreeShape) -> CandidateEntry:
    """Enter trees of one shape; the rounds of each split are chosen by those that may inform it."""
    splits = problem.choosing
    with ThreadPoolExecutor(fits_at_once(len(problem.labels)), thread_name_prefix="growing") as pool:
        grown = list(pool.map(lambda split: _grown(problem, split, shape), splits))
    weights = problem.weights_of(splits)
    chosen = []
    for position, (base, path) in enumerate(grown):
        others = informing(problem, position)
        rounds = (
            best_rounds([grown[o][1].loss for o in others], [weights[o] for o in others]) if others else FIRST_ROUNDS
        )
        chosen.append(Based(base, lambda matrix, path=path, rounds=rounds: path.margins(matrix, rounds)))  # type: ignore[misc]
    rounds = best_rounds([path.loss for _, path in grown], weights)

    def fit(matrix: Matrix, labels: Vector, offset: Vector | None) -> Learner:
        return Trees.fit(matrix, labels, problem.columns, shape=shape, rounds=rounds, seed=SEED, offset=offset)

    by_folds = problem.chosen_by_folds
    learned = _fitted(problem, problem.splits, fit) if by_folds else chosen
    margins = _out_of_fold(problem, splits, chosen) if by_folds else None
    entry = _entry(problem, Trees.kind, f"trees of {shape.leaves} leaves", learned, fit, margins)
    return replace(entry, grown=(shape, rounds))


def blend_entry(problem: Problem, linear: CandidateEntry, trees: CandidateEntry) -> CandidateEntry:
    """Enter the mean of a logistic regression and of trees, from what both have learned; nothing is fitted again."""

    def both(one: Vector, other: Vector) -> Vector:
        mean: Vector = (one + other) / 2
        return mean

    def learned(one: Based, other: Based) -> Based:
        return Based(one.base, lambda matrix: both(one.beyond(matrix), other.beyond(matrix)))

    def refit() -> Refitted:
        halves = linear.refit(), trees.refit()
        line, grown = (half.learner for half in halves)
        assert isinstance(line, Logistic) and isinstance(grown, Trees)  # noqa: S101, PT018 - what was entered
        return Refitted(Blend(line, grown), halves[0].base)

    by_folds = None
    if linear.by_folds is not None and trees.by_folds is not None:
        by_folds = both(linear.by_folds, trees.by_folds)
    pairs = zip(linear.judges, trees.judges, strict=True)
    return _judged(
        problem,
        (Blend.kind, f"half {linear.label}, half {trees.label}"),
        [learned(one.learned, other.learned) for one, other in pairs],
        both(linear.raw, trees.raw),
        by_folds,
        refit,
    )


def informing(problem: Problem, position: int) -> list[int]:
    """List the splits whose judged rows may choose something for this one: earlier blocks, or the other folds."""
    if not problem.chained or problem.chosen_by_folds:
        return [other for other in range(len(problem.choosing)) if other != position]
    return list(range(position))


def calibrators(problem: Problem, raw: Vector) -> list[Calibrator]:
    """Calibrate each split by what was known of the others' answers when it began."""
    found = []
    for position in range(len(problem.splits)):
        known = problem.known_before(position, problem.judged_before(position))
        found.append(calibrated(problem, raw, known) if len(known) else Calibrator())
    return found


def calibrated(problem: Problem, raw: Vector, rows: NDArray[np.intp]) -> Calibrator:
    """Calibrate held-out margins on some judged rows, the newest counting most: what is served answers after them."""
    return calibrate(problem.labels[rows], raw[rows], weights=problem.recent[rows])


def best_rounds(curves: Sequence[Vector], weights: Sequence[float]) -> int:
    """Choose the rounds of the least mean loss of weighted curves, the fewest where they are equal."""
    mean: Vector = np.average(np.stack(curves), axis=0, weights=weights)
    return int(largest(-mean)) + 1


def _entry(
    problem: Problem,
    kind: str,
    label: str,
    learned: Sequence[Based],
    fit: Fit,
    by_folds: Vector | None = None,
) -> CandidateEntry:
    raw = _out_of_fold(problem, problem.splits, learned)
    if by_folds is None and problem.chosen_by_folds:
        by_folds = _out_of_fold(problem, problem.choosing, _fitted(problem, problem.choosing, fit))
    return _judged(problem, (kind, label), learned, raw, by_folds, lambda: _refit(problem, fit))


def _judged(
    problem: Problem,
    named: tuple[str, str],
    learned: Sequence[Based],
    raw: Vector,
    by_folds: Vector | None,
    refit: Callable[[], Refitted],
) -> CandidateEntry:
    """Keep the calibration only where it helps on held-out rows: base rates that move make it worse than none."""
    found = calibrators(problem, raw)
    margin = np.full(len(raw), np.nan)
    for split, calibrator in zip(problem.splits, found, strict=True):
        margin[split.test] = calibrator.margins(raw[split.test])
    labels = problem.labels[problem.judged]
    every = [losses(labels, chance(each[problem.judged])) for each in (margin, raw)]
    helps = bool(rounded(every[0].mean()) < rounded(every[1].mean()))
    row_loss = losses(problem.labels, chance((margin if helps else raw) if by_folds is None else by_folds))
    judges = tuple(
        SplitJudge(split, based, calibrator if helps else Calibrator())
        for split, based, calibrator in zip(problem.splits, learned, found, strict=True)
    )
    return CandidateEntry(*named, margin if helps else raw, raw, row_loss, helps, judges, refit, by_folds)


def _refit(problem: Problem, fit: Fit) -> Refitted:
    every = np.arange(len(problem.labels))
    if problem.strata is None:
        return Refitted(fit(problem.matrix, problem.labels, None), np.zeros(1))
    base = problem.base(every)
    return Refitted(fit(problem.matrix, problem.labels, base[problem.strata]), base)


def _fitted(problem: Problem, splits: Sequence[Split], fit: Fit) -> list[Based]:
    learned = []
    for split in splits:
        base, offset = _start(problem, split.train)
        learner = fit(problem.seen(split, split.train), problem.labels[split.train], offset)
        learned.append(Based(base, learner.margins))
    return learned


def _grown(problem: Problem, split: Split, shape: TreeShape) -> tuple[Vector, Path]:
    base, offset = _start(problem, split.train)
    path = grow(
        problem.seen(split, split.train),
        problem.labels[split.train],
        problem.columns,
        shape=shape,
        seed=SEED,
        judge=(problem.seen(split, split.test), problem.labels[split.test]),
        offsets=(offset, None if offset is None else base[problem.strata_of(split.test)]),
    )
    return base, path


def _start(problem: Problem, rows: NDArray[np.intp]) -> tuple[Vector, Vector | None]:
    """Return where a learner starts: the base of each stratum, and the offset of each row; one stratum has none."""
    if problem.strata is None:
        return np.zeros(1), None
    base = problem.base(rows)
    return base, base[problem.strata[rows]]


def _out_of_fold(problem: Problem, splits: Sequence[Split], learned: Sequence[Based]) -> Vector:
    raw = np.full(len(problem.labels), np.nan)
    for split, based in zip(splits, learned, strict=True):
        raw[split.test] = based.margins(problem.seen(split, split.test), problem.strata_of(split.test))
    return raw
