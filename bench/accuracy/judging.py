"""What every data set is judged by, and how a row of the results table is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time

import numpy as np
from numpy.typing import NDArray

from services.scoring.fit import ScoringFit
from services.scoring.training import fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.evaluation import metrics
from shared.evaluation.metrics import Interval, of_figures, of_mean
from shared.learners.simple import log_odds
from shared.timeline import NEVER, ContactFacts, DatedValue, EventTuple, Pasts, build
from shared.timeline.pasts import Frames
from shared.training.material import Material, forward_chain, stratified

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """One row of the table: our figures on rows nobody learned from, beside the published reference."""

    name: str
    rows: int
    positives: int
    auc: Interval
    log_loss: Interval
    constant: float
    slope: Interval
    intercept: Interval
    error: float
    error_if_perfect: float
    kinds: str
    reference_auc: float
    reference_log_loss: float | None
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether no figure lies below its reference by more than our interval, and the constant is beaten."""
        auc = self.auc.high >= self.reference_auc
        loss = self.reference_log_loss is None or self.log_loss.low <= self.reference_log_loss
        return auc and loss and self.log_loss.value < self.constant

    def line(self) -> str:
        """Write the row as Markdown."""
        reference = f"{self.reference_auc:.3f}"
        loss = "–" if self.reference_log_loss is None else f"{self.reference_log_loss:.3f}"
        return (
            f"| {self.name} | {self.rows:,} ({self.positives / self.rows:.1%}) | {self.auc} | {reference} "
            f"| {self.log_loss} | {loss} | {self.constant:.3f} | {self.slope} | {self.intercept} "
            f"| {self.error:.3f} / {self.error_if_perfect:.3f} | {self.kinds} |"
        )


HEADER = (
    "| data | test rows (base rate) | AUC | reference | log loss | reference | constant | calibration slope "
    "| intercept | ECE / of a perfect model | served |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def result(
    name: str,
    labels: Vector,
    probability: Vector,
    *,
    owner: NDArray[np.integer],
    constant: Vector,
    kinds: Sequence[str],
    reference: tuple[float, float | None],
) -> Result:
    """Judge probabilities of unseen rows.

    Args:
        name: of the data and protocol.
        labels: shape (n,).
        probability: shape (n,).
        owner: contact of each row, shape (n,).
        constant: probability of the training base rate for each row, shape (n,).
        kinds: which kind of model served.
        reference: AUC and log loss of the data page.
    """
    margin = log_odds(probability)

    ranking = metrics.Ranking(labels, margin)

    def figures(times: Vector) -> dict[str, float]:
        slope, intercept = metrics.calibration_line(labels, margin, times)
        return {"auc": ranking.auc(times), "slope": slope, "intercept": intercept}

    found = of_figures(figures, owner, draws=500)
    return Result(
        name=name,
        rows=len(labels),
        positives=int(labels.sum()),
        auc=found["auc"],
        log_loss=of_mean(metrics.losses(labels, probability), owner),
        constant=metrics.log_loss(labels, constant),
        slope=found["slope"],
        intercept=found["intercept"],
        error=metrics.calibration_error(labels, probability),
        error_if_perfect=metrics.perfect_calibration_error(probability),
        kinds=", ".join(f"{kinds.count(kind)} × {kind}" if len(kinds) > 1 else kind for kind in sorted(set(kinds))),
        reference_auc=reference[0],
        reference_log_loss=reference[1],
    )


def fit_frames(outcome: Outcome, pasts: Pasts, frames: Frames, *, allowed: Sequence[str] | None = None) -> ScoringFit:
    """Train as the product does, on given frames; every attribute is allowed unless said otherwise."""
    flat = bool(outcome.attribute)
    horizon = outcome.horizon_days * DAY
    splits = stratified(frames.label) if flat else forward_chain(frames.cutoff, horizon=horizon)
    usable = tuple(split for split in splits if 0 < frames.label[split.train].sum() < len(split.train))
    until = None if flat else int(frames.cutoff.max()) + horizon
    stuff = Material(outcome, pasts, frames, usable, until, (), len(frames))
    return fitted(stuff, allowed=tuple(pasts.attributes) if allowed is None else allowed, now=int(time() * 1e6))


def over_time(
    name: str, outcome: Outcome, pasts: Pasts, train: Frames, test: Frames, *, reference: tuple[float, float | None]
) -> Result:
    """Train on earlier frames, judge on later ones."""
    fit = fit_frames(outcome, pasts, train)
    return result(
        name,
        test.label,
        predicted(fit, pasts, test),
        owner=test.contact,
        constant=np.full(len(test), train.label.mean()),
        kinds=[fit.model.kind],
        reference=reference,
    )


def predicted(fit: ScoringFit, pasts: Pasts, frames: Frames) -> Vector:
    """Compute features and probabilities of frames with a fitted model."""
    from shared.features import matrix

    values = matrix(fit.model.feature_set, pasts, frames.contact, frames.cutoff)
    return fit.model.predict_matrix(values)


def flat_pasts(table: Sequence[dict[str, object]]) -> Pasts:
    """Make one contact of each row of a table, all columns as attributes."""
    facts = {
        str(row): ContactFacts(attributes=tuple(DatedValue(name, ALWAYS, value) for name, value in fields.items()))
        for row, fields in enumerate(table)
    }
    nothing: list[list[EventTuple]] = []
    return build(list(facts), facts, nothing)


def cross_validated(
    name: str,
    outcome: Outcome,
    pasts: Pasts,
    labels: Vector,
    *,
    reference: tuple[float, float | None],
    progress: Callable[[str], None],
) -> Result:
    """Five stratified folds, seed 42; each fold's model is trained, chosen and calibrated on the other four."""
    probability, constant = np.empty(len(labels)), np.empty(len(labels))
    kinds = []
    rows = np.arange(len(labels), dtype=np.int32)
    cutoff = np.full(len(labels), NEVER - 1)
    for fold, split in enumerate(stratified(labels)):
        progress(f"{name}, fold {fold + 1} of 5")
        whole = Frames(rows, cutoff, labels)
        fit = fit_frames(outcome, pasts, whole.take(split.train))
        probability[split.test] = predicted(fit, pasts, whole.take(split.test))
        constant[split.test] = labels[split.train].mean()
        kinds.append(fit.model.kind)
    return result(name, labels, probability, owner=rows, constant=constant, kinds=kinds, reference=reference)
