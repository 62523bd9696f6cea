"""The best single rule: one column cut into steps, each with the rate seen there. What a careful marketer would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.learners.columns import Columns, Matrix, Vector, chance, log_odds
from shared.ties import least, rounded, step_of

STEPS = 10
_CUTS = np.arange(1, STEPS) / STEPS
PULL = 20.0
"""How many imagined rows at the overall rate each step starts with."""
NEWTON_STEPS = 12
"""Enough for the gap to the least loss to vanish: a step's loss is convex in one number, and moves by 1 at most."""


@dataclass(frozen=True)
class Rule:
    """A step function of one column."""

    kind: ClassVar[str] = "rule"
    column: int
    edges: Vector
    """Ascending inner edges of the steps; for a category, its codes."""
    margin: Vector
    """Log-odds of each step, then of a missing value."""
    is_categorical: bool
    base: float
    """Mean margin of the training rows."""
    width: int
    """How many columns the matrix has."""

    @classmethod
    def fit(cls, matrix: Matrix, labels: Vector, columns: Columns, *, offset: Vector | None = None) -> "Rule":
        """Choose the column whose steps give the least log loss on the training rows; of equal ones by name.

        Args:
            matrix: shape (n, p); NaN is missing.
            labels: 0.0 or 1.0, shape (n,).
            columns: names and which are categories.
            offset: margins that are known already and are not part of the answer, shape (n,).
        """
        categorical = set(columns.categorical)
        width = len(columns)
        rules = [
            cls._of(matrix[:, column], labels, (column, width), is_categorical=column in categorical, offset=offset)
            for column in range(width)
        ]
        known = 0.0 if offset is None else offset
        by_name = sorted(rules, key=lambda rule: columns.names[rule.column])
        return least(by_name, lambda rule: _loss(rule.looked_up(matrix[:, rule.column]) + known, labels))

    @classmethod
    def _of(
        cls,
        values: Vector,
        labels: Vector,
        place: tuple[int, int],
        *,
        is_categorical: bool,
        offset: Vector | None = None,
    ) -> "Rule":
        """Cut one column's values; `place` is its position and the width of the matrix."""
        column, width = place
        present = values[~np.isnan(values)]
        edges = np.unique(present if is_categorical or not len(present) else rounded(np.quantile(present, _CUTS)))
        step = _step(values, edges, is_categorical=is_categorical)
        n_steps = len(edges) + 2
        rows = np.bincount(step, minlength=n_steps)
        if offset is None:
            hits = np.bincount(step, weights=labels, minlength=n_steps)
            rate = labels.mean() if len(labels) else 0.5
            margin = log_odds((hits + PULL * rate) / (rows + PULL))
        else:
            margin = _beyond(offset, labels, step, n_steps)
        return cls(column, edges, margin, is_categorical, float(np.average(margin, weights=rows)), width)

    def margins(self, matrix: Matrix) -> Vector:
        """Look the step of each row up, log-odds, shape (n,)."""
        return self.looked_up(matrix[:, self.column])

    def looked_up(self, values: Vector) -> Vector:
        """Look the step of each value of the column up, log-odds, shape (n,)."""
        return self.margin[_step(values, self.edges, is_categorical=self.is_categorical)]

    def contributions(self, matrix: Matrix) -> Matrix:
        """Give the whole distance from the mean margin to the one column, shape (n, p + 1); the last is the base."""
        shares = np.zeros((len(matrix), self.width + 1))
        shares[:, self.column] = self.margins(matrix) - self.base
        shares[:, -1] = self.base
        return shares

    def importance(self) -> Vector:
        """Put everything on the one column, shape (p,)."""
        importance = np.zeros(self.width)
        importance[self.column] = 1.0
        return importance

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {
            "column": self.column,
            "edges": self.edges.tolist(),
            "margin": self.margin.tolist(),
            "is_categorical": self.is_categorical,
            "base": self.base,
            "width": self.width,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Rule":
        """Read what `to_json` wrote."""
        return cls(**{**fields, "edges": np.array(fields["edges"]), "margin": np.array(fields["margin"])})


def _beyond(offset: Vector, labels: Vector, step: NDArray[np.intp], n_steps: int) -> Vector:
    """Find how much each step lies above the offset: Newton's method, drawn to 0 by PULL imagined rows.

    Rows of one offset and one step are alike, so that they are counted once: a hazard has a dozen offsets.
    """
    known, place = np.unique(offset, return_inverse=True)
    cell = place * n_steps + step
    rows = np.bincount(cell, minlength=len(known) * n_steps).reshape(-1, n_steps)
    hits = np.bincount(step, weights=labels, minlength=n_steps)
    above = np.zeros(n_steps)
    rate = float(np.mean(chance(offset))) if len(offset) else 0.5
    pull = PULL * rate * (1 - rate)
    for _ in range(NEWTON_STEPS):
        p = chance(known[:, None] + above)
        gap = hits - (rows * p).sum(axis=0) - pull * above
        above += np.clip(gap / ((rows * p * (1 - p)).sum(axis=0) + pull), -1.0, 1.0)
    return above


def single_column_margins(values: Vector, labels: Vector, splits: Sequence[Any], *, is_categorical: bool) -> Vector:
    """Score every judged row by one column's steps learned on the other rows; NaN where no split judges.

    Args:
        values: the column, shape (n,).
        labels: shape (n,).
        splits: rows to learn from and rows to judge.
        is_categorical: whether the values are codes without order.
    """
    margins = np.full(len(labels), np.nan)
    for split in splits:
        rule = Rule._of(values[split.train], labels[split.train], (0, 1), is_categorical=is_categorical)
        margins[split.test] = rule.looked_up(values[split.test])
    return margins


def _step(values: Vector, edges: Vector, *, is_categorical: bool) -> NDArray[np.intp]:
    """Return each value's step; the last but one of a category is one never seen, the last is missing."""
    if is_categorical:
        place = np.minimum(np.searchsorted(edges, values), max(len(edges) - 1, 0))
        known = edges[place] == values if len(edges) else np.zeros(len(values), dtype=bool)
        step = np.where(known, place, len(edges))
    else:
        step = step_of(edges, values, includes_edge=True)
    return np.where(np.isnan(values), len(edges) + 1, step).astype(np.intp)


def _loss(margin: Vector, labels: Vector) -> float:
    return float(np.mean(np.logaddexp(0.0, margin) - labels * margin))
