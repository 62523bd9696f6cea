"""The competition: candidates are fitted on the past of each split, judged on what came after, and the best serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import losses
from shared.learners.columns import Vector, chance
from shared.learners.logistic import Logistic
from shared.learners.rule import Rule
from shared.learners.trees import Trees, TreeShape
from shared.ties import least, rounded
from shared.timeline.splits import SEED
from shared.training.candidates import Entry, logistic_entry, rule_entry, trees_entry
from shared.training.choices import Progress, silent
from shared.training.problem import Problem

TIE = 0.001
"""Relative difference of log loss below which the simpler candidate serves."""
SHAPES = (TreeShape(leaves=7, min_rows=20), TreeShape(leaves=15, min_rows=40))
RIDGES = (1.0, 30.0, 300.0)


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


def compete(
    problem: Problem,
    *,
    shapes: Sequence[TreeShape] = SHAPES,
    ridges: Sequence[float] = RIDGES,
    progress: Progress = silent,
    seed: int = SEED,
) -> Competition:
    """Run every candidate over the splits and choose the best by held-out log loss.

    Args:
        problem: rows and splits.
        shapes: of the trees.
        ridges: of the logistic regressions.
        progress: told before each candidate.
        seed: of the trees' samples.
    """
    entries = []
    makers: list[tuple[str, Callable[[], Entry]]] = [("rule", lambda: rule_entry(problem))]
    makers += [(f"logistic, ridge {ridge:g}", lambda ridge=ridge: logistic_entry(problem, ridge)) for ridge in ridges]  # type: ignore[misc]
    makers += [(f"trees of {s.leaves} leaves", lambda s=s: trees_entry(problem, s, seed)) for s in shapes]  # type: ignore[misc]
    for position, (label, make) in enumerate(makers):
        progress(f"fitting {label}", position / len(makers))
        entries.append(make())
    best_of_kind = tuple(
        least((entry for entry in entries if entry.kind == kind), lambda entry: entry.choice_loss)
        for kind in (Rule.kind, Logistic.kind, Trees.kind)
    )
    enough = rounded(min(entry.choice_loss for entry in best_of_kind) * (1 + TIE))
    winner = next(entry for entry in best_of_kind if rounded(entry.choice_loss) <= enough)
    progress("chosen", 1.0)
    return Competition(winner, best_of_kind, problem.judged, constant_margins(problem))


def constant_margins(problem: Problem) -> Vector:
    """Tell the base rate of each judged row's stratum as known to its split, log-odds; NaN where nobody judged."""
    margin = np.full(len(problem.labels), np.nan)
    for split in problem.splits:
        margin[split.test] = problem.base(split.train)[problem.strata_of(split.test)]
    return margin
