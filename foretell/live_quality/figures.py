"""How good predictions were that are over: figures with intervals over contacts, weighted where these were sampled."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foretell.live_quality.joined import Rows
from shared.contracts.model_quality import LEAST_FOR_BOUNDS, Bin, LiveFigure, QualityFigures
from shared.evaluation import metrics
from shared.evaluation.metrics import Interval, Ranking, of_figures

DRAWS = 200
BINS, GROUPS = 10, 500
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
    _, first, owner = np.unique(rows.owner, return_index=True, return_inverse=True)
    stands_for = rows.weight[first]
    reached, not_reached = (np.bincount(owner, weights=kind) > 0 for kind in (rows.label, 1 - rows.label))
    if min(reached.sum(), not_reached.sum()) < LEAST_FOR_BOUNDS:
        found = {name: replace(one, low=np.nan, high=np.nan) for name, one in found.items()}
    return QualityFigures(
        predictions=round(weight),
        contacts=round(float(stands_for.sum())),
        contacts_reached=round(float(stands_for @ reached)),
        contacts_not_reached=round(float(stands_for @ not_reached)),
        positives=round(float(rows.weight @ rows.label)),
        expected=round(float(rows.weight @ rows.probability), 3),
        expected_rate=round(float(rows.weight @ rows.probability) / weight, 6),
        sampled_share=round(len(first) / float(stands_for.sum()), 6),
        **{name: estimate(found[name]) for name in _NAMES},
    )


_NAMES = ("base_rate", "auc", "log_loss", "skill_over_constant", "calibration_slope", "lift_at_10_percent")


def _intervals(rows: Rows, constant: Vector, draws: int) -> dict[str, Interval]:
    """Return each figure of all rows, with its interval over resamples, which are measured in groups of like margin."""
    labels, weight = rows.label, rows.weight
    clipped = np.clip(rows.probability, metrics.EPSILON, 1 - metrics.EPSILON)
    margin = np.log(clipped) - np.log1p(-clipped)
    loss, plain = metrics.losses(labels, rows.probability), metrics.losses(labels, constant)
    scale = float(weight @ plain / weight.sum()) or 1.0
    groups = _Groups(labels, margin)

    def means(counted: Vector) -> dict[str, float]:
        total = counted.sum()
        return {
            "base_rate": float(counted @ labels / total),
            "log_loss": float(counted @ loss / total),
            "skill_over_constant": float(counted @ (plain - loss) / total / scale),
        }

    found = of_figures(
        lambda times: {**means(times * weight), **groups.figures(times * weight)}, rows.owner, draws=draws
    )
    whole = {**means(weight), **_ranked(labels, margin, weight)}
    return {name: replace(interval, value=whole[name]) for name, interval in found.items()}


def _ranked(labels: Vector, margin: Vector, weight: Vector) -> dict[str, float]:
    ranking = Ranking(labels, margin)
    slope, _ = metrics.calibration_line(labels, margin, weight)
    return {"auc": ranking.auc(weight), "lift_at_10_percent": ranking.lift(weight), "calibration_slope": slope}


class _Groups:
    """Figures of many resamples: of groups of like margin, since rows one by one take too long."""

    def __init__(self, labels: Vector, margin: Vector) -> None:
        """Cut the rows into groups of about equal count; rows of one margin are in one."""
        order, n = np.argsort(margin, kind="stable"), len(margin)
        ranked = margin[order]
        begins = np.concatenate([[True], ranked[1:] != ranked[:-1]])
        first = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
        _, group = np.unique(first * min(GROUPS, n) // n, return_inverse=True)
        self._group = np.empty(n, dtype=np.intp)
        self._group[order] = group
        middle = np.bincount(self._group, weights=margin) / np.bincount(self._group)
        self._labels = labels
        self._both, self._margin = np.repeat([1.0, 0.0], len(middle)), np.tile(middle, 2)
        self._ranking = Ranking(self._both, self._margin)

    def figures(self, weights: Vector) -> dict[str, float]:
        """Return ranking and calibration when each row counts as often as its weight."""
        rows = np.bincount(self._group, weights=weights)
        positives = np.bincount(self._group, weights=weights * self._labels)
        times = np.concatenate([positives, np.maximum(rows - positives, 0.0)])
        slope, _ = metrics.calibration_line(self._both, self._margin, times)
        return {
            "auc": self._ranking.auc(times),
            "lift_at_10_percent": self._ranking.lift(times),
            "calibration_slope": slope,
        }


def estimate(figure: Interval) -> LiveFigure:
    """Write a figure for the wire."""
    return LiveFigure.model_validate(figure.to_json())


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
