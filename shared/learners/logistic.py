"""Ridge logistic regression over standardised columns: missing as zero with an indicator, categories one-hot."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.learners.columns import Columns, Matrix, Vector, chance

MAX_ONE_HOT = 50
DEFAULT_RIDGE = 1.0


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
    def fit(cls, matrix: Matrix, labels: Vector, columns: Columns, *, ridge: float = DEFAULT_RIDGE) -> "Logistic":
        """Minimise the log loss plus `ridge / 2 * |weight|^2` (the intercept is free).

        Args:
            matrix: shape (n, p); NaN is missing.
            labels: 0.0 or 1.0, shape (n,).
            columns: names and which are categories.
            ridge: strength of the pull to zero, in units of one observation.
        """
        from scipy.optimize import minimize  # fifty megabytes that a serving process does not need

        source, code = _encoding(matrix, columns)
        raw = _encode(matrix, source, code)
        center = raw.mean(axis=0)
        scale = raw.std(axis=0)
        keep = scale > 1e-9
        design = (raw[:, keep] - center[keep]) / scale[keep]
        solution = minimize(
            _loss,
            np.zeros(design.shape[1] + 1),
            args=(design, labels, ridge),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 120, "ftol": 1e-8},
        ).x
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
        """Tell the summed absolute weight of each column, shape (number of columns mentioned,)."""
        width = max(self.source, default=-1) + 1
        importance = np.zeros(width)
        np.add.at(importance, list(self.source), np.abs(self.weight))
        return importance

    def _terms(self, matrix: Matrix) -> Matrix:
        raw = _encode(matrix, np.array(self.source, dtype=np.intp), np.array(self.code))
        terms: Matrix = (raw - self.center) / self.scale * self.weight
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
        """Read what `to_json` wrote."""
        return cls(
            source=tuple(fields["source"]),
            code=tuple(np.nan if code is None else float(code) for code in fields["code"]),
            center=np.array(fields["center"]),
            scale=np.array(fields["scale"]),
            weight=np.array(fields["weight"]),
            intercept=fields["intercept"],
        )


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
    values = matrix[:, source]
    numbers = np.sign(values) * np.log1p(np.abs(values))
    encoded = np.where(np.isnan(code), np.nan_to_num(numbers), (values == code).astype(np.float64))
    return np.where(code == -1.0, np.isnan(values).astype(np.float64), encoded)


def _loss(solution: Vector, design: Matrix, labels: Vector, ridge: float) -> tuple[float, Vector]:
    margin = design @ solution[1:] + solution[0]
    error = chance(margin) - labels
    penalised = solution[1:]
    loss = np.sum(np.logaddexp(0.0, margin) - labels * margin) + ridge / 2 * np.sum(penalised**2)
    gradient = np.concatenate([[error.sum()], design.T @ error + ridge * penalised])
    return float(loss) / len(labels), gradient / len(labels)
