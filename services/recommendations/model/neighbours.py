"""Items that the same contacts buy: of each item the most alike, by co-occurrence with shrinkage. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.history import Rows, Vector

MOST_NEIGHBOURS = 40
"""Kept of each item."""
SHRINKAGE = 10.0
"""Buyers worth of having nothing in common in every pair of items."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of each item the items most alike, the most alike first."""

    item: NDArray[np.int32]
    """(items, k) codes; -1 where there are no more."""
    likeness: NDArray[np.float32]
    """(items, k) 0 to 1; 0 where there are no more."""

    def pull(self, owner: Rows, item: Rows, weight: Vector) -> tuple[Rows, Vector]:
        """Sum what each contact's items say of others.

        Args:
            owner: contact of each item of a history, shape (n,).
            item: codes, shape (n,).
            weight: of each, shape (n,).

        Returns:
            Pairs as `contact * items + item`, ascending, and the sum of each.
        """
        near = self.item[item]
        kept = near >= 0
        pair = (owner[:, None] * len(self.item) + near)[kept]
        pairs, place = np.unique(pair, return_inverse=True)
        value: Vector = np.bincount(
            place, weights=(self.likeness[item] * weight[:, None])[kept], minlength=len(pairs)
        ).astype(np.float64)
        return pairs, value
