"""The chance of an answer in each slot: the hierarchy, calibrated, and trees on top where they know more. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.columns import PARTS, of_population
from services.sendtime.model.response import Response
from services.sendtime.model.week import SLOTS, Matrix, Vector, by_hour
from shared.evaluation.calibration import Calibrator
from shared.learners.trees import Trees
from shared.ties import largest

HIERARCHY = "hierarchy"
ENOUGH_ELSEWHERE = 50
SHARE_ELSEWHERE = 0.005
"""Sends at other hours than the usual one, and their share, below which hours cannot be compared."""


@dataclass(frozen=True)
class Timing:
    """How contacts answer in each slot, for one kind of engagement."""

    engagement: str
    response: Response
    calibrator: Calibrator
    trees: Trees | None
    """Corrections on top of the calibrated hierarchy; None where they know nothing more."""
    varied: bool
    """Whether sends were spread enough over the hours to compare any."""

    @property
    def kind(self) -> str:
        """What kind of model answers."""
        return HIERARCHY if self.trees is None else Trees.kind

    @property
    def usual_hour(self) -> int:
        """The local hour that most sends went out at."""
        return int(largest(by_hour(self.response.sent)))

    def margins(self, values: Matrix) -> Vector:
        """Tell the log-odds of an answer of rows laid out by `matrix_of`, shape (m,)."""
        margins = self.calibrator.margins(values[:, : len(PARTS)].sum(axis=1))
        return margins if self.trees is None else margins + self.trees.margins(values)

    def against_population(self, values: Matrix, slot: NDArray[np.int64]) -> tuple[Matrix, Vector]:
        """Share the log-odds of rows against the population's in the same slot among the columns.

        Returns:
            Contributions, shape (m, p), and the population's margins, shape (m,); a row's contributions and its
            population's margin sum exactly to its own margin.
        """
        average = of_population(self.response, slot)
        shares = self._shares(values) - self._shares(average)
        return shares, self.margins(average)

    def population_margins(self) -> Vector:
        """Tell the log-odds of the average contact in every slot, shape (168,)."""
        return self.margins(of_population(self.response, np.arange(SLOTS)))

    def _shares(self, values: Matrix) -> Matrix:
        shares = np.zeros_like(values) if self.trees is None else self.trees.contributions(values)[:, :-1]
        shares[:, : len(PARTS)] += self.calibrator.slope * values[:, : len(PARTS)]
        return shares


def is_varied(sent: Vector) -> bool:
    """Tell whether sends were spread enough over the hours to compare any.

    Args:
        sent: how many in each hour of the day, shape (24,).

    >>> is_varied(np.array([0.0, 950.0, 50.0])), is_varied(np.array([0.0, 1000.0, 0.0]))
    (True, False)
    """
    elsewhere = float(sent.sum() - sent.max())
    return elsewhere >= max(ENOUGH_ELSEWHERE, SHARE_ELSEWHERE * float(sent.sum()))
