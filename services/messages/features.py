"""What a policy looks at of a contact: how active it is, what it did lately, what it orders, and its attributes.

Few columns, chosen from what the data can feed: weights of every message are learned for each of them.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from shared.contracts.engagement import SENT as EMAIL
from shared.features import Feature, Learned, learn
from shared.timeline import Pasts
from shared.values.words import SENT

MOST_TYPES = 5
"""Event types with columns of their own: the most widespread ones that a contact does itself."""
MOST_RATES = 2
WEEK_DAYS, LATELY_DAYS, LONG_DAYS = 7, 30, 365


def contact_features(
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    *,
    allowed: Collection[str] = (),
    forbidden: Collection[str] = (),
) -> Learned:
    """Declare the columns that decisions can feed.

    Args:
        pasts: everybody who may be learned from.
        contact: row of each decision, shape (n,).
        cutoff: when it was made, shape (n,).
        allowed: attributes used although they are personal or not dated.
        forbidden: attributes that are never used.
    """
    found = learn(pasts, contact, cutoff, allowed=allowed, excluded=forbidden)
    features = found.feature_set.features
    types = dict.fromkeys(
        one.type for one in features if one.kind == "count" and one.type is not None and one.type not in SENT
    )
    wanted = {None, *list(types)[:MOST_TYPES]}
    rates = [one.name for one in features if one.kind == "rate"][:MOST_RATES]
    kept = [place for place, one in enumerate(features) if _is_kept(one, wanted, rates)]
    return Learned(found.feature_set.take(kept), found.left_out, found.columns)


def _is_kept(feature: Feature, types: Collection[str | None], rates: Collection[str]) -> bool:
    if feature.attribute or feature.kind == "known_days" or feature.name in rates:
        return True
    if feature.kind == "count" and feature.type == EMAIL:
        return feature.window_days in (WEEK_DAYS, LATELY_DAYS)
    if feature.kind == "count":
        days = (LATELY_DAYS, LONG_DAYS) if feature.type is None else (LATELY_DAYS,)
        return feature.type in types and feature.window_days in days
    if feature.kind == "value_sum":
        return feature.type in types and feature.type is not None and feature.window_days == LONG_DAYS
    return feature.kind == "days_since_last" and feature.type in types
