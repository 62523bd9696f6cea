"""How good predictions were that are over: figures with intervals over contacts, weighted where these were sampled."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.contracts.model_quality import Bin, Estimate, QualityFigures
from shared.evaluation import metrics
from shared.evaluation.metrics import Interval, Ranking, of_figures
from shared.live_quality.joined import Rows

DRAWS = 200
BINS = 10
Vector = NDArray[np.float64]


def figures(rows: Rows, constant: Vector, *, draws: int = DRAWS) -> QualityFigures | None:
    """Measure predictions that are over; None: there are none.

    Args:
        rows: the predictions.
        constant: what a guess without a model would have said of each, shape (n,).
        draws: resamples of contacts for the intervals.
    """
    if not len(rows):
        return None
    found = _intervals(rows, constant, draws)
    weight = float(rows.weight.sum())
    _, first = np.unique(rows.owner, return_index=True)
    return QualityFigures(
        predictions=round(weight),
        contacts=round(float(rows.weight[first].sum())),
        positives=round(float(rows.weight @ rows.label)),
        expected=round(float(rows.weight @ rows.probability), 3),
        expected_rate=round(float(rows.weight @ rows.probability) / weight, 6),
        sampled_share=round(len(first) / float(rows.weight[first].sum()), 6),
        **{name: estimate(found[name]) for name in _NAMES},
    )


_NAMES = ("base_rate", "auc", "log_loss", "skill_over_constant", "calibration_slope", "lift_at_10_percent")


def _intervals(rows: Rows, constant: Vector, draws: int) -> dict[str, Interval]:
    labels, weight = rows.label, rows.weight
    clipped = np.clip(rows.probability, metrics.EPSILON, 1 - metrics.EPSILON)
    margin = np.log(clipped) - np.log1p(-clipped)
    ranking = Ranking(labels, margin)
    loss, plain = metrics.losses(labels, rows.probability), metrics.losses(labels, constant)
    scale = float(weight @ plain / weight.sum()) or 1.0
    line = metrics.calibration_line(labels, margin, weight)
    start = line if np.isfinite(line).all() else (1.0, 0.0)

    def figures_of(times: Vector) -> dict[str, float]:
        counted = times * weight
        total = counted.sum()
        slope, _ = metrics.calibration_line(labels, margin, counted, start=start)
        return {
            "base_rate": float(counted @ labels / total),
            "auc": ranking.auc(counted),
            "log_loss": float(counted @ loss / total),
            "skill_over_constant": float(counted @ (plain - loss) / total / scale),
            "calibration_slope": slope,
            "lift_at_10_percent": ranking.lift(counted),
        }

    return of_figures(figures_of, rows.owner, draws=draws)


def estimate(figure: Interval) -> Estimate:
    """Write a figure for the wire."""
    return Estimate.model_validate(figure.to_json())


def reliability(rows: Rows) -> list[Bin]:
    """Cut predictions into ten groups of equal weight by probability."""
    if not len(rows):
        return []
    order = np.argsort(rows.probability, kind="stable")
    weight = rows.weight[order]
    middle = np.cumsum(weight) - weight / 2
    place = np.minimum((middle / weight.sum() * BINS).astype(np.intp), BINS - 1)
    sums = [_sums(place, weight * column) for column in (1.0, rows.probability[order], rows.label[order])]
    return [
        Bin(predictions=round(total), expected=round(min(expected / total, 1.0), 6), observed=round(seen / total, 6))
        for total, expected, seen in zip(*sums, strict=True)
        if total
    ]


def _sums(place: NDArray[np.intp], values: Vector) -> Iterable[float]:
    found: list[float] = np.bincount(place, weights=values, minlength=BINS).tolist()
    return found
