"""Learners that start from margins known already: what is on top of them, and nothing else, is learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, minimize_scalar

from shared.learners.simple import PULL, Columns, Logistic, Rule, chance, log_odds
from shared.learners.trees import Trees, TreeShape, grow

COLUMNS = Columns(("visits", "spend", "plan"), (2,))
SMALL = TreeShape(leaves=7, min_rows=10, max_rounds=60)
EAGER = TreeShape(leaves=4, min_rows=50, learning_rate=0.3, feature_share=1.0, row_share=1.0, ridge=0.0)
"""All rows and columns in every round, and long steps: nothing is left to chance or to be learned later."""


def drawn(n: int = 2_000, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers, one with holes, and a category; and offsets that have nothing to do with them."""
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(n, 3))
    matrix[:, 2] = draw.integers(0, 4, n)
    matrix[::5, 1] = np.nan
    return matrix, draw.normal(-1, 2, n)


def labels_of(margin: np.ndarray, *, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(margin)) < chance(margin)).astype(float)


# --- Trees.


def trees(
    matrix: np.ndarray, labels: np.ndarray, offset: np.ndarray | None, *, rounds: int = 30, shape: TreeShape = SMALL
) -> Trees:
    return Trees.fit(matrix, labels, COLUMNS, shape=shape, rounds=rounds, seed=1, offset=offset)


def test_trees_from_the_base_rate_on_are_those_that_lightgbm_starts_itself() -> None:
    matrix, _ = drawn()
    labels = labels_of(2 * matrix[:, 0] - 1)
    base = log_odds(labels.mean())

    itself = trees(matrix, labels, None).margins(matrix)
    from_base = trees(matrix, labels, np.full(len(labels), base)).margins(matrix) + base

    assert_allclose(from_base, itself, atol=1e-6)


def test_trees_find_what_lies_beyond_the_offset_and_do_not_hold_it() -> None:
    matrix, offset = drawn(6_000)
    labels = labels_of(offset + 1.5 * (matrix[:, 0] > 0))

    found = trees(matrix, labels, offset, rounds=10, shape=EAGER).margins(matrix)

    high, low = found[matrix[:, 0] > 0].mean(), found[matrix[:, 0] <= 0].mean()
    assert high - low == pytest.approx(1.5, abs=0.2)
    assert low == pytest.approx(0.0, abs=0.2)
    assert abs(np.corrcoef(found, offset)[0, 1]) < 0.1


def test_trees_with_an_offset_share_out_what_they_hold_themselves() -> None:
    matrix, offset = drawn()
    fitted = trees(matrix, labels_of(offset + matrix[:, 0]), offset)

    assert_allclose(fitted.contributions(matrix).sum(axis=1), fitted.margins(matrix), atol=1e-9)


def test_a_path_from_offsets_is_the_same_trees_and_its_loss_is_theirs_on_top() -> None:
    matrix, offset = drawn()
    labels = labels_of(offset + matrix[:, 0])
    others, known = drawn(500, seed=7)
    told = labels_of(known + others[:, 0], seed=8)

    path = grow(matrix, labels, COLUMNS, shape=SMALL, seed=1, judge=(others, told), offsets=(offset, known))

    assert_allclose(path.margins(matrix, 20), trees(matrix, labels, offset, rounds=20).margins(matrix), atol=1e-9)
    margin = known + path.margins(others, 10)
    assert path.loss[9] == pytest.approx(np.mean(np.logaddexp(0, margin) - told * margin), abs=1e-6)


# --- Logistic regression.


def test_a_logistic_regression_from_zero_is_the_plain_one() -> None:
    matrix, _ = drawn()
    labels = labels_of(matrix[:, 0] - 0.5)

    plain = Logistic.fit(matrix, labels, COLUMNS)
    from_zero = Logistic.fit(matrix, labels, COLUMNS, offset=np.zeros(len(labels)))

    assert_allclose(from_zero.margins(matrix), plain.margins(matrix), atol=1e-3)


@pytest.mark.parametrize("shift", [-4.0, -1.0, 2.0])
def test_a_constant_offset_is_taken_out_of_the_intercept(shift: float) -> None:
    matrix, _ = drawn()
    labels = labels_of(matrix[:, 0] - 0.5)

    plain = Logistic.fit(matrix, labels, COLUMNS)
    shifted = Logistic.fit(matrix, labels, COLUMNS, offset=np.full(len(labels), shift))

    assert shifted.intercept + shift == pytest.approx(plain.intercept, abs=1e-3)
    assert_allclose(shifted.weight, plain.weight, atol=1e-3)


def test_the_weights_on_top_of_an_offset_are_those_of_a_plain_search() -> None:
    matrix, offset = drawn(400)
    number = matrix[:, :1]
    labels = labels_of(offset + matrix[:, 0])
    told = np.copysign(np.log1p(np.abs(number[:, 0])), number[:, 0])
    design = (told - told.mean()) / told.std()

    def loss(at: np.ndarray) -> float:
        margin = offset + at[0] + at[1] * design
        return float(np.sum(np.logaddexp(0, margin) - labels * margin) + 5.0 / 2 * at[1] ** 2)

    least = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    fitted = Logistic.fit(number, labels, Columns(("visits",)), ridge=5.0, offset=offset)

    assert_allclose([fitted.intercept, *fitted.weight], least, atol=1e-3)


# --- The rule.


def test_a_rule_from_the_base_rate_on_comes_near_the_plain_one() -> None:
    """Its pull is measured in curvature, the plain one's in rows: nearly the same where steps have many rows."""
    matrix, _ = drawn(20_000)
    labels = labels_of((matrix[:, 0] > 0) - 1.0)
    base = float(log_odds(labels.mean()))

    plain = Rule.fit(matrix, labels, COLUMNS)
    beyond = Rule.fit(matrix, labels, COLUMNS, offset=np.full(len(labels), base))

    assert beyond.column == plain.column == 0
    assert_array_equal(beyond.edges, plain.edges)
    assert_allclose(beyond.margins(matrix) + base, plain.margins(matrix), atol=0.01)


def brute_force(offset: np.ndarray, labels: np.ndarray) -> float:
    """Least log loss of one number on top of the offsets, drawn to 0 by imagined rows."""
    rate = chance(offset).mean()
    pull = PULL * rate * (1 - rate)

    def loss(above: float) -> float:
        margin = offset + above
        return float(np.sum(np.logaddexp(0, margin) - labels * margin) + pull / 2 * above**2)

    return float(minimize_scalar(loss, bounds=(-15, 15), method="bounded", options={"xatol": 1e-9}).x)


@given(
    offsets=st.lists(st.floats(-6, 4), min_size=1, max_size=60),
    share=st.floats(0, 1),
    seed=st.integers(0, 1_000),
)
@settings(deadline=None)
def test_newton_s_method_finds_the_least_loss_of_a_step(offsets: list[float], share: float, seed: int) -> None:
    offset = np.array(offsets)
    labels = (np.random.default_rng(seed).random(len(offset)) < share).astype(float)

    rule = Rule.fit(np.zeros((len(offset), 1)), labels, Columns(("a",)), offset=offset)

    assert rule.margins(np.zeros((1, 1)))[0] == pytest.approx(brute_force(offset, labels), abs=1e-4)


def test_each_step_of_a_rule_is_on_its_own() -> None:
    draw = np.random.default_rng(3)
    values = np.repeat([0.0, 1.0, np.nan], 300)
    offset = draw.normal(-1, 1, 900)
    labels = labels_of(offset + np.repeat([0.0, 2.0, -1.0], 300))

    rule = Rule.fit(values[:, None], labels, Columns(("a",)), offset=offset)

    rate = chance(offset).mean()
    pull = PULL * rate * (1 - rate)
    for value in (0.0, 1.0, np.nan):
        mine = np.isnan(values) if np.isnan(value) else values == value
        above = rule.margins(np.array([[value]]))[0]
        gap = np.sum(labels[mine] - chance(offset[mine] + above)) - pull * above
        assert gap == pytest.approx(0.0, abs=1e-6)


# --- All of them.


def fit_of(kind: str, matrix: np.ndarray, labels: np.ndarray, offset: np.ndarray) -> np.ndarray:
    if kind == "trees":
        return trees(matrix, labels, offset, shape=EAGER).margins(matrix)
    fitted = (Logistic if kind == "logistic" else Rule).fit(matrix, labels, COLUMNS, offset=offset)
    return fitted.margins(matrix)


@pytest.mark.parametrize("kind", ["trees", "logistic", "rule"])
def test_an_offset_that_knows_everything_leaves_nothing_to_learn(kind: str) -> None:
    """Each row twice, once with each label, in its true proportion: no column can say more than the offset."""
    matrix, _ = drawn(500)
    twice = np.repeat(matrix, 4, axis=0)
    offset = np.full(len(twice), log_odds(0.25))
    labels = np.tile([1.0, 0.0, 0.0, 0.0], 500)

    assert_allclose(fit_of(kind, twice, labels, offset), 0.0, atol=2e-3)


@pytest.mark.parametrize("kind", ["trees", "logistic", "rule"])
def test_a_learner_finds_the_gap_between_offset_and_truth(kind: str) -> None:
    matrix, offset = drawn(8_000)
    labels = labels_of(offset + np.where(matrix[:, 2] == 3, 2.0, 0.0))

    found = fit_of(kind, matrix, labels, offset)

    assert found[matrix[:, 2] == 3].mean() - found[matrix[:, 2] != 3].mean() == pytest.approx(2.0, abs=0.4)
