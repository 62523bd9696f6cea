"""What is known of an item by itself, by hand."""

import numpy as np
import pytest

from services.recommendations.model.history import Bought
from services.recommendations.model.items import ItemFacts, own_gap


def facts(*rows: tuple[int, int, float], items: int = 2) -> ItemFacts:
    """Of rows (contact, item, days ago), ordered as purchases are."""
    owner, item, age = (np.array(column) for column in zip(*sorted(rows), strict=True))
    return ItemFacts.fit(Bought(owner, item, age.astype(float)), items)


def test_a_buyer_counts_half_after_thirty_days_and_once_an_item() -> None:
    found = facts((0, 0, 0.0), (1, 0, 30.0), (1, 0, 90.0), (2, 1, 60.0))

    assert found.popular.tolist() == [1.5, 0.25]
    assert found.buyers.tolist() == [2.0, 1.0]


def test_the_usual_gap_is_drawn_towards_that_of_all_items() -> None:
    found = facts(*[(contact, 0, age) for contact in range(50) for age in (1.0, 21.0)], (60, 1, 1.0), (60, 1, 101.0))

    assert found.gap[0] == pytest.approx(20.1, abs=0.2)
    assert 20 < found.gap[1] < 40
    assert found.rebuy[0] > 0.99


def test_an_item_is_trending_that_more_contacts_buy_than_before() -> None:
    before = [(contact, item, 60.0) for contact in range(60) for item in (0, 1)]
    lately = [(contact, 0, 5.0) for contact in range(100, 160)] + [(contact, 1, 5.0) for contact in range(100, 110)]

    found = facts(*before, *lately)

    assert found.trend[0] > 0 > found.trend[1]


def test_a_contact_s_own_gap_takes_over_as_it_buys_again() -> None:
    found = facts((0, 0, 1.0), (0, 0, 11.0), items=1)

    gaps = own_gap(found, np.array([0, 0]), np.array([1.0, 10.0]), np.array([0.0, 270.0]))

    assert gaps[0] == pytest.approx(10.0)
    assert gaps[1] == pytest.approx(28.0)
