"""Our closed forms beside those of the library `lifetimes`: the same numbers from the same parameters, and the fit."""

from dataclasses import dataclass

import numpy as np

from bench.baselines import ask
from bench.churn.data import Shop
from bench.value.shops import buyers, histories
from services.value.model.closed_form import ClosedForm, Histories
from services.value.training.forms import bg_nbd, gamma_gamma

CLOSE = 1e-3
"""Largest difference of an answer, as a share of it, that counts as the same."""


@dataclass(frozen=True)
class Agreement:
    """How far ours and the library's lie apart on one shop."""

    name: str
    customers: int
    alive: float
    """Largest difference of the chance to be alive."""
    orders: float
    """Largest difference of expected orders, as a share."""
    order_value: float
    theirs: tuple[float, ...]
    """Parameters r, alpha, a, b, p, q, gamma as the library fits them."""
    ours: tuple[float, ...]

    @property
    def holds(self) -> bool:
        """Whether the answers are the same."""
        return max(self.alive, self.orders, self.order_value) < CLOSE


def compared(shop: Shop) -> Agreement:
    """Fit both on a shop, and answer with the library's parameters by both."""
    everybody = histories(shop, buyers(shop))
    test = {f"test_{name}": values for name, values in everybody.items()}
    found = ask("bgnbd_value", **everybody, **test, horizon=float(shop.horizon_days))
    theirs = tuple(found["parameters"].tolist())
    columns = (everybody["frequency"], everybody["recency"], everybody["age"], everybody["monetary"])
    known = Histories(*columns)
    form = ClosedForm(*theirs)
    alive = form.alive(known)
    orders = form.orders(known, alive, np.array([float(shop.horizon_days)]))[:, 0]
    return Agreement(
        shop.name.partition(",")[0],
        len(alive),
        float(np.abs(alive - found["alive"]).max()),
        float((np.abs(orders - found["orders"]) / np.maximum(found["orders"], 1e-9)).max()),
        float(np.abs(form.order_value(known) / found["order_value"] - 1).max()),
        theirs,
        (*bg_nbd(known), *gamma_gamma(known)),
    )
