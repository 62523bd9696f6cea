"""The competition: candidates are fitted on the past of each split, judged on what came after, and the best serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.training import Progress, silent
from shared.evaluation.metrics import losses
from shared.learners.blend import Blend
from shared.learners.simple import Logistic, Rule, Vector, chance
from shared.learners.trees import Trees, TreeShape
from shared.ties import rounded
from shared.training.candidates import CandidateEntry, Problem, blend_entry, logistic_entry, rule_entry, trees_entry

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
