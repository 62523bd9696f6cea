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

    def pull(self, owner: Rows, item: Rows, weight: Vector, contacts: int) -> NDArray[np.float64]:
        """Sum what each contact's items say of all items.

        Args:
            owner: contact of each item of a history, shape (n,).
            item: codes, shape (n,).
            weight: of each, shape (n,).
            contacts: how many there are.

        Returns:
            Shape (contacts, items).
        """
        items = len(self.item)
        near = self.item[item]
        value = self.likeness[item] * weight[:, None]
        place = owner[:, None] * items + near
        kept = near >= 0
        dense: Vector = np.bincount(place[kept], weights=value[kept], minlength=contacts * items).astype(np.float64)
        return dense.reshape(contacts, items)
