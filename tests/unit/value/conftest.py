"""A shop whose truth is known, and the version fitted on it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from services.value.model import ValueModel
from services.value.training.fitting import ValueFit, fitted
from services.value.training.material import ValueMaterial, value_material
from shared.contracts.rows import DAY
from shared.timeline import ContactFacts, EventTuple, Pasts, build

NOW = 1_780_272_000_000_000
DAYS = 300
CONTACTS = 320


def order(contact: str, day: float, value: float | None, kind: str = "order_placed") -> EventTuple:
    """Make an event so many days before the end."""
    at = NOW - int(day * DAY)
    return (contact, f"{kind}-{day:.6f}", kind, at, value, None, None, None, None)


def lives(contact: str, draw: np.random.Generator) -> Iterator[EventTuple]:
    """Live the story of BG/NBD and Gamma-Gamma: a rate, a chance to leave after each order, an own order value."""
    rate, leaving, mean = draw.gamma(1.2, 1 / 20), draw.beta(0.6, 6.0), 40 / draw.gamma(3.0, 1 / 3)
    day = draw.uniform(30, DAYS)
    while day > 0:
        yield order(contact, day, float(draw.gamma(2.0, mean / 2)))
        day = day - draw.exponential(1 / rate) if draw.random() >= leaving else -1.0


def simulated(contacts: int = CONTACTS, *, seed: int = 7, more: list[EventTuple] | None = None) -> Pasts:
    """Make an account of contacts who order."""
    draw = np.random.default_rng(seed)
    names = [f"c-{number}" for number in range(contacts)]
    events = [event for name in names for event in lives(name, draw)] + (more or [])
    facts = {name: ContactFacts(created_at=NOW - (DAYS + 1) * DAY) for name in names}
    return build(names, facts, [events])


@pytest.fixture(scope="session")
def shop() -> Pasts:
    return simulated()


@pytest.fixture(scope="session")
def material(shop: Pasts) -> ValueMaterial:
    return value_material(shop, now=NOW, horizon_days=30, currency="EUR")


@pytest.fixture(scope="session")
def fit(material: ValueMaterial) -> ValueFit:
    return fitted(material, now=NOW)


@pytest.fixture(scope="session")
def model(fit: ValueFit) -> ValueModel:
    return fit.model


@pytest.fixture(scope="session")
def trees(material: ValueMaterial, fit: ValueFit) -> Any:
    """The version that half of trees answer for, whatever was chosen."""
    from services.value.training.fitting import version_of

    return version_of(material, fit.table, fit.assessed, kind="blend", now=NOW)
