"""Shares and means with their 95 % intervals, differences of two of them, and how many contacts prove one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, erfc, exp, fsum, log, sqrt

Z_95, Z_POWER_80 = 1.959964, 0.841621
"""Quantiles of the normal distribution: two-sided 5 %, power 80 %."""
LEAST_FOR_MEANS = 30
"""Contacts of an arm, below which an interval of a mean says nothing."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, a difference or a ratio with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(hits: float, n: int) -> Rate:
    """Return a share with its 95 % interval. Source: Wilson (1927).

    >>> wilson(0, 0)
    Rate(value=0.0, low=0.0, high=1.0)
    >>> round(wilson(5, 10).low, 3)
    0.237
    """
    if not n:
        return Rate(0.0, 0.0, 1.0)
    share, spread = hits / n, Z_95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def difference(treated: Rate, control: Rate) -> Rate:
    """Return the difference of two shares with its 95 % interval. Source: Newcombe (1998), method 10.

    >>> difference(Rate(0.5, 0.4, 0.6), Rate(0.5, 0.4, 0.6)).value
    0.0
    """
    gain = treated.value - control.value
    low = gain - sqrt((treated.value - treated.low) ** 2 + (control.high - control.value) ** 2)
    high = gain + sqrt((treated.high - treated.value) ** 2 + (control.value - control.low) ** 2)
    return Rate(gain, low, high)


def relative_lift(hits: tuple[int, int], n: tuple[int, int]) -> Rate | None:
    """Return by how much the first share exceeds the second, relative to it; None: one of them is 0.

    Source: the ratio on the log scale, Katz et al. (1978).

    >>> lift = relative_lift((60, 20), (100, 100))
    >>> round(lift.value, 3), round(lift.low, 3), round(lift.high, 3)
    (2.0, 0.964, 3.581)
    """
    if not all(hits):
        return None
    ratio = hits[0] / n[0] / (hits[1] / n[1])
    half = Z_95 * sqrt(1 / hits[0] - 1 / n[0] + 1 / hits[1] - 1 / n[1])
    return Rate(ratio - 1, ratio * exp(-half) - 1, ratio * exp(half) - 1)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over contacts, with what its uncertainty needs."""

    n: int
    mean: float
    variance: float
    """Of single contacts, with n - 1."""

    @classmethod
    def of(cls, n: int, values: Sequence[float]) -> "Mean":
        """Take the mean of n contacts, of whom those without a value in the list have 0.

        >>> Mean.of(4, [3.0, 1.0])
        Mean(n=4, mean=1.0, variance=2.0)
        """
        if n < 2:
            return cls(n, fsum(values), 0.0)
        mean = fsum(values) / n
        squares = fsum([(value - mean) ** 2 for value in values]) + (n - len(values)) * mean**2
        return cls(n, mean, squares / (n - 1))

    @property
    def error(self) -> float:
        """Variance of the mean."""
        return self.variance / self.n


def mean_difference(treated: Mean, control: Mean) -> Rate | None:
    """Return the difference of two means with its 95 % interval; None: too few contacts. Source: Welch (1947)."""
    if min(treated.n, control.n) < LEAST_FOR_MEANS:
        return None
    error, gain = treated.error + control.error, treated.mean - control.mean
    if not error:
        return Rate(gain, gain, gain)
    freedom = error**2 / (treated.error**2 / (treated.n - 1) + control.error**2 / (control.n - 1))
    half = t_95(freedom) * sqrt(error)
    return Rate(gain, gain - half, gain + half)


def mean_lift(treated: Mean, control: Mean) -> Rate | None:
    """Return by how much the first mean exceeds the second, relative to it; None: one is not above 0.

    Source: the ratio on the log scale, by the delta method.
    """
    if min(treated.n, control.n) < LEAST_FOR_MEANS or treated.mean <= 0 or control.mean <= 0:
        return None
    ratio = treated.mean / control.mean
    half = Z_95 * sqrt(treated.error / treated.mean**2 + control.error / control.mean**2)
    return Rate(ratio - 1, exp(log(ratio) - half) - 1, exp(log(ratio) + half) - 1)


def t_95(freedom: float) -> float:
    """Return the two-sided 5 % quantile of Student's distribution, from 10 degrees of freedom on.

    Source: Abramowitz and Stegun (1964), 26.7.5.

    >>> round(t_95(10), 3), round(t_95(60), 3)
    (2.228, 2.0)
    """
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def needed_an_arm(rate: float, lift: float) -> int | None:
    """Return how many contacts an arm needs to prove a relative lift: two-sided 5 %, power 80 %.

    Source: normal approximation of two shares (Fleiss, 1981).

    >>> needed_an_arm(0.03, 0.05)
    207936
    """
    treated = rate * (1 + lift)
    if not 0 < rate < 1 or not 0 < treated < 1 or not lift:
        return None
    spread = rate * (1 - rate) + treated * (1 - treated)
    return ceil((Z_95 + Z_POWER_80) ** 2 * spread / (treated - rate) ** 2)


def detectable(rate: float, n: tuple[int, int]) -> float | None:
    """Return the difference of two shares that is found in 8 of 10 tests; None: an arm or the rate is empty.

    Args:
        rate: of the outcome without treatment.
        n: contacts of both arms.

    >>> round(detectable(0.1, (900, 100)), 3)
    0.089
    """
    if not all(n) or not 0 < rate < 1:
        return None
    return (Z_95 + Z_POWER_80) * sqrt(rate * (1 - rate) * (1 / n[0] + 1 / n[1]))


def ratio_p_value(n: tuple[int, int], share: float) -> float:
    """Return how likely arms differ from their planned sizes at least so much by chance: chi-square, 1 degree.

    Args:
        n: contacts of both arms.
        share: planned of the second.

    >>> round(ratio_p_value((900, 100), 0.1), 3), round(ratio_p_value((880, 120), 0.1), 3)
    (1.0, 0.035)
    """
    total = sum(n)
    if not total:
        return 1.0
    planned = (total * (1 - share), total * share)
    return erfc(sqrt(sum((found - plan) ** 2 / plan for found, plan in zip(n, planned, strict=True)) / 2))
