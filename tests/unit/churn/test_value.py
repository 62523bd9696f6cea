"""What a contact brings a day, by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.churn.model.value import value_rates


def rates(pasts: Any, cutoffs: np.ndarray, *types: str) -> list[float]:
    return value_rates(pasts, cutoffs, types or ("order_placed",)).tolist()


@pytest.mark.parametrize(
    ("created", "orders", "rate"),
    [
        (0, [(100, 30.0), (150, 70.0)], 100 / 200),  # known for 200 days
        (190, [(195, 30.0)], 30 / 30),  # known for ten days, taken as thirty
        (-500, [(-200, 900.0), (150, 73.0)], 73 / 365),  # only the last year counts
        (0, [(100, 30.0), (200, 70.0)], 30 / 200),  # at the cutoff is too late
        (0, [(100, 30.0), (120, None)], 30 / 200),  # without a value it adds nothing
        (150, [(0, 100.0)], 100 / 200),  # created in this system long after the first order
    ],
)
def test_the_rate_is_the_value_of_the_last_year_over_the_days_known(
    account: Any, day: Any, created: float, orders: list[tuple[float, float | None]], rate: float
) -> None:
    pasts = account(*(("c", "order_placed", at, value) for at, value in orders), c=created)

    assert_allclose(rates(pasts, day(200)), [rate])


def test_a_contact_without_creation_is_known_from_the_first_event(account: Any, day: Any) -> None:
    pasts = account(("c", "page_viewed", 100, None), ("c", "order_placed", 150, 40.0))

    assert_allclose(rates(pasts, day(200)), [40 / 100])


def test_without_a_valued_event_of_these_types_there_is_no_rate(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 1, None), ("d", "page_viewed", 1, 5.0), ("e", "order_placed", 1, 6.0))

    assert_allclose(rates(pasts, day(51, 3)), [np.nan, np.nan, 6 / 50])
    assert np.isnan(rates(pasts, day(51, 3), "deal_won")).all()
    assert np.isnan(value_rates(pasts, day(51, 3), ())).all()


def test_each_contact_has_its_own_cutoff(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 0, 60.0), ("d", "order_placed", 0, 60.0))
    cutoffs = np.concatenate([day(60), day(120)])

    assert_allclose(rates(pasts, cutoffs), [1.0, 0.5])


def test_values_of_several_types_are_summed(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 0, 60.0), ("c", "subscription_renewed", 10, 40.0))

    assert_allclose(rates(pasts, day(100), "order_placed", "subscription_renewed"), [1.0])
