"""Half linear, half trees: the mean of two margins, where each half errs in a way of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shared.learners.simple import Logistic, Matrix, Vector
from shared.learners.trees import Trees


@dataclass(frozen=True)
class Blend:
    """The mean margin of a logistic regression and of trees over the same columns.

    Trees cannot reach beyond what they saw, a line cannot bend: halves that are fixed beforehand need no rows to be
    chosen on. Source: Breiman (1996), stacked regressions, with equal weights.
    """

    kind: ClassVar[str] = "blend"
    linear: Logistic
    trees: Trees

    @property
    def text(self) -> str:
        """Return LightGBM's model text of the trees."""
        return self.trees.text

    @property
    def width(self) -> int:
        """Return how many columns the matrix must have."""
        return self.trees.width

    def margins(self, matrix: Matrix) -> Vector:
        """Return the mean of both margins, log-odds, shape (n,)."""
        mean: Vector = (self.linear.margins(matrix) + self.trees.margins(matrix)) / 2
        return mean

    def contributions(self, matrix: Matrix) -> Matrix:
        """Share each row's margin among the columns exactly: the mean of both halves' shares, shape (n, p + 1)."""
        return self.explained(matrix)[1]

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Return margins and contributions."""
        margins, shares = self.trees.explained(matrix)
        return (self.linear.margins(matrix) + margins) / 2, (self.linear.contributions(matrix) + shares) / 2

    def importance(self) -> Vector:
        """Return the mean of each column's share of either half's importance, shape (p,)."""
        halves = np.zeros((2, self.width))
        for half, importance in zip(halves, (self.linear.importance(), self.trees.importance()), strict=True):
            half[: len(importance)] = importance / (importance.sum() or 1.0)
        mean: Vector = halves.mean(axis=0)
        return mean

    def to_json(self) -> dict[str, Any]:
        """Write both halves as plain values; the text of the trees has a file of its own."""
        return {"linear": self.linear.to_json(), "trees": self.trees.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], text: str) -> "Blend":
        """Read what `to_json` wrote.

        Raises:
            ArtifactRefused: the text is another one.
            ValueError: the linear half is damaged, or speaks of columns that the trees do not have.
        """
        read = cls(Logistic.from_json(dict(fields["linear"])), Trees.from_json(fields["trees"], text))
        if max(read.linear.source, default=-1) >= read.width:
            raise ValueError("the halves of the blend do not fit each other")
        return read
