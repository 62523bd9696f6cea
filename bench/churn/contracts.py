"""Contracts: Telco flat in five folds, and by tenure against Cox and Kaplan-Meier under censoring."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.accuracy.flat import _records
from bench.accuracy.judging import Result, flat_pasts, result
from bench.baselines import ask
from bench.churn.data import MONTH, Contracts, encoded, telco_by_tenure
from services.churn.training import ChurnMaterial, churn_material, fitted
from services.churn.training.material import FLAT
from shared.contracts.outcome import Outcome
from shared.evaluation.metrics import Interval, of_mean
from shared.evaluation.survival import brier_losses, over_time
from shared.features import matrix
from shared.timeline import NEVER
from shared.timeline.pasts import Frames
from shared.training.material import Material, stratified

LANDMARKS = (1, 6, 12, 24, 36)
"""Months of tenure at which held-out customers are asked about."""
AHEAD = np.arange(1.0, 13.0)
"""Months after the landmark at which the curve is judged."""


def telco_flat(folder: Path, progress: Callable[[str], None]) -> Result:
    """Five folds through the flat mode of churn."""
    table = pd.read_csv(folder / "telco_churn.csv.gz")
    labels = (table["churn"] == "Yes").to_numpy(dtype=np.float64)
    pasts = flat_pasts(_records(table.drop(columns=["churn"])))
    outcome = Outcome(name="left", capability="churn", attribute="churn", positive="Yes")
    everybody, cutoff = np.arange(len(labels), dtype=np.int32), np.full(len(labels), NEVER - 1)
    risk, constant, kinds = np.empty(len(labels)), np.empty(len(labels)), []
    for fold, split in enumerate(stratified(labels)):
        progress(f"Telco flat, fold {fold + 1} of 5")
        frames = Frames(everybody, cutoff, labels).take(split.train)
        closed = Material(outcome, pasts, frames, tuple(stratified(frames.label)), None, (), len(frames))
        fit = fitted(ChurnMaterial(closed, FLAT, None), allowed=tuple(pasts.attributes), now=0)
        values = matrix(fit.model.feature_set, pasts, everybody[split.test], cutoff[split.test])
        risk[split.test] = fit.model.predict_matrix(values)
        constant[split.test] = labels[split.train].mean()
        kinds.append(fit.model.kind)
    return result(
        "Telco, flat", labels, risk, owner=everybody, constant=constant, kinds=kinds, reference=(0.848, 0.414)
    )


@dataclass(frozen=True)
class TenureResult:
    """Integrated Brier scores of held-out customers at one landmark, or at all."""

    landmark: str
    customers: int
    ours: Interval
    cox: Interval
    kaplan_meier: Interval
    over_cox: Interval
    """Cox less ours, paired."""
    over_kaplan_meier: Interval


def telco_tenure(folder: Path, progress: Callable[[str], None]) -> list[TenureResult]:
    """Train on four fifths of the customers, ask about the others at five lengths of tenure."""
    contracts = telco_by_tenure(folder)
    covariates = encoded(contracts.table)
    losses: dict[str, list[np.ndarray]] = {"ours": [], "cox": [], "kaplan_meier": []}
    owner: list[np.ndarray] = []
    landmark: list[np.ndarray] = []
    for fold, split in enumerate(stratified(contracts.left)):
        progress(f"Telco by tenure, fold {fold + 1} of 5")
        model = _trained(contracts, split.train)
        for months in LANDMARKS:
            rows = split.test[contracts.months[split.test] > months]
            curves = {
                "ours": _curve(model, contracts, rows, months),
                **_textbook(contracts, covariates, split.train, rows, months),
            }
            after = (contracts.months[rows] - months).astype(np.float64)
            alive = split.train[contracts.months[split.train] > months]
            known = ((contracts.months[alive] - months).astype(np.float64), contracts.left[alive])
            for name, curve in curves.items():
                loss = brier_losses(after, contracts.left[rows], curve, AHEAD, censoring_from=known)
                losses[name].append(over_time(loss, AHEAD))
            owner.append(rows)
            landmark.append(np.full(len(rows), months))
    who, at = np.concatenate(owner), np.concatenate(landmark)
    joined = {name: np.concatenate(parts) for name, parts in losses.items()}
    picks = [("all", np.ones(len(at), dtype=bool)), *((f"{months} months", at == months) for months in LANDMARKS)]
    return [_row(name, {key: loss[pick] for key, loss in joined.items()}, who[pick]) for name, pick in picks]


def _row(name: str, losses: dict[str, np.ndarray], owner: np.ndarray) -> TenureResult:
    return TenureResult(
        name,
        len(np.unique(owner)),
        *(of_mean(losses[key], owner) for key in ("ours", "cox", "kaplan_meier")),
        *(of_mean(losses[key] - losses["ours"], owner) for key in ("cox", "kaplan_meier")),
    )


def _trained(contracts: Contracts, rows: np.ndarray) -> object:
    outcome = Outcome(
        name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=180, every_days=90
    )
    pasts = contracts.pasts(rows)
    stuff = churn_material(outcome, pasts, now=contracts.until)
    return fitted(stuff, allowed=tuple(pasts.attributes), now=contracts.until).model


def _curve(model: object, contracts: Contracts, rows: np.ndarray, months: int) -> np.ndarray:
    """Ask for the curve of customers as they stood at a tenure, shape (n, 12)."""
    pasts = contracts.pasts(rows)
    cutoff = contracts.start[rows] + months * MONTH
    contact = np.arange(len(rows), dtype=np.int32)
    values = matrix(model.feature_set, pasts, contact, cutoff)  # type: ignore[attr-defined]
    hazard = model.hazard(values, cutoff)  # type: ignore[attr-defined]
    return np.exp(-model.periods.cumulative(hazard, list(AHEAD * 30)))  # type: ignore[attr-defined]


def _textbook(
    contracts: Contracts, covariates: np.ndarray, train: np.ndarray, rows: np.ndarray, months: int
) -> dict[str, np.ndarray]:
    known = {"durations": contracts.months[train].astype(np.float64), "events": contracts.left[train]}
    asked = {"test_survived": np.full(len(rows), float(months)), "later": AHEAD}
    cox = ask("cox", **known, covariates=covariates[train], test_covariates=covariates[rows], **asked)
    return {"cox": cox["survival"], "kaplan_meier": ask("kaplan_meier", **known, **asked)["survival"]}
