"""Doubly robust numbers, Qini, policy values and measured effects, on numbers that one can check by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.uplift.model.effects import EffectCurve
from services.uplift.training.assessment import (
    JudgedAssignments,
    curve_of,
    gains_line,
    policy_gain,
    policy_value,
    qini,
    standard_error,
    widened,
)
from services.uplift.training.learners import doubly_robust, learned
from tests.unit.uplift.conftest import table_of

OWNERS = np.arange(4, dtype=np.int32)


def test_a_doubly_robust_number_adds_what_came_beyond_the_expected_by_its_chance() -> None:
    found = doubly_robust(
        np.array([1.0, 0.0]),
        np.array([1, 0], dtype=np.int32),
        np.array([0.5, 0.25]),
        np.array([[0.2, 0.4], [0.1, 0.3]]),
    )

    assert_allclose(found, [[0.2, 0.4 + 0.6 / 0.5], [0.1 - 0.1 / 0.25, 0.3]])


def test_qini_is_the_area_above_treating_in_no_order() -> None:
    gained = np.array([1.0, 1.0, 0.0, 0.0])

    right = qini(gained, np.array([0.875, 0.625, 0.375, 0.125]), OWNERS)
    wrong = qini(gained, np.array([0.125, 0.375, 0.625, 0.875]), OWNERS)

    assert (right.value, wrong.value) == pytest.approx((0.125, -0.125))


def test_the_line_of_gains_ends_with_the_average() -> None:
    line = gains_line(np.array([1.0, 1.0, 0.0, -1.0]), np.array([0.875, 0.625, 0.375, 0.125]), OWNERS)

    assert [one.value for one in line][4] == pytest.approx(0.5)
    assert line[-1].value == pytest.approx(0.25)


def held(scores: np.ndarray) -> JudgedAssignments:
    n = len(scores)
    table = table_of(np.zeros((n, 1)), np.zeros(n), np.zeros(n))
    return JudgedAssignments(table, np.arange(n), np.zeros(n, dtype=np.int64), scores, {}, scores)


def test_a_rule_is_worth_the_mean_of_the_numbers_it_chooses() -> None:
    found = held(np.array([[0.0, 1.0], [0.5, 0.0]]))

    both = np.array([1, 0])

    assert policy_value(found, both).value == pytest.approx(0.75)
    assert policy_gain(found, both, np.array([1, 1])).value == pytest.approx(0.25)


def test_effects_are_measured_by_place_and_made_to_rise() -> None:
    place = (np.arange(600) + 0.5) / 600
    gained = np.select([place < 1 / 3, place < 2 / 3], [0.2, 0.1], 0.6)

    curve = curve_of(gained, place, place, np.arange(600, dtype=np.int32), smaller=300)

    assert_allclose(curve.effect, [0.15, 0.15, 0.6])
    assert_allclose(curve.places(np.array([-1.0, 2.0])), [0.0, 1.0])


def test_rows_of_one_contact_count_together() -> None:
    alone = standard_error(np.array([0.0, 1.0, 0.0, 1.0]), OWNERS)
    together = standard_error(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1], dtype=np.int32))

    assert (alone, together) == pytest.approx((0.25, np.sqrt(2) / 4))


def test_an_interval_widens_with_how_far_two_halves_disagree_about_the_effect() -> None:
    curve = EffectCurve(
        np.linspace(0, 1, 101),
        np.array([0.25, 0.75]),
        np.array([0.0, 0.4]),
        np.array([-0.1, 0.3]),
        np.array([0.1, 0.5]),
    )
    first = np.array([0.2, 0.3, 0.7, 0.8])

    same, apart = widened(curve, first, first), widened(curve, first, np.array([0.7, 0.8, 0.2, 0.3]))

    assert_allclose([same.low, same.high], [curve.low, curve.high])
    assert apart.low[1] < 0.1
    assert apart.high[0] > 0.3


def test_every_learner_finds_the_sign_of_the_effect() -> None:
    draw = np.random.default_rng(1)
    matrix, arm = draw.normal(size=(1_200, 2)), draw.random(1_200) < 0.5
    label = draw.random(1_200) < np.where(arm & (matrix[:, 0] > 0), 0.8, 0.3)

    found = learned(table_of(matrix, label, arm))

    high, low = np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]])
    for trees in found.effects.values():
        assert trees[0].predict(high)[0] > 0.3
        assert trees[0].predict(low)[0] < 0.3
        assert trees[0].contributions(high).sum() == pytest.approx(trees[0].predict(high)[0])
