"""What every learner offers, and how one is read back from an artifact."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.errors import ArtifactRefused
from shared.learners.blend import Blend
from shared.learners.simple import Columns, Logistic, Matrix, Rule, Vector
from shared.learners.trees import Trees

__all__ = ["WITH_TEXT", "Columns", "Learner", "learner_from_json"]

WITH_TEXT = (Trees.kind, Blend.kind)
"""Kinds whose artifact holds LightGBM's model text."""


class Learner(Protocol):
    """A fitted function from a matrix to margins, with exact shares."""

    @property
    def kind(self) -> str:
        """lightgbm, logistic, blend or rule."""

    @property
    def text(self) -> str | None:
        """LightGBM's model text, which the artifact keeps in a file of its own; None: the learner has none."""

    def margins(self, matrix: Matrix) -> Vector:
        """Log-odds, shape (n,)."""

    def contributions(self, matrix: Matrix) -> Matrix:
        """Shape (n, p + 1); each row sums to its margin, the last column is the base."""

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Margins and contributions at once, which trees have for less than one after the other."""

    def importance(self) -> Vector:
        """How much each column matters, any unit."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""


def learner_from_json(kind: str, fields: Mapping[str, Any], *, text: str | None) -> Learner:
    """Read a learner back.

    Args:
        kind: lightgbm, logistic, blend or rule.
        fields: what `to_json` wrote.
        text: LightGBM's model text, for kinds in WITH_TEXT.

    Raises:
        ArtifactRefused: the kind is unknown, or its text is missing or damaged.
    """
    if kind == "lightgbm" and text is not None:
        return Trees.from_json(fields, text)
    if kind == "blend" and text is not None:
        return Blend.from_json(fields, text)
    if kind == "logistic":
        return Logistic.from_json(dict(fields))
    if kind == "rule":
        return Rule.from_json(dict(fields))
    raise ArtifactRefused(f"The artifact holds no readable model of kind {kind!r}. Train it again.")
