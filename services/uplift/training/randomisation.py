"""Whether arms were given by lot: are they told by what was known before, and have they the planned sizes?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np

from services.uplift.model.effects import Vector
from services.uplift.training.learners import ExperimentTable
from shared.errors import InsufficientData
from shared.evaluation.metrics import Interval, Ranking
from shared.learners import Trees, TreeShape
from shared.training.material import contact_folds

SHAPE = TreeShape(leaves=6, min_rows=40, learning_rate=0.1)
ROUNDS = 30
Z_999 = 3.2905
"""Two-sided 99.9 %: of a thousand sound experiments one is called unsound."""
LEAST_MATTERS = 0.53
"""An arm that is predicted less well than this was still given as good as by lot."""
MISMATCH = 0.001


@dataclass(frozen=True, slots=True)
class Randomisation:
    """What was checked of one arm against control."""

    name: str
    predicted: Interval
    """AUC with which features tell the arm from control, weighed by the inverse chances; 0.5 is a lot."""
    p_value: float | None
    """How likely its size is so far from what was planned; None: nothing was planned."""

    @property
    def is_predictable(self) -> bool:
        """Whether the arm was surely not given by lot: 99.9 %, and more than a trifle."""
        reach = (self.predicted.high - self.predicted.low) / 2 * (Z_999 / 1.959964)
        return self.predicted.value - reach > 0.5 and self.predicted.value >= LEAST_MATTERS

    @property
    def is_mismatched(self) -> bool:
        """Whether it surely has another size than planned."""
        return self.p_value is not None and self.p_value < MISMATCH

    def to_json(self) -> dict[str, object]:
        """Write as plain values."""
        return {"arm": self.name, "predicted_from_features": self.predicted.to_json(), "size_p_value": self.p_value}


def checked(table: ExperimentTable, names: Sequence[str], *, is_planned: bool, seed: int = 0) -> list[Randomisation]:
    """Check every arm.

    Args:
        table: rows of all arms.
        names: of the arms, control first.
        is_planned: whether chances were known before.
        seed: of the trees.

    Raises:
        InsufficientData: an arm was not given by lot, or lost contacts.
    """
    sizes = _size_p_values(table) if is_planned else [None] * len(names)
    found = [
        Randomisation(names[number], _predictable(table, number, seed), _least(sizes[0], sizes[number]))
        for number in range(1, len(names))
    ]
    for one in found:
        if one.is_predictable:
            raise InsufficientData(
                f"Who got {one.name} can be told from what was known before: of two contacts, one of {names[0]} and "
                f"one of {one.name}, the right one is named in {100 * one.predicted.value:.0f} of 100 pairs "
                f"({100 * one.predicted.low:.0f} to {100 * one.predicted.high:.0f}; by lot: 50). So it was not given "
                "by lot, and what looks like its effect may be what these contacts are like anyway. Repeat it with a "
                "share drawn by lot (a holdout draws so), or give the chances with which each contact was chosen.",
                predicted_from_features=round(one.predicted.value, 4),
            )
        if one.is_mismatched:
            raise InsufficientData(
                f"Sample ratio mismatch: {one.name} or {names[0]} has another size than its chances say (p = "
                f"{one.p_value:.1g}). That hardly happens by chance: contacts of one arm got lost or doubled, or the "
                "chances are wrong. Find out which before an effect is believed.",
                p_value=float(one.p_value or 0.0),
            )
    return found


def _least(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other)


def _size_p_values(table: ExperimentTable) -> list[float | None]:
    """Compare the inverse chances of each arm, which add up to the number of rows, with that number."""
    n, found = len(table), list[float | None]()
    _, group = np.unique(table.owner, return_inverse=True)
    for number in range(table.arms + 1):
        gone = np.where(table.arm == number, 1 / table.propensity, 0.0) - 1.0
        sums = np.bincount(group, weights=gone)
        error = float(np.sqrt(np.sum(sums**2)))
        found.append(erfc(abs(float(gone.sum())) / error / sqrt(2)) if error > 0 and n else 1.0)
    return found


def _predictable(table: ExperimentTable, number: int, seed: int) -> Interval:
    """Return how well an arm is told from control by trees that had not seen the row; 95 % interval under a lot."""
    rows = np.flatnonzero((table.arm == 0) | (table.arm == number))
    mine = table.take(rows)
    is_arm = (mine.arm == number).astype(np.float64)
    margin = np.zeros(len(rows))
    for split in contact_folds(mine.owner, is_arm):
        train = mine.take(split.train)
        label = is_arm[split.train]
        if not 0 < label.sum() < len(label):
            continue
        grown = Trees.fit(
            train.matrix, label, mine.columns, shape=replace(SHAPE, min_rows=_few(len(label))), rounds=ROUNDS, seed=seed
        )
        raw = grown.margins(mine.matrix[split.test])
        margin[split.test] = raw - raw.mean()
    weights: Vector = 1.0 / mine.propensity
    area = Ranking(is_arm, margin).auc(weights)
    sizes = [_effective(weights[is_arm == side]) for side in (0.0, 1.0)]
    reach = 1.959964 * sqrt((sum(sizes) + 1) / (12 * sizes[0] * sizes[1]))
    return Interval(area, area - reach, area + reach)


def _few(rows: int) -> int:
    return max(10, min(SHAPE.min_rows, rows // 10))


def _effective(weights: Vector) -> float:
    """Return as how many even rows weighted ones count. Source: Kish (1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))
