import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from shared.evaluation import metrics
from shared.learners.simple import chance


def drawn(seed: int, n: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both kinds and margins with ties."""
    generator = np.random.default_rng(seed)
    margin = generator.integers(0, levels, n) / levels * 4 - 2
    labels = (generator.random(n) < chance(margin)).astype(float)
    labels[:2] = 0.0, 1.0
    return labels, margin


cases = given(st.integers(0, 10_000), st.integers(3, 200), st.integers(1, 50))


@cases
def test_ranking_figures_are_those_of_scikit_learn_ties_included(seed: int, n: int, levels: int) -> None:
    labels, margin = drawn(seed, n, levels)

    assert metrics.auc(labels, margin) == pytest.approx(sk.roc_auc_score(labels, margin), abs=1e-12)
    assert metrics.average_precision(labels, margin) == pytest.approx(
        sk.average_precision_score(labels, margin), abs=1e-12
    )


@cases
def test_log_loss_and_brier_are_those_of_scikit_learn(seed: int, n: int, levels: int) -> None:
    labels, margin = drawn(seed, n, levels)
    probability = chance(margin)

    assert metrics.log_loss(labels, probability) == pytest.approx(sk.log_loss(labels, probability))
    assert metrics.brier(labels, probability) == pytest.approx(sk.brier_score_loss(labels, probability))


@cases
def test_weights_count_like_repeated_rows(seed: int, n: int, levels: int) -> None:
    labels, margin = drawn(seed, n, levels)
    times = np.random.default_rng(seed).integers(0, 4, n)
    times[:2] = 1
    again = np.repeat(np.arange(n), times)
    ranking = metrics.Ranking(labels, margin)
    weights = times.astype(float)

    assert ranking.auc(weights) == pytest.approx(metrics.auc(labels[again], margin[again]))
    assert ranking.average_precision(weights) == pytest.approx(metrics.average_precision(labels[again], margin[again]))
    assert ranking.lift(weights, 0.2) == pytest.approx(metrics.lift(labels[again], margin[again], 0.2))
    assert_allclose(
        metrics.calibration_line(labels, margin, weights),
        metrics.calibration_line(labels[again], margin[again]),
        atol=1e-6,
    )


@cases
def test_several_weighings_are_ranked_as_each_is_alone(seed: int, n: int, levels: int) -> None:
    labels, margin = drawn(seed, n, levels)
    ranking, weights = metrics.Ranking(labels, margin), np.random.default_rng(seed).integers(0, 2, (5, n)).astype(float)

    areas = ranking.aucs(weights)

    for area, times in zip(areas, weights, strict=True):
        again = np.repeat(np.arange(n), times.astype(int))
        assert area == pytest.approx(metrics.auc(labels[again], margin[again]), nan_ok=True)


@cases
def test_the_order_of_rows_changes_no_figure(seed: int, n: int, levels: int) -> None:
    labels, margin = drawn(seed, n, levels)
    mixed = np.random.default_rng(seed + 1).permutation(n)

    for figure in (metrics.auc, metrics.average_precision, metrics.lift):
        assert figure(labels, margin) == pytest.approx(figure(labels[mixed], margin[mixed]))


def test_auc_of_three_rows_by_hand() -> None:
    assert metrics.auc(np.array([1.0, 0.0, 1.0]), np.array([0.2, 0.5, 0.9])) == 0.5


def test_rows_of_one_kind_have_no_auc_no_precision_and_no_lift() -> None:
    nothing = np.zeros(3)

    assert np.isnan(metrics.auc(nothing, np.arange(3.0)))
    assert np.isnan(metrics.Ranking(nothing, np.arange(3.0)).auc(np.ones(3)))
    assert np.isnan(metrics.average_precision(nothing, np.arange(3.0)))
    assert np.isnan(metrics.lift(nothing, np.arange(3.0)))


def test_a_tie_at_the_border_of_the_top_share_counts_with_its_mean() -> None:
    labels = np.array([1.0, 0.0, 0.0, 0.0])

    assert metrics.lift(labels, np.zeros(4), 0.25) == 1.0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.05, 8.0), st.floats(-30, 30))
def test_the_calibration_line_is_scikit_learn_s_unpenalised_logistic(seed: int, width: float, shift: float) -> None:
    generator = np.random.default_rng(seed)
    margin = generator.normal(size=400) * width + shift
    labels = (generator.random(400) < chance(generator.normal(size=400) + (margin - shift) / width)).astype(float)

    slope, intercept = metrics.calibration_line(labels, margin)

    scaled = ((margin - shift) / width).reshape(-1, 1)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scaled, labels)
    assert slope * width == pytest.approx(peer.coef_[0, 0], abs=1e-4)
    assert intercept + slope * shift == pytest.approx(peer.intercept_[0], abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "margin"),
    [
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]),
        ([0.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
        ([0.0, 0.0, 1.0], [1.0, 2.0, 3.0]),
        ([1.0, 0.0, 0.0], [1.0, 2.0, 3.0]),
        ([0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 2.0, 3.0]),
    ],
    ids=["one kind", "one margin", "separated", "separated the other way", "touching"],
)
def test_where_no_finite_line_exists_none_is_given(labels: list[float], margin: list[float]) -> None:
    assert np.isnan(metrics.calibration_line(np.array(labels), np.array(margin))).all()


def test_wildly_confident_margins_get_their_line_all_the_same() -> None:
    generator = np.random.default_rng(4)
    margin = generator.normal(size=2_000)
    labels = (generator.random(2_000) < chance(margin)).astype(float)

    slope, intercept = metrics.calibration_line(labels, margin * 1_000)

    assert slope * 1_000 == pytest.approx(1.0, abs=0.2)
    assert intercept == pytest.approx(0.0, abs=0.2)


def test_calibration_error_by_hand() -> None:
    labels = np.array([0.0, 1.0, 1.0, 1.0])
    probability = np.array([0.1, 0.3, 0.6, 0.8])

    # bins (0.1, 0.3) and (0.6, 0.8): |0.2 - 0.5| and |0.7 - 1.0|
    assert metrics.calibration_error(labels, probability, bins=2) == pytest.approx(0.3)


def test_bins_hold_equal_counts_and_never_more_bins_than_rows() -> None:
    predicted, seen, count = metrics.reliability(np.array([0.0, 1.0, 1.0]), np.array([0.9, 0.1, 0.5]))

    assert predicted.tolist() == [0.1, 0.5, 0.9]
    assert seen.tolist() == [1.0, 1.0, 0.0]
    assert count.tolist() == [1, 1, 1]


def test_a_perfect_model_shows_about_the_calibration_error_stated_for_its_size() -> None:
    generator = np.random.default_rng(1)
    probability = generator.beta(1, 8, 3_000)
    seen = [
        metrics.calibration_error((generator.random(3_000) < probability).astype(float), probability)
        for _ in range(100)
    ]

    assert metrics.perfect_calibration_error(probability) == pytest.approx(np.mean(seen), rel=0.1)


def test_more_rows_leave_less_calibration_error_to_chance() -> None:
    probability = np.linspace(0.01, 0.3, 400)

    few, many = (metrics.perfect_calibration_error(np.repeat(probability, times)) for times in (1, 25))

    assert many == pytest.approx(few / 5, rel=0.15)
