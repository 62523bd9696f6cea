"""What an arm changes: predicted by a weighted sum of trees, and set right by what was measured at each place. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.learners.trees import Trees

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
QUANTILES = 101


@dataclass(frozen=True, slots=True)
class WeightedTrees:
    """A weighted sum of boosters and a constant: each booster answers in the outcome's own unit."""

    parts: tuple[tuple[float, Trees], ...]
    constant: float = 0.0

    def predict(self, matrix: Matrix) -> Vector:
        """Sum up, shape (n,)."""
        total = np.full(len(matrix), self.constant)
        for weight, trees in self.parts:
            total += weight * trees.margins(matrix)
        return total

    def contributions(self, matrix: Matrix) -> Matrix:
        """Share each row's sum among the columns exactly, shape (n, p + 1); the last column is the base."""
        shares = np.zeros((len(matrix), matrix.shape[1] + 1))
        shares[:, -1] = self.constant
        for weight, trees in self.parts:
            shares += weight * trees.contributions(matrix)
        return shares

    def importance(self, width: int) -> Vector:
        """Return how much each column is looked at, shape (width,)."""
        total = np.zeros(width)
        for weight, trees in self.parts:
            gain = trees.importance()
            total[: len(gain)] += abs(weight) * gain
        return total


@dataclass(frozen=True, slots=True)
class EffectEstimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval excludes nothing at all."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, float]:
        """Write as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of contacts with their 95 % intervals, shape (n,) each."""

    value: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, slots=True)
class EffectCurve:
    """What was measured at each place, when held-out contacts stood in the order of their predicted effects."""

    margins: Vector
    """Quantiles 0 to 100 of the predicted effects of held-out contacts, shape (101,)."""
    place: Vector
    """Middle of each group, 0 to 1, rising, shape (b,)."""
    effect: Vector
    """Measured effect of each group, never falling."""
    low: Vector
    """Lower end of its interval, never falling."""
    high: Vector

    def places(self, predicted: Vector) -> Vector:
        """Return where each predicted effect stands among held-out contacts, 0 to 1."""
        return np.interp(predicted, self.margins, np.linspace(0.0, 1.0, QUANTILES))

    def at(self, place: Vector) -> Effects:
        """Read the measured effect at each place, between two groups by a straight line."""
        return Effects(*(np.interp(place, self.place, one) for one in (self.effect, self.low, self.high)))

    def to_json(self) -> dict[str, list[float]]:
        """Write as plain values."""
        return {name: getattr(self, name).tolist() for name in self.__slots__}

    @classmethod
    def from_json(cls, fields: Mapping[str, Sequence[float]]) -> "EffectCurve":
        """Read what `to_json` wrote.

        Raises:
            ValueError: the lengths do not fit each other, or something is no number.
        """
        read = cls(**{name: np.array(fields[name], dtype=np.float64) for name in cls.__slots__})
        lengths = {len(one) for one in (read.place, read.effect, read.low, read.high)}
        numbers = np.concatenate([read.margins, read.place, read.effect, read.low, read.high])
        if len(read.margins) != QUANTILES or len(lengths) != 1 or not len(read.place) or not np.isfinite(numbers).all():
            raise ValueError("a curve of effects does not fit")
        return read


@dataclass(frozen=True, slots=True)
class ArmModel:
    """One arm against control."""

    name: str
    trees: WeightedTrees
    """Predicts the effect; its order counts, not its size."""
    average: EffectEstimate
    """Over all contacts."""
    curve: EffectCurve
    is_personal: bool
    """Whether it is proven that the effect differs between contacts as predicted."""

    @property
    def negligible(self) -> float:
        """Return the size below which an effect is none worth having: half the greatest that is proven at any place."""
        proven = (self.curve.low > 0) | (self.curve.high < 0)
        return 0.5 * float(np.max(np.abs(self.curve.effect[proven]), initial=0.0))

    def described(self, number_of: Mapping[int, int]) -> dict[str, Any]:
        """Write as plain values.

        Args:
            number_of: number of each booster's file, by the booster's identity.
        """
        return {
            "name": self.name,
            "trees": written(self.trees, number_of),
            "average": self.average.to_json(),
            "curve": self.curve.to_json(),
            "is_personal": self.is_personal,
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any], boosters: Sequence[Trees]) -> "ArmModel":
        """Read what `described` wrote, with the boosters of the files."""
        return cls(
            name=fields["name"],
            trees=read_trees(fields["trees"], boosters),
            average=EffectEstimate(**fields["average"]),
            curve=EffectCurve.from_json(fields["curve"]),
            is_personal=bool(fields["is_personal"]),
        )


def written(trees: WeightedTrees, number_of: Mapping[int, int]) -> dict[str, Any]:
    """Write a weighted sum as plain values; its boosters have files of their own."""
    return {
        "parts": [[weight, number_of[id(booster)]] for weight, booster in trees.parts],
        "constant": trees.constant,
    }


def read_trees(fields: Mapping[str, Any], boosters: Sequence[Trees]) -> WeightedTrees:
    """Read what `written` wrote."""
    parts = tuple((float(weight), boosters[number]) for weight, number in fields["parts"])
    return WeightedTrees(parts, float(fields["constant"]))
