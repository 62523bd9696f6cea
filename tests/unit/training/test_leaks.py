import numpy as np

from shared.learners.simple import single_column_margins
from shared.training.material import stratified
from shared.training.problem import Leak, leaks

N = 600
LABELS = np.tile([0.0, 0.0, 1.0], N // 3)


def found(column: np.ndarray, *, is_categorical: bool = False) -> list[Leak]:
    def margins_of(_: int) -> np.ndarray:
        return single_column_margins(column, LABELS, stratified(LABELS), is_categorical=is_categorical)

    return leaks(column.reshape(-1, 1), LABELS, ["suspect"], margins_of)


def test_a_column_whose_value_gives_the_answer_is_named() -> None:
    value = LABELS * 3 + np.random.default_rng(0).normal(size=N)

    leak = found(value)[0]

    assert (leak.name, leak.by_missingness) == ("suspect", False)
    assert str(leak).startswith("suspect: its value alone predicts the outcome with an AUC of 0.9")


def test_low_values_of_a_leak_may_mean_yes() -> None:
    assert found(-LABELS * 5 + np.random.default_rng(0).normal(size=N))


def test_a_category_that_gives_the_answer_is_named() -> None:
    codes = np.where(LABELS == 1, 4.0, np.random.default_rng(0).integers(0, 4, N))

    assert found(codes, is_categorical=True)[0].auc > 0.99


def test_a_column_filled_only_after_the_outcome_is_named_by_its_missingness() -> None:
    filled = np.where(LABELS == 1, np.random.default_rng(0).normal(size=N), np.nan)

    leak = found(filled)[0]

    assert leak.by_missingness
    assert str(leak) == "suspect: being filled in alone predicts the outcome with an AUC of 1.00"


def test_a_column_emptied_by_the_outcome_is_named_too() -> None:
    assert found(np.where(LABELS == 1, np.nan, 1.0))[0].by_missingness


def test_missingness_is_judged_where_no_value_can_be() -> None:
    filled = np.where(LABELS == 1, 1.0, np.nan)

    leak = leaks(filled.reshape(-1, 1), LABELS, ["suspect"], lambda _: np.full(N, np.nan))[0]

    assert leak == Leak("suspect", 1.0, by_missingness=True)


def test_a_column_of_0_90_alone_is_strong_and_no_more() -> None:
    leak = found(LABELS * 1.8 + np.random.default_rng(0).normal(size=N))[0]

    assert 0.88 < leak.auc < 0.92
    assert leak.evidence == "strong"


def test_being_filled_in_gives_a_column_away_sooner_than_its_value() -> None:
    draw = np.random.default_rng(0)
    filled = np.where(draw.random(N) < np.where(LABELS == 1, 0.95, 0.1), 1.0, np.nan)

    leak = found(filled)[0]

    assert 0.90 < leak.auc < 0.95
    assert (leak.evidence, leak.by_missingness) == ("alone", True)


def test_an_honest_strong_column_is_kept() -> None:
    assert not found(LABELS + np.random.default_rng(0).normal(size=N))


def test_a_column_of_names_that_no_other_fold_knows_is_kept() -> None:
    assert not found(np.arange(float(N)), is_categorical=True)
