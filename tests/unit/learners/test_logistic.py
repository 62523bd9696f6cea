import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from shared.learners.simple import Columns, Logistic, chance

NAMES = ("visits", "spend", "plan")


def problem(n: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers with holes, and a category."""
    generator = np.random.default_rng(seed)
    matrix = np.stack(
        [generator.poisson(4, n), generator.normal(size=n) * 30, generator.integers(0, 3, n)], axis=1
    ).astype(float)
    labels = (generator.random(n) < chance(0.4 * matrix[:, 0] - 2 + (matrix[:, 2] == 1))).astype(float)
    matrix[generator.random(n) < 0.2, 1] = np.nan
    return matrix, labels


@pytest.mark.parametrize("ridge", [0.1, 1.0, 30.0])
def test_the_weights_are_those_of_scikit_learn_on_the_same_design(ridge: float) -> None:
    matrix, labels = problem()
    spend = np.sign(matrix[:, 1]) * np.log1p(np.abs(matrix[:, 1]))
    spend = np.where(np.isnan(spend), np.nanmean(spend), spend)
    design = np.stack(
        [np.log1p(matrix[:, 0]), spend, np.isnan(matrix[:, 1]), *(matrix[:, 2] == code for code in range(3))], axis=1
    )
    design = (design - design.mean(axis=0)) / design.std(axis=0)
    peer = LogisticRegression(C=1 / ridge, tol=1e-10, max_iter=5_000).fit(design, labels)

    fitted = Logistic.fit(matrix, labels, Columns(NAMES, (2,)), ridge=ridge)

    assert fitted.source == (0, 1, 1, 2, 2, 2)
    assert_allclose(fitted.weight, peer.coef_[0], atol=2e-4)
    assert_allclose(fitted.margins(matrix), peer.decision_function(design), atol=1e-3)


def test_columns_that_say_the_same_thing_are_no_trouble() -> None:
    matrix, labels = problem()
    twins = np.column_stack([matrix[:, 0], matrix[:, 0] * (1 + 1e-7), matrix[:, 0] + 1e-6])

    fitted = Logistic.fit(twins, labels, Columns(("a", "b", "c")), ridge=1.0)

    assert_allclose(fitted.weight, np.full(3, fitted.weight[0]), rtol=1e-2)


def test_a_missing_number_weighs_nothing_when_none_was_missing_before() -> None:
    matrix, labels = problem()
    fitted = Logistic.fit(matrix[:, :1], labels, Columns(("visits",)))

    margin = fitted.margins(np.array([[np.nan]]))

    assert margin[0] == fitted.intercept


def test_a_category_never_seen_is_none_of_the_known_ones() -> None:
    matrix, labels = problem()
    fitted = Logistic.fit(matrix[:, 2:], labels, Columns(("plan",), (0,)))

    assert np.isfinite(fitted.margins(np.array([[17.0]]))).all()
    assert fitted.margins(np.array([[17.0]])) == fitted.margins(np.array([[18.0]]))


def test_only_the_first_fifty_categories_get_a_weight() -> None:
    codes = np.arange(600.0) % 60

    fitted = Logistic.fit(codes.reshape(-1, 1), np.tile([0.0, 1.0], 300), Columns(("item",), (0,)))

    assert fitted.code == tuple(float(code) for code in range(50))


def test_columns_without_variation_leave_the_base_rate() -> None:
    fitted = Logistic.fit(np.ones((100, 2)), np.tile([0.0, 0.0, 0.0, 1.0], 25), Columns(("a", "b")))

    assert fitted.source == ()
    assert_allclose(chance(fitted.margins(np.zeros((2, 2)))), [0.25, 0.25], atol=1e-4)
    assert fitted.importance().tolist() == []


def test_separated_labels_end_in_finite_weights() -> None:
    fitted = Logistic.fit(np.arange(100.0).reshape(-1, 1), np.repeat([0.0, 1.0], 50), Columns(("a",)))

    assert 1 < fitted.weight[0] < 100


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1_000), st.integers(5, 60))
def test_shares_and_base_sum_to_the_margin(seed: int, n: int) -> None:
    matrix, labels = problem(n, seed)
    fitted = Logistic.fit(matrix, labels, Columns(NAMES, (2,)))

    shares = fitted.contributions(matrix)

    assert shares.shape == (n, 4)
    assert_allclose(shares.sum(axis=1), fitted.margins(matrix), atol=1e-10)


def test_one_row_answers_as_it_does_among_many() -> None:
    matrix, labels = problem()
    fitted = Logistic.fit(matrix, labels, Columns(NAMES, (2,)))

    alone = [row.reshape(1, -1) for row in matrix[:20]]

    assert_array_equal(np.concatenate([fitted.margins(row) for row in alone]), fitted.margins(matrix)[:20])
    assert_array_equal(np.concatenate([fitted.contributions(row) for row in alone]), fitted.contributions(matrix)[:20])


def test_written_and_read_back_it_answers_to_the_bit() -> None:
    matrix, labels = problem()
    fitted = Logistic.fit(matrix, labels, Columns(NAMES, (2,)))

    again = Logistic.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))

    assert_array_equal(again.margins(matrix), fitted.margins(matrix))
    assert_array_equal(again.importance(), fitted.importance())


@pytest.mark.parametrize(
    "damage",
    [
        {"scale": [0.0] * 6},
        {"scale": [-1.0] * 6},
        {"weight": [np.nan] * 6},
        {"center": [np.inf] * 6},
        {"weight": [1.0] * 5},
        {"intercept": np.nan},
    ],
    ids=["no-spread", "negative-spread", "no-weight", "endless-mean", "a-weight-short", "no-intercept"],
)
def test_a_damaged_model_is_refused(damage: dict[str, object]) -> None:
    matrix, labels = problem()
    fields = Logistic.fit(matrix, labels, Columns(NAMES, (2,))).to_json()
    whole = Logistic.from_json({**fields, "intercept": 0.5})

    assert len(fields["scale"]) == 6
    assert whole.intercept == 0.5
    with pytest.raises(ValueError, match="damaged"):
        Logistic.from_json({**fields, **damage})
