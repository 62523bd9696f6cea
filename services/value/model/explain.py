"""Shares of an expected value: of trees by column, of the closed form by what it knows of a contact. Pure."""

from math import factorial

import numpy as np
from numpy.typing import NDArray

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
    n = own.shape[1]
    # Every subset of the four, with the contact's own numbers in it and the usual contact's elsewhere: one evaluation.
    mixed = np.where(_SUBSETS[:, :, None], own, np.array(usual)[:, None])
    since, repeats, age, value = mixed.transpose(1, 0, 2).reshape(len(SPEAKERS), -1)
    worth = _log_value(form, since, repeats, age, value, (days, less_days, less)).reshape(len(_SUBSETS), n)
    shares: Matrix = (_WEIGHTS @ worth).T
    return shares, float(worth[0, 0]) if n else 0.0


def _subsets() -> NDArray[np.bool_]:
    """List all subsets of the four, the empty one first; shape (16, 4)."""
    numbers = np.arange(2 ** len(SPEAKERS))[:, None]
    return np.asarray((numbers >> np.arange(len(SPEAKERS))) & 1, dtype=bool)


def _weights() -> Matrix:
    """Return by how much each subset counts in the share of each of the four, shape (4, 16)."""
    found = np.zeros((len(SPEAKERS), len(_SUBSETS)))
    for place, subset in enumerate(_SUBSETS):
        size = int(subset.sum())
        for player, inside in enumerate(subset.tolist()):
            before = size - 1 if inside else size
            weight = factorial(before) * factorial(len(SPEAKERS) - before - 1) / factorial(len(SPEAKERS))
            found[player, place] = weight if inside else -weight
    return found


_SUBSETS = _subsets()
_WEIGHTS = _weights()


def _log_value(
    form: ClosedForm, since: Vector, repeats: Vector, age: Vector, value: Vector, at: tuple[float, float, float]
) -> Vector:
    days, less_days, less = at
    age = np.maximum(age, since)
    known = Histories(repeats, np.where(repeats > 0, age - since, 0.0), age, value)
    wanted = np.array([days] if days == less_days else [days, less_days])
    orders = np.log(np.maximum(form.orders(known, form.alive(known), wanted), 1e-12))
    worth = np.log(form.order_value(known))
    found: Vector = orders[:, 0] + worth - less * (orders[:, -1] + worth)
    return found
