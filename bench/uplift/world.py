"""A made world with known effects: four kinds of contacts, told apart by what is known of them, and by noise.

It was fixed before any learner was tuned on it. Seeds 0 to 4 are those that it was looked at with; FRESH_SEEDS were
tried at the end, once.
"""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
KINDS = ("persuadable", "sure_thing", "lost_cause", "do_not_disturb")
WITHOUT = {"persuadable": 0.10, "sure_thing": 0.45, "lost_cause": 0.05, "do_not_disturb": 0.40}
"""Chance of the outcome without treatment."""
EFFECTS = {"persuadable": 0.20, "sure_thing": 0.0, "lost_cause": 0.0, "do_not_disturb": -0.15}
"""What the treatment adds to it."""
NOISE_COLUMNS = 12
BLUR = 0.3
"""How far the columns blur which kind a contact is."""
SIZE = 20_000
SEEDS, FRESH_SEEDS = (0, 1, 2, 3, 4), (101, 102, 103, 104, 105)


@dataclass(frozen=True, slots=True)
class World:
    """Contacts, what they were given by lot, and what they did."""

    values: Vector
    """Shape (n, p): two columns that tell the kinds apart, and noise."""
    kind: NDArray[np.int64]
    """Index into KINDS; -1 where there are none."""
    arm: NDArray[np.int32]
    """0 or 1, by even chances."""
    label: Vector
    without: Vector
    """True chance without treatment."""
    effect: Vector
    """What the treatment truly adds."""
    expected_effect: Vector
    """The same as far as the columns tell it: the mean over contacts of the same values."""


def four_groups(seed: int, n: int = SIZE) -> World:
    """Make a world of four kinds: the signs of two columns tell them, blurred where a column lies near 0."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, 2 + NOISE_COLUMNS))
    blurred = values[:, :2] + draw.normal(scale=BLUR, size=(n, 2))
    kind = (blurred[:, 0] > 0).astype(np.int64) * 2 + (blurred[:, 1] > 0)
    without = np.array([WITHOUT[name] for name in KINDS])[kind]
    effect = np.array([EFFECTS[name] for name in KINDS])[kind]
    likely = _normal(values[:, :2] / BLUR)
    chances = np.column_stack(
        [a * b for a in (1 - likely[:, 0], likely[:, 0]) for b in (1 - likely[:, 1], likely[:, 1])]
    )
    return _treated(draw, values, kind, without, effect, chances @ np.array([EFFECTS[name] for name in KINDS]))


def same_for_all(seed: int, n: int = SIZE, *, effect: float = 0.05) -> World:
    """Make a world in which the treatment adds the same for everybody, whatever they would do without it."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, 2 + NOISE_COLUMNS))
    without = 0.05 + 0.4 / (1 + np.exp(-1.5 * values[:, 0] - values[:, 1]))
    return _treated(draw, values, np.full(n, -1, dtype=np.int64), without, *[np.full(n, effect)] * 2)


def _normal(values: Vector) -> Vector:
    """Return the share of the normal distribution below each value."""
    return 0.5 * (1 + np.vectorize(erf)(values / sqrt(2)))  # type: ignore[no-any-return]


def _treated(
    draw: np.random.Generator,
    values: Vector,
    kind: NDArray[np.int64],
    without: Vector,
    effect: Vector,
    expected_effect: Vector,
) -> World:
    arm = (draw.random(len(values)) < 0.5).astype(np.int32)
    label = (draw.random(len(values)) < without + arm * effect).astype(np.float64)
    return World(values, kind, arm, label, without, effect, expected_effect)
