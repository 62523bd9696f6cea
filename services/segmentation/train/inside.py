"""A second level: groups inside a large segment, by the manner of its members, where subsamples agree on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import LEADING
from services.segmentation.model import Grouping, Transform
from services.segmentation.train.finding import agreement, find
from shared.features import FeatureSet

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

LARGE_SHARE = 0.15
LARGE_SIZE = 300
"""Members, and share of the contacts, from which a segment is looked into."""
STABLE = 0.9
"""Agreement of 80 % subsamples from which groups inside are offered."""
SMALLEST_SHARE = 0.1
"""Of the segment, below which a group inside is none."""
MOST_INSIDE = 4


@dataclass(frozen=True, slots=True)
class Inner:
    """Groups inside a segment."""

    grouping: Grouping
    """In unweighted standard deviations, all columns; those that lead agree in all centres."""
    labels: Labels
    """(n_members,) group of each member."""


def look_inside(
    feature_set: FeatureSet, transform: Transform, standardised: Matrix, *, of_all: int, seed: int
) -> Inner | None:
    """Find groups inside a segment, the most that are stable; None where there are none.

    Args:
        feature_set: the columns.
        transform: how they became places.
        standardised: unweighted places of the members, shape (n_members, q).
        of_all: how many contacts there are in all segments.
        seed: of starts and subsamples.
    """
    n = len(standardised)
    manner = np.array([feature.thing not in LEADING for feature in transform.columns_of(feature_set)])
    if n < max(LARGE_SIZE, LARGE_SHARE * of_all) or not manner.any():
        return None
    places = standardised[:, manner]
    for k in range(MOST_INSIDE, 1, -1):
        found = find(places, k, seed=seed)
        if (
            np.bincount(found.labels, minlength=k).min() < SMALLEST_SHARE * n
            or agreement(places, k, seed=seed) < STABLE
        ):
            continue
        centres = np.zeros((k, transform.width))
        centres[:, manner] = found.grouping.centres
        return Inner(found.grouping.with_centres(centres), found.labels)
    return None
