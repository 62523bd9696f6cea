"""Items as vectors: whoever buys alike points the same way. A contact's vector is made from its own history. Pure.

Source: Hu, Koren, Volinsky (2008), Collaborative filtering for implicit feedback datasets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.history import Rows, Vector

Matrix32 = NDArray[np.float32]
MOST_FOLDED = 200
"""Items of one contact's history that are looked at, the latest."""
FADE_DAYS = 180.0


def strength(count: Vector, age: Vector) -> Vector:
    """Return how much a contact's item says of what it likes: more where bought often and lately, shape (n,)."""
    value: Vector = (1.0 + np.log(count)) * 0.5 ** (age / FADE_DAYS)
    return value


@dataclass(frozen=True, slots=True)
class Factors:
    """Vectors of all items."""

    item: Matrix32
    """(items, k)"""
    gram: NDArray[np.float64]
    """(k, k) `item.T @ item` plus the ridge."""
    alpha: float
    """How much more a bought item counts than one that was not."""
    ridge: float
    """Pull to zero."""

    @classmethod
    def of(cls, item: Matrix32, *, alpha: float, ridge: float) -> "Factors":
        """Take vectors as they were learned."""
        wide = item.astype(np.float64)
        return cls(item, wide.T @ wide + ridge * np.eye(item.shape[1]), alpha, ridge)

    @property
    def width(self) -> int:
        """Return how long a vector is."""
        return int(self.item.shape[1])

    def fold_in(self, offsets: Rows, item: Rows, weight: Vector) -> NDArray[np.float64]:
        """Return each contact's vector: the least squares solution for its own items, shape (contacts, k).

        Args:
            offsets: rows of contact i are offsets[i]:offsets[i + 1].
            item: codes, shape (n,).
            weight: strength of each, shape (n,).
        """
        n = len(offsets) - 1
        found = np.zeros((n, self.width))
        for contact in range(n):
            begin, end = int(offsets[contact]), int(offsets[contact + 1])
            if end > begin:
                found[contact] = np.linalg.solve(*self._equations(item[begin:end], weight[begin:end]))
        return found

    def values(self, people: NDArray[np.float64]) -> Matrix32:
        """Return what every item is worth to each contact, shape (contacts, items)."""
        wide = people.astype(np.float32)
        if len(wide) == 1:  # rows are read as they lie in memory, which takes a third of the time
            only: Matrix32 = (self.item @ wide[0])[None]
            return only
        found: Matrix32 = wide @ self.item.T
        return found

    def _equations(self, item: Rows, weight: Vector) -> tuple[NDArray[np.float64], Vector]:
        mine = self.item[item].astype(np.float64)
        extra = self.alpha * weight
        return self.gram + mine.T @ (mine * extra[:, None]), mine.T @ (1.0 + extra)
