"""Periods after the cutoff: which rows they make, and how a curve is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import Periods, cumulative_hazard, expanded, time_columns
from shared.contracts.rows import DAY

THREE = Periods((1.0, 3.0, 7.0))


def observed(wait: float, followed: float) -> list[tuple[int, float]]:
    _, period, came = THREE.observed(np.array([wait]), np.array([followed]))
    return list(zip(period.tolist(), came.tolist(), strict=True))


def test_the_horizon_is_one_of_the_ends() -> None:
    assert Periods.of(30).ends == (1, 3, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)
    assert Periods.of(28).ends == (1, 3, 7, 14, 21, 28, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)


def test_periods_follow_each_other_without_gaps() -> None:
    assert THREE.starts.tolist() == [0.0, 1.0, 3.0]
    assert THREE.middles.tolist() == [0.5, 2.0, 5.0]
    assert (len(THREE), THREE.last_day) == (3, 7.0)
    assert THREE.first(2) == Periods((1.0, 3.0))


@pytest.mark.parametrize(
    ("wait", "followed", "rows"),
    [
        (np.inf, 7.0, [(0, 0.0), (1, 0.0), (2, 0.0)]),  # nothing came
        (np.inf, 6.9, [(0, 0.0), (1, 0.0)]),  # the last period was not followed to its end
        (np.inf, 0.5, []),
        (0.0, 7.0, [(0, 1.0)]),  # at the cutoff itself
        (0.9, 7.0, [(0, 1.0)]),
        (1.0, 7.0, [(0, 0.0), (1, 1.0)]),  # an end belongs to the next period
        (4.0, 7.0, [(0, 0.0), (1, 0.0), (2, 1.0)]),
        (7.0, 9.0, [(0, 0.0), (1, 0.0), (2, 0.0)]),  # came after the last period
        (4.0, 6.0, [(0, 0.0), (1, 0.0)]),  # came in a period that was not followed to its end: it does not count
    ],
)
def test_a_frame_makes_a_row_of_each_period_it_was_at_risk_in_and_followed_through(
    wait: float, followed: float, rows: list[tuple[int, float]]
) -> None:
    assert observed(wait, followed) == rows


def test_rows_come_by_frame_then_period() -> None:
    frame, period, came = THREE.observed(np.array([np.inf, 2.0]), np.array([3.0, 8.0]))

    assert frame.tolist() == [0, 0, 1, 1]
    assert period.tolist() == [0, 1, 0, 1]
    assert came.tolist() == [0.0, 0.0, 0.0, 1.0]


@given(st.floats(0.001, 0.2), st.integers(0, 1_000))
def test_the_share_of_events_among_the_rows_is_the_hazard_whatever_was_followed(hazard: float, seed: int) -> None:
    """Were events in periods cut short counted alone, every hazard would come out too high."""
    draw = np.random.default_rng(seed)
    n = 20_000
    wait, followed = draw.exponential(1 / hazard, n), draw.uniform(0, 10, n)

    _, period, came = THREE.observed(np.where(wait < followed, wait, np.inf), followed)

    for number, length in enumerate((1.0, 2.0, 4.0)):
        chance = -np.expm1(-hazard * length)
        rows = np.count_nonzero(period == number)
        assert came[period == number].mean() == pytest.approx(chance, abs=5 * np.sqrt(chance * (1 - chance) / rows))


def test_a_hazard_grows_evenly_within_a_period() -> None:
    hazard = np.array([[1.0, 1.5, 3.5]])

    read = THREE.cumulative(hazard, [0.25, 1, 2, 3, 4, 7])

    assert_allclose(read, [[0.25, 1.0, 1.25, 1.5, 2.0, 3.5]])


def test_the_day_of_a_level_by_hand() -> None:
    hazard = np.array([[1.0, 1.5, 3.5], [0.0, 0.0, 1.0], [0.0, 0.1, 0.2]])

    assert_allclose(THREE.day_of(hazard, 0.5), [0.5, 5.0, np.nan])
    assert_allclose(THREE.day_of(hazard, 1.25), [2.0, np.nan, np.nan])


def curves(least: float) -> st.SearchStrategy[np.ndarray]:
    steps = st.lists(st.floats(least, 5), min_size=15, max_size=15)
    return steps.map(lambda each: np.cumsum([each], axis=1))


@given(curves(1e-6), st.floats(0.001, 0.999))
def test_reading_a_curve_and_finding_a_level_on_it_are_each_other_s_inverse(hazard: np.ndarray, part: float) -> None:
    periods = Periods.of(30)
    level = part * float(hazard[0, -1])

    day = periods.day_of(hazard, level)

    assert_allclose(periods.cumulative(hazard, day.tolist()), [[level]], rtol=1e-9)
    day = 1 + part * 364
    assert_allclose(periods.day_of(hazard, float(periods.cumulative(hazard, [day])[0, 0])), [day], rtol=1e-3)


@given(curves(0.0))
def test_a_cumulative_hazard_never_falls_from_day_to_day(hazard: np.ndarray) -> None:
    read = Periods.of(30).cumulative(hazard, range(1, 366))

    assert (np.diff(read) >= 0).all()


@given(st.lists(st.floats(-40, 40), min_size=15, max_size=15))
def test_a_cumulative_hazard_is_what_the_chances_of_the_periods_multiply_to(margins: list[float]) -> None:
    left = np.exp(-cumulative_hazard(np.array([margins])))[0]

    stays = 1 / (1 + np.exp(np.array(margins)))
    assert_allclose(left, np.cumprod(stays), rtol=1e-9, atol=1e-300)


def test_columns_of_time_stand_behind_the_features_by_hand() -> None:
    values = np.array([[7.0, np.nan], [8.0, 1.0]])
    cutoff, period = np.array([0, 0]), np.array([0, 2])

    plain = expanded(values, cutoff, period, THREE, seasonal=False)
    wide = expanded(values, cutoff + round(365.25 / 4 * DAY), period, THREE, seasonal=True)

    assert_array_equal(plain, [[7.0, np.nan, 0.0], [8.0, 1.0, 2.0]])
    assert time_columns(seasonal=False) == ("period",)
    assert time_columns(seasonal=True) == ("period", "season_sine", "season_cosine")
    # A quarter of a year after New Year 1970, and half a day or five days on: the middle of the period.
    turn = 2 * np.pi / 365.25
    assert_allclose(wide[:, 3:], [[np.cos(turn * 0.5), -np.sin(turn * 0.5)], [np.cos(turn * 5), -np.sin(turn * 5)]])


def test_the_season_is_the_same_a_year_later() -> None:
    values, period = np.zeros((2, 1)), np.array([1, 1])
    cutoff = np.array([0, round(10 * 365.25 * DAY)])

    seen = expanded(values, cutoff, period, THREE, seasonal=True)

    assert_allclose(seen[0], seen[1], atol=1e-9)
