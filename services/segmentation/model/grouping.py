"""Groups as centres with one spread: how surely a place belongs to each, and which column says so. Pure numpy."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.ties import falling

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Grouping:
    """k groups among places of q columns.

    Each group is a Gaussian of the same spread in every direction, all equally likely before a contact is looked
    at: then the surest group is the one with the nearest centre, which is what k-means finds.
    Source: Celeux and Govaert (1992), A classification EM algorithm, section 3.
    """

    centres: Matrix
    """(k, q) weighted standard deviations."""
    spread: float
    """Variance inside a group, a column."""

    def __len__(self) -> int:
        """Count the groups."""
        return len(self.centres)

    @classmethod
    def of(cls, places: Matrix, labels: NDArray[np.intp], centres: Matrix) -> Self:
        """Measure the spread of given groups.

        Args:
            places: shape (n, q).
            labels: group of each, shape (n,).
            centres: shape (k, q).
        """
        within = float(np.square(places - centres[labels]).mean())
        return cls(centres, max(within, 1e-3))

    def with_centres(self, centres: Matrix) -> Self:
        """Keep the spread among other columns, shape (k, q): one in which all centres agree changes no answer."""
        return replace(self, centres=centres)

    @cached_property
    def _halves(self) -> NDArray[np.float64]:
        return np.asarray((self.centres**2).sum(axis=1) / 2)

    def margins(self, places: Matrix) -> Matrix:
        """Tell the log-odds of each group against an arbitrary common one, shape (n, k).

        >>> Grouping(np.array([[0.0], [2.0]]), 1.0).margins(np.array([[1.0]])).tolist()
        [[0.0, 0.0]]
        """
        margins: Matrix = (places @ self.centres.T - self._halves) / self.spread
        return margins

    def nearest(self, places: Matrix) -> NDArray[np.intp]:
        """Tell the group of each place, shape (n,); of equally sure ones the first."""
        return np.asarray(self.surest(places)[:, 0])

    def surest(self, places: Matrix) -> NDArray[np.intp]:
        """Order the groups of each place, the surest first, equally sure ones in their order, shape (n, k)."""
        return falling(self.margins(places))

    def membership(self, places: Matrix) -> Matrix:
        """Tell how surely each place belongs to each group, shape (n, k); rows sum to 1.

        >>> Grouping(np.array([[0.0], [2.0]]), 1.0).membership(np.array([[1.0]])).tolist()
        [[0.5, 0.5]]
        """
        margins = self.margins(places)
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        sure: Matrix = odds / odds.sum(axis=1, keepdims=True)
        return sure

    def contributions(self, places: Matrix, first: NDArray[np.intp], second: NDArray[np.intp]) -> Matrix:
        """Share the log-odds of one group against another among the columns; rows sum to them exactly.

        Args:
            places: shape (n, q).
            first: group of each row, shape (n,).
            second: the other group, shape (n,).

        Returns:
            Shape (n, q): ((x - b)^2 - (x - a)^2) / (2 spread) a column, a and b the centres of first and second.

        >>> two = Grouping(np.array([[0.0, 0.0], [2.0, 1.0]]), 1.0)
        >>> two.contributions(np.array([[0.5, 1.0]]), np.array([0]), np.array([1])).tolist()
        [[1.0, -0.5]]
        """
        a, b = self.centres[first], self.centres[second]
        shares: Matrix = (b - a) * ((a + b) / 2 - places) / self.spread
        return shares
