"""Silence: the product's curve, the data page's model rerun on the same features, BG/NBD, and days since the last."""

from collections.abc import Callable
from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray

from bench.baselines import ask
from bench.churn.data import Shop
from services.churn.model import ChurnModel
from services.churn.training import ChurnFit, churn_material, fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.evaluation import metrics
from shared.evaluation.calibration import Calibrator
from shared.evaluation.metrics import Interval, of_figures, of_mean
from shared.features import learn, matrix
from shared.learners.simple import chance, log_odds
from shared.timeline.pasts import of_type, positions_before
from shared.timeline.risk import at_risk, episode, waited

Vector = NDArray[np.float64]
FAR = 2**61


@dataclass(frozen=True)
class Judged:
    """One model on the test customers of a shop."""

    model: str
    auc: Interval
    log_loss: Interval | None
    lift: Interval
    error: float | None
    slope: Interval | None
    intercept: Interval | None
    over_auc: Interval | None
    """Our AUC less this one's, paired."""
    over_loss: Interval | None
    """This one's log loss less ours, paired."""


@dataclass(frozen=True)
class ShopResult:
    """Everything about one shop."""

    shop: Shop
    customers: int
    base_rate: float
    constant: float
    perfect_error: float
    brier: Interval
    rows: tuple[Judged, ...]
    """Ours first."""
    served: str
    seasonal: bool
    shift: float
    """What an intercept refit on the rows closed in the last horizon adds to the hazard margin."""

    @property
    def holds(self) -> bool:
        """Whether nothing lies below the data page's figures by more than the paired interval."""
        ours, reference = self.rows[0], self.rows[1]
        assert ours.log_loss is not None
        assert reference.over_auc is not None
        assert reference.over_loss is not None
        auc = ours.auc.value >= self.shop.reference[0] or reference.over_auc.high >= 0
        loss = ours.log_loss.value <= self.shop.reference[1] or reference.over_loss.high >= 0
        return auc and loss


def judged_shop(shop: Shop, progress: Callable[[str], None]) -> ShopResult:
    """Train on everything before the question, ask about everybody active, and wait for what came.

    Args:
        shop: data and protocol.
        progress: told what is done.
    """
    outcome = Outcome(
        name="lapse",
        capability="churn",
        silence=("order_placed",),
        horizon_days=shop.horizon_days,
        active_within_days=shop.active_within_days,
    )
    progress(f"{shop.name}: training")
    stuff = churn_material(outcome, shop.pasts, now=shop.asked_at)
    fit = fitted(stuff, allowed=tuple(shop.pasts.attributes), now=shop.asked_at)
    contact, label = frames_at(shop, outcome, shop.asked_at)
    cutoff = np.full(len(contact), shop.asked_at)
    ours = risk_of(fit.model, shop, contact, cutoff)
    shift = recent_shift(fit, shop.asked_at - shop.horizon_days * DAY)
    shifted = risk_of(with_shift(fit.model, shift), shop, contact, cutoff)
    progress(f"{shop.name}: the others")
    others = {
        "LightGBM with its defaults, one label": reference(shop, outcome, contact),
        "BG/NBD": bg_nbd(shop, contact),
        "ours, intercept refit on the latest closed rows": shifted,
    }
    rows = [judged_model("Foretell", label, ours, contact, against=None)]
    rows += [judged_model(name, label, risk, contact, against=ours) for name, risk in others.items()]
    recency = days_since_last(shop, contact, cutoff)
    rows.append(judged_model("days since the last order", label, recency, contact, against=ours, is_chance=False))
    closed = fit.problem
    return ShopResult(
        shop,
        len(contact),
        float(label.mean()),
        metrics.log_loss(label, np.full(len(label), closed.labels.mean())),
        metrics.perfect_calibration_error(ours),
        of_mean((ours - label) ** 2, contact),
        tuple(rows),
        fit.report.winner,
        fit.model.seasonal,
        shift,
    )


def frames_at(shop: Shop, outcome: Outcome, at: int) -> tuple[NDArray[np.int32], Vector]:
    """List who is asked about at an instant, and 1.0 for those who then placed no order within the horizon."""
    contact = np.arange(len(shop.pasts), dtype=np.int32)
    cutoff = np.full(len(contact), at)
    contact = contact[at_risk(episode(outcome, shop.pasts), shop.pasts, contact, cutoff)]
    orders = of_type(shop.pasts, shop.pasts.type_code("order_placed"))
    wait = waited(orders, contact, np.full(len(contact), at), until=FAR)
    return contact, (wait >= outcome.horizon_days * DAY).astype(np.float64)


def risk_of(model: ChurnModel, shop: Shop, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Vector:
    """Ask a version about contacts."""
    return model.risk(model.hazard(matrix(model.feature_set, shop.pasts, contact, cutoff), cutoff))


def recent_shift(fit: ChurnFit, since: int) -> float:
    """Find what must be added to the out-of-fold hazard margins of rows closed lately for their mean to hold."""
    assert fit.rows is not None
    problem, winner = fit.rows.problem, fit.served
    assert problem.known_at is not None
    rows = problem.judged[problem.known_at[problem.judged] > since]
    shift = 0.0
    for _ in range(30):
        p = chance(winner.margin[rows] + shift)
        shift += float((problem.labels[rows] - p).sum() / (p * (1 - p)).sum())
    return shift


def with_shift(model: ChurnModel, shift: float) -> ChurnModel:
    """Move every hazard margin of a version."""
    from dataclasses import replace

    calibrator = Calibrator(model.calibrator.slope, model.calibrator.intercept + shift)
    return replace(model, calibrator=calibrator)


def reference(shop: Shop, outcome: Outcome, asked: NDArray[np.int32]) -> Vector:
    """Rerun the data page's model: one label, its snapshots, LightGBM as it comes, on our features."""
    frames = [frames_at(shop, outcome, at) for at in shop.snapshots]
    contact = np.concatenate([one for one, _ in frames])
    label = np.concatenate([one for _, one in frames])
    cutoff = np.repeat(shop.snapshots, [len(one) for one, _ in frames])
    learned = learn(shop.pasts, contact, cutoff, allowed=tuple(shop.pasts.attributes)).feature_set
    model = lightgbm.LGBMClassifier(random_state=0, n_jobs=1, verbosity=-1)
    values = matrix(learned, shop.pasts, contact, cutoff)
    model.fit(values, label, categorical_feature=list(learned.categorical))
    asked_at = np.full(len(asked), shop.asked_at)
    predicted: Vector = model.booster_.predict(matrix(learned, shop.pasts, asked, asked_at))
    return predicted


def bg_nbd(shop: Shop, asked: NDArray[np.int32]) -> Vector:
    """Ask BG/NBD, calibrated on every customer so far, for the chance of no order within the horizon."""
    orders = of_type(shop.pasts, shop.pasts.type_code("order_placed"))
    everybody = np.arange(len(shop.pasts), dtype=np.int32)
    end = positions_before(orders, everybody, np.full(len(everybody), shop.asked_at))
    count = end - orders.offsets[:-1]
    known = np.flatnonzero(count > 0)
    first = orders.at[orders.offsets[known]]
    last = orders.at[end[known] - 1]
    frequency = (count[known] - 1).astype(np.float64)
    recency, age = (last - first) / DAY, (shop.asked_at - first) / DAY
    place = np.searchsorted(known, asked)
    answer = ask(
        "bgnbd",
        frequency=frequency,
        recency=recency,
        age=age,
        test_frequency=frequency[place],
        test_recency=recency[place],
        test_age=age[place],
        horizon=float(shop.horizon_days),
    )
    return np.asarray(answer["no_order"], dtype=np.float64)


def days_since_last(shop: Shop, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Vector:
    """Count days since each contact's last order."""
    orders = of_type(shop.pasts, shop.pasts.type_code("order_placed"))
    return (cutoff - orders.at[positions_before(orders, contact, cutoff) - 1]) / DAY


def judged_model(
    name: str, label: Vector, risk: Vector, owner: NDArray[np.int32], *, against: Vector | None, is_chance: bool = True
) -> Judged:
    """Judge one model, and compare it with ours on the same resamples."""
    margin = log_odds(risk) if is_chance else risk
    ranking = metrics.Ranking(label, margin)
    own = None if against is None else metrics.Ranking(label, log_odds(against))

    def figures(times: Vector) -> dict[str, float]:
        found = {"auc": ranking.auc(times), "lift": ranking.lift(times)}
        if own is not None:
            found["over"] = own.auc(times) - found["auc"]
        if is_chance:
            found["slope"], found["intercept"] = metrics.calibration_line(label, margin, times)
        return found

    found = of_figures(figures, owner, draws=500)
    loss = metrics.losses(label, risk) if is_chance else None
    over_loss = None
    if loss is not None and against is not None:
        over_loss = of_mean(loss - metrics.losses(label, against), owner)
    return Judged(
        name,
        found["auc"],
        None if loss is None else of_mean(loss, owner),
        found["lift"],
        metrics.calibration_error(label, risk) if is_chance else None,
        found.get("slope"),
        found.get("intercept"),
        found.get("over"),
        over_loss,
    )
