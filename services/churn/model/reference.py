"""The population a churn version was validated on: scores and bands at any horizon."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.churn.model.periods import Matrix, Periods, Vector
from shared.contracts.prediction import Band
from shared.evaluation.calibration import Reference, binned, percentiles
from shared.learners.simple import log_odds
from shared.ties import step_of

BANDS: tuple[Band, ...] = ("low", "medium", "high", "very_high")


@dataclass(frozen=True)
class ChurnReference:
    """Held-out frames, summarised at the end of each period; nothing of a single row is kept."""

    hazards: Matrix
    """Cumulative hazards at the percentiles 1..99, ascending, at the end of each period, shape (n_periods, 99)."""
    mean: Vector
    """Mean risk of leaving at the end of each period, shape (n_periods,)."""
    edges: Matrix
    """Nine inner edges of each feature's deciles, shape (p, 9)."""
    shares: Matrix
    """Share of the reference in each of the ten bins, then missing, shape (p, 11)."""

    @property
    def margins(self) -> Vector:
        """Return percentiles that are ordered as the scores of a contract's end, ascending, shape (99,)."""
        last: Vector = self.hazards[-1]
        return last

    @classmethod
    def of(cls, hazard: Matrix, risk: Matrix, values: Matrix) -> "ChurnReference":
        """Summarise held-out frames.

        Args:
            hazard: cumulative hazards, shape (n, n_periods).
            risk: of leaving, shape (n, n_periods).
            values: the features of the same frames, shape (n, p).
        """
        edges, shares = binned(values)
        return cls(np.stack([percentiles(column) for column in hazard.T]), risk.mean(axis=0), edges, shares)

    def scores(self, periods: Periods, hazard: Vector, days: float, *, contractual: bool) -> NDArray[np.intp]:
        """Place cumulative hazards at one horizon: 1-99, 99 for those most likely to leave, shape (n,)."""
        # Kept by horizon, at most one a day of the curve: to order it anew costs more than to place a few contacts.
        if (known := self._ordered.get((days, contractual))) is None:
            at = periods.cumulative(self.hazards.T, [days])[:, 0]
            known = Reference(at if contractual else -at[::-1], self.edges, self.shares)
            self._ordered[days, contractual] = known
        return known.scores(hazard if contractual else -hazard)

    @cached_property
    def _ordered(self) -> dict[tuple[float, bool], Reference]:
        return {}

    def bands(self, periods: Periods, risk: Vector, days: float, lifts: Sequence[float]) -> list[Band]:
        """Name how many times the average odds each risk is.

        Odds, not chances: where four in ten leave anyway nobody can be four times as likely to leave.

        Args:
            periods: of the curve.
            risk: chance of leaving within the horizon, shape (n,).
            days: the horizon.
            lifts: from how many times the average on a risk is medium, high, very high.
        """
        average = np.interp(days, periods.ends, self._log_odds)
        step = step_of(lifts, np.exp(log_odds(risk) - average), includes_edge=True)
        return [BANDS[place] for place in step]

    @cached_property
    def _log_odds(self) -> Vector:
        return log_odds(self.mean)
