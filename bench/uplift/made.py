"""The made world: are persuadables found, do intervals hold, and is nothing claimed where there is nothing?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.uplift.world import KINDS, SIZE, World, four_groups, same_for_all
from services.uplift.model.effects import ArmModel
from services.uplift.training.fitting import Evidence, arms_of, evidence_of
from services.uplift.training.learners import ExperimentTable
from shared.learners import Columns
from shared.training.material import contact_folds

NEW_CONTACTS = 20_000
RUNS, RUN_SIZE = 100, 1_500
"""Worlds without differences for each size of the effect, and their contacts."""
NAMES = ("control", "mail")


@dataclass(frozen=True)
class Found:
    """What was said of new contacts of a world of four kinds."""

    seed: int
    learner: str
    has_policy: bool
    share_true: float
    """Of those called persuadable, how many are."""
    gain_truly: float
    """Of those called persuadable, for how many the mean over contacts alike is above 0."""
    recall: float
    """Of the persuadable, how many were called so."""
    disturbed_true: float
    """Of those called do-not-disturb, how many are."""
    coverage: float
    """Contacts whose interval holds the mean effect of contacts alike."""
    value: float
    """Mean outcome under the choice, of all that could be gained over the best blanket rule."""


def table_of(world: World) -> ExperimentTable:
    """Lay a world out as what is learned from."""
    n, p = world.values.shape
    return ExperimentTable(
        world.values,
        Columns(tuple(f"x{place}" for place in range(p))),
        world.label,
        world.arm,
        np.full(n, 0.5),
        np.arange(n, dtype=np.int32),
        1,
    )


def judged(world: World) -> tuple[ExperimentTable, Evidence]:
    """Judge a world as a training does."""
    table = table_of(world)
    return table, evidence_of(table, contact_folds(table.owner, table.label), NAMES)


def found_in(seed: int, n: int = SIZE) -> Found:
    """Learn in a world of four kinds, and ask about new contacts of the same one."""
    table, evidence = judged(four_groups(seed, n))
    (arm,), _ = arms_of(table, evidence)
    new = four_groups(10_000 + seed, NEW_CONTACTS)
    return _compared(seed, evidence, arm, new)


def _compared(seed: int, evidence: Evidence, arm: ArmModel, new: World) -> Found:
    effects = arm.curve.at(arm.curve.places(arm.trees.predict(new.values)))
    claimed, disturbed = effects.low > 0, effects.high < 0
    if not arm.is_personal:
        claimed, disturbed = np.zeros_like(claimed), np.zeros_like(disturbed)
    persuadable, hurt = new.kind == KINDS.index("persuadable"), new.kind == KINDS.index("do_not_disturb")
    truth = new.expected_effect
    best_blanket = max(0.0, float(truth.mean()))
    oracle = float(np.maximum(truth, 0.0).mean())
    chosen = float(np.where(effects.value > 0, truth, 0.0).mean()) if evidence.has_policy else best_blanket
    return Found(
        seed=seed,
        learner=evidence.learner,
        has_policy=evidence.has_policy,
        share_true=_share(persuadable[claimed]),
        gain_truly=_share(truth[claimed] > 0),
        recall=_share(claimed[persuadable]),
        disturbed_true=_share(hurt[disturbed]),
        coverage=_share((effects.low <= truth) & (truth <= effects.high)),
        value=(chosen - best_blanket) / (oracle - best_blanket),
    )


def _share(flags: np.ndarray) -> float:
    return float(np.mean(flags)) if len(flags) else float("nan")


@dataclass(frozen=True)
class FalseClaims:
    """How often something personal is claimed where contacts do not differ."""

    runs: int
    personal: int
    policy: int

    @property
    def either(self) -> float:
        """Share of runs with a false claim of either kind, at most."""
        return max(self.personal, self.policy) / self.runs


def false_claims(effect: float, seeds: Iterable[int], n: int = RUN_SIZE) -> FalseClaims:
    """Judge many worlds in which the treatment adds the same for everybody."""
    runs = personal = policy = 0
    for seed in seeds:
        _, evidence = judged(same_for_all(seed, n, effect=effect))
        runs, personal, policy = runs + 1, personal + any(evidence.is_personal), policy + evidence.has_policy
    return FalseClaims(runs, personal, policy)
