"""How good probabilities are: log loss, Brier, ranking, lift, calibration. Each formula says where it comes from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ties import falling, rounded

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
EPSILON = 1e-12


def losses(labels: Vector, probability: Vector) -> Vector:
    """Return each row's log loss in nats, shape (n,).

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
    """Return how often a positive ranks above a negative; ties count half; NaN without both kinds.

    Source: Mann and Whitney (1947); Hanley and McNeil (1982).

    >>> auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.4]))
    0.75
    """
    positives = int(np.sum(labels))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = average_ranks(margin)
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_ranks(values: Vector) -> Vector:
    """Rank from 1 on; ties share the mean of their ranks."""
    _, place, count = np.unique(rounded(values), return_inverse=True, return_counts=True)
    ranks: Vector = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def average_precision(labels: Vector, margin: Vector) -> float:
    """Average the precision at each positive, in falling order of the margin (the step-wise area under PR).

    Rows of one margin are one step: their order says nothing.

    >>> average_precision(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7])).__round__(4)
    0.8333
    """
    return Ranking(labels, margin).average_precision(np.ones(len(labels)))


def lift(labels: Vector, margin: Vector, share: float = 0.1) -> float:
    """Return how many times the base rate the top share reaches; of a tie at the border, its mean.

    >>> lift(np.array([1.0, 0.0, 0.0, 0.0]), np.array([4.0, 3.0, 2.0, 1.0]), 0.25)
    4.0
    """
    return Ranking(labels, margin).lift(np.ones(len(labels)), share)


class Ranking:
    """Rows sorted once by falling margin, so that figures of many resamples cost no sorting."""

    def __init__(self, labels: Vector, margin: Vector) -> None:
        """Sort; rows of one margin form one step."""
        known = rounded(margin)
        self._order = falling(known)
        self._labels = labels[self._order]
        ranked = known[self._order]
        self._steps = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))

    def auc(self, weights: Vector) -> float:
        """Return the AUC when each row counts as often as its weight, shape (n,); NaN without both kinds."""
        return float(self.aucs(weights[None])[0])

    def aucs(self, weights: Matrix) -> Vector:
        """Return the AUC of each of several weighings.

        Args:
            weights: how often each row counts, shape (k, n).

        Returns:
            Shape (k,); NaN where only rows of one kind count.
        """
        positives, rows = self._counted(weights)
        negatives = rows - positives
        above = np.cumsum(positives, axis=-1) - positives / 2
        pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
        area = np.full(len(weights), np.nan)
        np.divide(np.vecdot(negatives, above), pairs, out=area, where=pairs != 0)
        return area

    def average_precision(self, weights: Vector) -> float:
        """Return the average precision when each row counts as often as its weight; NaN without positives."""
        positives, rows = self._counted(weights)
        if not positives.sum():
            return float("nan")
        precision = np.cumsum(positives) / np.maximum(np.cumsum(rows), 1e-300)
        return float(positives @ precision / positives.sum())

    def lift(self, weights: Vector, share: float = 0.1) -> float:
        """Return the lift when each row counts as often as its weight; NaN without positives."""
        positives, rows = self._counted(weights)
        total = rows.sum()
        if not positives.sum():
            return float("nan")
        top = max(1.0, float(round(total * share)))
        hits = np.interp(top, np.concatenate([[0.0], np.cumsum(rows)]), np.concatenate([[0.0], np.cumsum(positives)]))
        return float(hits / top / (positives.sum() / total))

    def _counted(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Count positives and rows of each step, along the last axis."""
        ranked = weights.take(self._order, axis=-1)
        positives = ranked * self._labels
        if len(self._steps) == len(self._order):
            return positives, ranked
        return np.add.reduceat(positives, self._steps, axis=-1), np.add.reduceat(ranked, self._steps, axis=-1)


def calibration_line(
    labels: Vector, margin: Vector, weights: Vector | None = None, *, start: tuple[float, float] = (1.0, 0.0)
) -> tuple[float, float]:
    """Fit slope and intercept of the labels' log-odds on the margin; (1, 0) is calibrated.

    Source: Cox (1958). Newton's method on two coefficients.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        margin: log-odds, shape (n,).
        weights: how often each row counts, shape (n,); None: once.
        start: slope and intercept to begin from.

    Returns:
        Slope and intercept; NaN where there is no finite answer: the labels or the margins are all alike, or the
        margin separates the labels without any error.
    """
    if weights is not None:
        rows = weights > 0
        labels, margin, weights = labels[rows], margin[rows], weights[rows]
    if not _overlap(labels, margin):
        return float("nan"), float("nan")
    times = np.ones(len(labels)) if weights is None else weights
    middle, width = float(np.average(margin, weights=times)), float(margin.std())
    scaled = (margin - middle) / width
    line = np.array([start[0] * width, start[1] + start[0] * middle])
    for _ in range(100):
        step = _newton_step(labels, scaled, times, line)
        line = line + step
        if np.abs(step).max() < 1e-10:
            break
    slope = line[0] / width
    return float(slope), float(line[1] - slope * middle)


def _overlap(labels: Vector, margin: Vector) -> bool:
    """Return whether some positive lies below some negative, and some above."""
    positive, negative = margin[labels == 1], margin[labels == 0]
    if not len(positive) or not len(negative):
        return False
    return bool(positive.min() < negative.max() and positive.max() > negative.min())


def _newton_step(labels: Vector, scaled: Vector, times: Vector, line: Vector) -> Vector:
    """Step towards the least log loss; a long step is halved until it helps."""
    p = 0.5 * (1 + np.tanh(0.5 * (line[0] * scaled + line[1])))
    weight = times * np.maximum(p * (1 - p), 1e-10)
    error = times * (labels - p)
    tilt = weight @ scaled
    hessian = np.array([[weight @ scaled**2, tilt], [tilt, weight.sum()]])
    step: Vector = np.linalg.solve(hessian, np.array([error @ scaled, error.sum()]))
    if np.abs(step).max() < 0.5:
        return step
    before = _line_loss(labels, scaled, times, line)
    while np.abs(step).max() > 1e-10 and _line_loss(labels, scaled, times, line + step) > before:
        step = step / 2
    return step


def _line_loss(labels: Vector, scaled: Vector, times: Vector, line: Vector) -> float:
    margin = line[0] * scaled + line[1]
    return float(times @ (np.logaddexp(0.0, margin) - labels * margin))


def reliability(labels: Vector, probability: Vector, bins: int = 10) -> tuple[Vector, Vector, NDArray[np.int64]]:
    """Cut the rows into bins of equal count by probability.

    Returns:
        Mean probability, rate of positives and count of each bin; at most `bins` of them.
    """
    order = np.argsort(rounded(probability), kind="stable")
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
    """Return the ECE that a perfect model of this size would show by chance alone.

    Labels are drawn from the probabilities themselves; the mean over the draws.
    """
    generator = np.random.default_rng(seed)
    ranked = np.sort(probability)
    sizes = [len(part) for part in np.array_split(ranked, min(bins, len(ranked)))]
    starts = np.cumsum([0, *sizes[:-1]])
    predicted = np.add.reduceat(ranked, starts)
    gaps = [
        np.abs(predicted - np.add.reduceat((generator.random(len(ranked)) < ranked).astype(np.float64), starts)).sum()
        for _ in range(draws)
    ]
    return float(np.mean(gaps) / len(ranked))


DRAWS = 1_000
DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % percentile interval."""

    # Rounded by those who make it: a gain of nothing is 0, not what is left of a sum, for its sign decides things.

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write as `0.712 (0.690 to 0.733)`."""
        if not np.isfinite(self.value):
            return "cannot be told"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def to_json(self) -> dict[str, float | None]:
        """Write as plain values; None where there is no finite number."""
        return {
            name: round(float(number), 6) if np.isfinite(number) else None
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


DRAWN_AT_ONCE = 15_000
"""Numbers that are drawn in one go: many, for each go has its cost, and so few that all that is computed of them stays
in the cache of a processor: three times as many took twice the time."""


def resamples(contacts: int, draws: int, seed: int, *, rows: int = 0) -> Iterator[Matrix]:
    """Draw as many contacts as there are, with replacement, again and again.

    Args:
        contacts: how many there are.
        draws: how many resamples.
        seed: of the resampling.
        rows: over how many rows each is spread at once, where those are more than the contacts.

    Yields:
        How often each contact was drawn in each of some resamples, shape (k, contacts); together `draws` rows.
    """
    generator = np.random.default_rng(seed)
    most = max(1, DRAWN_AT_ONCE // max(contacts, rows))
    for begin in range(0, draws, most):
        drawn = generator.integers(0, contacts, (min(most, draws - begin), contacts))
        yield np.array([np.bincount(one, minlength=contacts) for one in drawn], dtype=np.float64)


def of_mean(
    values: Vector, owner: NDArray[np.integer], *, draws: int = DRAWS, seed: int = 0, share: float = 0.975
) -> Interval:
    """Bootstrap the mean of one value a row, by contact.

    Args:
        values: shape (n,).
        owner: contact of each row, shape (n,).
        draws: how many resamples.
        seed: of the resampling.
        share: of the resamples that lie below the upper bound, and above the lower one.
    """
    return of_means([values], owner, draws=draws, seed=seed, share=share)[0]


def of_means(
    columns: Sequence[Vector],
    owner: NDArray[np.integer],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    share: float = 0.975,
) -> list[Interval]:
    """Bootstrap the means of several values a row, by contact, on the same resamples.

    Args:
        columns: each shape (n,).
        owner: contact of each row, shape (n,).
        draws: how many resamples.
        seed: of the resampling.
        share: of the resamples that lie below the upper bound, and above the lower one.

    Returns:
        The interval of each column, which is what `of_mean` says of it alone.
    """
    _, group = np.unique(owner, return_inverse=True)
    n_groups = int(group.max()) + 1
    sums = [np.bincount(group, weights=values, minlength=n_groups) for values in columns]
    sizes = np.bincount(group, minlength=n_groups).astype(np.float64)
    means = np.concatenate(
        [
            [[weight @ total for total in sums] / (weight @ sizes) for weight in some]
            for some in resamples(n_groups, draws, seed)
        ]
    )
    return [_of_draws(values, drawn, share) for values, drawn in zip(columns, means.T, strict=True)]


def _of_draws(values: Vector, means: Vector, share: float) -> Interval:
    low, high = np.quantile(means, (1 - share, share))
    return Interval(*(round(float(figure), DECIMALS) for figure in (values.mean(), low, high)))


def of_figures(
    figures: Callable[[Vector], Mapping[str, float]],
    owner: NDArray[np.integer],
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap several figures of a set of rows at once, by contact.

    Args:
        figures: takes how often each row counts, shape (n,), and returns numbers by name; NaN draws are left out.
        owner: contact of each row, shape (n,).
        draws: how many resamples.
        seed: of the resampling.
    """
    _, group = np.unique(owner, return_inverse=True)
    drawn: dict[str, list[float]] = {}
    for some in resamples(int(group.max()) + 1, draws, seed):
        for times in some:
            for name, value in figures(times[group]).items():
                drawn.setdefault(name, []).append(value)
    return {name: _interval(whole, np.array(drawn[name])) for name, whole in figures(np.ones(len(owner))).items()}


def _interval(whole: float, values: Vector) -> Interval:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(whole, float("nan"), float("nan"))
    low, high = np.quantile(finite, (0.025, 0.975))
    return Interval(whole, float(low), float(high))
