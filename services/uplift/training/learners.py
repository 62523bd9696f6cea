"""T-, X- and DR-learner on small regression trees: three ways to predict what an arm changes about a contact. Pure.

Source: Künzel and others (2019), metalearners; Kennedy (2023), doubly robust estimation of effects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.uplift.model.effects import Matrix, Vector, WeightedTrees
from shared.learners import Columns, Trees
from shared.learners.trees import MAX_BIN, growing_threads
from shared.training.material import contact_folds

Rows = NDArray[np.intp]
SEED = 0
ROUNDS_OF_OUTCOME, ROUNDS_OF_EFFECT = 80, 60
LEAVES_OF_OUTCOME, LEAVES_OF_EFFECT = 12, 6
INNER_FOLDS = 2


@dataclass(frozen=True, slots=True)
class ExperimentTable:
    """What is learned from: one row an assignment."""

    matrix: Matrix
    """Features strictly before the assignment, shape (n, p)."""
    columns: Columns
    label: Vector
    """The outcome after it, shape (n,)."""
    arm: NDArray[np.int32]
    """0 is control, shape (n,)."""
    propensity: Vector
    """Chance of just this arm, shape (n,)."""
    owner: NDArray[np.int32]
    """Contact of each row, shape (n,)."""
    arms: int
    """Beside control."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.label)

    def take(self, rows: Rows) -> "ExperimentTable":
        """Keep some rows."""
        return ExperimentTable(
            self.matrix[rows],
            self.columns,
            self.label[rows],
            self.arm[rows],
            self.propensity[rows],
            self.owner[rows],
            self.arms,
        )


@dataclass(frozen=True, slots=True)
class LearnedEffects:
    """What was learned from a table."""

    responses: tuple[WeightedTrees, ...]
    """The outcome under each arm, control first."""
    effects: Mapping[str, tuple[WeightedTrees, ...]]
    """Of each arm, by learner."""


Names = tuple[str, ...]
LEARNERS: Names = ("t_learner", "x_learner", "dr_learner")


def learned(table: ExperimentTable, *, wanted: Names = LEARNERS, seed: int = SEED) -> LearnedEffects:
    """Learn what is expected under each arm, and the effects with each learner that is wanted.

    Args:
        table: with rows of every arm.
        wanted: learners.
        seed: of the samples of rows and columns.
    """
    responses = _responses(table, seed)
    ways: dict[str, Callable[[], tuple[WeightedTrees, ...]]] = {
        "t_learner": lambda: _t_learner(responses),
        "x_learner": lambda: _x_learner(table, responses, seed),
        "dr_learner": lambda: _dr_learner(table, seed),
    }
    return LearnedEffects(responses, {name: ways[name]() for name in wanted})


def doubly_robust(label: Vector, arm: NDArray[np.int32], propensity: Vector, responses: Matrix) -> Matrix:
    """Return for each row and arm a number whose mean is the mean outcome if everybody got that arm.

    Source: Robins, Rotnitzky and Zhao (1994).

    Args:
        label: shape (n,).
        arm: what each row got, shape (n,).
        propensity: chance of it, shape (n,).
        responses: predicted outcome under each arm by a model that has not seen the row, shape (n, arms + 1).
    """
    scores = responses.copy()
    rows = np.arange(len(label))
    scores[rows, arm] += (label - responses[rows, arm]) / propensity
    return scores


def _responses(table: ExperimentTable, seed: int) -> tuple[WeightedTrees, ...]:
    found = []
    for number in range(table.arms + 1):
        rows = np.flatnonzero(table.arm == number)
        found.append(
            _grown(table.matrix[rows], table.label[rows], table.columns, seed, LEAVES_OF_OUTCOME, ROUNDS_OF_OUTCOME)
        )
    return tuple(found)


def _t_learner(responses: tuple[WeightedTrees, ...]) -> tuple[WeightedTrees, ...]:
    """Subtract what is predicted without treatment from what is predicted with it."""
    without = responses[0]
    return tuple(_sum((1.0, one), (-1.0, without)) for one in responses[1:])


def _x_learner(table: ExperimentTable, responses: tuple[WeightedTrees, ...], seed: int) -> tuple[WeightedTrees, ...]:
    """Learn the gap between what came and what the other arm's model expected, from both sides."""
    control = np.flatnonzero(table.arm == 0)
    found = []
    for number in range(1, table.arms + 1):
        treated = np.flatnonzero(table.arm == number)
        gained = table.label[treated] - responses[0].predict(table.matrix[treated])
        missed = responses[number].predict(table.matrix[control]) - table.label[control]
        of_treated = _of_effect(table.matrix[treated], gained, table.columns, seed)
        of_control = _of_effect(table.matrix[control], missed, table.columns, seed)
        share = len(treated) / (len(treated) + len(control))
        found.append(_sum((1 - share, of_treated), (share, of_control)))
    return tuple(found)


def _dr_learner(table: ExperimentTable, seed: int) -> tuple[WeightedTrees, ...]:
    """Learn the difference of doubly robust numbers, made by models that have not seen the row."""
    responses = np.zeros((len(table), table.arms + 1))
    for split in contact_folds(table.owner, (table.label > 0).astype(np.float64), folds=INNER_FOLDS, seed=seed):
        fitted = _responses(table.take(split.train), seed)
        responses[split.test] = np.column_stack([one.predict(table.matrix[split.test]) for one in fitted])
    scores = doubly_robust(table.label, table.arm, table.propensity, responses)
    return tuple(
        _of_effect(table.matrix, scores[:, number] - scores[:, 0], table.columns, seed)
        for number in range(1, table.arms + 1)
    )


def _sum(*parts: tuple[float, WeightedTrees]) -> WeightedTrees:
    """Add weighted sums up into one."""
    return WeightedTrees(
        tuple((outer * weight, trees) for outer, one in parts for weight, trees in one.parts),
        sum(outer * one.constant for outer, one in parts),
    )


def _of_effect(matrix: Matrix, target: Vector, columns: Columns, seed: int) -> WeightedTrees:
    return _grown(matrix, target, columns, seed, LEAVES_OF_EFFECT, ROUNDS_OF_EFFECT)


def _grown(matrix: Matrix, target: Vector, columns: Columns, seed: int, leaves: int, rounds: int) -> WeightedTrees:
    """Grow regression trees on what is left of a target beside its mean."""
    import lightgbm

    mean = float(target.mean())
    data = lightgbm.Dataset(
        matrix,
        target - mean,
        feature_name=[f"f{position}" for position in range(len(columns))],
        categorical_feature=list(columns.categorical),
        params={"verbosity": -1, "max_bin": MAX_BIN},
    )
    own = {
        "num_leaves": leaves,
        "min_data_in_leaf": max(20, min(200, len(matrix) // 40)),
        "seed": seed,
        "num_threads": growing_threads(len(matrix)),
    }
    booster = lightgbm.train({**_PARAMETERS, **own}, data, rounds)
    return WeightedTrees(((1.0, Trees(booster.model_to_string())),), mean)


_PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "boost_from_average": False,
    "learning_rate": 0.05,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "max_cat_threshold": 16,
    "deterministic": True,
    "force_row_wise": True,
    "max_bin": MAX_BIN,
    "verbosity": -1,
}
