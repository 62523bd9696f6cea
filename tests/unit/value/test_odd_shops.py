"""Shops whose orders are like no other's are learned from, or refused in plain words; never with a wrong number."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from services.value.training.fitting import fitted
from services.value.training.material import value_material
from shared.contracts.rows import DAY
from shared.errors import InsufficientData
from shared.timeline import ContactFacts, EventTuple, build
from tests.unit.value.conftest import DAYS, NOW, order

Orders = Callable[[str, int, np.random.Generator], Iterator[EventTuple]]


def once(name: str, _: int, draw: np.random.Generator) -> Iterator[EventTuple]:
    yield order(name, float(draw.uniform(0.1, DAYS)), float(draw.gamma(2, 20)))


def giant(name: str, number: int, draw: np.random.Generator) -> Iterator[EventTuple]:
    for day in draw.uniform(0.1, DAYS, draw.poisson(5) + 1):
        yield order(name, day, 1e13 if number == 3 else float(draw.gamma(2, 20)))


def hardly_valued(name: str, _: int, draw: np.random.Generator) -> Iterator[EventTuple]:
    for day in draw.uniform(0.1, DAYS, draw.poisson(5) + 1):
        yield order(name, day, [None, -5.0, 0.0, 30.0][int(draw.integers(4))])


def one_busy(name: str, number: int, draw: np.random.Generator) -> Iterator[EventTuple]:
    for day in draw.uniform(0.1, DAYS, 2_000 if number == 0 else 3):
        yield order(name, day, 20.0)


@pytest.mark.parametrize("orders", [once, giant, hardly_valued, one_busy])
def test_an_odd_shop_gets_finite_answers_that_hold_together(orders: Orders) -> None:
    draw = np.random.default_rng(1)
    names = [f"c-{number}" for number in range(120)]
    events = [event for number, name in enumerate(names) for event in orders(name, number, draw)]
    pasts = build(names, {name: ContactFacts(created_at=NOW - 301 * DAY) for name in names}, [events])

    fit = fitted(value_material(pasts, now=NOW, horizon_days=30), now=NOW)

    answers = fit.model.predict(pasts, np.full(len(pasts), NOW), horizon_days=730)
    numbers = np.array([(one.low, one.expected_value, one.high, one.expected_orders) for one in answers])
    assert np.isfinite(numbers).all()
    assert (np.diff(numbers[:, :3], axis=1) >= 0).all()
    assert json.dumps(fit.report.to_json(), allow_nan=False)
    assert "nan" not in " ".join(fit.report.notes)


def test_a_shop_with_hardly_a_buyer_before_the_last_horizon_is_refused_in_counts() -> None:
    names = [f"c-{number}" for number in range(120)]
    orders = [order(name, 5.0 + number / 10, 20.0) for number, name in enumerate(names)]
    orders += [order("c-0", day, 20.0) for day in range(40, DAYS, 7)]
    material = value_material(build(names, {}, [orders]), now=NOW, horizon_days=30)

    with pytest.raises(InsufficientData, match="cases of 1 contacts are left to be judged on over 30 days") as refused:
        fitted(material, now=NOW)

    assert refused.value.members["frames_of_smaller_half"] == 0
    assert refused.value.members["needed_frames_of_half"] == 40
