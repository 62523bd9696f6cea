"""Ridge logistic regression over standardised columns: missing as the mean with an indicator, categories one-hot."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.learners.columns import Columns, Matrix, Vector, chance, log_odds

MAX_ONE_HOT = 50
DEFAULT_RIDGE = 1.0
LEAST_SCALE = 1e-9
"""A column of less spread than this says nothing and is left out."""
CURVATURE_ROWS = 20_000
"""Rows that the shape of the loss is measured on before the descent; the answer does not depend on it."""


@dataclass(frozen=True)
class Logistic:
    """A linear margin; each encoded column belongs to one column of the matrix."""

    kind: ClassVar[str] = "logistic"
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
        source, code = _encoding(matrix, columns)
        raw = _encode(matrix, source, code)
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
        for encoded, column in enumerate(self.source):
            shares[:, column] += terms[:, encoded]
        shares[:, -1] = self.intercept
        return shares

    def importance(self) -> Vector:
        """Return the summed absolute weight of each column, shape (number of columns mentioned,)."""
        width = max(self.source, default=-1) + 1
        importance = np.zeros(width)
        np.add.at(importance, list(self.source), np.abs(self.weight))
        return importance

    def _terms(self, matrix: Matrix) -> Matrix:
        raw = _encode(matrix, np.array(self.source, dtype=np.intp), np.array(self.code))
        terms: Matrix = np.nan_to_num((raw - self.center) / self.scale) * self.weight
        return terms

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


def _encoding(matrix: Matrix, columns: Columns) -> tuple[np.ndarray[Any, Any], Vector]:
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


def _encode(matrix: Matrix, source: np.ndarray[Any, Any], code: Vector) -> Matrix:
    """Compress numbers by signed log(1 + |x|), NaN where missing; indicators and categories as 0 or 1."""
    encoded = np.empty((len(matrix), len(source)))
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
