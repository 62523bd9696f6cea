"""Who is who after a retraining: where to begin, which group is an old one, which number and name it has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.segmentation.model import RULES, SegmentationModel
from services.segmentation.train.finding import Found
from services.segmentation.train.matching import Matching, matched, means
from services.segmentation.train.today import Today

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a version's groups have from the version before."""

    matching: Matching | None
    """None: there was none before."""
    numbers: tuple[int, ...]
    """The number in the id of each group."""
    next_number: int
    names: dict[int, str]
    """Position → the name that a kept group has."""


def found_before(previous: SegmentationModel | None) -> int | None:
    """Tell how many groups the version before found; a rule's four say nothing."""
    return None if previous is None or previous.kind == RULES else len(previous.segments)


def start(previous: SegmentationModel | None, today: Today, k: int) -> Matrix | None:
    """Begin where the members of the groups before are today, so that the same population gives the same groups.

    Args:
        previous: the version before.
        today: everybody.
        k: how many groups are to be found.

    Returns:
        Centres, shape (k, q); None where there is nothing to begin from.
    """
    if previous is None or found_before(previous) != k:
        return None
    labels = today.assigned(previous)
    return means(today.places, labels, k=k) if len(np.unique(labels)) == k else None


def identity(previous: SegmentationModel | None, today: Today, found: Found, *, by_rule: bool) -> Identity:
    """Number and name the groups: a kept one keeps both, a new one gets a number that was never used.

    Args:
        previous: the version before.
        today: everybody.
        found: the new groups.
        by_rule: whether they were set, not found: the same rule sets the same groups.
    """
    k = len(found.grouping)
    if previous is None:
        return Identity(None, tuple(range(1, k + 1)), k + 1, {})
    if by_rule and previous.kind == RULES:
        matching = Matching({at: at for at in range(k)}, dict.fromkeys(range(k), 1.0))
    else:
        old = today.assigned(previous)
        old_centres = means(today.places, old, k=len(previous.segments))
        matching = matched(old, found.labels, old_centres=old_centres, new_centres=found.grouping.centres)
    kept = {new: previous.segments[old].named for new, old in matching.kept.items()}
    fresh = iter(range(previous.next_number, previous.next_number + k))
    numbers = tuple(int(kept[at].id[1:]) if at in kept else next(fresh) for at in range(k))
    return Identity(
        matching, numbers, next(fresh, previous.next_number + k), {at: one.name for at, one in kept.items()}
    )
