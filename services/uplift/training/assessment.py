"""What held-out contacts say of each way to choose: policy values, Qini, and the measured effect at each place. Pure.

All figures are means of doubly robust numbers over rows that the models had not seen; intervals draw contacts anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.uplift.model.effects import QUANTILES, EffectCurve, Matrix, Vector
from services.uplift.training.learners import ExperimentTable, doubly_robust, learned
from shared.evaluation.gate import FOLDS_WIDEN
from shared.evaluation.metrics import Interval, of_mean, of_means
from shared.training.material import Split

Rows = NDArray[np.intp]
Z_95 = 1.959964
MOST_PLACES, LEAST_PLACES = 10, 3
LEAST_IN_PLACE = 100
"""Rows of the smaller side of an arm in each group of places."""
TWO_THIRDS, SPREAD = 2 / 3, 0.9674
"""Two thirds of normal differences lie within so many standard deviations: a spread that far ones do not move."""
LEVELS = tuple(share / 10 for share in range(1, 11))


@dataclass(frozen=True)
class JudgedAssignments:
    """Predictions about rows by models that had not seen them."""

    table: ExperimentTable
    """The judged rows."""
    rows: Rows
    """Which they are among all."""
    fold: NDArray[np.int64]
    """Of each judged row, shape (n,)."""
    responses: Matrix
    """Predicted outcome under each arm, shape (n, arms + 1)."""
    predicted: dict[str, Matrix]
    """Predicted effects by learner, shape (n, arms)."""
    scores: Matrix
    """Doubly robust numbers, shape (n, arms + 1)."""
    widen: float = 1.0
    """How many times as wide an interval of what was learned is as drawing contacts again says."""

    @property
    def owner(self) -> NDArray[np.int32]:
        """Return the contact of each judged row."""
        return self.table.owner

    def gained(self, number: int) -> Vector:
        """Return the doubly robust difference of an arm to control, shape (n,).

        Args:
            number: of the arm, from 1 on.
        """
        gain: Vector = self.scores[:, number] - self.scores[:, 0]
        return gain

    def places(self, predicted: Vector) -> Vector:
        """Return where each row stands among those of its fold by a prediction, 0 to 1: folds differ in level."""
        found = np.zeros(len(predicted))
        for fold in np.unique(self.fold):
            rows = np.flatnonzero(self.fold == fold)
            found[rows] = ranked(predicted[rows])
        return found


def held_out(
    table: ExperimentTable, splits: Sequence[Split], *, chained: bool = False, seed: int = 0
) -> JudgedAssignments:
    """Learn without each fold, and predict it.

    Args:
        table: all rows.
        splits: folds of contacts, or blocks of time.
        chained: whether splits are blocks of time. Over folds, what is chance in the whole table is found in every
            fold again: intervals are wider, as those of rankings are.
        seed: of the learners.
    """
    parts = [(number, split.test, learned(table.take(split.train), seed=seed)) for number, split in enumerate(splits)]
    rows = np.concatenate([test for _, test, _ in parts])
    judged = table.take(rows)
    responses = np.vstack([_side_by_side(table.matrix[test], found.responses) for _, test, found in parts])
    predicted = {
        name: np.vstack([_side_by_side(table.matrix[test], found.effects[name]) for _, test, found in parts])
        for name in parts[0][2].effects
    }
    return JudgedAssignments(
        table=judged,
        rows=rows,
        fold=np.concatenate([np.full(len(test), number) for number, test, _ in parts]),
        responses=responses,
        predicted=predicted,
        scores=doubly_robust(judged.label, judged.arm, judged.propensity, responses),
        widen=1.0 if chained else FOLDS_WIDEN,
    )


def _side_by_side(matrix: Matrix, models: Sequence[object]) -> Matrix:
    return np.column_stack([one.predict(matrix) for one in models])  # type: ignore[attr-defined]


def ranked(values: Vector) -> Vector:
    """Return the middle rank of each value, 0 to 1; equal values share it."""
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    ranks: Vector = (low + high) / (2.0 * len(values))
    return ranks


def qini(
    gained: Vector, place: Vector, owner: NDArray[np.int32], *, share: float = 0.975, widen: float = 1.0
) -> Interval:
    """Return how much more per contact a ranking brings than a random one, over all shares that could be treated.

    It is the area between both lines: a contact that comes first counts half of its effect, one in the middle nothing,
    and the last one minus half. Source: Radcliffe (2007); as a mean over contacts, Yadlowsky and others (2021).

    Args:
        gained: doubly robust differences, shape (n,).
        place: 0 to 1, 1 comes first, shape (n,).
        owner: contact of each row.
        share: of the resamples that lie below the upper bound, and above the lower one.
        widen: how many times as wide the interval is.
    """
    weight = place - place.mean()
    return wider(of_mean(weight * (gained - gained.mean()), owner, share=share), widen)


def wider(one: Interval, times: float) -> Interval:
    """Stretch an interval around its value.

    >>> wider(Interval(1.0, 0.0, 3.0), 2.0)
    Interval(value=1.0, low=-1.0, high=5.0)
    """
    return Interval(one.value, one.value - times * (one.value - one.low), one.value + times * (one.high - one.value))


def gains_line(gained: Vector, place: Vector, owner: NDArray[np.int32]) -> list[Interval]:
    """Return what treating the first 10 %, 20 % to 100 % brings, per contact of all, with intervals."""
    return of_means([np.where(place >= 1 - level, gained, 0.0) for level in LEVELS], owner, draws=400)


def curve_of(gained: Vector, place: Vector, predicted: Vector, owner: NDArray[np.int32], smaller: int) -> EffectCurve:
    """Measure the effect at each place: groups of equal size by predicted effect, made to rise.

    Args:
        gained: doubly robust differences, shape (n,).
        place: of each row, 0 to 1.
        predicted: effects, from which places are found when serving.
        owner: contact of each row.
        smaller: rows of the smaller of arm and control.
    """
    groups = int(np.clip(smaller // LEAST_IN_PLACE, LEAST_PLACES, MOST_PLACES))
    group = np.minimum((place * groups).astype(np.int64), groups - 1)
    filled = [number for number in range(groups) if np.any(group == number)]
    means, errors, sizes, middles = [], [], [], []
    for number in filled:
        rows = np.flatnonzero(group == number)
        means.append(float(gained[rows].mean()))
        errors.append(standard_error(gained[rows], owner[rows]))
        sizes.append(float(len(rows)))
        middles.append(float(place[rows].mean()))
    effect = rising(np.array(means), np.array(sizes))
    reach = Z_95 * np.array(errors)
    return EffectCurve(
        margins=np.quantile(predicted, np.linspace(0.0, 1.0, QUANTILES)),
        place=np.array(middles),
        effect=effect,
        low=np.maximum.accumulate(effect - reach),
        high=np.minimum.accumulate((effect + reach)[::-1])[::-1],
    )


def widened(curve: EffectCurve, first: Vector, second: Vector) -> EffectCurve:
    """Add to each interval how uncertain it is which place is a contact's own.

    Two models, each taught by another half of the contacts, put the same contact at two places with two effects. How
    far these lie apart says how far one of them lies from the truth; both errors are added as independent ones are.

    Args:
        curve: as measured.
        first: place of each contact by the first model, shape (n,).
        second: by the second.
    """
    apart = np.abs(curve.at(first).value - curve.at(second).value)
    middle = ranked((first + second) / 2)
    nearest = np.argmin(np.abs(middle[:, None] - curve.place[None, :]), axis=1)
    groups = [apart[nearest == number] for number in range(len(curve.place))]
    error = np.array([np.quantile(one, TWO_THIRDS) if len(one) else 0.0 for one in groups]) / (SPREAD * np.sqrt(2))
    return replace(
        curve,
        low=np.maximum.accumulate(curve.effect - np.hypot(curve.effect - curve.low, Z_95 * error)),
        high=np.minimum.accumulate((curve.effect + np.hypot(curve.high - curve.effect, Z_95 * error))[::-1])[::-1],
    )


def standard_error(values: Vector, owner: NDArray[np.int32]) -> float:
    """Return the standard error of a mean whose rows belong to contacts."""
    _, group = np.unique(owner, return_inverse=True)
    sums = np.bincount(group, weights=values - values.mean())
    n = len(values)
    return float(np.sqrt(np.sum(sums**2))) / n


def rising(values: Vector, weights: Vector) -> Vector:
    """Return the closest values that never fall (pool adjacent violators).

    >>> rising(np.array([1.0, 3.0, 2.0]), np.ones(3)).tolist()
    [1.0, 2.5, 2.5]
    """
    blocks: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            last, before = blocks.pop(), blocks.pop()
            total = last[1] + before[1]
            blocks.append([(last[0] * last[1] + before[0] * before[1]) / total, total, last[2] + before[2]])
    return np.concatenate([np.full(int(count), value) for value, _, count in blocks])


def policy_value(held: JudgedAssignments, chosen: NDArray[np.int64], *, share: float = 0.975) -> Interval:
    """Return the mean outcome if each row got the arm that was chosen for it."""
    return of_mean(_under(held, chosen), held.owner, share=share)


def policy_gain(
    held: JudgedAssignments, chosen: NDArray[np.int64], other: NDArray[np.int64], *, share: float = 0.975
) -> Interval:
    """Return by how much one choice brings more than another, on the same contacts."""
    return wider(of_mean(_under(held, chosen) - _under(held, other), held.owner, share=share), held.widen)


def _under(held: JudgedAssignments, chosen: NDArray[np.int64]) -> Vector:
    found: Vector = held.scores[np.arange(len(chosen)), chosen]
    return found


def personal_choice(held: JudgedAssignments, predicted: Matrix) -> NDArray[np.int64]:
    """Choose for each row the arm with the greatest effect, set right by rows of the other folds alone; 0: control."""
    chosen = np.zeros(len(held.table), dtype=np.int64)
    places = np.column_stack([held.places(predicted[:, column]) for column in range(predicted.shape[1])])
    for fold in np.unique(held.fold):
        mine, others = np.flatnonzero(held.fold == fold), np.flatnonzero(held.fold != fold)
        if not len(others):
            continue
        effects = [np.zeros(len(mine))]
        for number in range(1, held.table.arms + 1):
            curve = curve_for(held, number, places[:, number - 1], predicted[:, number - 1], others)
            effects.append(curve.at(places[mine, number - 1]).value)
        chosen[mine] = np.argmax(np.column_stack(effects), axis=1)
    return chosen


def curve_for(held: JudgedAssignments, number: int, place: Vector, predicted: Vector, rows: Rows) -> EffectCurve:
    """Measure the effects of an arm on some of the held-out rows."""
    arm = held.table.arm[rows]
    smaller = int(min(np.count_nonzero(arm == number), np.count_nonzero(arm == 0)))
    return curve_of(held.gained(number)[rows], place[rows], predicted[rows], held.owner[rows], smaller)


def centred(held: JudgedAssignments, predicted: Vector) -> Vector:
    """Return predictions with the level of all folds alike: the served model has one level."""
    found = predicted.copy()
    for fold in np.unique(held.fold):
        rows = held.fold == fold
        found[rows] += predicted.mean() - predicted[rows].mean()
    return found
