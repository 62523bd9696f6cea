"""From an account's orders to a version with its evidence: no store, no registry."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from services.value.model.closed_form import Histories, Matrix, Vector
from services.value.model.curves import read_at
from services.value.model.history import HistoryColumns, history_features
from services.value.model.intervals import Intervals
from services.value.model.value import ValueModel
from services.value.training.assessment import Assessed, assessed, measured_intervals
from services.value.training.material import ValueMaterial
from services.value.training.report import ValueReport, report
from services.value.training.stage import FrameTable, Stage, stages
from shared.contracts.prediction import Grade
from shared.contracts.rows import Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.evaluation.calibration import Reference
from shared.features import Inputs, Learned, learn, matrix

GREATEST = 1.0
SMALLEST_SHARE = 0.01
"""Of the middle order value, below which no mean order value counts: a logarithm is taken of it."""


@dataclass(frozen=True, slots=True)
class ValueFit:
    """A fitted model with the evidence behind it."""

    model: ValueModel
    report: ValueReport
    assessed: Assessed
    table: FrameTable


def fitted(
    material: ValueMaterial, *, attributes: Collection[str] = (), now: Microseconds, progress: Progress = silent
) -> ValueFit:
    """Judge candidates, choose, and fit the chosen one on everything.

    Args:
        material: orders and frames.
        attributes: those that count beside behaviour.
        now: the time of the training.
        progress: told what is done, 0 to 1.

    Raises:
        InsufficientData: no block of time is left to be judged.
    """
    progress("computing features", 0.05)
    others = [name for name in material.pasts.attributes if name not in attributes]
    learned = learn(material.pasts, material.contact, material.cutoff, excluded=others, allowed=attributes)
    table = tabled(material, learned)
    found = assessed(material, table, progress)
    progress("fitting on everything", 0.75)
    model = version_of(material, table, found, kind=found.winner, now=now)
    progress("judging intervals and totals", 0.95)
    importance = _importance(model)
    written = report(material, found, model.intervals, importance=importance, table=table, learned=learned)
    return ValueFit(replace(model, grade=written.grade), written, found, table)


def version_of(
    material: ValueMaterial, table: FrameTable, found: Assessed, *, kind: str, now: Microseconds
) -> ValueModel:
    """Fit one kind on everything, not graded yet.

    Args:
        material: orders and frames.
        table: their matrix.
        found: held-out answers, which say how wide intervals have to be.
        kind: of the candidate.
        now: the time of the training.
    """
    rows = np.arange(len(material.contact))
    (stage,) = stages(material, table, rows, material.until, (kind,))
    held_out = found.curves.get(kind, found.curves[found.winner])
    intervals = measured_intervals(material, held_out, stage.maker.knots.days, material.until)
    return _model(material, table, stage, intervals, now=now)


def tabled(material: ValueMaterial, learned: Learned) -> FrameTable:
    """Compute the matrix of all frames: the columns of the closed forms, then what else was learned to look at."""
    needed = history_features(material.order_types)
    names = {feature.name for feature in needed}
    others = [feature for feature in learned.feature_set.features if feature.name not in names]
    feature_set = replace(learned.feature_set, features=(*needed, *others))
    values = matrix(feature_set, material.pasts, material.contact, material.cutoff)
    middle = float(np.median(material.orders.value[material.orders.value > 0]))
    bounds = (SMALLEST_SHARE * middle, float(np.inf))
    _, known = HistoryColumns(feature_set, material.order_types, *bounds).of(values)
    columns = HistoryColumns(feature_set, material.order_types, bounds[0], float(known.mean_value.max()))
    return FrameTable(feature_set, columns, values, known)


def _model(
    material: ValueMaterial, table: FrameTable, stage: Stage, intervals: Intervals, *, now: Microseconds
) -> ValueModel:
    came = material.came(material.horizon_days)
    inputs = Inputs.of(
        table.feature_set,
        table.values,
        (came.orders > 0).astype(np.float64),
        material.contact,
        known=tuple(material.pasts.attributes),
    )
    raw = stage.curves(table.values, table.known, None).value_at(material.horizon_days)
    grade: Grade = "D"
    model = ValueModel(
        kind=stage.kind,
        grade=grade,
        trained_at=instant_of(now),
        horizon_days=material.horizon_days,
        order_types=material.order_types,
        currency=material.currency,
        feature_set=table.feature_set,
        columns=table.columns,
        maker=stage.maker,
        levels=stage.levels,
        intervals=intervals,
        trees=stage.trees,
        reference=Reference.of(np.log(np.maximum(raw, 1e-12)), table.values),
        usual=_usual(table.known),
        inputs=inputs,
    )
    return replace(model, inputs=inputs.weighed(_importance(model)))


def _usual(known: Histories) -> tuple[float, float, float, float]:
    columns = (known.age - known.recency, known.repeats, known.age, known.mean_value)
    since, repeats, age, value = (float(np.median(column)) for column in columns)
    return since, repeats, age, value


def _importance(model: ValueModel) -> Vector:
    """Return how much the model looks at each column; the closed form at its own four, alike."""
    if model.trees is not None:
        return model.trees.value.importance()
    found = np.zeros(len(model.feature_set))
    for columns in model.columns.places:
        found[columns[0]] = GREATEST
    return found


def answered(model: ValueModel, values: Matrix, cutoffs: np.ndarray, days: float) -> Vector:
    """Return the expected value that a version answers about rows of its own matrix, shape (n,)."""
    _, known = model.columns.of(values)
    curves, _ = model.curves(values, known, cutoffs)
    return read_at(curves.days, curves.value, days)
