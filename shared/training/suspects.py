"""What the ranking would be with the columns that were left out until somebody answers, and without those kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shared.evaluation.metrics import auc
from shared.learners.columns import Columns, Matrix
from shared.timeline.splits import SEED
from shared.training.candidates import trees_entry
from shared.training.columns import Chosen
from shared.training.competition import SHAPES
from shared.training.problem import Problem


def other_rankings(problem: Problem, chosen: Chosen, suspected_values: Matrix, *, seed: int = SEED) -> dict[str, float]:
    """Measure what an answer would change: the held-out AUC of small trees, by the name of the figure.

    Args:
        problem: without the suspects.
        chosen: its columns, what is suspected of them and what was left out.
        suspected_values: of the suspects, in the rows of the problem, shape (n, number of suspected columns).
        seed: of the trees' samples.
    """
    found = {}
    if chosen.suspects:
        found["auc_with_suspects"] = _auc_with(problem, chosen, suspected_values, seed)
    asked = {leak.name for leak in chosen.questioned}
    kept = [place for place, one in enumerate(chosen.feature_set.features) if one.attribute not in asked]
    if asked and kept:
        found["auc_without_questioned"] = _auc_of(problem, kept, seed)
    return found


def _auc_with(problem: Problem, chosen: Chosen, values: Matrix, seed: int) -> float:
    width = len(problem.columns)
    columns = Columns(
        (*problem.columns.names, *chosen.suspected.names),
        (*problem.columns.categorical, *(width + column for column in chosen.suspected.categorical)),
    )
    return _auc(replace(problem, matrix=np.hstack([problem.matrix, values]), columns=columns), seed)


def _auc_of(problem: Problem, kept: Sequence[int], seed: int) -> float:
    columns = Columns(
        tuple(problem.columns.names[place] for place in kept),
        tuple(new for new, place in enumerate(kept) if place in problem.columns.categorical),
    )
    return _auc(replace(problem, matrix=problem.matrix[:, list(kept)], columns=columns), seed)


def _auc(problem: Problem, seed: int) -> float:
    entry = trees_entry(problem, SHAPES[0], seed)
    return auc(problem.labels[problem.judged], entry.margin[problem.judged])
