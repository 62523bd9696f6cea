"""Intervals against published examples and figures that were computed by hand."""

import pytest

from shared.lift.intervals import Mean, difference, mean_difference, mean_lift, relative_lift, wilson


def test_the_difference_of_two_shares_has_the_published_interval() -> None:
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 = 0.2000, 0.0524 to 0.3339."""
    found = difference(wilson(56, 70), wilson(48, 80))

    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)


def test_the_lift_of_two_shares_is_as_computed_by_hand() -> None:
    """sqrt(1/56 - 1/70 + 1/48 - 1/80) = 0.109109; 4/3 times or through exp(1.96 * 0.109109) = 1.238437."""
    found = relative_lift((56, 48), (70, 80))

    assert found is not None
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.3333, 0.0766, 0.6512)


def test_the_difference_of_two_means_is_as_computed_by_hand() -> None:
    """Variances 480/39 and 280/39 of 40 each: error 0.697982 with 72.95 degrees of freedom, t = 1.99304."""
    treated, control = Mean.of(40, [8.0] * 10), Mean.of(40, [8.0] * 5)

    found = mean_difference(treated, control)

    assert found is not None
    assert (treated.mean, control.mean) == (2.0, 1.0)
    assert (treated.variance, control.variance) == pytest.approx((480 / 39, 280 / 39))
    assert (round(found.value, 3), round(found.low, 3), round(found.high, 3)) == (1.0, -0.391, 2.391)


def test_the_lift_of_two_means_is_as_computed_by_hand() -> None:
    """sqrt(0.307692 / 4 + 0.179487 / 1) = 0.506370; 2 times or through exp(1.959964 * 0.506370) = 2.6980."""
    found = mean_lift(Mean.of(40, [8.0] * 10), Mean.of(40, [8.0] * 5))

    assert found is not None
    assert (round(found.value, 3), round(found.low, 3), round(found.high, 3)) == (1.0, -0.259, 4.396)


@pytest.mark.parametrize(("treated", "control"), [((29, [1.0]), (40, [1.0])), ((40, []), (40, [1.0]))])
def test_too_little_for_a_lift_of_means_gives_none(treated: tuple, control: tuple) -> None:
    assert mean_lift(Mean.of(*treated), Mean.of(*control)) is None


def test_means_of_one_value_have_no_spread_and_few_contacts_no_interval() -> None:
    same = mean_difference(Mean.of(40, [2.0] * 40), Mean.of(40, [1.0] * 40))

    assert same is not None
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert mean_difference(Mean.of(1, [2.0]), Mean.of(40, [1.0])) is None


def test_a_share_of_nothing_has_no_lift() -> None:
    assert relative_lift((0, 5), (10, 10)) is None
