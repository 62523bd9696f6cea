import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from services.segmentation.model import Grouping

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
