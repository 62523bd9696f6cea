"""The learners beside trees: the best single rule and logistic regression, over the columns of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.ties import least, rounded, step_of

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
FEW_ROWS = 64
"""Up to here the terms of all rows are added up in one step, which takes memory; beyond, column by column."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and kinds of the columns of a matrix."""

    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    """Positions of the columns whose numbers are codes without order."""

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.names)


def log_odds(probability: Vector | float) -> Vector:
    """Turn probabilities into log-odds; 0 and 1 are kept finite."""
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    odds: Vector = np.log(clipped / (1 - clipped))
    return odds


def chance(margin: Vector) -> Vector:
    """Turn log-odds into probabilities without overflow.

    >>> float(chance(np.array([0.0]))[0])
    0.5
    """
    result: Vector = 0.5 * (1.0 + np.tanh(0.5 * margin))
    return result


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
    text: ClassVar[None] = None
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
            for column in sorted(range(width), key=columns.names.__getitem__)
        ]
        return least(rules, lambda found: found[1])[0]

    @classmethod
    def _of(
        cls,
        values: Vector,
        labels: Vector,
        place: tuple[int, int],
        *,
        is_categorical: bool,
        offset: Vector | None = None,
    ) -> tuple["Rule", float]:
        """Cut one column's values, and measure the log loss; `place` is its position and the width of the matrix."""
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
            loss = float(rows @ np.logaddexp(0.0, margin) - hits @ margin) / max(len(labels), 1)
        else:
            margin = _beyond(offset, labels, step, n_steps)
            loss = _loss(margin[step] + offset, labels)
        return cls(column, edges, margin, is_categorical, float(np.average(margin, weights=rows)), width), loss

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

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Return margins and contributions."""
        return self.margins(matrix), self.contributions(matrix)

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
        rule, _ = Rule._of(values[split.train], labels[split.train], (0, 1), is_categorical=is_categorical)
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


MAX_ONE_HOT = 50
DEFAULT_RIDGE = 1.0
LEAST_SCALE = 1e-9
"""A column of less spread than this says nothing and is left out."""
_FEW = 64
"""Rows up to which one call for all columns costs less than one a column."""
CURVATURE_ROWS = 20_000
"""Rows that the shape of the loss is measured on before the descent; the answer does not depend on it."""


@dataclass(frozen=True)
class Logistic:
    """A linear margin; each encoded column belongs to one column of the matrix."""

    kind: ClassVar[str] = "logistic"
    text: ClassVar[None] = None
    source: tuple[int, ...]
    """Column of the matrix that each encoded column comes from."""
    code: tuple[float, ...]
    """For a one-hot column: its category code; NaN: a number; -1: the indicator of a missing value."""
    center: Vector
    scale: Vector
    weight: Vector
    intercept: float

    @classmethod
    def fit(
        cls,
        matrix: Matrix,
        labels: Vector,
        columns: Columns,
        *,
        ridge: float = DEFAULT_RIDGE,
        offset: Vector | None = None,
    ) -> "Logistic":
        """Minimise the log loss plus `ridge / 2 * |weight|^2` (the intercept is free).

        Args:
            matrix: shape (n, p); NaN is missing.
            labels: 0.0 or 1.0, shape (n,).
            columns: names and which are categories.
            ridge: strength of the pull to zero, in units of one observation.
            offset: margins that are known already and are not part of the answer, shape (n,).
        """
        source, code = encoding(matrix, columns)
        raw = encode(matrix, source, code)
        missing = np.isnan(raw)
        raw[missing] = 0.0
        center = raw.sum(axis=0) / np.maximum(len(raw) - missing.sum(axis=0), 1)
        raw -= center
        raw[missing] = 0.0
        scale = np.sqrt(np.einsum("ij,ij->j", raw, raw) / len(raw))
        keep = scale > LEAST_SCALE
        design = raw[:, keep] / scale[keep]
        solution = _least(design, labels, ridge, offset)
        kept = np.flatnonzero(keep)
        return cls(
            source=tuple(int(source[i]) for i in kept),
            code=tuple(float(code[i]) for i in kept),
            center=center[keep],
            scale=scale[keep],
            weight=solution[1:],
            intercept=float(solution[0]),
        )

    def margins(self, matrix: Matrix) -> Vector:
        """Weigh and sum each row, log-odds, shape (n,)."""
        margins: Vector = self._terms(matrix).sum(axis=1) + self.intercept
        return margins

    def contributions(self, matrix: Matrix) -> Matrix:
        """Share each row's margin among the columns: weight times distance from the mean.

        Returns:
            Shape (n, p + 1): the last column is the intercept; each row sums to its margin.
        """
        terms = self._terms(matrix)
        shares = np.zeros((len(matrix), matrix.shape[1] + 1))
        if len(matrix) <= FEW_ROWS:
            cells = self._source + shares.shape[1] * np.arange(len(matrix))[:, None]
            shares += np.bincount(cells.ravel(), terms.ravel(), shares.size).reshape(shares.shape)
        else:
            for encoded, column in enumerate(self.source):
                shares[:, column] += terms[:, encoded]
        shares[:, -1] = self.intercept
        return shares

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Return margins and contributions."""
        return self.margins(matrix), self.contributions(matrix)

    def importance(self) -> Vector:
        """Return the summed absolute weight of each column, shape (number of columns mentioned,)."""
        width = max(self.source, default=-1) + 1
        importance = np.zeros(width)
        np.add.at(importance, list(self.source), np.abs(self.weight))
        return importance

    def _terms(self, matrix: Matrix) -> Matrix:
        raw = encode(matrix, self._source, self._code)
        terms: Matrix = np.nan_to_num((raw - self.center) / self.scale) * self.weight
        return terms

    @cached_property
    def _source(self) -> np.ndarray[Any, Any]:
        return np.array(self.source, dtype=np.intp)

    @cached_property
    def _code(self) -> Vector:
        return np.array(self.code, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Write as plain values; NaN codes as None."""
        return {
            "source": list(self.source),
            "code": [None if np.isnan(code) else code for code in self.code],
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "weight": self.weight.tolist(),
            "intercept": self.intercept,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Logistic":
        """Read what `to_json` wrote.

        Raises:
            ValueError: the fields are not those of a fitted model: lengths differ, a number is not finite, or a scale
                is one that `fit` would have left out.
        """
        read = cls(
            source=tuple(fields["source"]),
            code=tuple(np.nan if code is None else float(code) for code in fields["code"]),
            center=np.array(fields["center"], dtype=np.float64),
            scale=np.array(fields["scale"], dtype=np.float64),
            weight=np.array(fields["weight"], dtype=np.float64),
            intercept=float(fields["intercept"]),
        )
        lengths = {len(read.source), len(read.code), len(read.center), len(read.scale), len(read.weight)}
        numbers = np.concatenate([read.center, read.scale, read.weight, [read.intercept]])
        if len(lengths) > 1 or not np.isfinite(numbers).all() or not (read.scale > LEAST_SCALE).all():
            raise ValueError("the logistic model is damaged")
        return read


def encoding(matrix: Matrix, columns: Columns) -> tuple[np.ndarray[Any, Any], Vector]:
    """Return the columns that weights can be put on: of which column of the matrix, and as what.

    Args:
        matrix: shape (n, p); NaN is missing.
        columns: names and which are categories.

    Returns:
        Source column and code of each: the code of a category, NaN for a number, -1 for whether a value is missing.
    """
    source: list[int] = []
    code: list[float] = []
    categorical = set(columns.categorical)
    for column in range(matrix.shape[1]):
        values = matrix[:, column]
        missing = np.isnan(values)
        if column in categorical:
            present = np.unique(values[~missing])[:MAX_ONE_HOT]
            source += [column] * len(present)
            code += present.tolist()
        else:
            source.append(column)
            code.append(np.nan)
        if missing.any():
            source.append(column)
            code.append(-1.0)
    return np.array(source, dtype=np.intp), np.array(code)


def encode(matrix: Matrix, source: np.ndarray[Any, Any], code: Vector) -> Matrix:
    """Compress numbers by signed log(1 + |x|), NaN where missing; indicators and categories as 0 or 1."""
    encoded = np.empty((len(matrix), len(source)))
    if len(matrix) <= _FEW:
        every = matrix[:, source]
        encoded[:] = every == code
        np.copyto(encoded, np.copysign(np.log1p(np.abs(every)), every), where=np.isnan(code))
        np.copyto(encoded, np.isnan(every), where=code == -1.0)
        return encoded
    for place, (column, wanted) in enumerate(zip(source, code, strict=True)):
        values = matrix[:, column]
        if np.isnan(wanted):
            encoded[:, place] = np.copysign(np.log1p(np.abs(values)), values)
        elif wanted == -1.0:
            encoded[:, place] = np.isnan(values)
        else:
            encoded[:, place] = values == wanted
    return encoded


def _least(design: Matrix, labels: Vector, ridge: float, offset: Vector | None) -> Vector:
    """Find the intercept and weights of least penalised loss.

    The descent goes along directions in which the loss curves alike (measured at the base rate): columns that say
    nearly the same thing would otherwise cost hundreds of steps.
    """
    from scipy.linalg import cholesky, solve_triangular  # fifty megabytes that a serving process does not need
    from scipy.optimize import minimize

    rate = float(np.clip(labels.mean(), 1e-6, 1 - 1e-6))
    curve = rate * (1 - rate) * len(labels)
    some = design[:: max(1, len(design) // CURVATURE_ROWS)]
    hessian = some.T @ some * (curve / len(some)) + max(ridge, 1e-6) * np.eye(design.shape[1])
    upper = cholesky(hessian, lower=False)
    tilt = np.sqrt(curve)
    known = 0.0 if offset is None else offset

    def loss(bent: Vector) -> tuple[float, Vector]:
        weight = solve_triangular(upper, bent[1:], lower=False)
        margin = design @ weight + bent[0] / tilt + known
        error = chance(margin) - labels
        value = np.sum(np.logaddexp(0.0, margin) - labels * margin) + ridge / 2 * weight @ weight
        slope = solve_triangular(upper, design.T @ error + ridge * weight, lower=False, trans="T")
        return float(value), np.concatenate([[error.sum() / tilt], slope])

    begin = np.zeros(design.shape[1] + 1)
    begin[0] = 0.0 if offset is not None else log_odds(rate) * tilt
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 120, "ftol": 1e-10, "gtol": 1e-4}).x
    return np.concatenate([[found[0] / tilt], solve_triangular(upper, found[1:], lower=False)])
