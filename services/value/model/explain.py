"""Shares of an expected value: of trees by column, of the closed form by what it knows of a contact. Pure."""

from itertools import combinations
from math import factorial

import numpy as np

from services.value.model.closed_form import ClosedForm, Histories, Matrix, Vector

SPEAKERS = ("days_since_last", "730d", "days_since_first", "value_730d")
"""Endings of the columns that speak for recency, number of orders, age and order value."""


def closed_shares(
    form: ClosedForm, known: Histories, usual: tuple[float, ...], *, days: float, less_days: float, less: float
) -> tuple[Matrix, float]:
    """Share the log of the closed form's value among what it knows, against a usual contact.

    Each share is what its owner adds on average over all orders in which the four are put in the place of the usual
    contact's. Source: Shapley (1953), A value for n-person games.

    Args:
        form: fitted.
        known: of the contacts, n of them.
        usual: days since the last order, repeat orders, age in days, and mean order value of a usual contact.
        days: the horizon.
        less_days: a second horizon.
        less: how many times the log at the second horizon is taken off.

    Returns:
        Shares in the order of SPEAKERS, shape (n, 4), and the log for the usual contact: they sum to that of each.
    """
    own = np.stack([known.age - known.recency, known.repeats, known.age, known.mean_value])
    other = np.array(usual)[:, None] + np.zeros_like(own)
    worth = {players: _log_value(form, own, other, players, days, less_days, less) for players in _coalitions()}
    shares = np.zeros((own.shape[1], len(own)))
    for player in range(len(own)):
        for players, before in worth.items():
            if player not in players:
                after = worth[tuple(sorted((*players, player)))]
                shares[:, player] += _weight(len(players), len(own)) * (after - before)
    return shares, float(worth[()][0]) if len(shares) else 0.0


def _coalitions() -> list[tuple[int, ...]]:
    return [found for size in range(len(SPEAKERS) + 1) for found in combinations(range(len(SPEAKERS)), size)]


def _weight(size: int, n: int) -> float:
    return factorial(size) * factorial(n - size - 1) / factorial(n)


def _log_value(
    form: ClosedForm,
    own: Matrix,
    other: Matrix,
    players: tuple[int, ...],
    days: float,
    less_days: float,
    less: float,
) -> Vector:
    since, repeats, age, value = (own[i] if i in players else other[i] for i in range(len(own)))
    age = np.maximum(age, since)
    known = Histories(repeats, np.where(repeats > 0, age - since, 0.0), age, value)
    alive = form.alive(known)
    orders = np.log(np.maximum(form.orders(known, alive, np.array([days, less_days])), 1e-12))
    worth = np.log(form.order_value(known))
    found: Vector = orders[:, 0] + worth - less * (orders[:, 1] + worth)
    return found
