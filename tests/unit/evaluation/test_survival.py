import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from shared.evaluation import metrics, survival
from shared.evaluation.metrics import of_mean

DURATIONS = np.array([1.5, 2.0, 3.5, 4.0, 5.0, 6.5, 8.0, 9.0])
EVENTS = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
TIMES = np.array([2.5, 4.5, 6.0, 7.5])
PREDICTED = np.array(
    [
        [0.37, 0.17, 0.09, 0.05],
        [0.78, 0.64, 0.55, 0.47],
        [0.47, 0.26, 0.17, 0.11],
        [0.54, 0.32, 0.22, 0.15],
        [0.88, 0.80, 0.74, 0.69],
        [0.61, 0.41, 0.30, 0.22],
        [0.95, 0.91, 0.89, 0.86],
        [0.78, 0.64, 0.55, 0.47],
    ]
)


def test_the_curve_of_four_rows_by_hand() -> None:
    durations, events = np.array([3.0, 1.0, 2.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0])

    shares = survival.kaplan_meier(durations, events, np.array([0.5, 1.0, 2.9, 3.0, 4.0]))

    assert_allclose(shares, [1.0, 0.75, 0.75, 0.375, 0.375])


def test_one_censored_when_another_leaves_was_still_there_to_leave() -> None:
    shares = survival.kaplan_meier(np.array([2.0, 2.0]), np.array([1.0, 0.0]), np.array([2.0]))

    assert shares.tolist() == [0.5]


def test_after_the_longest_duration_the_curve_is_known_only_when_everyone_left() -> None:
    durations, later = np.array([1.0, 2.0]), np.array([3.0])

    assert np.isnan(survival.kaplan_meier(durations, np.array([1.0, 0.0]), later)).all()
    assert survival.kaplan_meier(durations, np.array([0.0, 1.0]), later).tolist() == [0.0]


def test_losses_of_three_rows_by_hand() -> None:
    durations, events = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0])
    predicted = np.array([[0.5, 0.4], [0.9, 0.8], [0.7, 0.6]])

    losses = survival.brier_losses(durations, events, predicted, np.array([1.0, 2.0]))

    # At 1 nobody is censored yet. At 2 the second row is, and the third stands for both: (1 - 0.6)^2 / 0.5.
    assert_allclose(losses, [[0.25, 0.16], [0.01, 0.0], [0.09, 0.32]])


def test_an_event_counts_by_who_was_uncensored_just_before_it() -> None:
    durations, events = np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0, 1.0])

    losses = survival.brier_losses(durations, events, np.full((4, 1), 0.5), np.array([2.0]))

    # G is 3/4 from 1 on; at 2 the event leaves first, so one of two is censored: 3/8 from 2 on.
    assert_allclose(losses[:, 0], [0.0, 0.25 / (3 / 4), 0.0, 0.25 / (3 / 8)])


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_without_censoring_it_is_the_plain_brier_score(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    durations, times = generator.integers(0, 10, n).astype(float), np.array([0.0, 3.0, 20.0])
    predicted = generator.random((n, 3))

    losses = survival.brier_losses(durations, np.ones(n), predicted, times)

    plain = [metrics.brier((durations > time).astype(float), predicted[:, place]) for place, time in enumerate(times)]
    assert_allclose(losses.mean(axis=0), plain)


def test_with_heavy_censoring_in_whole_months_it_still_finds_the_plain_brier_score() -> None:
    generator = np.random.default_rng(5)
    life, seen = generator.geometric(0.15, 200_000), generator.integers(1, 13, 200_000)
    durations, events = np.minimum(life, seen).astype(float), (life <= seen).astype(float)
    times = np.array([1.0, 3.0, 6.0, 9.0])
    predicted = np.tile(0.9**times, (len(life), 1))

    found = survival.brier_losses(durations, events, predicted, times).mean(axis=0)

    plain = [metrics.brier((life > time).astype(float), predicted[:, place]) for place, time in enumerate(times)]
    assert_allclose(found, plain, atol=0.003)


def test_scores_are_those_of_scikit_survival_where_no_two_rows_share_a_time() -> None:
    losses = survival.brier_losses(DURATIONS, EVENTS, PREDICTED, TIMES)

    # Answered once by scikit-survival 0.28.0, brier_score and integrated_brier_score.
    assert_allclose(losses.mean(axis=0), [0.120639583333, 0.105083333333, 0.149290972222, 0.0732])
    assert survival.integrated_brier(DURATIONS, EVENTS, PREDICTED, TIMES) == pytest.approx(0.116674375)


def test_the_censoring_can_be_learned_from_other_rows() -> None:
    others = np.array([1.1, 2.2, 4.1, 5.3, 7.2, 10.0]), np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])

    losses = survival.brier_losses(DURATIONS, EVENTS, PREDICTED, TIMES, censoring_from=others)

    # Answered once by scikit-survival 0.28.0.
    assert_allclose(losses.mean(axis=0), [0.12702, 0.134995, 0.15373, 0.135445])


def test_an_event_after_all_times_and_all_rows_learned_from_is_merely_still_to_come() -> None:
    others = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0])

    losses = survival.brier_losses(
        np.array([50.0]), np.ones(1), np.array([[0.5]]), np.array([1.0]), censoring_from=others
    )

    assert losses.tolist() == [[0.25]]


def test_the_mean_over_time_is_the_integrated_score_and_takes_an_interval() -> None:
    losses = survival.brier_losses(DURATIONS, EVENTS, PREDICTED, TIMES)

    interval = of_mean(survival.over_time(losses, TIMES), np.arange(len(DURATIONS)))

    assert interval.value == pytest.approx(survival.integrated_brier(DURATIONS, EVENTS, PREDICTED, TIMES))
    assert interval.low < interval.value < interval.high


@given(st.floats(0.01, 1000.0))
def test_the_unit_of_time_changes_no_score(unit: float) -> None:
    scaled = survival.integrated_brier(DURATIONS * unit, EVENTS, PREDICTED, TIMES * unit)

    assert scaled == pytest.approx(survival.integrated_brier(DURATIONS, EVENTS, PREDICTED, TIMES))


@pytest.mark.parametrize("time", [5.0, 6.0])
def test_a_time_that_nobody_was_followed_past_is_refused(time: float) -> None:
    durations, events = np.array([2.0, 5.0]), np.array([1.0, 0.0])

    with pytest.raises(ValueError, match="before the longest duration"):
        survival.brier_losses(durations, events, np.full((2, 1), 0.5), np.array([time]))


def test_a_curve_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="one row for each duration"):
        survival.brier_losses(DURATIONS, EVENTS, PREDICTED[:, :1], TIMES)


@pytest.mark.parametrize("times", [[1.0], [2.0, 1.0], [1.0, 1.0]])
def test_times_that_do_not_rise_are_no_stretch_of_time(times: list[float]) -> None:
    with pytest.raises(ValueError, match="rising order"):
        survival.over_time(np.zeros((3, len(times))), np.array(times))
