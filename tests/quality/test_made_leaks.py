"""Tables with columns that know the future, or look as if they did: they are asked about, and the rest is unchanged."""

import pytest
from numpy.testing import assert_array_equal

from services.churn.training import churn_material
from services.churn.training import fitted as churn_fitted
from services.scoring.fit import ScoringFit
from services.scoring.training import fitted
from shared.evaluation.metrics import Interval
from shared.training.material import Material
from tests.quality import made_tables as made


@pytest.fixture(scope="module")
def with_strong_column() -> tuple[Material, ScoringFit]:
    stuff = made.with_strong_column(1)
    return stuff, fit_of(stuff)


def fit_of(stuff: Material, **answers: set[str]) -> ScoringFit:
    return fitted(stuff, now=made.NOW, **answers)


def figure(fit: ScoringFit, name: str) -> float:
    found = fit.report.figures[name]
    return found.value if isinstance(found, Interval) else found


def assert_left_out_and_asked_about(name: str, seed: int) -> None:
    fit = fit_of(made.with_leak(name, seed))

    assert [leak.split(":")[0] for leak in fit.report.leaks] == [name]
    assert not any(name in feature for feature in fit.model.feature_set.names)
    assert figure(fit, "auc") < figure(fit, "auc_with_suspects") - 0.03


@pytest.mark.parametrize("name", ["signed_by", "Lead Quality", "zeta"])
def test_a_column_that_knows_the_future_is_left_out_and_questioned(name: str) -> None:
    assert_left_out_and_asked_about(name, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", made.LEAKS)
@pytest.mark.parametrize("seed", range(1, 12))
def test_every_column_that_knows_the_future_is_left_out_and_questioned(name: str, seed: int) -> None:
    assert_left_out_and_asked_about(name, seed)


def test_a_column_changed_after_the_outcome_is_left_out_whatever_its_name_and_strength() -> None:
    fit = fit_of(made.with_later_value(1))

    (leak,) = fit.report.leaks
    assert leak.startswith("colour: ")
    assert leak.endswith("and it was mostly filled in or changed after the outcome")


@pytest.mark.slow
def test_a_churn_table_asks_the_same_question_with_both_figures() -> None:
    stuff = made.with_leak("duration", 1)

    fit = churn_fitted(churn_material(made.GONE, stuff.pasts, now=made.NOW), now=made.NOW)

    assert [leak.split(":")[0] for leak in fit.report.leaks] == ["duration"]
    without, with_it = fit.report.figures["auc"], fit.report.figures["auc_with_suspects"]
    assert isinstance(without, Interval)
    assert isinstance(with_it, float)
    assert without.value < with_it - 0.03


def test_a_contract_with_a_reason_for_leaving_is_questioned_with_both_figures() -> None:
    stuff = made.contract_noise(1, contacts=500, reasoned=True)
    until = stuff.closed.until
    assert until is not None

    report = churn_fitted(stuff, now=until).report

    assert [leak.split(":")[0] for leak in report.leaks] == ["churn_reason"]
    without, with_it = report.figures["auc"], report.figures["auc_with_suspects"]
    assert isinstance(without, Interval)
    assert isinstance(with_it, float)
    assert without.value < 0.6 < 0.7 < with_it


def assert_kept_and_questioned(fit: ScoringFit) -> None:
    assert not fit.report.leaks
    assert [asked.split(":")[0] for asked in fit.report.questioned] == ["pages"]
    assert "pages" in fit.model.feature_set.names
    assert figure(fit, "auc_without_questioned") < figure(fit, "auc") - 0.1


def test_a_strong_column_known_beforehand_is_kept_and_questioned(
    with_strong_column: tuple[Material, ScoringFit],
) -> None:
    assert_kept_and_questioned(with_strong_column[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_every_strong_column_known_beforehand_is_kept_and_questioned(seed: int) -> None:
    assert_kept_and_questioned(fit_of(made.with_strong_column(seed)))


def test_an_answer_ends_the_question_and_decides(with_strong_column: tuple[Material, ScoringFit]) -> None:
    stuff, kept = with_strong_column

    allowed, forbidden = fit_of(stuff, allowed={"pages"}), fit_of(stuff, forbidden={"pages"})

    assert not allowed.report.questioned
    assert not forbidden.report.questioned
    assert "pages" not in forbidden.model.feature_set.names
    assert_array_equal(
        kept.model.predict_matrix(kept.problem.matrix), allowed.model.predict_matrix(allowed.problem.matrix)
    )


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_a_clean_table_is_answered_to_the_digit_as_without_the_guard(seed: int) -> None:
    stuff = made.clean(seed)

    guarded, free = fit_of(stuff), fit_of(stuff, allowed=set(stuff.pasts.attributes))

    assert (guarded.report.leaks, guarded.report.questioned, guarded.report.left_out) == ([], [], ())
    assert_array_equal(
        guarded.model.predict_matrix(guarded.problem.matrix), free.model.predict_matrix(free.problem.matrix)
    )
    assert guarded.report.to_json() == free.report.to_json()


def test_a_result_too_good_to_be_true_is_called_that_for_scoring_and_for_churn() -> None:
    stuff = made.with_leak("zeta", 1)
    answer = {"allowed": {"zeta"}}
    churn = churn_material(made.GONE, stuff.pasts, now=made.NOW)

    fits = [fit_of(stuff, **answer), churn_fitted(churn, now=made.NOW, **answer)]

    for fit in fits:
        assert sum("too good to be true" in note for note in fit.report.notes) == 1
        assert "zeta" in fit.model.feature_set.names
        assert not fit.report.leaks
