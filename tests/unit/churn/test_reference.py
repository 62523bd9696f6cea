"""Scores and bands of churn at any horizon."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import ChurnReference, Periods

TWO = Periods((10.0, 30.0))


def reference(mean: tuple[float, float] = (0.2, 0.2)) -> ChurnReference:
    """Cumulative hazards 0.01, 0.02, ... 0.99 at day 10, and three times as much at day 30."""
    known = np.linspace(0.01, 0.99, 99)
    return ChurnReference(np.stack([known, 3 * known]), np.array(mean), np.zeros((1, 9)), np.zeros((1, 11)))


def test_the_reference_keeps_percentiles_means_and_bins_of_each_period() -> None:
    hazard = np.linspace(0, 1, 101)[:, None] * np.array([1.0, 2.0])

    made = ChurnReference.of(hazard, hazard / 4, np.linspace(0, 9, 101)[:, None])

    assert_allclose(made.hazards, [np.arange(1, 100) / 100, np.arange(1, 100) / 50])
    assert_allclose(made.mean, [0.125, 0.25])
    assert made.edges.shape == (1, 9)
    assert made.shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("days", "times"), [(10, 1.0), (20, 2.0), (30, 3.0)])
def test_a_score_is_the_percentile_at_the_requested_horizon(days: int, times: float) -> None:
    hazard = times * np.array([0.001, 0.0101, 0.5, 0.9, 7.0])

    leaving = reference().scores(TWO, hazard, days, contractual=True)
    silence = reference().scores(TWO, hazard, days, contractual=False)

    assert leaving.tolist() == pytest.approx([1, 1, 50, 90, 99], abs=1)
    assert silence.tolist() == pytest.approx([99, 98, 50, 10, 1], abs=1)


@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=40),
    st.floats(1, 30),
    st.booleans(),
)
def test_a_score_lies_in_1_to_99_and_never_falls_with_the_risk(
    hazard: list[float], days: float, contractual: bool
) -> None:
    ordered = np.sort(hazard)
    scores = reference().scores(TWO, ordered, days, contractual=contractual)
    by_risk = scores if contractual else scores[::-1]

    assert by_risk.min() >= 1
    assert by_risk.max() <= 99
    assert (np.diff(by_risk) >= 0).all()


def test_a_hazard_that_all_share_stands_in_the_middle_both_ways() -> None:
    same = ChurnReference(np.full((2, 99), 0.3), np.full(2, 0.2), np.zeros((1, 9)), np.zeros((1, 11)))

    for contractual in (True, False):
        assert same.scores(TWO, np.array([0.3]), 10, contractual=contractual).tolist() == [50]


@pytest.mark.parametrize(
    ("risk", "band"),
    [
        # On average 0.2 leave, odds of 1 to 4: 1, 2 and 4 times the odds are risks of 1/5, 1/3 and 1/2.
        (0.199, "low"),
        (0.201, "medium"),
        (0.33, "medium"),
        (0.34, "high"),
        (0.499, "high"),
        (0.501, "very_high"),
        (0.0, "low"),
        (1.0, "very_high"),
    ],
)
def test_bands_begin_at_times_the_average_odds_by_hand(risk: float, band: str) -> None:
    assert reference().bands(TWO, np.array([risk]), 10, (1.0, 2.0, 4.0)) == [band]


def test_the_average_is_that_of_the_horizon_and_the_cut_offs_are_the_version_s() -> None:
    moving = reference((0.2, 0.5))
    risks = np.array([0.3, 0.6, 0.8])

    assert moving.bands(TWO, risks, 10, (1.0, 2.0, 4.0)) == ["medium", "very_high", "very_high"]
    assert moving.bands(TWO, risks, 30, (1.0, 2.0, 4.0)) == ["low", "medium", "very_high"]
    assert moving.bands(TWO, risks, 20, (1.0, 2.0, 4.0)) == ["low", "high", "very_high"]  # odds of 1/2 between
    assert moving.bands(TWO, risks, 30, (0.25, 0.5, 8.0)) == ["medium", "high", "high"]


def test_before_the_first_end_the_average_is_that_of_the_first_end() -> None:
    assert_array_equal(
        reference().bands(TWO, np.array([0.25]), 1, (1.0, 2.0, 4.0)),
        reference().bands(TWO, np.array([0.25]), 10, (1.0, 2.0, 4.0)),
    )
