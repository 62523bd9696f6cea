"""Gradient-boosted trees on the true prior (LightGBM), alone and beside a line; and how any learner is read back.

Trees are kept as LightGBM's own text.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from shared.errors import ArtifactRefused
from shared.learners.contribution_table import ContributionTable
from shared.learners.simple import Columns, Logistic, Matrix, Rule, Vector

if TYPE_CHECKING:
    import lightgbm

# LightGBM is imported where trees are grown or read: it brings pandas and more, which takes over a second.
MAX_BIN = 63
"""Steps a column is cut into: a quarter of LightGBM's default costs nothing we could measure and is far faster."""
SMALL_REQUEST_ROWS = 200
"""Up to here one thread is faster than two: starting a second one costs more than the rows."""

CORES = 2
"""What a training takes of a machine."""
ONE_THREAD_ROWS = 100_000
"""Up to here one thread grows trees faster than two that wait without spinning: 8,800 rows take a fifth of the time."""


def growing_threads(rows: int) -> int:
    """Return how many threads grow the trees of one fit over so many rows."""
    return 1 if rows <= ONE_THREAD_ROWS else CORES


def fits_at_once(rows: int) -> int:
    """Return how many fits over so many rows go on at the same moment: together they have a thread for each core.

    Where OpenMP is held to fewer threads (`OMP_THREAD_LIMIT`, as it is beside requests), so is this.
    """
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    cores = min(CORES, int(limit)) if limit.isdecimal() else CORES
    return max(1, cores // growing_threads(rows))


@dataclass(frozen=True, slots=True)
class TreeShape:
    """How large the trees are and how fast they learn."""

    leaves: int = 15
    min_rows: int = 40
    learning_rate: float = 0.05
    feature_share: float = 0.5
    row_share: float = 0.8
    ridge: float = 5.0
    max_rounds: int = 1_000

    def parameters(self, seed: int, *, rows: int) -> dict[str, Any]:
        """Name them as LightGBM does; deterministic, however many threads grow so many rows."""
        return {
            "objective": "binary",
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.ridge,
            "cat_smooth": 20.0,
            "cat_l2": 20.0,
            "max_cat_threshold": 16,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": growing_threads(rows),
            "max_bin": MAX_BIN,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class Trees:
    """A fitted booster; margins are the raw sums of its leaves."""

    kind: ClassVar[str] = "lightgbm"
    text: str
    """LightGBM's model text."""

    @classmethod
    def fit(
        cls,
        matrix: Matrix,
        labels: Vector,
        columns: Columns,
        *,
        shape: TreeShape,
        rounds: int,
        seed: int,
        offset: Vector | None = None,
    ) -> "Trees":
        """Grow a fixed number of trees.

        Args:
            matrix: shape (n, p); NaN is missing.
            labels: 0.0 or 1.0, shape (n,).
            columns: names and which are categories.
            shape: size and speed.
            rounds: how many trees.
            seed: of the row and column samples.
            offset: margins that the trees start from and do not hold, shape (n,); None: LightGBM's own start.
        """
        import lightgbm

        booster = lightgbm.train(
            shape.parameters(seed, rows=len(matrix)),
            _dataset(matrix, labels, columns, offset),
            num_boost_round=max(1, rounds),
        )
        return cls(booster.model_to_string())

    @cached_property
    def booster(self) -> "lightgbm.Booster":
        """Load the text; once.

        Raises:
            ArtifactRefused: LightGBM cannot read it.
        """
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactRefused("LightGBM cannot read the model text. Train it again.") from error

    @cached_property
    def width(self) -> int:
        """Return how many columns the matrix must have."""
        return int(self.booster.num_feature())

    def margins(self, matrix: Matrix) -> Vector:
        """Sum the leaves of each row, log-odds, shape (n,)."""
        raw: Vector = np.asarray(
            self.booster.predict(matrix, raw_score=True, num_threads=_threads(matrix)), dtype=np.float64
        )
        return raw

    def contributions(self, matrix: Matrix) -> Matrix:
        """Share each row's margin among the columns exactly.

        Returns:
            Shape (n, p + 1): the last column is the base; each row sums to its margin.
            Source: Lundberg and others (2020), tree SHAP.
        """
        return self.explained(matrix)[1]

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Return margins and contributions: looked up where there is a table, else computed by LightGBM."""
        if self._table is not None and matrix.shape[1] == self.width:
            return self._table.explained(matrix)
        shares = np.asarray(self.booster.predict(matrix, pred_contrib=True, num_threads=_threads(matrix)))
        return self.margins(matrix), shares.reshape(len(matrix), -1)

    @cached_property
    def _table(self) -> ContributionTable | None:
        return ContributionTable.of(self.text, self.width)

    def importance(self) -> Vector:
        """Return the total gain of each column's splits, shape (p,)."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Write the fingerprint of the text, which has a file of its own."""
        return {"text_sha256": _fingerprint(self.text)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], text: str) -> "Trees":
        """Take the text if it is the one that was written: LightGBM reads a damaged one past its end.

        Raises:
            ArtifactRefused: the text is another one.
        """
        if _fingerprint(text) != fields["text_sha256"]:
            raise ArtifactRefused("The model text is damaged or of another version. Train it again.")
        return cls(text)


@dataclass(frozen=True)
class Path:
    """A booster with its log loss on other rows after each round; margins are without the offset."""

    booster: "lightgbm.Booster"
    loss: Vector
    """Shape (max_rounds,); after early stopping the last value is repeated."""

    def margins(self, matrix: Matrix, rounds: int) -> Vector:
        """Sum the leaves of the first trees, log-odds, shape (n,).

        Trees beyond the early stop are grown on demand: otherwise the judged rows would bound their own rounds.
        """
        while self.booster.current_iteration() < rounds and not self.booster.update():
            pass
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_iteration=rounds), dtype=np.float64)


def grow(
    matrix: Matrix,
    labels: Vector,
    columns: Columns,
    *,
    shape: TreeShape,
    seed: int,
    judge: tuple[Matrix, Vector],
    offsets: tuple[Vector | None, Vector | None] = (None, None),
) -> Path:
    """Grow trees and watch the log loss on other rows, so that somebody can choose the number of rounds.

    Args:
        matrix: training rows, shape (n, p).
        labels: shape (n,).
        columns: names and which are categories.
        shape: size, speed and the most rounds.
        seed: of the samples.
        judge: matrix and labels of the rows to be judged on.
        offsets: margins that the trees start from, of the training and of the judged rows.
    """
    import lightgbm

    train = _dataset(matrix, labels, columns, offsets[0])
    evaluated: dict[str, Any] = {}
    booster = lightgbm.train(
        {**shape.parameters(seed, rows=len(matrix)), "metric": "binary_logloss"},
        train,
        num_boost_round=shape.max_rounds,
        valid_sets=[train.create_valid(judge[0], judge[1], init_score=offsets[1])],
        valid_names=["judge"],
        keep_training_booster=True,
        callbacks=[lightgbm.record_evaluation(evaluated), lightgbm.early_stopping(40, verbose=False)],
    )
    losses = np.array(evaluated["judge"]["binary_logloss"])
    padded = np.concatenate([losses, np.full(shape.max_rounds - len(losses), losses[-1])])
    booster.best_iteration = -1
    return Path(booster, padded)


def _dataset(matrix: Matrix, labels: Vector, columns: Columns, offset: Vector | None) -> "lightgbm.Dataset":
    import lightgbm

    return lightgbm.Dataset(
        matrix,
        labels,
        init_score=offset,
        feature_name=[f"f{position}" for position in range(len(columns))],
        categorical_feature=list(columns.categorical),
        params={"verbosity": -1, "max_bin": MAX_BIN},
    )


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _threads(matrix: Matrix) -> int:
    return 1 if len(matrix) <= SMALL_REQUEST_ROWS else 2


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
