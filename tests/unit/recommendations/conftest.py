"""A made shop of two tastes, and a version fitted on it."""

from dataclasses import dataclass

import numpy as np
import pytest

from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.training.fitting import RecommendationFit, fitted
from services.recommendations.training.material import material_of
from shared.timeline import ContactPasts, Pasts, build

DAY = 86_400_000_000
START = 1_735_689_600_000_000  # 2025-01-01
DAYS = 320
CONTACTS = 240
TASTES = (tuple(f"tea-{n}" for n in range(12)), tuple(f"tool-{n}" for n in range(12)))


@dataclass(frozen=True)
class RecsShop:
    """Pasts; contact c-<n> has taste n % 2, and buys its own staple tea-0 or tool-0 every 20 days."""

    pasts: Pasts
    until: int = START + DAYS * DAY


def bought(contact: str, item: str, day: float, kind: str = "order_placed") -> tuple[object, ...]:
    return (contact, "", kind, START + int(day * DAY), None, None, None, item, None)


@pytest.fixture(scope="session")
def recs_shop() -> RecsShop:
    draw = np.random.default_rng(3)
    rows = []
    for number in range(CONTACTS):
        mine, name = TASTES[number % 2], f"c-{number}"
        rows += [bought(name, mine[0], day) for day in np.arange(draw.uniform(0, 20), DAYS, 20)]
        for day in np.sort(draw.uniform(0, DAYS, 14)):
            taste = mine if draw.random() < 0.9 else TASTES[1 - number % 2]
            rows.append(bought(name, taste[1 + int(11 * draw.random() ** 2)], day))
    return RecsShop(build([f"c-{number}" for number in range(CONTACTS)], {}, [rows]))


@pytest.fixture(scope="session")
def recs_fit(recs_shop: RecsShop) -> RecommendationFit:
    return fitted(material_of(recs_shop.pasts, now=recs_shop.until, horizon_days=40), now=recs_shop.until)


@pytest.fixture(scope="session")
def recs_model(recs_fit: RecommendationFit) -> RecommendationModel:
    return recs_fit.model


def pasts_of(*rows: tuple[object, ...]) -> ContactPasts:
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    return ContactPasts.of_columns(build(names, {}, [rows]))
