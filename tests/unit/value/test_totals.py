"""Totals are recalibrated by what cohorts brought: the latest closed one, or that of a year before."""

import numpy as np
import pytest

from services.value.model.levels import TotalLevels
from services.value.training.totals import Cohorts
from shared.contracts.rows import DAY


def cohorts(*parts: tuple[int, float]) -> Cohorts:
    """Make a cohort of 2,000 contacts at each time, who bring so many times what was expected of them."""
    n = 2_000
    contact = np.tile(np.arange(n, dtype=np.int32), len(parts))
    cutoff = np.repeat([day * DAY for day, _ in parts], n)
    expected = np.full(n * len(parts), 10.0)
    actual = np.concatenate([np.full(n, 10.0 * ratio) for _, ratio in parts])
    return Cohorts(contact, cutoff, actual, expected)


def test_a_cooling_cohort_lowers_the_total() -> None:
    assert cohorts((100, 1.0), (200, 0.8)).level(230 * DAY, 200 * DAY) == pytest.approx(np.log(0.8), abs=1e-3)


def test_with_a_year_of_data_the_season_counts_and_what_has_changed_since() -> None:
    found = cohorts((0, 1.0), (90, 1.4), (365, 0.9)).level(455 * DAY, 365 * DAY)

    assert found == pytest.approx(np.log(1.4 * 0.9), abs=1e-3)


def test_a_ratio_that_may_be_chance_changes_nothing() -> None:
    draw = np.random.default_rng(0)
    n = 40
    actual = np.where(draw.random(n) < 0.05, 300.0, 0.0)
    found = Cohorts(np.arange(n, dtype=np.int32), np.zeros(n, dtype=np.int64), actual, np.full(n, actual.mean() * 1.1))

    assert found.level(0, 0) == 0.0


def test_without_a_cohort_nothing_is_changed() -> None:
    assert cohorts((100, 2.0)).level(900 * DAY, 600 * DAY) == 0.0


def test_levels_follow_the_time_of_the_question() -> None:
    levels = TotalLevels(np.array([0, 10 * DAY]), np.array([30.0]), np.array([[0.0], [1.0]]), np.zeros((2, 1)))

    value, orders = levels.of(np.array([-DAY, 5 * DAY, 99 * DAY]))

    assert value.ravel().tolist() == [0.0, 0.5, 1.0]
    assert orders.ravel().tolist() == [0.0, 0.0, 0.0]
