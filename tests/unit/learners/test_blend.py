"""Half a line, half trees: everything that it answers is the mean of what its halves answer."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from shared.errors import ArtifactRefused
from shared.learners import Blend, Logistic, Trees, TreeShape, learner_from_json
from shared.learners.simple import Columns, chance

COLUMNS = Columns(("visits", "spend", "plan"), (2,))


def rows(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(n, 3))
    matrix[:, 2] = draw.integers(0, 4, n)
    labels = (draw.random(n) < chance(matrix[:, 0] + (matrix[:, 2] == 1))).astype(float)
    matrix[::5, 1] = np.nan
    return matrix, labels


@pytest.fixture(scope="module")
def blend() -> Blend:
    trees = Trees.fit(*rows(), COLUMNS, shape=TreeShape(leaves=7, min_rows=10), rounds=20, seed=1)
    return Blend(Logistic.fit(*rows(), COLUMNS), trees)


def test_its_margin_is_the_mean_of_both(blend: Blend) -> None:
    matrix, _ = rows()

    expected = 0.5 * blend.linear.margins(matrix) + 0.5 * blend.trees.margins(matrix)

    assert_allclose(blend.margins(matrix), expected, atol=1e-12)


def test_shares_and_base_sum_to_the_margin(blend: Blend) -> None:
    matrix, _ = rows()

    shares = blend.contributions(matrix)

    assert shares.shape == (400, 4)
    assert_allclose(shares.sum(axis=1), blend.margins(matrix), atol=1e-9)


def test_importance_is_shared_by_the_halves_evenly(blend: Blend) -> None:
    importance = blend.importance()

    assert importance.shape == (3,)
    assert importance.sum() == pytest.approx(1.0)
    assert np.argmax(importance) == 0


def test_one_row_answers_as_it_does_among_many(blend: Blend) -> None:
    matrix, _ = rows()

    alone = np.concatenate([blend.margins(row.reshape(1, -1)) for row in matrix[:20]])

    assert_allclose(alone, blend.margins(matrix)[:20], atol=1e-12)


def test_written_and_read_it_answers_to_the_bit(blend: Blend) -> None:
    matrix, _ = rows()

    again = learner_from_json("blend", json.loads(json.dumps(blend.to_json())), text=blend.text)

    assert again.kind == "blend"
    assert_array_equal(again.margins(matrix), blend.margins(matrix))
    assert_array_equal(again.contributions(matrix), blend.contributions(matrix))


@pytest.mark.parametrize("text", [None, "tree"])
def test_without_the_text_that_was_written_it_is_refused(blend: Blend, text: str | None) -> None:
    with pytest.raises(ArtifactRefused):
        learner_from_json("blend", blend.to_json(), text=text)


def test_halves_that_speak_of_other_columns_are_refused(blend: Blend) -> None:
    fields: dict[str, Any] = blend.to_json()
    fields["linear"] = {**fields["linear"], "source": [9] * len(fields["linear"]["source"])}

    with pytest.raises(ValueError, match="do not fit each other"):
        learner_from_json("blend", fields, text=blend.text)
