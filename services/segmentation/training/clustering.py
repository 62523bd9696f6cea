"""Find groups by k-means, measure how far subsamples agree, and find the micro-segments of a large group."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import LEADING
from services.segmentation.model import Grouping, Transform
from shared.features import FeatureSet
from shared.ties import rounded

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

STARTS = 20
SUBSAMPLES = 6
SUBSAMPLE_SHARE = 0.8
MOST_TO_FIND = 100_000
"""Contacts beyond which a sample finds the centres; everybody is assigned to them."""
MOST_TO_COMPARE = 20_000
"""Contacts beyond which agreement is measured on a sample."""


@dataclass(frozen=True, slots=True)
class Found:
    """Groups and who belongs to which."""

    grouping: Grouping
    labels: Labels
    """(n,) group of each place."""


def find(places: Matrix, k: int, *, seed: int, start: Matrix | None = None) -> Found:
    """Find k groups.

    Args:
        places: shape (n, q).
        k: how many.
        seed: of starts and sample.
        start: centres to begin from, shape (k, q); None: the best of twenty starts.
    """
    sample = places
    if len(places) > MOST_TO_FIND:
        sample = places[np.random.default_rng(seed).permutation(len(places))[:MOST_TO_FIND]]
    centres = _k_means(sample, k, seed=seed, start=start)
    labels = Grouping(centres, 1.0).nearest(places)
    # The largest group first: the order means nothing, but it is always the same.
    sizes = np.bincount(labels, minlength=k)
    order = np.lexsort((*rounded(centres).T[::-1], -sizes))
    centres, place = centres[order], np.argsort(order)
    return Found(Grouping.of(places, place[labels], centres), place[labels])


def _k_means(places: Matrix, k: int, *, seed: int, start: Matrix | None) -> Matrix:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    begun = "k-means++" if start is None else start
    # Threads that wait for each other beside a busy service took 30 times as long (176 s instead of 6 s, measured).
    with threadpool_limits(limits=1):
        fitted = KMeans(k, init=begun, n_init=STARTS if start is None else 1, random_state=seed, tol=1e-6).fit(places)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def agreement(places: Matrix, k: int, *, seed: int) -> float:
    """Return how far groups found in 80 % subsamples agree: the mean adjusted Rand index over all pairs of six.

    Two subsamples are compared on the contacts that both have; 1 is the same groups, 0 what chance gives.
    Source: Hubert and Arabie (1985), Comparing partitions; Ben-Hur, Elisseeff and Guyon (2002).

    Args:
        places: shape (n, q).
        k: how many groups.
        seed: of the subsamples; each begins k-means from a seed of its own.
    """
    from sklearn.metrics import adjusted_rand_score

    generator = np.random.default_rng(seed)
    n = min(len(places), MOST_TO_COMPARE)
    pool = generator.permutation(len(places))[:n]
    found = []
    for number in range(SUBSAMPLES):
        rows = generator.permutation(n)[: int(SUBSAMPLE_SHARE * n)]
        labels = np.full(n, -1, dtype=np.intp)
        labels[rows] = find(places[pool[rows]], k, seed=seed + number + 1).labels
        found.append(labels)
    both = [((a >= 0) & (b >= 0), a, b) for a, b in combinations(found, 2)]
    return float(np.mean([adjusted_rand_score(a[kept], b[kept]) for kept, a, b in both]))


LARGE_SHARE = 0.15
LARGE_SIZE = 300
"""Members, and share of the contacts, from which a segment is looked into."""
STABLE = 0.9
"""Agreement of 80 % subsamples from which groups are served: excellent by Steinley (2004)."""
SMALLEST_SHARE = 0.1
"""Of the segment, below which a group is no micro-segment."""
MOST_MICRO_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class MicroSegments:
    """The micro-segments of one segment."""

    grouping: Grouping
    """In unweighted standard deviations, all columns; those that lead agree in all centres."""
    labels: Labels
    """(n_members,) group of each member."""


def micro_segments(
    feature_set: FeatureSet, transform: Transform, standardised: Matrix, *, of_all: int, seed: int
) -> MicroSegments | None:
    """Find the micro-segments of a segment, the most that are stable; None where there are none.

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
    for k in range(MOST_MICRO_SEGMENTS, 1, -1):
        found = find(places, k, seed=seed)
        if (
            np.bincount(found.labels, minlength=k).min() < SMALLEST_SHARE * n
            or agreement(places, k, seed=seed) < STABLE
        ):
            continue
        centres = np.zeros((k, transform.width))
        centres[:, manner] = found.grouping.centres
        return MicroSegments(found.grouping.with_centres(centres), found.labels)
    return None
