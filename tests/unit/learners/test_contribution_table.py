import gc
import re
from collections.abc import Sequence

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from shared.learners import contribution_table
from shared.learners.contribution_table import ContributionTable
from shared.learners.trees import Trees

WIDTH = 6
PLAIN = {"objective": "binary", "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1, "deterministic": True}
STRANGE = (np.nan, 0.0, -0.0, 1e-36, -1e-34, np.inf, -np.inf, 1e300, -0.5, 2.7, 40.0)


def grown(seed: int, *, rounds: int = 8, categorical: Sequence[int] = (), **more: object) -> lightgbm.Booster:
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(400, WIDTH)).round(1)
    matrix[:, 3:5] = draw.integers(0, 40, (400, 2))
    matrix[draw.random(matrix.shape) < 0.15] = np.nan
    matrix[draw.random(matrix.shape) < 0.15] = 0.0
    chances = 0.1 + 0.5 * ((matrix[:, 0] > 0) ^ (matrix[:, 3] % 3 == 1)) + 0.4 * np.isnan(matrix[:, 1])
    labels = (draw.random(400) < chances).astype(float)
    data = lightgbm.Dataset(matrix, labels, categorical_feature=list(categorical))
    text = lightgbm.train({**PLAIN, "seed": seed, **more}, data, rounds).model_to_string()
    return lightgbm.Booster(model_str=text)


def asked(seed: int, n: int = 50) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(n, WIDTH)).round(1)
    rows[:, 3:5] = draw.integers(-2, 45, (n, 2))
    return np.where(draw.random(rows.shape) < 0.2, draw.choice(STRANGE, rows.shape), rows)


def require_equal(table: ContributionTable | None, booster: lightgbm.Booster, rows: NDArray[np.float64]) -> None:
    assert table is not None
    margins, shares = table.explained(rows)
    assert_array_equal(margins, booster.predict(rows, raw_score=True))
    assert_allclose(shares, booster.predict(rows, pred_contrib=True), rtol=0, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    leaves=st.integers(2, 16),
    categorical=st.sampled_from([(), (3,), (3, 4)]),
    zero_as_missing=st.booleans(),
    use_missing=st.booleans(),
)
def test_every_row_gets_what_lightgbm_computes(
    seed: int, leaves: int, categorical: tuple[int, ...], zero_as_missing: bool, use_missing: bool
) -> None:
    booster = grown(
        seed,
        categorical=categorical,
        num_leaves=leaves,
        zero_as_missing=zero_as_missing,
        use_missing=use_missing,
        max_cat_to_onehot=2 if seed % 2 else 100,
        cat_smooth=1.0,
        min_data_per_group=5,
    )

    table = ContributionTable.of(booster.model_to_string(), WIDTH)

    require_equal(table, booster, asked(seed))


def test_a_tree_without_a_condition_adds_its_value() -> None:
    text = grown(2, rounds=3, num_leaves=5).model_to_string()
    second = text[text.index("Tree=1") : text.index("Tree=2")]
    constant = "Tree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=0.25\nleaf_count=400\nis_linear=0\nshrinkage=1\n\n\n"
    first, _, third = re.findall(r"tree_sizes=(\d+) (\d+) (\d+)", text)[0]
    text = text.replace(second, constant)
    text = re.sub(r"tree_sizes=.*", f"tree_sizes={first} {len(constant)} {third}", text)

    table = ContributionTable.of(text, WIDTH)

    require_equal(table, lightgbm.Booster(model_str=text), asked(2))


def test_a_condition_may_ask_only_whether_a_number_is_missing() -> None:
    booster = grown(10, num_leaves=8)
    assert "inf" in booster.model_to_string().partition("end of trees")[0]

    require_equal(ContributionTable.of(booster.model_to_string(), WIDTH), booster, asked(10))


def test_many_rows_get_what_each_gets_alone() -> None:
    booster, rows = grown(3, num_leaves=9), asked(3, 150)
    table = ContributionTable.of(booster.model_to_string(), WIDTH)
    assert table is not None

    alone = [table.explained(row.reshape(1, -1)) for row in rows]

    assert_array_equal(np.concatenate([margins for margins, _ in alone]), table.explained(rows)[0])
    assert_array_equal(np.concatenate([shares for _, shares in alone]), table.explained(rows)[1])
    assert [one.shape for one in table.explained(rows[:0])] == [(0,), (0, WIDTH + 1)]


def test_what_has_no_table_is_computed_by_lightgbm() -> None:
    deep, rows = grown(4, num_leaves=200, min_data_in_leaf=1, max_depth=-1), asked(4)
    trees = Trees(deep.model_to_string())

    margins, shares = trees.explained(rows)

    assert ContributionTable.of(trees.text, WIDTH) is None
    assert_array_equal(margins, deep.predict(rows, raw_score=True))
    assert_array_equal(shares, deep.predict(rows, pred_contrib=True))


@pytest.mark.parametrize(
    "other", [{"linear_tree": True}, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}]
)
def test_trees_of_another_kind_have_no_table(other: dict[str, object]) -> None:
    assert ContributionTable.of(grown(5, num_leaves=4, **other).model_to_string(), WIDTH) is None


def test_a_leaf_that_no_training_row_met_has_no_table() -> None:
    text = grown(6, num_leaves=4).model_to_string()
    empty = re.sub(r"leaf_count=\d+", "leaf_count=0", text, count=1)

    assert ContributionTable.of(empty, WIDTH) is None


@pytest.mark.parametrize("field", ["leaf_count", "internal_count", "decision_type"])
def test_a_text_without_what_lightgbm_does_not_need_is_left_to_it(field: str) -> None:
    text = re.sub(rf"\n(tree_sizes|{field})=[^\n]*", "", grown(6, num_leaves=4).model_to_string())
    trees, rows = Trees(text), asked(6)

    margins, shares = trees.explained(rows)

    assert_array_equal(margins, trees.booster.predict(rows, raw_score=True))
    assert_array_equal(shares, trees.booster.predict(rows, pred_contrib=True))


def test_all_tables_of_a_process_have_one_bound_and_leave_with_their_models(monkeypatch: pytest.MonkeyPatch) -> None:
    text = grown(7, num_leaves=8).model_to_string()
    first = ContributionTable.of(text, WIDTH)
    assert first is not None
    gc.collect()
    others = sum(table.cells.nbytes for table in contribution_table._ALL)
    monkeypatch.setattr(contribution_table, "ALL_TABLE_BYTES", others)

    beside = ContributionTable.of(text, WIDTH)
    del first
    gc.collect()

    assert beside is None
    assert ContributionTable.of(text, WIDTH) is not None


def test_a_model_of_seven_leaves_takes_three_kilobytes_a_tree() -> None:
    table = ContributionTable.of(grown(8, rounds=100, num_leaves=7).model_to_string(), WIDTH)

    assert table is not None
    assert 100_000 < table.cells.nbytes <= 100 * 64 * 7 * 8
