"""From pasts to a version with its evidence: no store, no registry.

Items are learned up to a cutoff, and weights by what was bought after it: never by the same purchases.
"""

from dataclasses import dataclass

import numpy as np

from services.recommendations.model.candidates import COLUMNS
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.training.assessment import POPULAR, REPEAT, JudgedLists, JudgedWindow, judged
from services.recommendations.training.material import LEAST_OF_ITEM, ItemSnapshot, RecommendationMaterial
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.errors import InsufficientData
from shared.evaluation.gate import A_SKILL, B_SKILL, SMALL_SAMPLE_POSITIVES
from shared.evaluation.metrics import Interval, of_mean
from shared.learners.simple import Columns, Logistic, Vector
from shared.learners.trees import Blend, Learner, Trees, TreeShape

MOST_LEARNED, MOST_JUDGED = 4_000, 10_000
"""Contacts that weights are learned from, and that are judged."""
LEAST_JUDGED = 50
"""Contacts with a past who bought something in the window, without whom nothing can be judged."""
SHAPE = TreeShape(leaves=8, min_rows=200, learning_rate=0.15, feature_share=0.7, row_share=1.0)
"""Small: exact shares of an item's margin cost a fifth of what 15 leaves and 100 rounds do, for 0.001 of NDCG."""
ROUNDS = 50
RIDGE = 10.0
SEED = 0


@dataclass(frozen=True)
class Method:
    """One way to weigh, judged on the later window."""

    label: str
    kind: str
    all_items: JudgedLists
    new_items: JudgedLists
    learner: Learner | None = None
    """None: a plain method."""

    @property
    def ndcg(self) -> float:
        """Return the mean over contacts."""
        return float(self.all_items.ndcg.mean())


@dataclass(frozen=True)
class RecommendationFit:
    """A fitted model with the evidence behind it."""

    model: RecommendationModel
    snapshot: ItemSnapshot
    """At the end of the data."""
    window: JudgedWindow
    """The one that was judged on."""
    judged_at: ItemSnapshot
    candidates: tuple[Method, ...]
    served: Method
    grade: Grade
    usable: bool
    rows: int

    def named(self, label: str) -> Method:
        """Find a candidate by its label."""
        return next(one for one in self.candidates if one.label == label)

    def lift_over(self, label: str) -> Interval:
        """Return by which share the served list has more NDCG than another method's, with its interval."""
        return lift(self.served.all_items.ndcg, self.named(label).all_items.ndcg)


def lift(served: Vector, other: Vector) -> Interval:
    """Return the relative gain of a mean over contacts, bootstrapped over them."""
    gain = of_mean(served - other, np.arange(len(served)))
    scale = max(float(other.mean()), 1e-9)
    return Interval(gain.value / scale, gain.low / scale, gain.high / scale)


def fitted(material: RecommendationMaterial, *, now: Microseconds, progress: Progress = silent) -> RecommendationFit:
    """Learn items, learn weights, judge on a later window, and learn again from all.

    Args:
        material: of the account.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.

    Raises:
        InsufficientData: too few contacts bought again.
    """
    pasts, until, horizon = material.pasts, material.until, material.horizon
    progress("learning items for the weights", 0.0)
    learned = JudgedWindow.of(pasts, _snapshot(material, until - 2 * horizon), until - horizon, most=MOST_LEARNED)
    progress("learning items to be judged", 0.3)
    later = _snapshot(material, until - horizon)
    window = JudgedWindow.of(pasts, later, until, most=MOST_JUDGED)
    hits = int(learned.label.sum())
    if min(len(learned.judged), len(window.judged), hits) < LEAST_JUDGED:
        raise InsufficientData(
            f"{len(window.judged)} contacts who had bought before bought again in the last {material.horizon_days} "
            f"days, {len(learned.judged)} in as many days before, then {hits} times an item that was known by then; "
            f"{LEAST_JUDGED} are needed of each. Import more orders, or look further ahead with --horizon-days.",
            repeat_buyers=len(window.judged),
            needed_repeat_buyers=LEAST_JUDGED,
        )
    progress("weighing what speaks for an item", 0.6)
    every = [_plain(window, label, score) for label, score in window.plain().items()]
    every += [_learned(window, learner) for learner in learners(learned)]
    served = max((one for one in every if one.learner is not None), key=lambda one: round(one.ndcg, 6))
    progress("learning items from all", 0.7)
    snapshot = _snapshot(material, until)
    again = next(one for one in learners(window) if one.kind == served.kind)
    gain = lift(served.all_items.ndcg, _best_plain_rule(every).all_items.ndcg)
    over_popular = lift(served.all_items.ndcg, next(one for one in every if one.label == POPULAR).all_items.ndcg)
    usable = over_popular.low > 0
    grade = _grade(gain, len(window.judged)) if usable else "D"
    model = RecommendationModel(
        grade=grade,
        horizon_days=material.horizon_days,
        trained_at=instant_of(now),
        items=snapshot.items,
        known=snapshot.known,
        learner=again,
        code_of=snapshot.code_of,
    )
    return RecommendationFit(
        model, snapshot, window, later, tuple(every), served, grade, usable, len(learned.label) + len(window.label)
    )


def _snapshot(material: RecommendationMaterial, cutoff: Microseconds) -> ItemSnapshot:
    found = material.seen_from(cutoff)
    if not found.items:
        days = (material.until - cutoff) // DAY
        raise InsufficientData(
            f"{days} days before the end of the data, no item had been bought by {LEAST_OF_ITEM} contacts yet, so that "
            "the days since then can judge nothing. Import older orders, or look less far ahead with --horizon-days.",
            items=0,
            needed_buyers_of_item=LEAST_OF_ITEM,
        )
    return found


def learners(window: JudgedWindow) -> tuple[Learner, ...]:
    """Fit every way to weigh on a window."""
    values, columns = window.candidates.values, Columns(COLUMNS, ())
    linear = Logistic.fit(values, window.label, columns, ridge=RIDGE)
    trees = Trees.fit(values, window.label, columns, shape=SHAPE, rounds=ROUNDS, seed=SEED)
    return linear, trees, Blend(linear, trees)


def _plain(window: JudgedWindow, label: str, score: Vector) -> Method:
    return Method(label, "rule", judged(window, score), judged(window, score, new_only=True))


_LABELS = {
    "logistic": "all of them, weighed by a logistic regression",
    "lightgbm": "all of them, weighed by trees",
    "blend": "all of them, weighed by both",
}


def _learned(window: JudgedWindow, learner: Learner) -> Method:
    score = learner.margins(window.candidates.values)
    label = _LABELS[learner.kind]
    return Method(label, learner.kind, judged(window, score), judged(window, score, new_only=True), learner)


def _best_plain_rule(every: list[Method]) -> Method:
    """Return what a careful marketer would do without a model: what is popular, or what was bought before."""
    return max((one for one in every if one.label in (POPULAR, REPEAT)), key=lambda one: one.ndcg)


def _grade(gain: Interval, contacts: int) -> Grade:
    if gain.low <= 0:
        return "D"
    if contacts < SMALL_SAMPLE_POSITIVES or gain.low < B_SKILL:
        return "C"
    return "A" if gain.low >= A_SKILL else "B"
