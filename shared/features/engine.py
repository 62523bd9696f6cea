"""The engine: one vectorised evaluation from one contact to millions, used by training, batch and serving alike.

Frames are expanded into (frame, event) pairs in blocks of bounded size; every window of every type comes out of
one `bincount` over (frame, type, age bin), because the windows are nested: a cumulative sum over the bins gives
them all. What a feature set does not ask for is not computed.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY
from shared.features import columns
from shared.features.attributes import attribute_column
from shared.features.feature import ATTRIBUTE_KINDS
from shared.features.feature_set import FeatureSet
from shared.features.pairs import Basis, Pairs
from shared.timeline.frames import LOOKBACK_DAYS, LOOKBACK_EVENTS, positions_before
from shared.timeline.pasts import NEVER, Pasts

FloatMatrix = NDArray[np.float64]
PAIRS_PER_BLOCK = 200_000
"""Few enough that the arrays of a block stay in the processor's cache."""


def matrix(feature_set: FeatureSet, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> FloatMatrix:
    """Compute the features of each frame from what lies strictly before its cutoff.

    Args:
        feature_set: which columns.
        pasts: the contacts' events and attributes.
        contact: row in `pasts` of each frame, shape (n,).
        cutoff: microseconds, shape (n,).

    Returns:
        Shape (n, len(feature_set)); NaN where there is nothing to say.
    """
    result = np.full((len(contact), len(feature_set)), np.nan)
    plan = feature_set.plan
    end = positions_before(pasts, contact, cutoff)
    start = _lookback_start(pasts, contact, cutoff, end)
    basis = Basis(pasts, plan.codes_of(pasts.types), plan.n_types)
    for rows in _blocks(end - start + plan.n_types):
        pairs = Pairs(basis, contact[rows], cutoff[rows], (start[rows], end[rows]))
        columns.fill(result[rows], plan, pairs)
    for column, _ in plan.by_kind.get("known_days", ()):
        result[:, column] = _known_days(pasts, contact, cutoff, (start, end))
    for kind in ATTRIBUTE_KINDS:
        for column, feature in plan.by_kind.get(kind, ()):
            result[:, column] = attribute_column(feature, pasts, contact, cutoff)
    return result


def truncated(pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which frames have more events before the cutoff than the engine looks at, shape (n,)."""
    end = positions_before(pasts, contact, cutoff)
    return _lookback_start(pasts, contact, cutoff, end) > pasts.offsets[contact]


def _lookback_start(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    oldest = positions_before(pasts, contact, cutoff - LOOKBACK_DAYS * DAY)
    return np.maximum(oldest, end - LOOKBACK_EVENTS)


def _blocks(sizes: NDArray[np.int64]) -> Iterator[slice]:
    """Cut the frames into runs of about PAIRS_PER_BLOCK pairs at most; a frame without events costs its cells."""
    if len(sizes) == 1:
        yield slice(0, 1)
        return
    total = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        done = int(total[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(total, done + PAIRS_PER_BLOCK, side="right")))
        yield slice(begin, stop)
        begin = stop


def _known_days(
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Count from `created_at`, else from the first event that the lookback shows: serving sees no older one."""
    start, end = bounds
    created = pasts.created_at[contact]
    first = np.full(len(contact), NEVER, dtype=np.int64)
    seen = end > start
    first[seen] = pasts.at[start[seen]]
    since = np.where(created == NEVER, first, created)
    return np.where(since < cutoff, (cutoff - since) / DAY, np.nan)
