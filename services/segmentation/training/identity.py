"""Which new group is which old one after a retraining: ids and names are kept where half of the members stay."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmentation.model import RULES, SegmentationModel
from services.segmentation.training.clustering import Found
from services.segmentation.training.snapshot import Snapshot
from shared.ties import rounded

Labels = NDArray[np.intp]
Matrix = NDArray[np.float64]

KEPT_FROM = 0.5
"""Jaccard overlap from which a new group is the old one."""
PART_FROM = 0.25
"""Share of a group's members that makes a part worth reporting."""
NEARNESS = 1e-3
"""Weight of the distance of centres: it only decides between equal overlaps."""


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of the groups of the version before."""

    kept: dict[int, int]
    """New position → old position."""
    overlap: dict[int, float]
    """New position → Jaccard overlap with the old group that it was matched to, kept or not."""
    splits: dict[int, list[int]] = field(default_factory=dict)
    """Old position → new positions that took at least a quarter of it each."""
    merges: dict[int, list[int]] = field(default_factory=dict)
    """New position → old positions of which it took at least half each."""


def overlaps(old: Labels, new: Labels, *, old_k: int, new_k: int) -> tuple[Matrix, Matrix]:
    """Count common members.

    Args:
        old: group of each contact in the version before, shape (n,).
        new: group of the same contacts now, shape (n,).
        old_k: how many groups there were.
        new_k: how many there are.

    Returns:
        Members in common, and their Jaccard overlap, both of shape (old_k, new_k).

    >>> overlaps(np.array([0, 0, 1]), np.array([0, 1, 1]), old_k=2, new_k=2)[1].tolist()
    [[0.5, 0.3333333333333333], [0.0, 0.5]]
    """
    both = np.bincount(old * new_k + new, minlength=old_k * new_k).reshape(old_k, new_k).astype(np.float64)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return both, both / np.maximum(either, 1.0)


def matched(old: Labels, new: Labels, *, old_centres: Matrix, new_centres: Matrix) -> Matching:
    """Match new groups to old ones so that the overlaps sum to the most.

    Source: Kuhn (1955), The Hungarian method for the assignment problem.

    Args:
        old: group of each contact by the version before, today, shape (n,).
        new: group of the same contacts now, shape (n,).
        old_centres: mean place of the members of each old group, in today's places, shape (old_k, q).
        new_centres: shape (new_k, q).
    """
    from scipy.optimize import linear_sum_assignment

    old_k, new_k = len(old_centres), len(new_centres)
    both, jaccard = overlaps(old, new, old_k=old_k, new_k=new_k)
    apart = np.sqrt(((old_centres[:, None] - new_centres[None]) ** 2).sum(axis=2))
    nearness = NEARNESS * (1 - apart / max(float(apart.max()), 1e-9))
    rows, columns = linear_sum_assignment(-rounded(jaccard + nearness))
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    of_old = both / np.maximum(both.sum(axis=1, keepdims=True), 1.0)
    splits = {row: np.flatnonzero(of_old[row] >= PART_FROM).tolist() for row in range(old_k)}
    merges = {column: np.flatnonzero(of_old[:, column] >= KEPT_FROM).tolist() for column in range(new_k)}
    return Matching(
        kept={new_at: old_at for old_at, new_at in pairs if jaccard[old_at, new_at] >= KEPT_FROM},
        overlap={new_at: float(jaccard[old_at, new_at]) for old_at, new_at in pairs},
        splits={row: parts for row, parts in splits.items() if len(parts) > 1},
        merges={column: parts for column, parts in merges.items() if len(parts) > 1},
    )


def means(places: Matrix, labels: Labels, *, k: int) -> Matrix:
    """Average the places of each group's members, shape (k, q); an empty group lies where everybody does."""
    counts = np.bincount(labels, minlength=k)
    sums = np.zeros((k, places.shape[1]))
    np.add.at(sums, labels, places)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], places.mean(axis=0))


def matching_json(matching: Matching, old_ids: list[str], new_ids: list[str]) -> dict[str, Any]:
    """Write what became of the groups, by id.

    Args:
        matching: by position.
        old_ids: of the version before.
        new_ids: of this one.
    """
    return {
        "kept": {new_ids[new]: round(matching.overlap[new], 4) for new in sorted(matching.kept)},
        "new": [new_ids[at] for at in range(len(new_ids)) if at not in matching.kept],
        "retired": [old_ids[at] for at in range(len(old_ids)) if at not in matching.kept.values()],
        "split": {old_ids[old]: [new_ids[at] for at in parts] for old, parts in matching.splits.items()},
        "merged": {new_ids[new]: [old_ids[at] for at in parts] for new, parts in matching.merges.items()},
    }


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
    """Return how many groups the version before found; a rule's four say nothing."""
    return None if previous is None or previous.kind == RULES else len(previous.segments)


def start(previous: SegmentationModel | None, snapshot: Snapshot, k: int) -> Matrix | None:
    """Begin where the members of the groups before are today, so that the same population gives the same groups.

    Args:
        previous: the version before.
        snapshot: everybody.
        k: how many groups are to be found.

    Returns:
        Centres, shape (k, q); None where there is nothing to begin from.
    """
    if previous is None or found_before(previous) != k:
        return None
    labels = snapshot.assigned(previous)
    return means(snapshot.places, labels, k=k) if len(np.unique(labels)) == k else None


def identity(previous: SegmentationModel | None, snapshot: Snapshot, found: Found, *, by_rule: bool) -> Identity:
    """Number and name the groups: a kept one keeps both, a new one gets a number that was never used.

    Args:
        previous: the version before.
        snapshot: everybody.
        found: the new groups.
        by_rule: whether they were set, not found: the same rule sets the same groups.
    """
    k = len(found.grouping)
    if previous is None:
        return Identity(None, tuple(range(1, k + 1)), k + 1, {})
    if by_rule and previous.kind == RULES:
        matching = Matching({at: at for at in range(k)}, dict.fromkeys(range(k), 1.0))
    else:
        old = snapshot.assigned(previous)
        old_centres = means(snapshot.places, old, k=len(previous.segments))
        matching = matched(old, found.labels, old_centres=old_centres, new_centres=found.grouping.centres)
    kept = {new: previous.segments[old].named for new, old in matching.kept.items()}
    fresh = iter(range(previous.next_number, previous.next_number + k))
    numbers = tuple(int(kept[at].id[1:]) if at in kept else next(fresh) for at in range(k))
    return Identity(
        matching, numbers, next(fresh, previous.next_number + k), {at: one.name for at, one in kept.items()}
    )
