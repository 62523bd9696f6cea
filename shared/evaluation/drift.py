"""Drift: the population stability index, and how large it gets by chance."""

import math
from collections.abc import Sequence

from shared.contracts.model_drift import DriftLevel

NOTABLE, DRIFTED = 0.2, 0.25
"""From 0.25 on, action is required by the rule of thumb that banks use; from 0.2 on it is worth a look. Source:
Yurdakul and Naranjo (2020), Statistical properties of the population stability index, J. of Risk Model Validation."""
LEAST_CONTACTS = 200
_Z = 3.09
"""Of the standard normal, once in a thousand."""


def psi(shares: Sequence[float], reference: Sequence[float]) -> float:
    """Return the population stability index of two distributions over the same bins; each bin needs a share in both.

    Source: Lewis (1994), An Introduction to Credit Scoring; the symmetric divergence of Jeffreys (1946).

    Args:
        shares: of the bins now; they sum to 1.
        reference: of the bins then.

    >>> round(psi([0.3, 0.7], [0.5, 0.5]), 4), psi([0.5, 0.5], [0.5, 0.5])
    (0.1695, 0.0)
    """
    return math.fsum((p - q) * math.log(p / q) for p, q in zip(shares, reference, strict=True))


def psi_of_counts(counts: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
    """Return the index of two samples, and what chance alone exceeds once in a thousand.

    Bins that are empty in both are left out; half a row is added to each of the others, for a bin that is empty in
    one of them would make the index infinite. Between two samples of one population PSI / (1/n + 1/m) follows a
    chi-square with one degree of freedom less than bins, so that it averages (bins - 1) * (1/n + 1/m). Source:
    Yurdakul and Naranjo (2020). The quantile is approximated after Wilson and Hilferty (1931).

    Args:
        counts: rows in each bin now.
        reference: rows in each bin then.

    >>> [round(one, 3) for one in psi_of_counts([300, 700, 0], [500, 500, 0])]
    [0.169, 0.022]
    """
    both = [(now, then) for now, then in zip(counts, reference, strict=True) if now or then]
    n, m = sum(now for now, _ in both), sum(then for _, then in both)
    if not n or not m:
        return 0.0, math.inf
    extra = 0.5 * len(both)
    shares = [(now + 0.5) / (n + extra) for now, _ in both]
    found = psi(shares, [(then + 0.5) / (m + extra) for _, then in both])
    return max(found, 0.0), _chi_square(len(both) - 1) * (1 / n + 1 / m)


def _chi_square(degrees: int) -> float:
    """Return what a chi-square exceeds once in a thousand; with 9 degrees the tables have 27.88.

    >>> round(_chi_square(9))
    28
    """
    if degrees < 1:
        return 0.0
    step = 2 / (9 * degrees)
    return float(degrees * (1 - step + _Z * math.sqrt(step)) ** 3)


def level_of(found: Sequence[tuple[float, float]]) -> DriftLevel:
    """Return how far a distribution has moved: as far as from the nearest of its references, and beyond chance.

    Args:
        found: index and chance against each reference; none: steady.

    >>> level_of([(0.3, 0.01), (0.21, 0.01)]), level_of([(0.3, 0.4)]), level_of([(0.3, 0.1), (0.9, 0.1)])
    ('notable', 'steady', 'drifted')
    """
    levels: list[DriftLevel] = [
        "steady" if index < max(NOTABLE, chance) else "notable" if index < DRIFTED else "drifted"
        for index, chance in found
    ]
    order: tuple[DriftLevel, ...] = ("steady", "notable", "drifted")
    return min(levels, key=order.index, default="steady")
