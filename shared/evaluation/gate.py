"""The gate: whether a challenger may replace the champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import Grade
from shared.evaluation.calibration import level
from shared.evaluation.metrics import Interval, Ranking, losses, of_mean, resamples
from shared.ties import rounded

Vector = NDArray[np.float64]
DRAWS = 1_000
SURE = 0.99
"""Confidence, on one side, with which the ranking must lie above chance when contacts are drawn again."""
LIKELY = 0.80
"""Confidence, on one side, of the gain: its noise is twice that of the ranking, which is checked first.

With 0.90, 13 of 20 weak worlds with dates (AUC 0.62, 400 positives) passed, and 17 do; not one table of noise more.
"""
OVER_BLOCKS = 0.95
"""Confidence, on one side, with which the ranking must lie above chance when blocks differ. Source: Student (1908)."""
FOLDS_WIDEN = 1.75
"""How many times as wide the interval of the ranking is over folds as drawing contacts again says.

Each fold is judged by what the others taught, so that what is chance in the whole table is found in every fold again.
Nadeau and Bengio (2003) give 1.5 for five folds; on made tables of noise it was 1.65, and 0.9 over blocks of time.
"""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a model knows beyond the level of each block."""

    ranking: Interval
    """AUC within blocks: a positive against a negative of the same block; the interval is the wider of two."""
    gain: Interval
    """Share of the log loss saved against a constant that knows the rate of each block; both sides re-levelled."""
    by_block: tuple[float, ...]
    """AUC of each block; NaN where a block has labels of one kind only."""

    @property
    def usable(self) -> bool:
        """Whether the ranking is surely above chance and something is saved by it."""
        return self.ranking.low > 0.5 and self.gain.low > 0.0

    @property
    def missing(self) -> str:
        """Return what is missing, in words; empty where nothing is."""
        if not self.ranking.low > 0.5:
            return (
                "within the same stretch of time it does not surely rank those who reach the outcome above those who "
                f"do not (AUC {self.ranking}; 0.5 is chance)"
            )
        if not self.gain.low > 0.0:
            return f"its chances are no better than the average of each stretch of time (log loss saved {self.gain})"
        return ""


def signal(
    labels: Vector,
    margin: Vector,
    owner: NDArray[np.integer],
    blocks: Sequence[NDArray[np.intp]],
    *,
    chained: bool = True,
    seed: int = 0,
) -> Signal:
    """Measure the signal in held-out margins.

    A model that only follows the level of the base rate gains nothing here, and neither is one blamed for a level
    that moved: within each block the mean chance is set to the rate that was seen there.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        margin: held-out margins, each of a model that knew nothing of its row, shape (n,).
        owner: contact of each row, shape (n,).
        blocks: rows of each block (of time, or of a fold); together all rows.
        chained: whether each block was judged by what came before it; False: by the other folds.
        seed: of the resampling.

    Returns:
        The ranking with an interval that holds both when contacts are drawn again (over folds wider: they learn from
        each other's rows) and over the blocks (Student's t, from three blocks on), and the gain with a
        contact-bootstrap interval.
    """
    mixed = [rows for rows in blocks if 0 < labels[rows].sum() < len(rows)]
    by_block = tuple(_auc(labels[rows], margin[rows]) for rows in blocks)
    if not mixed:
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return Signal(nothing, nothing, by_block)
    widen = 1.0 if chained else FOLDS_WIDEN
    return Signal(_ranking(labels, margin, owner, mixed, seed, widen), _gain(labels, margin, owner, mixed), by_block)


def _auc(labels: Vector, margin: Vector) -> float:
    return Ranking(labels, margin).auc(np.ones(len(labels)))


def _ranking(
    labels: Vector,
    margin: Vector,
    owner: NDArray[np.integer],
    blocks: Sequence[NDArray[np.intp]],
    seed: int,
    widen: float,
) -> Interval:
    from scipy.special import stdtrit  # what a serving process does not need

    rankings = [Ranking(labels[rows], margin[rows]) for rows in blocks]
    positives = np.array([labels[rows].sum() for rows in blocks])
    sizes = np.array([float(len(rows)) for rows in blocks])
    # Weighed by the inverse of its variance, but for a factor that all share. Source: Mann and Whitney (1947).
    weight = positives * (sizes - positives) / (sizes + 1)
    areas = np.array([ranking.auc(np.ones(len(rows))) for ranking, rows in zip(rankings, blocks, strict=True)])
    value = float(np.average(areas, weights=weight))
    _, group = np.unique(owner, return_inverse=True)
    drawn = []
    for times in resamples(int(group.max()) + 1, DRAWS, seed, rows=max(map(len, blocks))):
        each = [ranking.aucs(times.take(group[rows], axis=1)) for ranking, rows in zip(rankings, blocks, strict=True)]
        drawn += [_averaged(areas, weight) for areas in np.stack(each, axis=1)]
    low, high = value + widen * (np.quantile(drawn, (1 - SURE, SURE)) - value)
    if len(areas) > 2:
        spread = np.sqrt(np.average((areas - value) ** 2, weights=weight) / (len(areas) - 1))
        reach = float(spread * stdtrit(len(areas) - 1, OVER_BLOCKS))
        low, high = min(low, value - reach), max(high, value + reach)
    return Interval(value, float(low), float(high))


def _averaged(areas: Vector, weight: Vector) -> float:
    """Average the AUC of the blocks, shape (blocks,), where it is known; 0.5 where it is of none."""
    known = np.isfinite(areas)
    return float(np.average(areas[known], weights=weight[known])) if known.any() else 0.5


def _gain(labels: Vector, margin: Vector, owner: NDArray[np.integer], blocks: Sequence[NDArray[np.intp]]) -> Interval:
    saved, scale = np.zeros(len(labels)), 0.0
    for rows in blocks:
        mine, rate = labels[rows], float(labels[rows].mean())
        relevelled = margin[rows] + level(mine, margin[rows])
        constant = losses(mine, np.full(len(rows), rate))
        saved[rows] = constant - losses(mine, 0.5 * (1.0 + np.tanh(0.5 * relevelled)))
        scale += float(constant.sum())
    every = np.concatenate(list(blocks))
    scale /= len(every)
    gain = of_mean(saved[every], owner[every], share=LIKELY)
    return Interval(gain.value / scale, gain.low / scale, gain.high / scale)


A_SKILL, B_SKILL = 0.10, 0.05
EXACT_SLOPE = (0.9, 1.1)
"""Calibration holds where the interval of its slope overlaps this."""
SMALL_SAMPLE_POSITIVES = 200
TOO_GOOD_AUC = 0.97
"""From here on a result is more likely a leak than a fact about people."""


def skill(loss: Vector, baseline: Vector, owner: NDArray[np.integer]) -> Interval:
    """Return the share of the baseline's log loss that the model saves, with its contact-bootstrap interval.

    Args:
        loss: the model's log loss of each row, shape (n,).
        baseline: the baseline's on the same rows, shape (n,).
        owner: contact of each row, shape (n,).
    """
    return share_of(of_mean(baseline - loss, owner), baseline)


def share_of(gain: Interval, baseline: Vector) -> Interval:
    """Write a mean gain in log loss, with its interval, as a share of the baseline's.

    Args:
        gain: mean over the rows.
        baseline: log loss of each row, shape (n,).
    """
    scale = float(baseline.mean()) or 1.0
    return Interval(gain.value / scale, gain.low / scale, gain.high / scale)


def calibration_holds(slope: Interval) -> bool:
    """Whether the interval of the calibration slope overlaps 0.9 to 1.1; an unknown slope does not hold.

    >>> calibration_holds(Interval(1.3, 1.05, 1.5)), calibration_holds(Interval(1.3, 1.15, 1.5))
    (True, False)
    """
    return slope.low <= EXACT_SLOPE[1] and slope.high >= EXACT_SLOPE[0]


def grade(skill_over_rule: Interval, *, positive_contacts: int, slope: Interval | None = None) -> Grade:
    """Choose the letter by the lower bound: A from 10 %, B from 5 %, C above 0, else D.

    Args:
        skill_over_rule: log-loss skill over the best single rule, or over the constant where that is better.
        positive_contacts: fewer than 200 allow C at most.
        slope: of the calibration; where it does not hold, C is the most.

    >>> grade(Interval(0.2, 0.12, 0.3), positive_contacts=500)
    'A'
    """
    if skill_over_rule.low <= 0:
        return "D"
    held_back = positive_contacts < SMALL_SAMPLE_POSITIVES or (slope is not None and not calibration_holds(slope))
    if held_back or skill_over_rule.low < B_SKILL:
        return "C"
    return "A" if skill_over_rule.low >= A_SKILL else "B"


WORSE_BY_AT_MOST = 0.01
FEWEST_FRAMES = 200


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate decided and why, in one sentence."""

    promote: bool
    decided: bool
    """False: too few frames are newer than both trainings to compare them yet."""
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was compared, by name; empty where nothing was."""


def too_few(frames: int) -> GateDecision | None:
    """Return that so few frames decide nothing; None: they suffice.

    Args:
        frames: newer than both trainings.
    """
    if frames >= FEWEST_FRAMES:
        return None
    reason = f"only {frames} frames are newer than both trainings; {FEWEST_FRAMES} are needed"
    return GateDecision(False, False, reason, {"frames": float(frames)})


def judged(
    challenger: Vector, champion: Vector, constant: Vector, owner: NDArray[np.integer], *, champion_is_old: bool = False
) -> GateDecision:
    """Compare log losses of the same frames, newer than both trainings.

    The challenger passes when, with 95 % confidence over contacts, it loses at most 1 % of the champion's log loss,
    and when it beats the constant. A champion past its maximum age is replaced on equality; see `replaces`.

    Args:
        challenger: log loss of each frame, shape (n,).
        champion: on the same frames, shape (n,).
        constant: of predicting the base rate, shape (n,).
        owner: contact of each frame, shape (n,).
        champion_is_old: whether the champion is past its maximum age.
    """
    undecided = too_few(len(challenger))
    if undecided is not None:
        return undecided
    worse = of_mean(challenger - champion, owner)
    figures = {
        "frames": float(len(challenger)),
        "challenger_loss": float(challenger.mean()),
        "champion_loss": float(champion.mean()),
        "constant_loss": float(constant.mean()),
        **differences(worse),
    }
    if rounded(challenger.mean()) >= rounded(constant.mean()):
        return GateDecision(False, True, "the challenger is no better than predicting the base rate", figures)
    margin = WORSE_BY_AT_MOST * float(champion.mean())
    return replaces(worse, margin, "1 % of log loss", figures, champion_is_old=champion_is_old)


def differences(worse: Interval) -> dict[str, float]:
    """Name the figures of a difference, challenger less champion, with its interval."""
    return {"difference": worse.value, "difference_low": worse.low, "difference_high": worse.high}


def replaces(
    worse: Interval, margin: float, named: str, figures: Mapping[str, float], *, champion_is_old: bool
) -> GateDecision:
    """Decide by how much worse a challenger is, with its 95 % interval.

    A challenger passes that is surely not worse by more than the margin. A champion past its maximum age makes way for
    an equal one, too: the difference is within the margin, and could be none. Two versions that are as good differ by
    chance, so that to ask for a difference of at most 0 would keep an old champion every other time.

    Args:
        worse: challenger less champion, positive where the challenger is worse.
        margin: how much is tolerated.
        named: the margin in words.
        figures: of the decision.
        champion_is_old: whether the champion is past its maximum age.

    >>> old = dict(named="1 %", figures={}, champion_is_old=True)
    >>> replaces(Interval(0.004, -0.01, 0.02), 0.005, **old).promote
    True
    >>> replaces(Interval(0.004, 0.001, 0.02), 0.005, **old).promote
    False
    """
    if worse.high <= margin:
        reason = f"not worse than the champion by more than {named} (difference {worse})"
        return GateDecision(True, True, reason, figures)
    if champion_is_old and worse.value <= margin and worse.low <= 0:
        reason = f"the champion is past its maximum age and the challenger is as good (difference {worse})"
        return GateDecision(True, True, reason, figures)
    return GateDecision(
        False, True, f"could be worse than the champion by more than {named} (difference {worse})", figures
    )
