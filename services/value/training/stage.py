"""What is learned at one instant: a closed form, perhaps trees, and what holds at each judged horizon; of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Histories, Matrix, Vector
from services.value.model.curves import ClosedCurves, Corrections, CurveMaker, Knots, ValueCurves
from services.value.model.history import HistoryColumns
from services.value.model.levels import TotalLevels
from services.value.model.value import BLEND, FORM, RULE, TREES, WEIGHTS, ValueTrees
from services.value.training.forms import fitted_forms
from services.value.training.material import JUDGED_DAYS, SEED, ValueMaterial
from services.value.training.totals import measured_levels
from services.value.training.trees import LEAST_TREES, grown
from shared.contracts.rows import DAY, Microseconds
from shared.features import FeatureSet, matrix
from shared.learners import Columns

KINDS = (RULE, FORM, BLEND, TREES)
"""The simplest first."""
LEAST_CLOSED = 100
"""Frames whose horizon is over, without which a horizon is not judged."""
STEPS = 30


@dataclass(frozen=True, slots=True)
class FrameTable:
    """All frames as a matrix."""

    feature_set: FeatureSet
    columns: HistoryColumns
    values: Matrix
    """Shape (n, p)."""
    known: Histories


@dataclass(frozen=True, slots=True)
class Stage:
    """A candidate as an instant had taught it."""

    kind: str
    maker: CurveMaker
    trees: ValueTrees | None
    levels: TotalLevels

    def corrections(self, values: Matrix, closed: ClosedCurves) -> Corrections:
        """Return how far its trees lie from its closed form."""
        if self.trees is None:
            nothing = np.zeros(len(values))
            return Corrections(nothing, nothing)
        return self.trees.corrections(values, *self.maker.plain(closed), weight=WEIGHTS[self.kind])

    def curves(self, values: Matrix, known: Histories, cutoffs: NDArray[np.int64] | None) -> ValueCurves:
        """Answer rows; None: without recalibrated totals."""
        nothing = np.zeros((len(values), len(self.maker.knots.days)))
        levels = (nothing, nothing) if cutoffs is None else self.levels.of(cutoffs)
        closed = self.maker.base(known)
        return self.maker.curves(closed, self.corrections(values, closed), levels)


def stages(
    material: ValueMaterial,
    table: FrameTable,
    rows: NDArray[np.intp],
    at: Microseconds,
    kinds: Sequence[str] = KINDS,
) -> list[Stage]:
    """Learn some kinds from what was known at an instant; those with trees where there are enough buyers.

    Args:
        material: of the run.
        table: its matrix.
        rows: frames whose main horizon was over by then.
        at: the instant.
        kinds: which ones.
    """
    buyers = material.buyers_at(at)
    now = matrix(table.feature_set, material.pasts, buyers, np.full(len(buyers), at, dtype=np.int64))
    _, known = table.columns.of(now)
    forms = fitted_forms(known)
    trees = None
    if len(buyers) >= LEAST_TREES and any(kind in WEIGHTS for kind in kinds):
        came = material.came(material.horizon_days, material.contact[rows], material.cutoff[rows])
        columns = Columns(table.feature_set.names, table.feature_set.categorical)
        trees = grown(table.values[rows], came.value, came.orders, columns, seed=SEED)
    days = judged_days(material, at)
    flat = {dropout: CurveMaker(form, _flat(days), float(material.horizon_days)) for dropout, form in forms.items()}
    found = [
        Stage(kind, flat[kind != RULE], trees if kind in WEIGHTS else None, TotalLevels.none(days))
        for kind in kinds
        if trees is not None or kind not in WEIGHTS
    ]
    return [_measured(one, material, table, at) for one in found]


def _measured(stage: Stage, material: ValueMaterial, table: FrameTable, at: Microseconds) -> Stage:
    """Measure what holds at each judged horizon, then by how much totals are off."""
    days = stage.maker.knots.days
    closed = np.flatnonzero(material.cutoff + round(days[0] * DAY) <= at)
    known = Histories(*(one[closed] for one in table.known))
    answered_by_form = stage.maker.base(known)
    corrections = stage.corrections(table.values[closed], answered_by_form)
    maker = replace(stage.maker, knots=_fitted_knots(stage, material, (closed, answered_by_form, corrections), at))
    nothing = np.zeros((len(closed), len(days)))
    curves = maker.curves(answered_by_form, corrections, (nothing, nothing))
    return replace(stage, maker=maker, levels=measured_levels(material, closed, curves, days, at))


def judged_days(material: ValueMaterial, at: Microseconds) -> Vector:
    """List the horizons of which enough frames are over, and the main one, ascending."""
    found = {float(material.horizon_days)}
    for days in JUDGED_DAYS:
        over = material.cutoff + days * DAY <= at
        if len(np.unique(material.contact[over])) >= LEAST_CLOSED:
            found.add(float(days))
    return np.array(sorted(found))


def _flat(days: Vector) -> Knots:
    ones, zeros = np.ones(len(days)), np.zeros(len(days))
    return Knots(days, ones, zeros, ones, zeros, ones, zeros)


def _fitted_knots(
    stage: Stage,
    material: ValueMaterial,
    answered: tuple[NDArray[np.intp], ClosedCurves, Corrections],
    at: Microseconds,
) -> Knots:
    """Measure at each judged horizon how much of the trees' correction holds, and the level."""
    closed, answered_by_form, corrections = answered
    days = stage.maker.knots.days
    at_days = np.searchsorted(stage.maker.grid, days)
    orders, worth = np.maximum(answered_by_form.orders[:, at_days], 1e-12), answered_by_form.order_value
    silent = np.clip(answered_by_form.silent[:, at_days], 1e-12, 1 - 1e-12)
    found: list[Sequence[float]] = []
    for place, one in enumerate(days.tolist()):
        over = material.cutoff[closed] + round(one * DAY) <= at
        came = material.came(one, material.contact[closed[over]], material.cutoff[closed[over]])
        is_main = one == material.horizon_days
        with_trees = stage.trees is not None
        c_value, c_orders = corrections.value[over], corrections.orders[over]
        expected = orders[over, place]
        value = _line(came.value, expected * worth[over], c_value, free=with_trees and not is_main)
        count = _line(came.orders, expected, c_orders, free=with_trees and not is_main)
        no_order = _silence(came.orders == 0, silent[over, place], c_orders, free=with_trees)
        found.append((one, *value, *count, *no_order))
    return Knots(*(np.array(column) for column in zip(*found, strict=True)))


def _line(came: Vector, expected: Vector, correction: Vector, *, free: bool) -> tuple[float, float]:
    """Fit slope and level of a correction, so that totals hold: Poisson's likelihood, which needs no whole numbers.

    Source: Gourieroux, Monfort and Trognon (1984), Pseudo maximum likelihood methods.

    Args:
        came: what came, shape (n,).
        expected: by the closed form, shape (n,).
        correction: log scale, shape (n,).
        free: whether the slope is measured; otherwise it is 1, and the level alone is.
    """
    total = float(came.sum())
    if total <= 0:
        return 1.0, 0.0
    slope = 1.0
    level = float(np.log(total / (expected @ np.exp(slope * correction))))
    for _ in range(STEPS if free else 0):
        mean = expected * np.exp(slope * correction + level)
        error, middle = came - mean, float(mean @ correction) / float(mean.sum())
        spread = float(mean @ (correction - middle) ** 2)
        if spread <= 1e-12 * total:
            break
        step = float(np.clip(error @ (correction - middle) / spread, -0.25, 0.25))
        slope = float(np.clip(slope + step, 0.0, 1.5))
        level = float(np.log(total / (expected @ np.exp(slope * correction))))
        if abs(step) < 1e-6:
            break
    return slope, level


def _silence(silent: NDArray[np.bool_], chance: Vector, correction: Vector, *, free: bool) -> tuple[float, float]:
    """Fit slope and level of the log of the power that the closed form's chance of silence is raised to."""
    from scipy.optimize import minimize

    hazard = -np.log(chance)

    def loss(line: Vector) -> float:
        whole = np.clip(hazard * np.exp(np.clip(line[1] + line[0] * correction, -20, 20)), 1e-12, 700.0)
        return float(np.mean(np.where(silent, whole, -np.log(-np.expm1(-whole))))) + 1e-4 * float(line @ line)

    if free:
        found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.0, 2.0), (-5.0, 5.0)]).x
        return float(found[0]), float(found[1])
    level = minimize(lambda level: loss(np.array([1.0, level[0]])), np.zeros(1), method="L-BFGS-B", bounds=[(-5, 5)]).x
    return 1.0, float(level[0])
