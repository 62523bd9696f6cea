"""A simulated shop with three kinds of customers, and a version fitted on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from services.segmentation.training.fitting import SegmentationFit, SegmentationOptions, fitted
from shared.timeline import ContactFacts, EventTuple, Pasts, build

DAY = 86_400_000_000
START = 1_735_689_600_000_000  # 2025-01-01
DAYS = 420
KINDS = ("often", "sometimes", "gone")
"""Orders: every 5 days worth 100; every 40 days worth 40; a few in the first 100 days and none after."""


@dataclass(frozen=True)
class Shop:
    """Pasts, and the kind of each contact, by row."""

    pasts: Pasts
    kinds: tuple[str, ...]
    until: int = START + DAYS * DAY


def _orders(draw: np.random.Generator, kind: str) -> list[tuple[float, float]]:
    if kind == "often":
        return [(day, draw.lognormal(np.log(100), 0.3)) for day in np.cumsum(draw.exponential(5, 200)) if day < DAYS]
    if kind == "sometimes":
        return [(day, draw.lognormal(np.log(40), 0.3)) for day in np.cumsum(draw.exponential(40, 60)) if day < DAYS]
    return [(day, draw.lognormal(np.log(40), 0.3)) for day in draw.uniform(0, 100, 3)]


def simulate(contacts: int, *, seed: int = 0, shares: tuple[float, ...] = (0.3, 0.4, 0.3)) -> Shop:
    draw = np.random.default_rng(seed)
    kinds = tuple(str(kind) for kind in draw.choice(KINDS, contacts, p=shares))
    events: list[EventTuple] = []
    for number, kind in enumerate(kinds):
        for place, (day, value) in enumerate(_orders(draw, kind)):
            at = START + int(day * DAY)
            events.append((f"c-{number}", f"{number}-{place}", "order_placed", at, value, None, None, None, None))
    ids = [f"c-{number}" for number in range(contacts)]
    return Shop(build(ids, dict.fromkeys(ids, ContactFacts(timezone="UTC")), [events]), kinds)


@pytest.fixture(scope="session")
def simulated_shop() -> Callable[..., Shop]:
    """A factory: `simulated_shop(contacts, seed=0)`."""
    return simulate


@pytest.fixture(scope="session")
def shop() -> Shop:
    return simulate(600)


@pytest.fixture(scope="session")
def fit(shop: Shop) -> SegmentationFit:
    return fitted(shop.pasts, until=shop.until, now=shop.until, wanted=SegmentationOptions(segments=3))


@pytest.fixture(scope="session")
def model(fit: SegmentationFit) -> Any:
    return fit.model
