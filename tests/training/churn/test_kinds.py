"""Which kind of hazard serves: a line where effects add up, trees where they do not, and both halves in between."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from shared.contracts.rows import DAY
from shared.learners.simple import Columns, Vector, chance, log_odds
from shared.learners.trees import TreeShape
from shared.training.competition import CandidateEntry, choice, entered
from shared.training.material import forward_chain
from shared.training.problem import Problem

RATES = np.array([0.1, 0.2, 0.3])
SHAPE = TreeShape(leaves=7, min_rows=30, max_rounds=200)


def line(matrix: np.ndarray) -> Vector:
    """Return effects that add up, each a little."""
    effects: Vector = 0.4 * (np.sign(matrix) * np.log1p(np.abs(matrix)))[:, :8].sum(axis=1)
    return effects


def corner(matrix: np.ndarray) -> Vector:
    """Return an effect of two columns that say nothing alone."""
    effect: Vector = 1.2 * np.sign(matrix[:, 8] * matrix[:, 9])
    return effect


def hazard(effect: Callable[[np.ndarray], Vector], n: int = 6_000) -> Problem:
    """Lay rows of three periods over 120 days."""
    draw = np.random.default_rng(5)
    matrix, strata = draw.normal(scale=2, size=(n, 10)), draw.integers(0, 3, n)
    labels = (draw.random(n) < chance(log_odds(RATES)[strata] + effect(matrix))).astype(float)
    cutoff = np.sort(draw.integers(0, 120, n)) * DAY
    splits = tuple(forward_chain(cutoff, horizon=10 * DAY, blocks=3))
    owner = np.arange(n, dtype=np.int32)
    columns = Columns(tuple("abcdefghij"))
    return Problem(matrix, labels, owner, columns, splits, cutoff, 10 * DAY, strata=strata, recency=4.0)


def entries(problem: Problem) -> list[CandidateEntry]:
    return entered(problem, shapes=(SHAPE,), ridges=(30.0,), blended=True)


@pytest.mark.parametrize(
    ("effect", "kind"),
    [(line, "logistic"), (corner, "lightgbm"), (lambda matrix: line(matrix) + corner(matrix) / 2, "blend")],
    ids=["effects add up", "two columns only matter together", "some of both"],
)
def test_what_suits_the_world_serves(effect: Callable[[np.ndarray], Vector], kind: str) -> None:
    problem = hazard(effect)
    listed = entries(problem)

    made = choice(problem, listed)

    assert next(entry.kind for entry in listed if entry.label == made.served) == kind


def test_a_blend_is_judged_by_the_mean_of_what_its_halves_learned() -> None:
    problem = hazard(line)
    _, linear, trees, blend = entries(problem)

    assert blend.label == f"half {linear.label}, half {trees.label}"
    judged = problem.judged
    assert_allclose(blend.raw[judged], (linear.raw[judged] + trees.raw[judged]) / 2)
    learner = blend.refit().learner
    halves = (linear.refit().learner, trees.refit().learner)
    expected = sum(half.margins(problem.matrix[:50]) for half in halves) / 2
    assert_allclose(learner.margins(problem.matrix[:50]), expected)
