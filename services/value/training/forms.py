"""Fit the closed forms: BG/NBD, NBD for a rate without dropout, Gamma-Gamma; by maximum likelihood."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import ClosedForm, Histories, Vector

MOST_CONTACTS = 10_000
"""Contacts that four numbers are learned from; more are sampled."""
SEED = 42
_PRIOR = 1e-3
"""How much a likelihood is held near its start, each contact counting 1: what the data does not say stays plain."""
LEAST_Q = 1.05
"""Gamma-Gamma: below 1 the mean order value would be infinite."""


def fitted_forms(known: Histories) -> dict[bool, ClosedForm]:
    """Fit both closed forms, by whether contacts may leave; if not, everybody goes on at the own rate.

    Args:
        known: of everybody with an order, at one instant.
    """
    if len(known.age) > MOST_CONTACTS:
        rows = np.random.default_rng(SEED).permutation(len(known.age))[:MOST_CONTACTS]
        known = Histories(*(column[rows] for column in known))
    worth = gamma_gamma(known)
    return {True: ClosedForm(*bg_nbd(known), *worth), False: ClosedForm(*nbd(known), *worth)}


def bg_nbd(known: Histories) -> tuple[float, float, float, float]:
    """Fit order rate and dropout: r, alpha, a, b.

    Source: Fader, Hardie and Lee (2005), formula (6), the likelihood of x repeat orders, the last one at t_x, until T.
    """
    from scipy.special import betaln, gammaln

    x, last, age = known.repeats, known.recency, known.age

    def loss(logs: Vector) -> float:
        r, alpha, a, b = np.exp(logs)
        rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + last)
        return -float(np.mean(rate + np.logaddexp(stayed, np.where(x > 0, left, -np.inf))))

    start = np.log([1.0, _middle_gap(known), 0.5, 3.0])
    r, alpha, a, b = np.exp(_least(loss, start, len(x)))
    return float(r), float(alpha), float(a), float(b)


def nbd(known: Histories) -> tuple[float, float, float, float]:
    """Fit the order rate alone: r, alpha, and a dropout of 0. Source: Ehrenberg (1959), The pattern of purchases."""
    from scipy.special import gammaln

    x, age = known.repeats, known.age

    def loss(logs: Vector) -> float:
        r, alpha = np.exp(logs)
        rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
        return -float(np.mean(rate))

    r, alpha = np.exp(_least(loss, np.log([1.0, _middle_gap(known)]), len(x)))
    return float(r), float(alpha), 0.0, 1.0


def gamma_gamma(known: Histories) -> tuple[float, float, float]:
    """Fit the order value: p, q, gamma. Source: Fader and Hardie (2013), formula (1a), on all orders of a contact."""
    from scipy.special import gammaln

    again = known.repeats > 0
    if again.sum() < 10:  # without repeat orders nothing says how an own mean holds
        again = np.ones(len(again), dtype=bool)
    n, mean = known.repeats[again] + 1.0, known.mean_value[again]
    scale = float(np.median(mean))
    mean = mean / scale

    def loss(logs: Vector) -> float:
        p, q, gamma = np.exp(logs[0]), LEAST_Q + np.exp(logs[1]), np.exp(logs[2])
        return -float(
            np.mean(
                gammaln(p * n + q)
                - gammaln(p * n)
                - gammaln(q)
                + q * np.log(gamma)
                + (p * n - 1) * np.log(mean)
                + p * n * np.log(n)
                - (p * n + q) * np.log(gamma + n * mean)
            )
        )

    found = _least(loss, np.array([0.5, 0.5, 0.5]), len(n))
    return float(np.exp(found[0])), float(LEAST_Q + np.exp(found[1])), float(np.exp(found[2]) * scale)


def _middle_gap(known: Histories) -> float:
    return float(np.clip(np.median(known.age / (known.repeats + 1.0)), 1.0, 400.0))


def _least(loss: Callable[[Vector], float], start: Vector, n: int) -> NDArray[np.float64]:
    """Find the least loss by L-BFGS, held a little near the start."""
    from scipy.optimize import minimize

    held = _PRIOR + 1.0 / max(n, 1)

    def penalised(logs: Vector) -> float:
        return loss(logs) + held * float(np.mean((logs - start) ** 2))

    found = minimize(penalised, start, method="L-BFGS-B", bounds=[(-9.0, 9.0)] * len(start))
    return np.asarray(found.x, dtype=np.float64)
