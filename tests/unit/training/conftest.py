"""A small problem in time, its competition and its report."""

from collections.abc import Callable

import numpy as np
import pytest

from shared.contracts.rows import DAY
from shared.learners.simple import Columns, chance
from shared.training.competition import Competition, compete
from shared.training.material import forward_chain, stratified
from shared.training.problem import Problem
from shared.training.report import Report, report


def _problem(n: int = 900, *, flat: bool = False, strength: float = 1.5, seed: int = 0) -> Problem:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n, 3))
    matrix[:, 2] = generator.integers(0, 3, n)
    labels = (generator.random(n) < chance(strength * matrix[:, 0] + 0.5 * (matrix[:, 2] == 1) - 1)).astype(float)
    matrix[::6, 1] = np.nan
    cutoff = np.arange(n) // 9 * DAY
    return Problem(
        matrix=matrix,
        labels=labels,
        owner=generator.integers(0, n // 3, n).astype(np.int32),
        columns=Columns(("visits", "spend", "plan"), (2,)),
        splits=tuple(stratified(labels) if flat else forward_chain(cutoff, horizon=3 * DAY)),
        cutoff=None if flat else cutoff,
        horizon=0 if flat else 3 * DAY,
    )


@pytest.fixture(scope="session")
def problem_of() -> Callable[..., Problem]:
    """Make a problem: `problem_of(n, flat=..., strength=..., seed=...)`."""
    return _problem


@pytest.fixture(scope="session")
def problem() -> Problem:
    return _problem()


@pytest.fixture(scope="session")
def competition(problem: Problem) -> Competition:
    return compete(problem)


@pytest.fixture(scope="session")
def found(problem: Problem, competition: Competition) -> Report:
    importance = competition.winner.refit().learner.importance()
    return report(problem, competition, importance=np.pad(importance, (0, 3 - len(importance))))
