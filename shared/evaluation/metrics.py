"""How good probabilities are: log loss, Brier, ranking, lift, calibration. Each formula says where it comes from."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
EPSILON = 1e-12


def losses(labels: Vector, probability: Vector) -> Vector:
    """Tell each row's log loss in nats, shape (n,).

    >>> losses(np.array([1.0]), np.array([1.0])).round(6).tolist()
    [0.0]
    """
    clipped = np.clip(probability, EPSILON, 1 - EPSILON)
    loss: Vector = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return loss


def log_loss(labels: Vector, probability: Vector) -> float:
    """Average the log loss, nats. A coin has 0.693.

    >>> round(log_loss(np.array([0.0, 1.0]), np.array([0.5, 0.5])), 3)
    0.693
    """
    return float(np.mean(losses(labels, probability)))


def brier(labels: Vector, probability: Vector) -> float:
    """Average the squared gap. 0 is perfect, 0.25 a coin. Source: Brier (1950).

    >>> brier(np.array([0.0, 1.0]), np.array([0.25, 0.75]))
    0.0625
    """
    return float(np.mean((probability - labels) ** 2))


def auc(labels: Vector, margin: Vector) -> float:
    """Tell how often a positive ranks above a negative; ties count half; NaN without both kinds.

    Source: Mann and Whitney (1947); Hanley and McNeil (1982).

    >>> auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.4]))
    0.75
    """
    positives = int(np.sum(labels))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = _average_ranks(margin)
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _average_ranks(values: Vector) -> Vector:
    """Rank from 1 on; ties share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Vector = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def average_precision(labels: Vector, margin: Vector) -> float:
    """Average the precision at each positive, in falling order of the margin (the step-wise area under PR).

    >>> average_precision(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7])).__round__(4)
    0.8333
    """
    order = np.argsort(-margin, kind="stable")
    hits = labels[order]
    if not hits.sum():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(np.sum(precision * hits) / hits.sum())


def lift(labels: Vector, margin: Vector, share: float = 0.1) -> float:
    """Tell how many times the base rate the top share reaches.

    >>> lift(np.array([1.0, 0.0, 0.0, 0.0]), np.array([4.0, 3.0, 2.0, 1.0]), 0.25)
    4.0
    """
    base = labels.mean()
    top = max(1, round(len(labels) * share))
    if not base:
        return float("nan")
    return float(labels[np.argsort(-margin, kind="stable")[:top]].mean() / base)


def calibration_line(labels: Vector, margin: Vector) -> tuple[float, float]:
    """Fit slope and intercept of the labels' log-odds on the margin; (1, 0) is calibrated.

    Source: Cox (1958). Newton's method on two coefficients.

    Returns:
        Slope and intercept; NaN where the labels are all alike.
    """
    if labels.min() == labels.max() or margin.min() == margin.max():
        return float("nan"), float("nan")
    slope, intercept = 1.0, 0.0
    for _ in range(50):
        p = 0.5 * (1 + np.tanh(0.5 * (slope * margin + intercept)))
        weight = np.maximum(p * (1 - p), 1e-10)
        error = labels - p
        gradient = np.array([np.sum(error * margin), np.sum(error)])
        hessian = np.array(
            [[np.sum(weight * margin**2), np.sum(weight * margin)], [np.sum(weight * margin), np.sum(weight)]]
        )
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient)
        slope, intercept = slope + step[0], intercept + step[1]
        if np.abs(step).max() < 1e-10:
            break
    return float(slope), float(intercept)


def reliability(labels: Vector, probability: Vector, bins: int = 10) -> tuple[Vector, Vector, NDArray[np.int64]]:
    """Cut the rows into bins of equal count by probability.

    Returns:
        Mean probability, rate of positives and count of each bin; at most `bins` of them.
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    return (
        np.array([probability[part].mean() for part in parts]),
        np.array([labels[part].mean() for part in parts]),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


def calibration_error(labels: Vector, probability: Vector, bins: int = 10) -> float:
    """Average the gap between chance and rate over equal-count bins (ECE). Source: Naeini and others (2015)."""
    predicted, seen, count = reliability(labels, probability, bins)
    return float(np.average(np.abs(predicted - seen), weights=count))


def perfect_calibration_error(probability: Vector, *, bins: int = 10, draws: int = 200, seed: int = 0) -> float:
    """Tell the ECE that a perfect model of this size would show by chance alone.

    Labels are drawn from the probabilities themselves; the mean over the draws.
    """
    generator = np.random.default_rng(seed)
    return float(
        np.mean(
            [
                calibration_error(
                    (generator.random(len(probability)) < probability).astype(np.float64), probability, bins
                )
                for _ in range(draws)
            ]
        )
    )
