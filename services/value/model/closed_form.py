"""BG/NBD and Gamma-Gamma in closed form: orders, silence and order value of contacts from four numbers each. Pure."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
NODES = 24
"""Points at which the dropout is integrated over: expected orders differ from the exact ones by less than 1e-6."""
MOST_EXACT = 128
"""Repeat orders up to which the points are those of the number itself; beyond they are scaled from a near one."""


class Histories(NamedTuple):
    """What the closed forms need to know of contacts with an order; vectors of shape (n,)."""

    repeats: Vector
    """Orders after the first."""
    recency: Vector
    """Days from the first order to the last."""
    age: Vector
    """Days from the first order to the cutoff."""
    mean_value: Vector
    """What an order brought on average, refunds taken off."""


@dataclass(frozen=True)
class ClosedForm:
    """A fitted BG/NBD with a fitted Gamma-Gamma; `a` of 0 knows no dropout: everybody goes on at the own rate.

    Sources: Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24 (2), 275-284;
    Fader and Hardie (2013), The Gamma-Gamma model of monetary value, brucehardie.com/notes/025.
    """

    r: float
    alpha: float
    """Order rates are gamma (r, alpha) distributed, per day."""
    a: float
    b: float
    """The chance to drop out after an order is beta (a, b) distributed."""
    p: float
    q: float
    gamma: float
    """Order values of a contact are gamma (p, nu), and nu is gamma (q, gamma) distributed."""

    def alive(self, known: Histories) -> Vector:
        """Return the chance that a contact has not dropped out yet, shape (n,).

        >>> one = Histories(np.array([0.0, 1.0]), np.zeros(2), np.array([90.0, 90.0]), np.ones(2))
        >>> ClosedForm(1.0, 10.0, 1.0, 1.0, 2.0, 3.0, 10.0).alive(one).round(4).tolist()
        [1.0, 0.0099]
        """
        x, recency, age = known.repeats, known.recency, known.age
        if self.a == 0:
            return np.ones(len(x))
        longer = (self.r + x) * np.log((self.alpha + age) / (self.alpha + recency))
        odds = np.exp(np.minimum(longer, 700.0)) * self.a / (self.b + np.maximum(x, 1.0) - 1.0)
        alive: Vector = np.where(x > 0, 1.0 / (1.0 + odds), 1.0)
        return alive

    def silent(self, known: Histories, alive: Vector, days: Vector) -> Matrix:
        """Return the chance of no order within so many days, shape (n, k).

        Derived from the model: given that a contact is alive, its rate is gamma (r + x, alpha + age) distributed.

        Args:
            known: of the contacts.
            alive: of the same contacts.
            days: shape (k,).
        """
        waits = -np.log1p(days / (self.alpha + known.age)[:, None]) * (self.r + known.repeats)[:, None]
        chance: Matrix = 1.0 + alive[:, None] * np.expm1(waits)
        return chance

    def orders(self, known: Histories, alive: Vector, days: Vector) -> Matrix:
        """Return the expected number of orders within so many days, shape (n, k).

        The same as formula (10) of the source, as an integral over the dropout p, which given that the contact is
        alive is beta (a, b + x) distributed: orders come at the rate and end with the chance p, so that
        (1 - (1 + p t / (alpha + age)) ** -(r + x)) / p of them come within t.

        Args:
            known: of the contacts.
            alive: of the same contacts.
            days: shape (k,).
        """
        share = days / (self.alpha + known.age)[:, None]
        power = (self.r + known.repeats)[:, None]
        if self.a == 0:
            plain: Matrix = share * power
            return plain
        points, weights = self._dropouts(known.repeats)
        found: Matrix = np.empty_like(share)
        step = max(1, 200_000 // (points.shape[1] * max(1, len(days))))
        for start in range(0, len(share), step):
            rows = slice(start, start + step)
            p = points[rows, None, :]
            each = -np.expm1(-power[rows, :, None] * np.log1p(p * share[rows, :, None])) / p
            found[rows] = np.einsum("nkj,nj->nk", each, weights[rows])
        return found * alive[:, None]

    def order_value(self, known: Histories) -> Vector:
        """Return what an order of each contact is worth: its own mean, drawn towards everybody's, shape (n,).

        >>> one = Histories(np.array([0.0, 99.0]), np.zeros(2), np.ones(2), np.array([100.0, 100.0]))
        >>> ClosedForm(1.0, 10.0, 1.0, 1.0, 2.0, 3.0, 50.0).order_value(one).tolist()
        [75.0, 99.5049504950495]
        """
        orders = known.repeats + 1.0
        worth: Vector = self.p * (self.gamma + orders * known.mean_value) / (self.p * orders + self.q - 1.0)
        return worth

    def _dropouts(self, repeats: Vector) -> tuple[Matrix, Matrix]:
        """Return points and weights of the dropout of each contact, shape (n, NODES) both."""
        counts, points, weights = self._table
        place = np.searchsorted(counts, repeats)
        place = np.minimum(place, len(counts) - 1)
        scale = (self.b + counts[place]) / (self.b + repeats)
        return np.minimum(points[place] * scale[:, None], 1.0), weights[place]

    @cached_property
    def _table(self) -> tuple[Vector, Matrix, Matrix]:
        """Return numbers of repeat orders, with the points and the weights of each."""
        few = np.arange(MOST_EXACT, dtype=np.float64)
        many = np.unique(np.round(MOST_EXACT * 1.15 ** np.arange(27)))
        counts = np.concatenate([few, many])
        found = [beta_quadrature(self.a, self.b + count, NODES) for count in counts.tolist()]
        return counts, np.stack([points for points, _ in found]), np.stack([weights for _, weights in found])

    def to_json(self) -> dict[str, float]:
        """Write as plain values."""
        return asdict(self)


def beta_quadrature(a: float, b: float, nodes: int) -> tuple[Vector, Vector]:
    """Return points in (0, 1) and weights, by which a mean over a beta (a, b) distribution is a weighted sum.

    Source: Golub and Welsch (1969), Calculation of Gauss quadrature rules, for the weights of Jacobi.

    >>> points, weights = beta_quadrature(2.0, 3.0, 4)
    >>> round(float(weights @ points), 12), round(float(weights @ points**2), 12)
    (0.4, 0.2)
    """
    i = np.arange(nodes, dtype=np.float64)
    high, low = b - 1.0, a - 1.0
    total = 2.0 * i + high + low
    diagonal = np.empty(nodes)
    diagonal[0] = (low - high) / (high + low + 2.0)
    diagonal[1:] = (low**2 - high**2) / (total[1:] * (total[1:] + 2.0))
    n = i[1:]
    beside = 4.0 * n * (n + high) * (n + low) / (total[1:] ** 2 * (total[1:] + 1.0))
    beside[1:] *= (n[1:] + high + low) / (total[2:] - 1.0)
    # At n = 1 the factor (n + a + b) / (2n + a + b - 1) is 1: it would be 0/0 where a + b is 1.
    off = np.sqrt(beside)
    matrix = np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1)
    found, vectors = np.linalg.eigh(matrix)
    return np.clip((1.0 + found) / 2.0, 1e-12, 1.0), vectors[0] ** 2
