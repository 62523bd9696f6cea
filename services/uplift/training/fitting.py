"""From an experiment to a version with its evidence: no store, no registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.uplift.model import UpliftModel
from services.uplift.model.effects import ArmModel, EffectEstimate, Matrix, Vector, WeightedTrees
from services.uplift.training.assessment import (
    JudgedAssignments,
    centred,
    curve_for,
    held_out,
    personal_choice,
    policy_gain,
    policy_value,
    qini,
    ranked,
    widened,
)
from services.uplift.training.learners import LEARNERS, ExperimentTable, learned
from services.uplift.training.material import UpliftMaterial
from services.uplift.training.randomisation import Randomisation, checked
from shared.contracts.prediction import Grade
from shared.contracts.rows import Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.evaluation.metrics import Interval, of_mean
from shared.training.material import Split, contact_folds

Choice = NDArray[np.int64]
NOBODY, BY_RESPONSE, PERSONAL = "treat nobody", "treat the half with the highest response score", "choose for each"


@dataclass(frozen=True)
class Evidence:
    """What held-out contacts say of every learner and every rule."""

    held: JudgedAssignments
    names: tuple[str, ...]
    """Of the arms, control first."""
    averages: tuple[Interval, ...]
    """Effect of each arm against control, over everybody."""
    learner: str
    """The one that serves."""
    qinis: Mapping[str, tuple[Interval, ...]]
    """Of each arm, by learner; and of the response score."""
    is_personal: tuple[bool, ...]
    """Of each arm: whether its effects are proven to differ as predicted."""
    has_policy: bool
    """Whether to choose for each is proven to bring more than the best blanket rule."""
    policies: Mapping[str, Choice]
    """What each rule gives to the judged rows."""
    values: Mapping[str, Interval]
    """Mean outcome under each rule."""
    gain: Interval
    """Of choosing for each over the best blanket rule."""
    best_blanket: str
    surely_best: str | None
    """The arm for everybody; None: none is surely better than control."""

    @property
    def places(self) -> Matrix:
        """Return where each judged row stands by the effect of each arm, 0 to 1, shape (n, arms)."""
        predicted = self.held.predicted[self.learner]
        return np.column_stack([self.held.places(predicted[:, column]) for column in range(predicted.shape[1])])


@dataclass(frozen=True)
class UpliftFit:
    """A fitted model with the evidence behind it."""

    model: UpliftModel
    evidence: Evidence
    randomisation: tuple[Randomisation, ...]
    grade: Grade
    usable: bool
    importance: Vector = field(default_factory=lambda: np.zeros(0))


def fitted(material: UpliftMaterial, *, now: Microseconds, progress: Progress = silent) -> UpliftFit:
    """Check the lot, learn, judge, and learn again from all.

    Args:
        material: of the run.
        now: becomes `trained_at`.
        progress: called with what is done and how far, 0 to 1.

    Raises:
        InsufficientData: an arm was not given by lot.
    """
    progress("checking that arms were given by lot", 0.0)
    lot = checked(material.table, material.assigned.names, is_planned=material.assigned.is_planned)
    progress("learning effects, and judging them on held-out contacts", 0.15)
    found = evidence_of(material.table, material.splits, material.assigned.names, chained=material.is_in_time)
    progress("learning from all contacts", 0.75)
    arms, without = arms_of(material.table, found)
    model = UpliftModel(
        outcome=material.outcome.name,
        kind=found.learner,
        grade=_grade(found),
        horizon_days=None if material.is_flat else material.outcome.horizon_days,
        trained_at=instant_of(now),
        reached_by=material.reached_by,
        feature_set=material.feature_set,
        inputs=material.inputs,
        control=found.names[0],
        arms=arms,
        without=without,
        usual=float(found.held.scores[:, 0].mean()),
        best_for_all=found.surely_best,
        has_policy=found.has_policy,
        sums_value=material.outcome.sums_value,
        flag=material.outcome.flag,
    )
    importance = sum((one.trees.importance(len(material.feature_set)) for one in arms), np.zeros(1))
    weighed = model if importance.sum() <= 0 else _weighed(model, importance)
    usable = any(_is_sure(one) for one in found.averages) or any(found.is_personal)
    return UpliftFit(weighed, found, tuple(lot), model.grade, usable, importance)


def _weighed(model: UpliftModel, importance: Vector) -> UpliftModel:
    return replace(model, inputs=model.inputs.weighed(importance))


def evidence_of(
    table: ExperimentTable, splits: Sequence[Split], names: Sequence[str], *, chained: bool = False, seed: int = 0
) -> Evidence:
    """Judge every learner and every rule on rows that it had not seen.

    The learner with the highest Qini serves. To look at several arms and at the policy finds something by chance more
    often than once in twenty: what is claimed has to hold at a level divided by the number of looks (Bonferroni). That
    the best of three was chosen, and that folds taught each other, is in the width of the intervals.

    Args:
        table: all rows.
        splits: folds of contacts, or blocks of time.
        names: of the arms, control first.
        chained: whether splits are blocks of time.
        seed: of the learners.
    """
    held = held_out(table, splits, chained=chained, seed=seed)
    arms = range(1, table.arms + 1)
    share = 1 - 0.025 / (table.arms + 1)
    rankings = {**held.predicted, "response": held.responses[:, 1:]}
    qinis = {name: _qinis(held, predicted) for name, predicted in rankings.items()}
    learner = max(LEARNERS, key=lambda name: round(float(np.mean([one.value for one in qinis[name]])), 9))
    predicted = held.predicted[learner]
    strict = _qinis(held, predicted, share=share)
    averages = tuple(of_mean(held.gained(number), held.owner) for number in arms)
    policies = _policies(held, predicted, names, averages)
    values = {name: policy_value(held, chosen) for name, chosen in policies.items()}
    blanket = max((NOBODY, *(blanket_rule(names[number]) for number in arms)), key=lambda one: values[one].value)
    personal, best = policies[PERSONAL], policies[blanket]
    has_policy = policy_gain(held, personal, best, share=share).low > 0
    return Evidence(
        held=held,
        names=tuple(names),
        averages=averages,
        learner=learner,
        qinis=qinis,
        is_personal=tuple(one.low > 0 for one in strict),
        has_policy=has_policy,
        policies=policies,
        values=values,
        gain=policy_gain(held, personal, best),
        best_blanket=blanket,
        surely_best=_surely_best(averages, names),
    )


def blanket_rule(name: str) -> str:
    """Name the rule that gives one arm to everybody.

    >>> blanket_rule("mens")
    'mens to all'
    """
    return f"{name} to all"


def _qinis(held: JudgedAssignments, predicted: Matrix, *, share: float = 0.975) -> tuple[Interval, ...]:
    return tuple(
        qini(held.gained(column + 1), held.places(predicted[:, column]), held.owner, share=share, widen=held.widen)
        for column in range(predicted.shape[1])
    )


def _policies(
    held: JudgedAssignments, predicted: Matrix, names: Sequence[str], averages: Sequence[Interval]
) -> dict[str, Choice]:
    n = len(held.table)
    best = 1 + int(np.argmax([one.value for one in averages]))
    response = held.places(held.responses[:, best])
    return {
        NOBODY: np.zeros(n, dtype=np.int64),
        **{blanket_rule(name): np.full(n, number) for number, name in enumerate(names) if number},
        BY_RESPONSE: np.where(response > 0.5, best, 0),
        PERSONAL: personal_choice(held, predicted),
    }


def _surely_best(averages: Sequence[Interval], names: Sequence[str]) -> str | None:
    """Return what to give to everybody: the arm with the greatest average where that is surely above 0."""
    best = int(np.argmax([one.value for one in averages]))
    if averages[best].low > 0:
        return names[best + 1]
    return names[0] if all(one.high < 0 for one in averages) else None


def arms_of(table: ExperimentTable, found: Evidence, *, seed: int = 0) -> tuple[tuple[ArmModel, ...], WeightedTrees]:
    """Learn from all rows, and set effects right by the held-out ones.

    Returns:
        The arms, and what predicts the outcome without treatment.
    """
    final = learned(table, wanted=(found.learner,), seed=seed)
    held, predicted = found.held, found.held.predicted[found.learner]
    rows, places = np.arange(len(held.table)), found.places
    halves = _halves(table, found.learner, seed) if any(found.is_personal) else None
    arms = []
    for number, trees in enumerate(final.effects[found.learner], 1):
        mine = predicted[:, number - 1]
        curve = curve_for(held, number, places[:, number - 1], centred(held, mine), rows)
        if halves is not None:
            curve = widened(curve, *(ranked(half[:, number - 1]) for half in halves))
        average = EffectEstimate(*_ends(found.averages[number - 1]))
        arms.append(ArmModel(found.names[number], trees, average, curve, found.is_personal[number - 1]))
    return tuple(arms), final.responses[0]


def _halves(table: ExperimentTable, learner: str, seed: int) -> tuple[Matrix, Matrix]:
    """Predict all rows by two models, each taught by another half of the contacts, shape (n, arms) each."""
    first, second = (
        np.column_stack(
            [one.predict(table.matrix) for one in learned(half, wanted=(learner,), seed=seed).effects[learner]]
        )
        for split in contact_folds(table.owner, (table.label > 0).astype(np.float64), folds=2, seed=seed)
        for half in (table.take(split.train),)
    )
    return first, second


def _ends(one: Interval) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _is_sure(one: Interval) -> bool:
    return one.low > 0 or one.high < 0


def _grade(found: Evidence) -> Grade:
    """Choose the letter: A chooses for each, B ranks by effect, C knows the average, D knows nothing for sure."""
    if found.has_policy:
        return "A"
    if any(found.is_personal):
        return "B"
    return "C" if any(_is_sure(one) for one in found.averages) else "D"
