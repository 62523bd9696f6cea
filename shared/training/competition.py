"""The competition: candidates are fitted on the past of each split, judged on what came after, and the best serves.

No number is judged on rows that chose it: the rounds and the calibration of a block come from the blocks before it
(of a fold: from the other folds). The first block only chooses.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.contracts.training import Progress, silent
from shared.evaluation.calibration import Calibrator, calibrate
from shared.evaluation.metrics import auc, losses
from shared.learners.simple import Columns, Logistic, Matrix, Rule, Vector, chance
from shared.learners.trees import Blend, Learner, Path, Trees, TreeShape, fits_at_once, grow
from shared.ties import largest, rounded
from shared.training.material import SEED, Split
from shared.training.problem import Chosen, Problem, hidden

TIE = 0.002
"""Relative difference of log loss below which the steadier candidate serves, and of equally steady ones the simpler."""
AS_STEADY = 0.005
"""Nats by which the worst splits of two candidates may differ, and both still count as equally steady."""
TIE_OF_A_KIND = 0.001
"""The same among candidates of one kind: the smaller trees, the stronger ridge."""
SHAPES = (
    TreeShape(leaves=7, min_rows=20),
    TreeShape(leaves=31, min_rows=10, feature_share=0.8, ridge=1.0),
)
"""The smallest first: what is served is read by every request. One is held back, for few rows and weak signals; one is
free to find columns that only matter together. A size between them won nowhere that we measured, and took a third of
the time."""
RIDGES = (300.0, 30.0, 1.0)
"""The strongest first."""
KINDS = (Rule.kind, Logistic.kind, Trees.kind, Blend.kind)
"""The simplest first."""
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


@dataclass(frozen=True, slots=True)
class Competition:
    """The outcome: who serves, against whom, judged on which rows."""

    winner: CandidateEntry
    entries: tuple[CandidateEntry, ...]
    """Best of each kind: rule, logistic, lightgbm, blend where there is one."""
    judged: NDArray[np.intp]
    """Rows that every figure comes from."""
    constant: Vector
    """Margin of the base rate known at the time, shape (n,); NaN where nobody judged."""
    nested: Vector
    """Margin of the candidate that would have served each row, chosen by what was known before it, shape (n,): no
    figure is flattered by the choice. NaN where nobody judged."""

    def loss(self, entry: CandidateEntry, labels: Vector) -> Vector:
        """Return the log loss of an entry on each judged row."""
        return losses(labels[self.judged], chance(entry.margin[self.judged]))


def compete(problem: Problem, *, progress: Progress = silent) -> Competition:
    """Run every candidate over the splits and choose the best by held-out log loss.

    Args:
        problem: rows and splits.
        progress: called before each candidate.
    """
    entries = entered(problem, progress=progress)
    return competition(problem, entries, constant_margins(problem), choice(problem, entries))


def entered(
    problem: Problem,
    *,
    shapes: Sequence[TreeShape] = SHAPES,
    ridges: Sequence[float] = RIDGES,
    progress: Progress = silent,
    blended: bool = False,
) -> list[CandidateEntry]:
    """Run every candidate over the splits.

    Args:
        problem: rows and splits.
        shapes: of the trees, the smallest first.
        ridges: of the logistic regressions, the strongest first.
        progress: called before each candidate.
        blended: whether the logistic regression of the weakest ridge is also entered in halves with each shape.
    """
    count = 1 + len(ridges) + len(shapes)
    entries: list[CandidateEntry] = []

    def enter(label: str, make: Callable[[], CandidateEntry]) -> None:
        progress(f"fitting {label}", len(entries) / count)
        entries.append(make())

    enter("rule", lambda: rule_entry(problem))
    for ridge in ridges:
        enter(f"logistic, ridge {ridge:g}", lambda ridge=ridge: logistic_entry(problem, ridge))  # type: ignore[misc]
    for shape in shapes:
        enter(f"trees of {shape.leaves} leaves", lambda shape=shape: trees_entry(problem, shape))  # type: ignore[misc]
    if blended:
        line = entries[len(ridges)]  # the last ridge, which is the weakest
        entries += [blend_entry(problem, line, trees) for trees in entries[len(ridges) + 1 :]]
    progress("chosen", 1.0)
    return entries


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen, by label."""

    served: str
    best: tuple[str, ...]
    """The best of each kind, the simplest kind first."""
    by_split: tuple[str, ...]
    """Who would have served each split, by what was known before it."""


def choice(problem: Problem, entries: Sequence[CandidateEntry]) -> Choice:
    """Choose once for what is served, and for each split by what was known before it.

    Args:
        problem: rows and splits that choose.
        entries: of all kinds, with their losses on those rows.
    """
    winner, best = chosen(problem, entries, problem.choosing_rows)
    before = [problem.chosen_before(position) for position in range(len(problem.splits))]
    by_split = [chosen(problem, entries, rows)[0] if len(rows) else winner for rows in before]
    return Choice(winner.label, tuple(one.label for one in best), tuple(one.label for one in by_split))


def competition(problem: Problem, entries: Sequence[CandidateEntry], constant: Vector, made: Choice) -> Competition:
    """Judge what a choice among candidates serves.

    Args:
        problem: rows and splits that judge.
        entries: of all kinds, with their margins of those rows.
        constant: margin of the base rate known at the time, shape (n,).
        made: who serves, and who would have served each split.
    """
    named = {entry.label: entry for entry in entries}
    nested = np.full(len(problem.labels), np.nan)
    for label, split in zip(made.by_split, problem.splits, strict=True):
        nested[split.test] = named[label].margin[split.test]
    best = tuple(named[label] for label in made.best)
    return Competition(named[made.served], best, problem.judged, constant, nested)


def chosen(
    problem: Problem, entries: Sequence[CandidateEntry], rows: NDArray[np.intp]
) -> tuple[CandidateEntry, tuple[CandidateEntry, ...]]:
    """Choose the candidate of the least log loss on some rows; of those that tie, the steadier, then the simpler.

    Args:
        problem: knows how recent the rows are and to which split they belong.
        entries: of all kinds.
        rows: those that choose.

    Returns:
        The chosen one, and the best of each kind.
    """
    weight = problem.row_weights[rows]

    def tied(among: Sequence[CandidateEntry], tie: float) -> list[CandidateEntry]:
        means = [float(np.average(entry.row_loss[rows], weights=weight)) for entry in among]
        enough = rounded(min(means) * (1 + tie))
        return [entry for entry, mean in zip(among, means, strict=True) if rounded(mean) <= enough]

    kinds = [kind for kind in KINDS if any(entry.kind == kind for entry in entries)]
    best = tuple(tied([entry for entry in entries if entry.kind == kind], TIE_OF_A_KIND)[0] for kind in kinds)
    worst = [(_worst(problem, entry, rows), entry) for entry in tied(best, TIE)]
    steadiest = min(loss for loss, _ in worst)
    return next(entry for loss, entry in worst if rounded(loss) <= rounded(steadiest + AS_STEADY)), best


def _worst(problem: Problem, entry: CandidateEntry, rows: NDArray[np.intp]) -> float:
    """Return the largest mean loss of a split beyond that split's own level: how badly it once did."""
    among = np.zeros(len(problem.labels), dtype=bool)
    among[rows] = True
    worst = -np.inf
    for split in problem.splits:
        mine = split.test[among[split.test]]
        if len(mine):
            rate = np.clip(problem.labels[mine].mean(), 1e-9, 1 - 1e-9)
            level = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
            worst = max(worst, float(entry.row_loss[mine].mean() - level))
    return float(worst)


def constant_margins(problem: Problem) -> Vector:
    """Return the base rate of each judged row's stratum as known to its split, log-odds; NaN where nobody judged."""
    margin = np.full(len(problem.labels), np.nan)
    for split in problem.splits:
        margin[split.test] = problem.base(split.train)[problem.strata_of(split.test)]
    return margin


def other_rankings(problem: Problem, chosen: Chosen, suspected_values: Matrix) -> dict[str, float]:
    """Measure what an answer would change: the held-out AUC of small trees, by the name of the figure.

    Args:
        problem: without the suspects.
        chosen: its columns, what is suspected of them and what was left out.
        suspected_values: of the suspects, in the rows of the problem, shape (n, number of suspected columns).
    """
    found = {}
    if chosen.suspects:
        found["auc_with_suspects"] = _auc_with(problem, chosen, suspected_values)
    questioned = {leak.name for leak in chosen.questioned}
    kept = [place for place, one in enumerate(chosen.feature_set.features) if one.attribute not in questioned]
    if questioned and kept:
        found["auc_without_questioned"] = _auc_of(problem, kept)
    return found


def _auc_with(problem: Problem, chosen: Chosen, values: Matrix) -> float:
    width = len(problem.columns)
    columns = Columns(
        (*problem.columns.names, *chosen.suspected.names),
        (*problem.columns.categorical, *(width + column for column in chosen.suspected.categorical)),
    )
    return _auc(replace(problem, matrix=np.hstack([problem.matrix, values]), columns=columns))


def _auc_of(problem: Problem, kept: Sequence[int]) -> float:
    columns = Columns(
        tuple(problem.columns.names[place] for place in kept),
        tuple(new for new, place in enumerate(kept) if place in problem.columns.categorical),
    )
    return _auc(replace(problem, matrix=problem.matrix[:, list(kept)], columns=columns))


def _auc(problem: Problem) -> float:
    entry = trees_entry(problem, SHAPES[0])
    return auc(problem.labels[problem.judged], entry.margin[problem.judged])
