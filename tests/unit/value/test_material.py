"""Which orders are learned from, and what is refused, in counts."""

import numpy as np
import pytest

from services.value.training.material import capped, value_material
from services.value.training.recipe import one_currency
from shared.contracts.rows import DAY
from shared.errors import InsufficientData
from shared.timeline import ContactFacts, Pasts, build
from tests.unit.value.conftest import NOW, order, simulated


def account(*events: tuple[str, float, float | None, str]) -> Pasts:
    names = sorted({name for name, *_ in events})
    facts = {name: ContactFacts(created_at=NOW - 900 * DAY) for name in names}
    return build(names, facts, [[order(*event) for event in events]])


def test_too_few_buyers_are_refused_in_counts() -> None:
    with pytest.raises(InsufficientData) as refused:
        value_material(simulated(60), now=NOW)

    assert refused.value.members["needed_buyers"] == 100
    assert refused.value.members["buyers"] == 60


def test_orders_without_values_are_refused_and_another_type_can_be_named() -> None:
    with pytest.raises(InsufficientData, match=r"--orders TYPE") as refused:
        value_material(account(("a", 5.0, None, "order_placed")), now=NOW)

    assert refused.value.members == {"orders": 1, "orders_with_value": 0}


def test_orders_that_are_dated_after_the_end_do_not_exist_yet() -> None:
    with pytest.raises(InsufficientData, match="0 events deal_won or order_placed were found"):
        value_material(account(("a", 5.0, None, "page_viewed"), ("a", -5.0, 20.0, "order_placed")), now=NOW)


def test_a_short_past_is_refused_with_the_days_that_are_needed() -> None:
    young = simulated(200)
    with pytest.raises(InsufficientData, match="900 are needed"):
        value_material(young, now=NOW, horizon_days=300)


def test_lines_of_an_order_are_one_order_to_learn_from() -> None:
    plain = value_material(simulated(120, more=[order("c-1", 10.0, 12.0)]), now=NOW, horizon_days=30)
    lines = simulated(120, more=[order("c-1", 10.0, 5.0), order("c-1", 10.0, 7.0)])

    found = value_material(lines, now=NOW, horizon_days=30)

    assert len(found.orders.at) == len(plain.orders.at)
    assert found.orders.value.sum() == pytest.approx(plain.orders.value.sum())


def test_refunds_are_taken_off_what_came_and_no_value_is_below_zero() -> None:
    shop = simulated(120, more=[order("c-1", 10.0, 1e6, "order_refunded")])
    material = value_material(shop, now=NOW, horizon_days=30)
    cutoff = np.array([NOW - 20 * DAY])

    came = material.came(20.0, np.array([1], dtype=np.int32), cutoff)

    assert came.value.tolist() == [0.0]


def test_deals_and_orders_count_together_where_both_are_there() -> None:
    shop = simulated(120, more=[order("c-1", 10.0, 500.0, "deal_won")])

    assert value_material(shop, now=NOW, horizon_days=30).order_types == ("deal_won", "order_placed")


def test_one_giant_order_counts_for_no_more_than_twenty_times_the_largest_usual_one() -> None:
    shop = simulated(120, more=[order("c-1", 10.0, 1e12)])
    usual = np.nanmax(simulated(120).value)

    found, giants = capped(shop, [shop.type_code("order_placed")])

    assert giants == 1
    assert np.nanmax(found.value) <= 20 * usual
    assert "1 order is" in value_material(shop, now=NOW, horizon_days=30).notes[0]


def test_several_currencies_are_refused_with_their_counts() -> None:
    with pytest.raises(InsufficientData, match=r"EUR 1,200, USD 300") as refused:
        one_currency({"USD": 300, "EUR": 1_200, None: 5}, None)

    assert refused.value.members == {"events_in_EUR": 1_200, "events_in_USD": 300}


def test_a_currency_that_no_order_is_in_is_refused() -> None:
    with pytest.raises(InsufficientData, match="No order is in GBP: there are EUR 3"):
        one_currency({"EUR": 3}, "GBP")
