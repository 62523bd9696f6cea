"""Features become places where distances are comparable, and places belong to groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from services.segmentation.model import Grouping, Transform
from shared.features import Feature, FeatureSet

FEATURES = FeatureSet(
    (
        Feature("last", "days_since_last", "days", "recency", "order_placed"),
        Feature("orders", "count", "events", "frequency", "order_placed", window_days=365),
        Feature("value", "value_sum", "amount", "money", "order_placed", window_days=365),
        Feature("mean", "value_mean", "amount", "size", "order_placed"),
        Feature("weekend", "weekend_share", "ratio", "weekend", "order_placed"),
        Feature("seen", "count", "events", "evidence", "order_placed", window_days=730),
        Feature("plan", "categorical", "category", "attribute:plan", attribute="plan", categories=("a", "b")),
    )
)
WEIGHTS = [1.0, 1.0, 1.0, 0.3, 0.3, 0.0, 0.3]
VALUES = np.array(
    [
        [1.0, 9.0, 900.0, 100.0, 0.5, 9.0, 0.0],
        [30.0, 3.0, 300.0, 100.0, 0.0, 3.0, 1.0],
        [400.0, 0.0, 0.0, 50.0, 0.2, 1.0, 1.0],
        [np.nan, 0.0, 0.0, np.nan, np.nan, 0.0, np.nan],
    ]
)
TRANSFORM = Transform.fit(FEATURES, VALUES, weights=WEIGHTS, evidence=5)


def test_a_category_has_a_place_a_value_and_evidence_has_none() -> None:
    assert TRANSFORM.source.tolist() == [0, 1, 2, 3, 4, 6, 6]


def test_places_are_standard_deviations_from_the_average() -> None:
    placed = TRANSFORM.standardised(VALUES)

    assert_allclose(placed[:, [0, 1, 2]].mean(axis=0), 0.0, atol=0.05)
    assert_allclose(placed[:, [0, 1, 2]].std(axis=0), 1.0, atol=0.05)


def test_a_sum_is_measured_in_typical_single_values() -> None:
    assert TRANSFORM.unit[2] == 100.0


def test_what_never_happened_lies_farther_than_what_happened_long_ago() -> None:
    placed = TRANSFORM.standardised(VALUES)[:, 0]

    assert placed[3] > placed[2] > placed[1] > placed[0]


def test_one_enormous_order_lies_no_farther_than_three_deviations() -> None:
    row = VALUES[:1].copy()
    row[0, 2] = 1e15

    assert TRANSFORM.standardised(row)[0, 2] == 3.0


def test_a_share_of_few_events_is_drawn_to_the_average() -> None:
    many, one = VALUES[:1].copy(), VALUES[:1].copy()
    many[0, [4, 5]], one[0, [4, 5]] = (0.5, 95.0), (0.5, 1.0)

    far, near = TRANSFORM.standardised(many)[0, 4], TRANSFORM.standardised(one)[0, 4]

    assert near / far == pytest.approx((1 / 6) / (95 / 100))


def test_a_missing_category_is_none_of_them() -> None:
    codes = (TRANSFORM._numbers(VALUES))[:, 5:]

    assert codes.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]


def test_a_column_without_differences_moves_nobody() -> None:
    same = np.repeat(VALUES[:1], 5, axis=0)

    assert not Transform.fit(FEATURES, same, weights=WEIGHTS, evidence=5).apply(same).any()


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=64)), min_size=7, max_size=7))
def test_no_number_makes_a_place_that_is_not_finite(numbers: list[float | None]) -> None:
    row = np.array([[np.nan if number is None else number for number in numbers]])
    row[0, 5] = abs(np.nan_to_num(row[0, 5], posinf=9.0, neginf=9.0)) % 1e6

    placed = TRANSFORM.apply(row)

    assert np.isfinite(placed).all()
    assert np.abs(placed).max() <= 3.0


def test_arrays_come_back_as_they_went() -> None:
    again = Transform.from_arrays(TRANSFORM.to_arrays())

    assert_allclose(again.apply(VALUES), TRANSFORM.apply(VALUES), atol=0)


GROUPS = Grouping(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), 0.5)
PLACES = np.random.default_rng(0).normal(size=(50, 2)) * 3


def test_the_surest_group_is_the_nearest() -> None:
    distances = ((PLACES[:, None] - GROUPS.centres[None]) ** 2).sum(axis=2)

    assert_array_equal(GROUPS.nearest(PLACES), distances.argmin(axis=1))


def test_membership_is_the_posterior_of_gaussians_of_one_spread() -> None:
    distances = ((PLACES[:, None] - GROUPS.centres[None]) ** 2).sum(axis=2)

    assert_allclose(GROUPS.membership(PLACES), softmax(-distances / (2 * 0.5), axis=1), atol=1e-12)


def test_contributions_sum_to_the_log_odds_of_the_two_groups() -> None:
    sure = GROUPS.membership(PLACES)
    first, second = np.zeros(50, dtype=np.intp), np.full(50, 2)

    shares = GROUPS.contributions(PLACES, first, second)

    assert_allclose(shares.sum(axis=1), np.log(sure[:, 0] / sure[:, 2]), atol=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_memberships_lie_in_0_to_1_and_sum_to_1(place: list[float]) -> None:
    sure = GROUPS.membership(np.array([place]))

    assert 0 <= sure.min() <= sure.max() <= 1
    assert_allclose(sure.sum(), 1.0, atol=1e-12)


def test_the_spread_is_the_mean_squared_distance_of_a_column() -> None:
    places = np.array([[1.0, 0.0], [-1.0, 0.0], [3.0, 1.0], [3.0, -1.0]])

    found = Grouping.of(places, np.array([0, 0, 1, 1]), np.array([[0.0, 0.0], [3.0, 0.0]]))

    assert found.spread == 0.5
