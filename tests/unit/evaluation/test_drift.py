import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.evaluation.calibration import bin_counts, binned
from shared.evaluation.drift import level_of, psi, psi_of_counts

COUNTS = st.lists(st.integers(0, 5_000), min_size=2, max_size=12)


def test_the_index_is_the_sum_of_gaps_times_log_ratios() -> None:
    shares, reference = [0.5, 0.3, 0.2], [0.25, 0.25, 0.5]

    found = psi(shares, reference)

    # 0.25 ln 2 + 0.05 ln 1.2 - 0.3 ln 0.4
    assert found == pytest.approx(0.173287 + 0.009116 + 0.274887, abs=1e-6)


def test_equal_samples_of_any_size_have_no_index() -> None:
    assert psi_of_counts([100, 300, 600], [1_000, 3_000, 6_000])[0] == pytest.approx(0.0, abs=1e-4)


def test_a_bin_that_only_one_of_them_has_counts_and_is_finite() -> None:
    found, chance = psi_of_counts([400, 600, 0], [500, 0, 500])

    assert 5 < found < 15
    assert chance == pytest.approx(13.8 * 2 / 1_000, rel=0.03)


def test_a_bin_that_neither_has_changes_nothing() -> None:
    assert psi_of_counts([30, 0, 70, 0], [50, 0, 50, 0]) == psi_of_counts([30, 70], [50, 50])


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_index_is_never_negative_and_knows_no_order_of_bins(counts: list[int], dice: object) -> None:
    reference = [count + 1 for count in counts]
    places = list(range(len(counts)))
    dice.shuffle(places)  # type: ignore[attr-defined]

    found, chance = psi_of_counts(counts, reference)
    again, _ = psi_of_counts([counts[place] for place in places], [reference[place] for place in places])

    assert found >= 0
    assert chance > 0
    assert again == pytest.approx(found, abs=1e-9)


def test_chance_is_exceeded_once_in_a_thousand_and_averages_what_the_formula_says() -> None:
    generator = np.random.default_rng(3)
    n, m, bins = 2_000, 5_000, 10
    drawn = [
        psi_of_counts(
            generator.multinomial(n, [1 / bins] * bins).tolist(), generator.multinomial(m, [1 / bins] * bins).tolist()
        )
        for _ in range(2_000)
    ]

    beyond = sum(found > chance for found, chance in drawn)

    assert np.mean([found for found, _ in drawn]) == pytest.approx((bins - 1) * (1 / n + 1 / m), rel=0.05)
    assert beyond <= 10


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ([], "steady"),
        ([(0.199, 0.01)], "steady"),
        ([(0.2, 0.01)], "notable"),
        ([(0.25, 0.01)], "drifted"),
        ([(0.25, 0.26)], "steady"),
        ([(0.9, 0.01), (0.05, 0.01)], "steady"),
    ],
)
def test_a_level_needs_every_reference_and_more_than_chance(found: list[tuple[float, float]], level: str) -> None:
    assert level_of(found) == level


def test_rows_are_counted_in_the_bins_that_training_cut() -> None:
    generator = np.random.default_rng(5)
    values = generator.normal(size=(500, 3))
    values[:60, 1] = math.nan
    values[:, 2] = math.nan
    edges, shares = binned(values)

    counts = bin_counts(edges, values)

    np.testing.assert_allclose(counts / 500, shares, atol=1e-12)


def test_a_value_where_training_had_none_is_a_bin_that_training_had_not() -> None:
    edges, _ = binned(np.full((4, 1), math.nan))

    assert bin_counts(edges, np.array([[1.0], [math.nan]])).tolist() == [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]
