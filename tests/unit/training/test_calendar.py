import numpy as np
import pytest

from shared.training.problem import calendar_auc

CUTOFF = np.sort(np.random.default_rng(0).integers(0, 10**15, 3_000))


def test_a_column_that_grows_with_the_calendar_is_seen() -> None:
    steady = np.random.default_rng(1).normal(size=3_000)
    growing, falling = CUTOFF.astype(float), -CUTOFF.astype(float)

    area = calendar_auc(np.stack([steady, growing, falling], axis=1), CUTOFF)

    assert area == pytest.approx([0.5, 1.0, 1.0], abs=0.04)


def test_missing_numbers_are_not_looked_at() -> None:
    values = np.where(CUTOFF < 5 * 10**14, np.nan, 1.0)

    assert calendar_auc(np.stack([values, np.full(3_000, np.nan)], axis=1), CUTOFF).tolist() == [0.5, 0.5]


def test_frames_of_one_moment_have_no_calendar() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2))

    assert calendar_auc(values, np.full(50, 7)).tolist() == [0.5, 0.5]


def test_the_sample_is_the_seed_s() -> None:
    cutoff = np.arange(40_000)
    values = np.random.default_rng(0).normal(size=(40_000, 1)) + cutoff.reshape(-1, 1) / 40_000

    assert calendar_auc(values, cutoff, seed=3) == calendar_auc(values, cutoff, seed=3)
