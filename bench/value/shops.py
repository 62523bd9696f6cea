"""Money spent within a horizon: the product, each of its candidates, textbook models, plain rules; on two shops."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
from numpy.typing import NDArray

from bench.baselines import ask
from bench.churn.data import Shop
from bench.churn.shops import frames_at, risk_of
from services.churn.training import churn_material
from services.churn.training import fitted as churn_fitted
from services.value.model import ValueModel
from services.value.model.curves import read_at
from services.value.model.levels import TotalLevels
from services.value.training.assessment import Assessed, plain_rule
from services.value.training.fitting import fitted, version_of
from services.value.training.material import ValueMaterial, value_material
from services.value.training.report import NAMES, correlation
from services.value.training.stage import KINDS, FrameTable
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.evaluation.metrics import Interval, average_ranks, of_figures, of_mean
from shared.features import matrix

Vector = NDArray[np.float64]
NO_REFUNDS = ""
"""The protocols count the money of orders; what is returned later is no part of them."""


@dataclass(frozen=True)
class Wanted:
    """What a shop is to reach."""

    error: float
    spearman: float
    error_after: float
    covered: tuple[float, float] | None
    """Between which shares the coverage of the 80 % interval is to lie; None: it is not asked."""
    covers_total: bool
    """Whether the interval of the recalibrated total is to hold 0."""


@dataclass(frozen=True)
class Row:
    """One model on the test customers of a shop."""

    model: str
    error: Interval
    worse_by: Interval | None
    """Its error less ours, paired."""
    spearman: Interval
    bias: Interval
    """Of the total."""
    covered: Interval | None = None


@dataclass(frozen=True)
class ShopResult:
    """Everything about one shop."""

    name: str
    customers: int
    mean: float
    served: str
    rows: tuple[Row, ...]
    """Ours as it is served, then ours before totals are recalibrated, then the others."""
    wanted: Wanted
    deciles: tuple[tuple[float, float], ...]
    """Expected and actual value by tenth, the lowest first."""

    @property
    def missed(self) -> list[str]:
        """Name what was not reached."""
        served, raw = self.rows[:2]
        found = []
        if raw.error.value > self.wanted.error:
            found.append(f"error {raw.error.value:.1f} above {self.wanted.error:g}")
        if raw.spearman.value < self.wanted.spearman:
            found.append(f"Spearman {raw.spearman.value:.3f} below {self.wanted.spearman:g}")
        if served.error.value > self.wanted.error_after:
            found.append(f"error after recalibration {served.error.value:.1f} above {self.wanted.error_after:g}")
        if self.wanted.covers_total and not served.bias.low <= 0 <= served.bias.high:
            found.append(f"the total's interval {served.bias} does not cover the truth")
        if self.wanted.covered is not None and served.covered is not None:
            low, high = self.wanted.covered
            if not low <= served.covered.value <= high:
                found.append(f"coverage {served.covered.value:.3f} outside {low:g} to {high:g}")
        return found


def measured_shop(shop: Shop, wanted: Wanted, progress: Callable[[str], None]) -> ShopResult:
    """Train on everything before the question, ask about everybody active, and wait for what came.

    Args:
        shop: data and protocol.
        wanted: what is to be reached.
        progress: told what is done.
    """
    days = shop.horizon_days
    name = f"{shop.name.partition(',')[0]}, value within {days} days"
    progress(f"{name}: training")
    material = value_material(shop.pasts, now=shop.asked_at, refund_type=NO_REFUNDS, horizon_days=days)
    fit = fitted(material, now=shop.asked_at)
    truth = value_material(shop.pasts, now=2**61, refund_type=NO_REFUNDS, horizon_days=days)
    asked = _asked(shop)
    cutoff = np.full(len(asked), shop.asked_at)
    actual = truth.came(days, asked, cutoff).value
    served = _answered(fit.model, shop, asked)
    rows = [
        _row("Foretell, as served", actual, served[0], asked, against=None, ends=served[1:]),
        _row("Foretell, before totals are recalibrated", actual, _answered(_raw(fit.model), shop, asked)[0], asked,
             against=served[0]),
    ]  # fmt: skip
    progress(f"{name}: the others")
    others = {
        **_candidates(material, fit.table, fit.assessed, shop, asked, fit.model.kind),
        **_baselines(shop, truth, asked, fit.model),
    }
    rows += [_row(label, actual, values, asked, against=served[0]) for label, values in others.items()]
    order = np.array_split(np.argsort(served[0], kind="stable"), 10)
    deciles = tuple((float(served[0][part].mean()), float(actual[part].mean())) for part in order)
    return ShopResult(name, len(asked), float(actual.mean()), fit.report.winner, tuple(rows), wanted, deciles)


def _asked(shop: Shop) -> NDArray[np.int32]:
    outcome = Outcome(
        name="active",
        capability="churn",
        silence=("order_placed",),
        horizon_days=shop.horizon_days,
        active_within_days=shop.active_within_days,
    )
    return frames_at(shop, outcome, shop.asked_at)[0]


def _raw(model: ValueModel) -> ValueModel:
    return replace(model, levels=TotalLevels.none(model.maker.knots.days))


def _answered(model: ValueModel, shop: Shop, asked: NDArray[np.int32]) -> tuple[Vector, Vector, Vector]:
    """Ask a version; the value within its own horizon and both ends of the interval."""
    cutoff = np.full(len(asked), shop.asked_at)
    values = matrix(model.feature_set, shop.pasts, asked, cutoff)
    _, known = model.columns.of(values)
    curves, _ = model.curves(values, known, cutoff)
    low, high = model.intervals.ends(curves)
    days = float(model.horizon_days)
    return curves.value_at(days), read_at(curves.days, low, days), read_at(curves.days, high, days)


def _candidates(
    material: ValueMaterial, table: FrameTable, found: Assessed, shop: Shop, asked: NDArray[np.int32], served: str
) -> dict[str, Vector]:
    listed = {}
    for kind in KINDS:
        if kind != served:
            model = _raw(version_of(material, table, found, kind=kind, now=shop.asked_at))
            listed[f"candidate: {NAMES[kind]}"] = _answered(model, shop, asked)[0]
    return listed


def _baselines(shop: Shop, truth: ValueMaterial, asked: NDArray[np.int32], model: ValueModel) -> dict[str, Vector]:
    cutoff = np.full(len(asked), shop.asked_at)
    snapshots = [_at(shop, at) for at in shop.snapshots]
    contact, times = (np.concatenate(column) for column in zip(*snapshots, strict=True))
    came = truth.came(shop.horizon_days, contact, times).value
    plain = lightgbm.LGBMRegressor(random_state=0, n_jobs=1, verbosity=-1)
    plain.fit(matrix(model.feature_set, shop.pasts, contact, times), came)
    return {
        "LightGBM with its defaults, the data page's snapshots": np.asarray(
            plain.predict(matrix(model.feature_set, shop.pasts, asked, cutoff)), dtype=np.float64
        ),
        "BG/NBD and Gamma-Gamma of the library `lifetimes`": _library(shop, asked),
        "our hazard of an order, times what its orderers spent": _hazard(shop, truth, asked, contact, times),
        "what the contact spent a day so far": plain_rule(truth, asked, cutoff),
        "the mean of everybody": np.full(len(asked), float(came.mean())),
    }


def _at(shop: Shop, at: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    contact = _asked(replace(shop, asked_at=at))
    return contact, np.full(len(contact), at)


def histories(shop: Shop, contact: NDArray[np.int32]) -> dict[str, Vector]:
    """Count repeat orders, recency, age and mean order value at the question, over the whole past."""
    from shared.timeline.pasts import of_type, positions_before

    orders = of_type(shop.pasts, shop.pasts.type_code("order_placed"))
    end = positions_before(orders, contact, np.full(len(contact), shop.asked_at))
    begin = orders.offsets[contact]
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(orders.value))])
    first, last = orders.at[begin], orders.at[end - 1]
    return {
        "frequency": (end - begin - 1).astype(np.float64),
        "recency": (last - first) / DAY,
        "age": (shop.asked_at - first) / DAY,
        "monetary": np.maximum((sums[end] - sums[begin]) / (end - begin), 0.01),
    }


def buyers(shop: Shop) -> NDArray[np.int32]:
    """List everybody with an order before the question."""
    from shared.timeline.pasts import of_type, positions_before

    orders = of_type(shop.pasts, shop.pasts.type_code("order_placed"))
    everybody = np.arange(len(shop.pasts), dtype=np.int32)
    end = positions_before(orders, everybody, np.full(len(everybody), shop.asked_at))
    return everybody[end > orders.offsets[:-1]]


def _library(shop: Shop, asked: NDArray[np.int32]) -> Vector:
    known = histories(shop, buyers(shop))
    test = {f"test_{name}": values for name, values in histories(shop, asked).items()}
    found = ask("bgnbd_value", **known, **test, horizon=float(shop.horizon_days))
    return np.asarray(found["orders"] * found["order_value"], dtype=np.float64)


def _hazard(
    shop: Shop, truth: ValueMaterial, asked: NDArray[np.int32], contact: NDArray[np.int32], times: NDArray[np.int64]
) -> Vector:
    """Multiply churn's chance of an order by what those who ordered spent, relative to their own rate."""
    outcome = Outcome(
        name="lapse",
        capability="churn",
        silence=("order_placed",),
        horizon_days=shop.horizon_days,
        active_within_days=shop.active_within_days,
    )
    fit = churn_fitted(churn_material(outcome, shop.pasts, now=shop.asked_at), now=shop.asked_at)
    chance = 1.0 - risk_of(fit.model, shop, asked, np.full(len(asked), shop.asked_at))
    before = truth.came(shop.horizon_days, contact, times)
    bought = before.orders > 0
    usual = np.maximum(plain_rule(truth, contact, times), 1.0)
    spent = float(before.value[bought].sum() / usual[bought].sum())
    return chance * spent * np.maximum(plain_rule(truth, asked, np.full(len(asked), shop.asked_at)), 1.0)


def _row(
    name: str,
    actual: Vector,
    answered: Vector,
    owner: NDArray[np.int32],
    *,
    against: Vector | None,
    ends: tuple[Vector, ...] = (),
) -> Row:
    error = np.abs(answered - actual)
    ranks = average_ranks(answered), average_ranks(actual)

    def figures(times: Vector) -> dict[str, float]:
        return {
            "spearman": correlation(*ranks, times),
            "bias": float(times @ answered) / float(times @ actual) - 1,
        }

    found = of_figures(figures, owner, draws=500)
    covered = None if not ends else of_mean(((actual >= ends[0]) & (actual <= ends[1])).astype(np.float64), owner)
    return Row(
        name,
        of_mean(error, owner),
        None if against is None else of_mean(error - np.abs(against - actual), owner),
        found["spearman"],
        found["bias"],
        covered,
    )
