import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.evaluation.calibration import Reference, percentiles, placed


@settings(deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=1, max_size=300),
    st.lists(st.floats(-50, 50), min_size=1, max_size=50),
)
def test_the_score_lies_in_1_to_99_and_never_falls_with_the_margin(
    reference: list[float], margins: list[float]
) -> None:
    scores = placed(percentiles(np.array(reference)), np.sort(margins))

    assert scores.min() >= 1
    assert scores.max() <= 99
    assert np.all(np.diff(scores) >= 0)


def test_the_score_is_the_percentile_in_the_reference() -> None:
    population = np.random.default_rng(0).normal(size=5_000)
    reference = Reference.of(population, np.zeros((5_000, 1)))

    scores = reference.scores(np.quantile(population, [0.1, 0.5, 0.9, 0.999]))

    assert scores.tolist() == pytest.approx([10, 50, 90, 99], abs=1)


def test_a_margin_that_96_in_100_share_is_neither_high_nor_the_top() -> None:
    reference = percentiles(np.concatenate([np.zeros(96), np.ones(4)]))

    assert placed(reference, np.array([0.0, 1.0])).tolist() == [48, 98]


def test_the_reference_counts_bins_and_missing_by_hand() -> None:
    values = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])

    reference = Reference.of(np.zeros(4), values)

    assert reference.shares[0].sum() == pytest.approx(1.0)
    assert reference.shares[:, 10].tolist() == [0.25, 1.0]
    assert np.isnan(reference.edges[1]).all()
