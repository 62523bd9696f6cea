"""Trees for value and orders: gradient boosting with log links, made for zeros and long tails."""

from typing import Any

from services.value.model.closed_form import Matrix, Vector
from services.value.model.value import ValueTrees
from shared.learners import Columns, Trees
from shared.learners.trees import MAX_BIN, growing_threads

ROUNDS = 200
LEAST_TREES = 300
"""Buyers below which no trees are grown: they would learn single people."""
TWEEDIE_POWER = 1.2
"""Between Poisson (1) and gamma (2). Source: Dunn and Smyth (2005); chosen among 1.2, 1.5, 1.8 on two shops."""


def grown(matrix: Matrix, value: Vector, orders: Vector, columns: Columns, *, seed: int) -> ValueTrees:
    """Grow the trees of a version.

    Args:
        matrix: of the training frames, shape (n, p).
        value: that came within the main horizon, shape (n,).
        orders: that came, shape (n,).
        columns: names and which are categories.
        seed: of the row and column samples.
    """
    worth = {"objective": "tweedie", "tweedie_variance_power": TWEEDIE_POWER}
    return ValueTrees(
        _booster(matrix, value, columns, worth, seed), _booster(matrix, orders, columns, {"objective": "poisson"}, seed)
    )


def _booster(matrix: Matrix, labels: Vector, columns: Columns, objective: dict[str, Any], seed: int) -> Trees:
    import lightgbm

    data = lightgbm.Dataset(
        matrix,
        labels,
        feature_name=[f"f{position}" for position in range(len(columns))],
        categorical_feature=list(columns.categorical),
        params={"verbosity": -1, "max_bin": MAX_BIN},
    )
    own = {**objective, "seed": seed, "num_threads": growing_threads(len(matrix))}
    return Trees(lightgbm.train({**_PARAMETERS, **own}, data, ROUNDS).model_to_string())


_PARAMETERS: dict[str, Any] = {
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "learning_rate": 0.05,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 50.0,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "max_cat_threshold": 16,
    "deterministic": True,
    "force_row_wise": True,
    "max_bin": MAX_BIN,
    "verbosity": -1,
}
