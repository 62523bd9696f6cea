"""Which features churn uses: everything the past can feed, except what would give the outcome away."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import Outcome
from shared.features import Learned, learn
from shared.timeline import Pasts


def churn_features(
    outcome: Outcome,
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
) -> Learned:
    """Learn the feature set of one outcome; features are frozen at the cutoff, whatever the predicted period.

    Args:
        outcome: its attribute, if it is one, is never a feature.
        pasts: the contacts that are trained on.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        allowed: attributes used although they are personal, not dated or suspicious.
        forbidden: attributes that are never features.

    Returns:
        The feature set, and the attributes left out with the reason.
    """
    own = {outcome.attribute, *forbidden} if outcome.attribute else set(forbidden)
    return learn(pasts, contact, cutoff, excluded=own, allowed=allowed, dated_only=outcome.attribute is None)
