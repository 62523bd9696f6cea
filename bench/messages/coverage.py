"""How often a 95 % interval of a policy's value covers the truth, in many runs of the made world."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.messages.world import MESSAGES, Contacts, Matrix, World
from shared.evaluation.metrics import Interval
from shared.evaluation.off_policy import LoggedDecisions, Target, policy_difference, policy_value, target_of

RUNS: Final = 1_000
CONTACTS, EACH = 2_500, 2
"""Contacts of a run, and decisions of each: its decisions are alike in what nobody sees."""
POPULATION: Final = 200_000
WANTED: Final = (0.91, 0.98)
DRAWS: Final = 200
CHOICES = len(MESSAGES)


class Setting(NamedTuple):
    """A log, and a policy that is asked about."""

    name: str
    clicks: float
    """How much rarer clicks are than in the world."""
    logging: float
    """How far the policy that made the log is from equal chances."""
    floor: float
    """Share of equal chances in it."""
    asked: float
    """How far the policy that is asked about is; it has no floor."""


SETTINGS: Final = (
    Setting("usual", 1.0, 1.0, 0.1, 1.5),
    Setting("rare clicks", 0.1, 0.5, 0.2, 0.5),
    Setting("rare clicks, other policy", 0.1, 1.0, 0.1, 1.0),
    Setting("rare clicks, quite another policy", 0.1, 2.0, 0.1, 2.0),
    Setting("far from the log", 1.0, 3.0, 0.05, 3.0),
)


class Coverage(NamedTuple):
    """What came of a setting."""

    setting: Setting
    truth: float
    clicks: float
    """Mean of the runs."""
    effective_clicks: float
    """Median of the runs."""
    covered: dict[str, float]
    """By method."""
    width: dict[str, float]
    """Median, relative to the truth."""


def _chances(contacts: Contacts, strength: float, floor: float, stream: int) -> Matrix:
    random = np.random.default_rng(stream)
    scores = strength * contacts.matrix @ (random.normal(size=(contacts.matrix.shape[1], CHOICES)) / np.sqrt(8))
    best = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Matrix = floor / CHOICES + (1 - floor) * best / best.sum(axis=1, keepdims=True)
    return found


def coverage(setting: Setting, seed: int, runs: int = RUNS) -> Coverage:
    """Draw logs from the population again and again, and look where the truth lies."""
    world = World(seed)
    people = world.contacts(POPULATION, stream=5)
    truth = world.chances(people) * setting.clicks
    logging = _chances(people, setting.logging, setting.floor, 1)
    asked = _chances(people, setting.asked, 0.0, 2)
    equal = np.full_like(asked, 1 / CHOICES)
    value, plain = float((asked * truth).sum(axis=1).mean()), float(truth.mean())
    random = np.random.default_rng([seed, 6])
    hits: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    clicks, effective = [], []
    for _ in range(runs):
        rows = np.repeat(random.choice(POPULATION, CONTACTS), EACH)
        chosen = np.minimum((random.random(len(rows))[:, None] > logging[rows].cumsum(axis=1)).sum(axis=1), CHOICES - 1)
        reward = (random.random(len(rows)) < truth[rows, chosen]).astype(np.float64)
        whose = np.repeat(np.arange(CONTACTS), EACH)
        logged = LoggedDecisions(whose, reward, logging[rows, chosen])
        predicted = _predicted(people.matrix[rows], chosen, reward, whose)
        everything = np.ones((len(rows), CHOICES), bool)
        first, second = (target_of(one[rows], chosen, everything, predicted) for one in (asked, equal))
        clicks.append(float(reward.sum()))
        effective.append(policy_value(logged, first).effective_rewards)
        for name, found, true in _intervals(logged, first, second, value, plain, random):
            hits.setdefault(name, []).append(found is not None and found.low <= true <= found.high)
            if found is not None:
                widths.setdefault(name, []).append((found.high - found.low) / value)
    return Coverage(
        setting,
        value,
        float(np.mean(clicks)),
        float(np.median(effective)),
        {name: float(np.mean(found)) for name, found in hits.items()},
        {name: float(np.median(found)) for name, found in widths.items()},
    )


def _intervals(
    logged: LoggedDecisions, asked: Target, equal: Target, value: float, plain: float, random: np.random.Generator
) -> Iterator[tuple[str, Interval | None, float]]:
    yield "ips", policy_value(logged, asked, "ips").value, value
    yield "snips", policy_value(logged, asked, "snips").value, value
    yield "dr", policy_value(logged, asked, "dr").value, value
    yield "snips against equal chances", policy_difference(logged, asked, equal, "snips"), value - plain
    yield "dr against equal chances", policy_difference(logged, asked, equal, "dr"), value - plain
    yield "percentile bootstrap of snips", percentile(logged, asked, random), value


def percentile(logged: LoggedDecisions, target: Target, random: np.random.Generator) -> Interval:
    """Return the plain percentile interval of the self-normalised estimate: contacts drawn anew."""
    weight = target.chance / logged.propensity
    over, under = np.bincount(logged.contact, weight * logged.reward), np.bincount(logged.contact, weight)
    drawn = random.poisson(1.0, (DRAWS, len(over))).astype(np.float64)
    low, high = np.quantile((drawn @ over) / (drawn @ under), [0.025, 0.975])
    return Interval(float(over.sum() / under.sum()), float(low), float(high))


def _predicted(
    matrix: Matrix, chosen: NDArray[np.intp], reward: Matrix, whose: NDArray[np.intp], ridge: float = 30.0
) -> Matrix:
    """Predict each message's reward by a line over the features, learned from the other half of the contacts."""
    design = np.column_stack([np.ones(len(matrix)), matrix])
    found = np.empty((len(matrix), CHOICES))
    for half in (0, 1):
        learn = whose % 2 != half
        level = reward[learn].mean()
        for message in range(CHOICES):
            mine = design[learn & (chosen == message)]
            missed = reward[learn & (chosen == message)] - level
            weights = np.linalg.solve(mine.T @ mine + ridge * np.eye(design.shape[1]), mine.T @ missed)
            found[~learn, message] = level + design[~learn] @ weights
    return found
