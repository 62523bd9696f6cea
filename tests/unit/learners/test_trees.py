import lightgbm
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from shared.errors import ArtifactRefused
from shared.learners import learner_from_json
from shared.learners.simple import Columns, chance
from shared.learners.trees import Trees, TreeShape, grow

COLUMNS = Columns(("visits", "spend", "plan"), (2,))
SMALL = TreeShape(leaves=7, min_rows=10, max_rounds=60)


def problem(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n, 3))
    matrix[:, 2] = generator.integers(0, 4, n)
    labels = (generator.random(n) < chance(2 * matrix[:, 0] * (matrix[:, 2] > 1))).astype(float)
    matrix[::5, 1] = np.nan
    return matrix, labels


def fit(seed: int = 1, rounds: int = 20) -> Trees:
    return Trees.fit(*problem(), COLUMNS, shape=SMALL, rounds=rounds, seed=seed)


def test_plain_lightgbm_reads_the_text_and_answers_the_same() -> None:
    trees, (matrix, _) = fit(), problem()

    plain = lightgbm.Booster(model_str=trees.text).predict(matrix)

    assert_allclose(plain, chance(trees.margins(matrix)), atol=1e-12)


def test_the_same_seed_gives_the_same_text_and_another_one_another() -> None:
    assert fit(1).text == fit(1).text
    assert fit(1).text != fit(2).text


def test_shares_and_base_sum_to_the_margin() -> None:
    trees, (matrix, _) = fit(), problem()

    shares = trees.contributions(matrix)

    assert shares.shape == (600, 4)
    assert_allclose(shares.sum(axis=1), trees.margins(matrix), atol=1e-9)


def test_one_row_answers_as_it_does_among_many() -> None:
    trees, (matrix, _) = fit(), problem()

    alone = np.concatenate([trees.margins(row.reshape(1, -1)) for row in matrix[:20]])

    assert_array_equal(alone, trees.margins(matrix)[:20])


def test_importance_shows_what_was_split_on() -> None:
    gain = fit().importance()

    assert gain.shape == (3,)
    assert gain[0] == gain.max()


def test_a_path_sums_the_requested_rounds() -> None:
    matrix, labels = problem()
    path = grow(matrix, labels, COLUMNS, shape=SMALL, seed=1, judge=problem(300, seed=9))

    assert_allclose(path.margins(matrix, 20), fit(rounds=20).margins(matrix), atol=1e-12)
    assert len(path.loss) == SMALL.max_rounds


def test_an_early_stop_does_not_bound_the_rounds_that_others_choose() -> None:
    matrix, labels = problem()
    hostile = matrix[:300], 1 - labels[:300]
    path = grow(matrix, labels, COLUMNS, shape=SMALL, seed=1, judge=hostile)
    assert path.booster.current_iteration() < 60
    assert_array_equal(path.loss[41:], path.loss[40])

    margins = path.margins(matrix, 60)

    assert_allclose(margins, fit(rounds=60).margins(matrix), atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_text_cut_short_is_refused_before_lightgbm_reads_it(share: float) -> None:
    trees = fit()
    written = trees.to_json()

    with pytest.raises(ArtifactRefused, match="damaged"):
        learner_from_json("lightgbm", written, text=trees.text[: int(len(trees.text) * share)])


def test_a_text_that_is_no_model_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    nonsense = Trees("tree\n")

    with pytest.raises(ArtifactRefused, match="cannot read"):
        nonsense.margins(problem()[0])


@pytest.mark.parametrize(("kind", "text"), [("forest", None), ("lightgbm", None)])
def test_an_unknown_kind_and_a_missing_text_are_refused(kind: str, text: str | None) -> None:
    with pytest.raises(ArtifactRefused, match="no readable model"):
        learner_from_json(kind, {}, text=text)


def test_few_rows_are_grown_by_one_thread_and_many_by_two() -> None:
    assert [TreeShape().parameters(1, rows=rows)["num_threads"] for rows in (100_000, 100_001)] == [1, 2]
