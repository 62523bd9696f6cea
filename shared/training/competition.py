"""The competition: candidates are fitted on the past of each split, judged on what came after, and the best serves.

No number is judged on rows that chose it: the rounds and the calibration of a block come from the blocks before it
(of a fold: from the other folds). The first block only chooses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import Microseconds
from shared.evaluation.calibration import Calibrator, calibrate
from shared.evaluation.metrics import log_loss, losses
from shared.learners.columns import Columns, Matrix, Vector, chance, log_odds
from shared.learners.learner import Learner
from shared.learners.logistic import Logistic
from shared.learners.rule import Rule
from shared.learners.trees import Path, Trees, TreeShape, grow
from shared.timeline.splits import SEED, Split, contact_folds
from shared.training.choices import Progress, silent

TIE = 0.001
"""Relative difference of log loss below which the simpler candidate serves."""
ENOUGH_TO_CHOOSE = 100
"""Positive contacts among the judged rows below which folds of contacts choose."""
HORIZONS_TO_CHOOSE = 2
"""Horizons that the judged rows must span for time to choose."""
SHAPES = (TreeShape(leaves=7, min_rows=20), TreeShape(leaves=15, min_rows=40))
RIDGES = (1.0, 30.0, 300.0)


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

    @property
    def chained(self) -> bool:
        """Tell whether the splits follow each other in time."""
        return self.cutoff is not None

    @property
    def judged(self) -> NDArray[np.intp]:
        """List the rows that figures come from: where time allows, the first block only chooses."""
        counted = self.splits[1:] if self.chained and len(self.splits) > 2 else self.splits
        return np.sort(np.concatenate([split.test for split in counted]))

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate after the competition."""

    kind: str
    label: str
    margin: Vector
    """Calibrated out-of-fold margins, shape (n,); NaN where nobody judged."""
    raw: Vector
    """The same before calibration."""
    choice_loss: float
    """Log loss on the splits that choose."""
    calibrates: bool
    """Whether calibration helped; if not, `margin` is `raw`."""
    refit: Callable[[], Learner]
    """Fit on all rows with what the competition chose."""


@dataclass(frozen=True, slots=True)
class Competition:
    """The outcome: who serves, against whom, judged on which rows."""

    winner: Entry
    entries: tuple[Entry, ...]
    """Best of each kind: lightgbm, logistic, rule."""
    judged: NDArray[np.intp]
    """Rows that every figure comes from."""
    constant: Vector
    """Margin of the base rate known at the time, shape (n,); NaN where nobody judged."""

    def loss(self, entry: Entry, labels: Vector) -> Vector:
        """Tell the log loss of an entry on each judged row."""
        return losses(labels[self.judged], chance(entry.margin[self.judged]))


@dataclass(frozen=True, slots=True)
class Margins:
    """Out-of-fold margins of one candidate."""

    judging: Vector
    """By the splits that figures come from, shape (n,); NaN where nobody judged."""
    choosing: Vector | None
    """By the folds that choose, shape (n,); None where the same splits do both."""


def compete(problem: Problem, *, progress: Progress = silent, seed: int = SEED) -> Competition:
    """Run every candidate over the splits and choose the best by held-out log loss.

    Args:
        problem: rows and splits.
        progress: told before each candidate.
        seed: of the trees' samples.
    """
    entries = []
    makers: list[tuple[str, Callable[[], Entry]]] = [("rule", lambda: _rule_entry(problem))]
    makers += [(f"logistic, ridge {ridge:g}", lambda ridge=ridge: _logistic_entry(problem, ridge)) for ridge in RIDGES]  # type: ignore[misc]
    makers += [(f"trees of {s.leaves} leaves", lambda s=s: _trees_entry(problem, s, seed)) for s in SHAPES]  # type: ignore[misc]
    for position, (label, make) in enumerate(makers):
        progress(f"fitting {label}", position / len(makers))
        entries.append(make())
    best_of_kind = tuple(
        min((entry for entry in entries if entry.kind == kind), key=lambda entry: entry.choice_loss)
        for kind in (Rule.kind, Logistic.kind, Trees.kind)
    )
    least = min(entry.choice_loss for entry in best_of_kind)
    winner = next(entry for entry in best_of_kind if entry.choice_loss <= least * (1 + TIE))
    progress("chosen", 1.0)
    return Competition(winner, best_of_kind, problem.judged, _constant(problem))


def _constant(problem: Problem) -> Vector:
    margin = np.full(len(problem.labels), np.nan)
    for split in problem.splits:
        margin[split.test] = log_odds(problem.labels[split.train].mean())
    return margin


def informing(problem: Problem, position: int) -> list[int]:
    """List the splits whose judged rows may choose something for this one: earlier blocks, or the other folds."""
    if not problem.chained or problem.chosen_by_folds:
        return [other for other in range(len(problem.choosing)) if other != position]
    return list(range(position))


def _usable_rows(problem: Problem, position: int) -> NDArray[np.intp]:
    """List the judged rows of informing splits whose labels were known when this block began."""
    earlier = range(position) if problem.chained else [o for o in range(len(problem.splits)) if o != position]
    rows = [problem.splits[other].test for other in earlier]
    found: NDArray[np.intp] = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    if problem.cutoff is None or not len(found):
        return found
    begin = problem.cutoff[problem.splits[position].test].min()
    closed: NDArray[np.bool_] = problem.cutoff[found] + problem.horizon <= begin
    return found[closed]


def _calibrated(problem: Problem, raw: Vector) -> Vector:
    margin = np.full(len(raw), np.nan)
    for position, split in enumerate(problem.splits):
        known = _usable_rows(problem, position)
        calibrator = calibrate(problem.labels[known], raw[known]) if len(known) else Calibrator()
        margin[split.test] = calibrator.margins(raw[split.test])
    return margin


def _entry(problem: Problem, kind: str, label: str, margins: Margins, refit: Callable[[], Learner]) -> Entry:
    """Keep the calibration only where it helps on held-out rows: base rates that move make it worse than none."""
    raw = margins.judging
    calibrated = _calibrated(problem, raw)
    labels = problem.labels[problem.judged]
    losses_of = [log_loss(labels, chance(margin[problem.judged])) for margin in (calibrated, raw)]
    helps = losses_of[0] < losses_of[1]
    chosen_on = min(losses_of) if margins.choosing is None else log_loss(problem.labels, chance(margins.choosing))
    return Entry(kind, label, calibrated if helps else raw, raw, chosen_on, helps, refit)


def _over_splits(problem: Problem, fit: Callable[[Matrix, Vector], Learner]) -> Margins:
    return Margins(
        _out_of_fold(problem, problem.splits, fit),
        _out_of_fold(problem, problem.choosing, fit) if problem.chosen_by_folds else None,
    )


def _out_of_fold(problem: Problem, splits: Sequence[Split], fit: Callable[[Matrix, Vector], Learner]) -> Vector:
    raw = np.full(len(problem.labels), np.nan)
    for split in splits:
        learner = fit(problem.matrix[split.train], problem.labels[split.train])
        raw[split.test] = learner.margins(problem.matrix[split.test])
    return raw


def _rule_entry(problem: Problem) -> Entry:
    def fit(matrix: Matrix, labels: Vector) -> Learner:
        return Rule.fit(matrix, labels, problem.columns)

    return _entry(problem, Rule.kind, "rule", _over_splits(problem, fit), lambda: fit(problem.matrix, problem.labels))


def _logistic_entry(problem: Problem, ridge: float) -> Entry:
    def fit(matrix: Matrix, labels: Vector) -> Learner:
        return Logistic.fit(matrix, labels, problem.columns, ridge=ridge)

    margins = _over_splits(problem, fit)
    return _entry(
        problem, Logistic.kind, f"logistic, ridge {ridge:g}", margins, lambda: fit(problem.matrix, problem.labels)
    )


def _trees_entry(problem: Problem, shape: TreeShape, seed: int) -> Entry:
    splits = problem.choosing
    paths = [_path(problem, split, shape, seed) for split in splits]
    weights = [len(split.test) for split in splits]
    grown = np.full(len(problem.labels), np.nan)
    for position, split in enumerate(splits):
        others = informing(problem, position)
        rounds = _best_rounds([paths[o].loss for o in others], [weights[o] for o in others]) if others else FIRST_ROUNDS
        grown[split.test] = paths[position].margins(problem.matrix[split.test], rounds)
    rounds = _best_rounds([path.loss for path in paths], weights)

    def fit(matrix: Matrix, labels: Vector) -> Learner:
        return Trees.fit(matrix, labels, problem.columns, shape=shape, rounds=rounds, seed=seed)

    by_folds = problem.chosen_by_folds
    margins = Margins(_out_of_fold(problem, problem.splits, fit), grown) if by_folds else Margins(grown, None)
    return _entry(
        problem, Trees.kind, f"trees of {shape.leaves} leaves", margins, lambda: fit(problem.matrix, problem.labels)
    )


FIRST_ROUNDS = 60
"""Rounds of the first block, which nothing before it can choose."""


def _best_rounds(curves: Sequence[Vector], weights: Sequence[int]) -> int:
    mean: Vector = np.average(np.stack(curves), axis=0, weights=weights)
    return int(np.argmin(mean)) + 1


def _path(problem: Problem, split: Split, shape: TreeShape, seed: int) -> Path:
    return grow(
        problem.matrix[split.train],
        problem.labels[split.train],
        problem.columns,
        shape=shape,
        seed=seed,
        judge=(problem.matrix[split.test], problem.labels[split.test]),
    )
