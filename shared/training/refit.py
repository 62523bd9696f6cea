"""What a fit on all frames needs to know, where the competition was held on frames drawn from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.features import FeatureSet, Inputs
from shared.learners.trees import Trees, TreeShape


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """The trees that won, to be grown once more on every frame."""

    outcome: Outcome
    """Its event type alone, the one that the data has."""
    since: Microseconds
    """Earliest cutoff."""
    until: Microseconds
    """The end of the data."""
    frames: int
    """How many there were of the contacts that were read, before any were drawn."""
    feature_set: FeatureSet
    inputs: Inputs
    """What stands in for missing values."""
    shape: TreeShape
    rounds: int
    seed: int


class RefittedOnAll(NamedTuple):
    """Trees of all frames."""

    learner: Trees
    frames: int


RefitOnAll = Callable[[RefitRequest], RefittedOnAll | None]
"""Grow the trees on all frames; None: these are too few to be worth it."""
