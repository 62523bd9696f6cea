"""A version of value: what contacts are worth over any horizon, as curves; saved and loaded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import ClosedForm, Histories, Matrix, Vector
from services.value.model.curves import Corrections, CurveMaker, Knots, ValueCurves, read_at
from services.value.model.explain import SPEAKERS, closed_shares
from services.value.model.history import HistoryColumns
from services.value.model.intervals import Intervals
from services.value.model.levels import TotalLevels
from services.value.model.predictions import ScoredValue, band_of, next_orders, why_not_eligible
from services.value.schemas import ValueRequest
from shared.contracts.prediction import Grade, ReasonPart
from shared.contracts.rows import DAY
from shared.errors import ArtifactRefused
from shared.evaluation.calibration import Reference
from shared.features import FeatureSet, Inputs, Things, observed
from shared.learners import Trees
from shared.registry.artifact import InputColumn, OutputColumn, input_columns, number_column
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS, whole_orders

FORMAT = 1
CAPABILITY = "value"
CUTOFF_DAY = "cutoff_day"
"""Column of a table that is sent to `mlflow models serve`, for a version whose totals depend on the season."""
BEYOND = "horizon_beyond_judged"
TREES, BLEND, FORM, RULE = "lightgbm", "blend", "closed_form", "rule"
"""Kinds of models: trees, half of trees and half of the closed form, that alone, and the own rate of each contact."""
WEIGHTS = {TREES: 1.0, BLEND: 0.5}
"""How much of the trees' distance from the closed form counts, log scale."""
_TEXTS = {"value": "value.txt", "orders": "orders.txt"}
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""


@dataclass(frozen=True)
class ValueTrees:
    """Trees that answer the log of expected value and of expected orders within the main horizon."""

    value: Trees
    orders: Trees

    def corrections(self, values: Matrix, value: Vector, orders: Vector, *, weight: float) -> Corrections:
        """Return how far the trees lie from the closed form.

        Args:
            values: the matrix, nothing missing that is not to be, shape (n, p).
            value: log of the closed form's value within the main horizon, shape (n,).
            orders: log of its orders.
            weight: how much of the distance counts.
        """
        return Corrections.of(
            weight * (self.value.margins(values) - value), weight * (self.orders.margins(values) - orders)
        )


class _Read(NamedTuple):
    """Of each contact within the horizon."""

    value: Vector
    orders: Vector
    low: Vector
    high: Vector
    alive: Vector


class _ExplainedValues(NamedTuple):
    margins: list[float]
    bases: list[float]
    reasons: list[list[ReasonPart]]


@dataclass(frozen=True)
class ValueModel:
    """ValueCurves of expected value, expected orders and silence of each contact."""

    kind: str
    grade: Grade
    trained_at: datetime
    horizon_days: int
    """The main horizon: graded, and the one that is answered where none is named."""
    order_types: tuple[str, ...]
    currency: str | None
    """Of all values; None where none is named."""
    feature_set: FeatureSet
    columns: HistoryColumns
    maker: CurveMaker
    levels: TotalLevels
    intervals: Intervals
    trees: ValueTrees | None
    reference: Reference
    """Of the log of the expected value at the main horizon, before totals are recalibrated."""
    usual: tuple[float, float, float, float]
    """Of a usual contact: days since the last order, repeat orders, age in days, mean order value."""
    inputs: Inputs

    outcome: str = ""
    reached_by: tuple[str, ...] = ()
    begun_by: tuple[str, ...] = ()
    lookback_days: int = LOOKBACK_DAYS
    flag: None = None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that its training saw."""
        return self.inputs.known

    @property
    def judged_days(self) -> float:
        """Return the longest horizon that held-out contacts judged."""
        return float(self.intervals.days[-1])

    @property
    def is_dated(self) -> bool:
        """Whether its totals depend on the time of the question."""
        return len(self.levels.at) > 1

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store."""
        day = (number_column(CUTOFF_DAY, example=20_605.0, required=True),) if self.is_dated else ()
        return (*input_columns(self.feature_set), *day)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table; names say the horizon."""
        within = f"within_{self.horizon_days}_days"
        named = ("expected_value", "expected_orders", "order_probability")
        return (*(OutputColumn(f"{name}_{within}", "double") for name in named), OutputColumn("score", "long"))

    def answer(self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: ValueRequest) -> list[ScoredValue]:
        """Answer about every contact of a request, order kept."""
        return self.predict(pasts, cutoffs, horizon_days=request.horizon_days, reasons=request.reasons_requested)

    def predict(
        self,
        pasts: Pasts | ContactPasts,
        cutoffs: NDArray[np.int64],
        *,
        horizon_days: int | None = None,
        reasons: int = 0,
    ) -> list[ScoredValue]:
        """Answer about every contact of the pasts.

        Args:
            pasts: one row a contact; lines of an order are joined here.
            cutoffs: microseconds, shape (len(pasts),).
            horizon_days: how far ahead; None: the version's own horizon.
            reasons: how many at most; 0 computes none.

        Returns:
            One ScoredValue a contact, in order; `not_eligible` without an order in the lookback.
        """
        types = self.order_types
        orders = whole_orders(pasts, types) if isinstance(pasts, Pasts) else pasts.with_whole_orders(types)
        seen = observed(self.feature_set, self.inputs, orders, cutoffs)
        days = horizon_days or self.horizon_days
        buyer, known = self.columns.of(seen.values)
        curves, margin = self.curves(seen.values, known, cutoffs)
        read = self._within(curves, days)
        coming = next_orders(curves, known, cutoffs, judged_days=self.judged_days)
        explained = self._explained(seen.values, known, (read.value, days), reasons) if reasons else None
        marks = (BEYOND,) if days > self.judged_days else ()
        scores = self.reference.scores(margin).tolist()
        columns = (read.orders, read.value, read.low, read.high, read.alive)
        rows = zip(buyer.tolist(), scores, *(column.tolist() for column in columns), coming, strict=True)
        return [
            ScoredValue(
                status="ok" if bought else "not_eligible",
                detail=None if bought else why_not_eligible(types),
                score=score,
                band=band_of(score),
                horizon_days=days,
                expected_orders=orders,
                expected_value=value,
                currency=self.currency,
                low=low,
                high=high,
                alive=alive,
                next_order=following,
                margin=None if explained is None else explained.margins[i],
                base=None if explained is None else explained.bases[i],
                reasons=[] if explained is None else explained.reasons[i],
                truncated=seen.truncated[i],
                inputs=seen.inputs[i],
                data_quality=marks,
            )
            for i, (bought, score, orders, value, low, high, alive, following) in enumerate(rows)
        ]

    def _within(self, curves: ValueCurves, days: int) -> _Read:
        value = curves.value_at(days)
        low, high = (read_at(curves.days, end, days) for end in self.intervals.ends(curves))
        return _Read(value, curves.orders_at(days), low, high, curves.ordered_at(2.0 * days))

    def _explained(
        self,
        values: Matrix,
        known: Histories,
        at: tuple[Vector, int],
        most: int,
    ) -> _ExplainedValues:
        """Share the log of the expected value among the features; the rest is the base."""
        value, days = at
        total = np.log(np.maximum(value, 1e-12))
        shares = np.zeros((len(values), len(self.feature_set)))
        slope = 0.0
        if self.trees is not None:
            knots = self.maker.knots
            slope = WEIGHTS[self.kind] * float(np.interp(np.log(days), np.log(knots.days), knots.value_slope))
            filled = self.inputs.filled(values)
            shares += slope * self.trees.value.contributions(filled)[:, : shares.shape[1]]
            # What stands in for a missing value is no reason: its share goes to the base.
            shares[np.isnan(values) & ~np.isnan(filled)] = 0.0
        if days != self.horizon_days or slope != 1.0:
            own, _ = closed_shares(
                self.maker.form, known, self.usual, days=days, less_days=self.horizon_days, less=slope
            )
            for place, columns in enumerate(self._speakers):
                shares[:, columns[0]] += own[:, place]
        base = total - shares.sum(axis=1)
        return _ExplainedValues(total.tolist(), base.tolist(), self.things.reasons(values, shares, most))

    @property
    def _speakers(self) -> list[list[int]]:
        """Return the columns that speak for each part of the closed form."""
        counts, last, first, sums = self.columns.places
        named = {"730d": counts, "days_since_last": last, "days_since_first": first, "value_730d": sums}
        return [named[ending] for ending in SPEAKERS]

    def answer_table(self, values: Matrix) -> dict[str, Vector]:
        """Answer a matrix with the columns of `table_inputs`; a row without an order is worth nothing that is known."""
        p = len(self.feature_set)
        dated = ~np.isnan(values[:, -1]) if self.is_dated else np.ones(len(values), dtype=bool)
        day = np.where(dated, values[:, -1], 0.0) if self.is_dated else np.zeros(len(values))
        buyer, known = self.columns.of(values[:, :p])
        curves, margin = self.curves(values[:, :p], known, (day * DAY).astype(np.int64))
        answered = buyer & dated
        columns = (
            curves.value_at(self.horizon_days),
            curves.orders_at(self.horizon_days),
            curves.ordered_at(self.horizon_days),
        )
        found = [np.where(answered, column, 0.0) for column in columns]
        scores = np.where(answered, self.reference.scores(margin), 1)
        return {one.name: column for one, column in zip(self.table_outputs, [*found, scores], strict=True)}

    def curves(self, values: Matrix, known: Histories, cutoffs: NDArray[np.int64]) -> tuple[ValueCurves, Vector]:
        """Compute the curves of contacts, totals recalibrated, and by what they are ranked.

        Args:
            values: the matrix, shape (n, p).
            known: the histories of the same contacts.
            cutoffs: microseconds, shape (n,).

        Returns:
            The curves, and the log of the expected value at the main horizon before totals are recalibrated.
        """
        closed = self.maker.base(known)
        value, orders = self.maker.plain(closed)
        slope, level = self._main
        if self.trees is None:
            found = Corrections(np.zeros(len(value)), np.zeros(len(value)))
        else:
            found = self.trees.corrections(self.inputs.filled(values), value, orders, weight=WEIGHTS[self.kind])
        curves = self.maker.curves(closed, found, self.levels.of(cutoffs))
        return curves, value + slope * found.value + level

    @cached_property
    def _main(self) -> tuple[float, float]:
        """Return slope and level of the value at the main horizon."""
        knots = self.maker.knots
        place = int(np.searchsorted(knots.days, self.horizon_days))
        return float(knots.value_slope[place]), float(knots.value_level[place])

    @cached_property
    def things(self) -> Things:
        """Group the columns that speak of the same thing; once."""
        return Things.of(self.feature_set)

    def save(self, folder: Path) -> None:
        """Write the version: LightGBM text, JSON, npz; nothing that could run.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.trees is not None:
            for name, file in _TEXTS.items():
                (folder / file).write_text(getattr(self.trees, name).text, encoding="utf-8")
        reference = self.reference
        np.savez(folder / "reference.npz", margins=reference.margins, edges=reference.edges, shares=reference.shares)
        (folder / "model.json").write_text(json.dumps(_described(self), indent=1, sort_keys=True), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "ValueModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["format"] != FORMAT or described["capability"] != CAPABILITY:
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            trees = None
            if described["trees"] is not None:
                texts = {name: (folder / file).read_text(encoding="utf-8") for name, file in _TEXTS.items()}
                read = {name: Trees.from_json(described["trees"][name], text) for name, text in texts.items()}
                trees = ValueTrees(**read)
            with (folder / "reference.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                reference = Reference(**{name: arrays[name] for name in ("margins", "edges", "shares")})
            model = _read(described, trees, reference)
            _require_whole(model)
        except _UNREADABLE as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def _described(model: ValueModel) -> dict[str, Any]:
    trees = model.trees
    return {
        "format": FORMAT,
        "capability": CAPABILITY,
        "kind": model.kind,
        "grade": model.grade,
        "trained_at": model.trained_at.isoformat(),
        "horizon_days": model.horizon_days,
        "order_types": list(model.order_types),
        "currency": model.currency,
        "feature_set": model.feature_set.to_json(),
        "order_values": [model.columns.least_value, model.columns.most_value],
        "form": model.maker.form.to_json(),
        "knots": model.maker.knots.to_json(),
        "levels": model.levels.to_json(),
        "intervals": model.intervals.to_json(),
        "trees": None if trees is None else {name: getattr(trees, name).to_json() for name in _TEXTS},
        "usual": list(model.usual),
        "inputs": model.inputs.to_json(),
    }


def _read(described: Mapping[str, Any], trees: ValueTrees | None, reference: Reference) -> ValueModel:
    feature_set = FeatureSet.from_json(described["feature_set"])
    types = tuple(described["order_types"])
    horizon_days = int(described["horizon_days"])
    maker = CurveMaker(ClosedForm(**described["form"]), Knots.from_json(described["knots"]), float(horizon_days))
    since, repeats, age, value = map(float, described["usual"])
    return ValueModel(
        kind=described["kind"],
        grade=described["grade"],
        trained_at=datetime.fromisoformat(described["trained_at"]),
        horizon_days=horizon_days,
        order_types=types,
        currency=described["currency"],
        feature_set=feature_set,
        columns=HistoryColumns(feature_set, types, *map(float, described["order_values"])),
        maker=maker,
        levels=TotalLevels.from_json(described["levels"]),
        intervals=Intervals.from_json(described["intervals"]),
        trees=trees,
        reference=reference,
        usual=(since, repeats, age, value),
        inputs=Inputs.from_json(described["inputs"]),
    )


def _require_whole(model: ValueModel) -> None:
    """Answer once, and check that trees, features, horizons and reference fit each other.

    Raises:
        ValueError: they do not.
    """
    p, k = len(model.feature_set), len(model.maker.knots.days)
    reference, levels = model.reference, model.levels
    fits = (
        model.kind in (TREES, BLEND, FORM, RULE)
        and (model.trees is not None) == (model.kind in WEIGHTS)
        and (reference.margins.shape, reference.edges.shape, reference.shares.shape) == ((99,), (p, 9), (p, 11))
        and levels.value.shape == levels.orders.shape == (len(levels.at), k)
        and model.intervals.places.shape == model.intervals.low.shape == model.intervals.high.shape
        and len(model.intervals.places) == len(model.intervals.days)
        and model.horizon_days in model.maker.knots.days
        and len(model.inputs.fill) == p
        and (model.trees is None or (model.trees.value.width == p and model.trees.orders.width == p))
    )
    if not fits:
        raise ValueError("trees, features, horizons and reference do not fit each other")
    one = np.array([1.0])
    known = Histories(one, one, one * 30.0, one * model.usual[3])
    values = np.full((1, p), np.nan)
    curves, margin = model.curves(values, known, np.zeros(1, dtype=np.int64))
    # Explained now: whoever is explained first would wait.
    shares = np.zeros(1) if model.trees is None else model.trees.value.contributions(values)
    if not (np.isfinite(margin).all() and np.isfinite(curves.value).all() and np.isfinite(shares).all()):
        raise ValueError("the model answers no number")
