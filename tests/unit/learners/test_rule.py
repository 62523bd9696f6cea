import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from shared.learners.simple import Columns, Rule, log_odds, single_column_margins
from shared.training.material import Split


def test_the_column_that_separates_most_is_chosen() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(500, 3))
    labels = (matrix[:, 1] > 1).astype(float)

    rule = Rule.fit(matrix, labels, Columns(("a", "b", "c")))

    assert rule.column == 1
    assert rule.importance().tolist() == [0.0, 1.0, 0.0]


def test_each_step_has_its_rate_drawn_towards_the_whole_by_hand() -> None:
    matrix = np.repeat([[0.0], [1.0], [np.nan]], 20, axis=0)
    labels = np.concatenate([np.zeros(20), np.ones(20), np.tile([0.0, 1.0], 10)])

    margins = Rule.fit(matrix, labels, Columns(("a",))).margins(np.array([[0.0], [1.0], [np.nan]]))

    # 20 rows and 20 imagined ones at 0.5: (0 + 10) / 40, (20 + 10) / 40, (10 + 10) / 40
    assert_allclose(margins, log_odds(np.array([0.25, 0.75, 0.5])))


def test_a_category_never_seen_stands_at_the_overall_rate() -> None:
    codes = np.repeat([0.0, 5.0], 50).reshape(-1, 1)
    labels = np.concatenate([np.zeros(50), np.tile([0.0, 1.0], 25)])
    rule = Rule.fit(codes, labels, Columns(("plan",), (0,)))

    assert_allclose(rule.margins(np.array([[3.0], [9.0], [np.nan]])), np.full(3, log_odds(0.25)))


def test_a_column_that_is_never_filled_says_nothing() -> None:
    rule = Rule.fit(np.full((10, 1), np.nan), np.tile([0.0, 1.0], 5), Columns(("a",)))

    assert_allclose(rule.margins(np.array([[1.0], [np.nan]])), 0.0, atol=1e-12)


@pytest.mark.parametrize("categorical", [(), (0, 1)])
def test_shares_and_base_sum_to_the_margin_and_belong_to_one_column(categorical: tuple[int, ...]) -> None:
    matrix = np.random.default_rng(0).integers(0, 5, (200, 2)).astype(float)
    matrix[::7] = np.nan
    rule = Rule.fit(matrix, (matrix[:, 1] > 2).astype(float), Columns(("a", "b"), categorical))

    shares = rule.contributions(matrix)

    assert_allclose(shares.sum(axis=1), rule.margins(matrix), atol=1e-12)
    assert not shares[:, 0].any()
    assert shares[:, 1].mean() == pytest.approx(0.0, abs=1e-12)


def test_written_and_read_back_it_answers_to_the_bit() -> None:
    matrix = np.random.default_rng(0).normal(size=(200, 2))
    rule = Rule.fit(matrix, (matrix[:, 1] > 0).astype(float), Columns(("a", "b")))

    again = Rule.from_json(json.loads(json.dumps(rule.to_json(), allow_nan=False)))

    assert_array_equal(again.margins(matrix), rule.margins(matrix))


def test_a_single_column_is_judged_only_by_what_other_rows_taught() -> None:
    values, labels = np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0])
    split = Split(train=np.array([0, 1]), test=np.array([2]))

    margins = single_column_margins(values, labels, [split], is_categorical=True)

    assert np.isnan(margins).tolist() == [True, True, False, True]
    assert margins[2] == 0.0
