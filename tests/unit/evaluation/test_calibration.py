import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.evaluation.calibration import SMALLEST_SLOPE, Calibrator, calibrate
from shared.evaluation.metrics import log_loss
from shared.learners.simple import chance


def test_margins_twice_too_bold_are_halved() -> None:
    generator = np.random.default_rng(0)
    margin = generator.normal(size=20_000) * 1.5
    labels = (generator.random(20_000) < chance(margin)).astype(float)

    fitted = calibrate(labels, 2 * margin + 1)

    assert fitted.slope == pytest.approx(0.5, abs=0.03)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.05)
    assert log_loss(labels, chance(fitted.margins(2 * margin + 1))) < log_loss(labels, chance(2 * margin + 1))


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(-3, 3))
def test_calibration_never_turns_or_ties_the_ranking(seed: int, n: int, tilt: float) -> None:
    generator = np.random.default_rng(seed)
    margin = generator.normal(size=n)
    labels = (generator.random(n) < chance(tilt * margin)).astype(float)

    corrected = calibrate(labels, margin).margins(np.sort(margin))

    assert np.all(np.diff(corrected) > 0)


def test_a_model_that_ranks_backwards_keeps_the_smallest_slope() -> None:
    generator = np.random.default_rng(0)
    margin = generator.normal(size=2_000) * 3
    labels = (generator.random(2_000) < chance(-margin)).astype(float)

    assert calibrate(labels, margin).slope == SMALLEST_SLOPE


@pytest.mark.parametrize("labels", [[], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]], ids=["no row", "no", "yes", "separated"])
def test_what_teaches_nothing_leaves_the_margin_as_it_is(labels: list[float]) -> None:
    assert calibrate(np.array(labels), np.arange(float(len(labels)))) == Calibrator(1.0, 0.0)


def test_few_rows_stay_near_the_raw_margin() -> None:
    labels = np.tile([0.0, 1.0, 0.0, 1.0], 3)
    margin = np.tile([-4.0, -3.9, 4.0, 3.9], 3) + 5

    few, many = calibrate(labels, margin), calibrate(np.tile(labels, 500), np.tile(margin, 500))

    assert abs(few.intercept) < abs(many.intercept) / 3


@pytest.mark.parametrize(("truth", "steepest"), [(-1.0, np.inf), (30.0, 3.0)])
def test_where_the_slope_is_held_the_mean_chance_is_still_the_share_of_positives(truth: float, steepest: float) -> None:
    draw = np.random.default_rng(3)
    margin = -2.5 + draw.normal(0, 0.05, 4_000)
    labels = (draw.random(4_000) < chance(-2.5 + truth * (margin + 2.5))).astype(float)

    fitted = calibrate(labels, margin, steepest=steepest)

    assert fitted.slope == (SMALLEST_SLOPE if truth < 0 else 3.0)
    assert chance(fitted.margins(margin)).mean() == pytest.approx(labels.mean(), abs=1e-6)
