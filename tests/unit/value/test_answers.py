"""What is answered holds together, whatever the history and the horizon."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.value.model import ValueModel
from shared.contracts.rows import DAY
from shared.timeline import ContactFacts, ContactPasts
from tests.unit.value.conftest import NOW, order

DAYS = st.lists(st.floats(0.01, 720.0), min_size=1, max_size=30, unique=True)
VALUES = st.one_of(st.none(), st.floats(-50.0, 1e9))


def asked(model: ValueModel, events: list[Any], cutoff: int = NOW, **how: Any) -> Any:
    pasts = ContactPasts(["a"], {"a": ContactFacts(created_at=NOW - 800 * DAY)}, events)
    return model.predict(pasts, np.array([cutoff]), **how)[0]


def ordered(days: list[float], value: float | None = 40.0) -> list[Any]:
    return [order("a", day, value) for day in days]


@pytest.fixture(params=["closed form", "trees"])
def version(request: pytest.FixtureRequest, model: ValueModel, trees: ValueModel) -> ValueModel:
    return model if request.param == "closed form" else trees


@given(days=DAYS, value=VALUES, horizons=st.tuples(st.integers(30, 730), st.integers(30, 730)))
@settings(max_examples=40, deadline=None)
def test_an_answer_holds_together(
    model: ValueModel, trees: ValueModel, days: list[float], value: float | None, horizons: tuple[int, int]
) -> None:
    short, long = sorted(horizons)
    for version in (model, trees):
        near, far = (asked(version, ordered(days, value), horizon_days=one, reasons=10) for one in (short, long))

        assert near.low <= near.expected_value <= near.high
        assert near.expected_value <= far.expected_value
        assert (near.low, near.high) <= (far.low + 1e-9, far.high + 1e-9)
        assert near.expected_orders <= far.expected_orders
        assert near.alive <= far.alive <= 1.0
        assert 0 <= near.next_order.within_7_days <= near.next_order.within_30_days <= near.alive
        assert near.next_order.within_30_days <= near.expected_orders + 1e-9
        assert near.next_order == far.next_order
        assert near.score == far.score
        assert np.isfinite([far.expected_value, far.low, far.high]).all()
        assert sum(part.contribution for part in near.reasons) + near.base == pytest.approx(near.margin, abs=1e-6)
        assert near.margin == pytest.approx(np.log(near.expected_value), abs=1e-6)


def test_who_has_not_ordered_lately_is_expected_later_not_at_a_day_that_is_over(version: ValueModel) -> None:
    days = [60.0, 50.0, 40.0, 30.0]

    now, later = (asked(version, ordered(days), NOW + ahead * DAY) for ahead in (0, 25))

    assert (later.next_order.median_on or now.next_order.median_on) >= now.next_order.median_on
    assert later.alive < now.alive


def test_a_median_beyond_what_was_judged_is_not_named(version: ValueModel) -> None:
    lapsed = asked(version, ordered([700.0, 695.0, 690.0]))

    assert lapsed.next_order.median_on is None
    assert lapsed.next_order.high_on is None


def test_a_contact_without_an_order_is_not_eligible(version: ValueModel) -> None:
    one = asked(version, [order("a", 3.0, None, "page_viewed")])

    assert (one.status, one.detail) == (
        "not_eligible",
        "No order_placed in the last two years; only contacts with one are asked about.",
    )


def test_an_order_of_several_lines_is_one_order(version: ValueModel) -> None:
    """An export that names each item has a line an item; the next order does not come sooner for it."""
    whole = ordered([5.0, 40.0, 90.0], 40.0)
    lines = [(*row[:1], f"{row[1]}-{part}", *row[2:4], 10.0, *row[5:]) for row in whole for part in range(4)]

    assert asked(version, lines, reasons=5) == asked(version, whole, reasons=5)


def test_refunds_count_against(version: ValueModel) -> None:
    kept = asked(version, ordered([50.0, 20.0, 5.0]))

    returned = asked(version, [*ordered([50.0, 20.0, 5.0]), order("a", 4.0, 90.0, "order_refunded")])

    assert returned.expected_value < kept.expected_value


def test_one_giant_order_does_not_speak_for_the_next_ones(version: ValueModel) -> None:
    usual = asked(version, ordered([50.0, 20.0, 5.0]))

    giant = asked(version, [*ordered([50.0, 20.0]), order("a", 5.0, 1e9)])

    assert giant.expected_value < 200 * usual.expected_value


def test_beyond_the_longest_judged_horizon_it_says_so(version: ValueModel) -> None:
    near, far = (asked(version, ordered([50.0, 5.0]), horizon_days=days) for days in (30, 730))

    assert (near.data_quality, far.data_quality) == ((), ("horizon_beyond_judged",))


def test_saved_and_loaded_with_trees_it_answers_the_same(trees: ValueModel, tmp_path: Any) -> None:
    trees.save(tmp_path)

    again = ValueModel.load(tmp_path)

    events = ordered([90.0, 40.0, 3.0])
    assert asked(again, events, reasons=5) == asked(trees, events, reasons=5)
