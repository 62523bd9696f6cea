"""What a contact is worth a day, from its own past: the assumption behind the value at risk."""

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY
from shared.timeline import Pasts
from shared.timeline.pasts import known_since

LOOK_BACK_DAYS = 365
LEAST_DAYS = 30
"""A contact known for a shorter time is taken to have spent over so many days: one order is no rhythm yet."""


def value_rates(pasts: Pasts, cutoffs: NDArray[np.int64], types: tuple[str, ...]) -> NDArray[np.float64]:
    """Tell the value that each contact brought a day, over the last year or since it is known or was first seen.

    Args:
        pasts: one row a contact.
        cutoffs: microseconds, shape (n,).
        types: event types whose values count.

    Returns:
        Per day, shape (n,); NaN where there was no such event with a value.
    """
    codes = [pasts.type_code(name) for name in types if pasts.type_code(name) >= 0]
    n = len(pasts)
    owner = np.repeat(np.arange(n), np.diff(pasts.offsets))
    before = pasts.at < cutoffs[owner]
    recent = pasts.at >= cutoffs[owner] - LOOK_BACK_DAYS * DAY
    rows = np.isin(pasts.type, codes) & before & recent & ~np.isnan(pasts.value)
    total = np.bincount(owner[rows], weights=pasts.value[rows], minlength=n)
    count = np.bincount(owner[rows], minlength=n)
    since = np.minimum(known_since(pasts), cutoffs)
    np.minimum.at(since, owner[before], pasts.at[before])  # a contact moved here from elsewhere ordered before
    days = np.clip((cutoffs - since) / DAY, LEAST_DAYS, LOOK_BACK_DAYS)
    rates: NDArray[np.float64] = np.where(count > 0, total / days, np.nan)
    return rates
