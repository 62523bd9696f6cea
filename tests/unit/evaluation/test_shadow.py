import math

import numpy as np
from scipy import stats

from shared.evaluation.shadow import paired_loss, rank_correlation

RANDOM = np.random.default_rng(7)


def test_the_correlation_of_ranks_is_that_of_a_library() -> None:
    one = RANDOM.integers(0, 9, 500) / 10.0
    other = one + RANDOM.normal(0, 0.3, 500)

    assert math.isclose(rank_correlation(one, other), stats.spearmanr(one, other).statistic, rel_tol=1e-12)


def test_a_single_value_correlates_with_nothing() -> None:
    assert math.isnan(rank_correlation(np.array([0.1, 0.1]), np.array([0.1, 0.2])))
    assert math.isnan(rank_correlation(np.array([]), np.array([])))


def test_losses_are_those_of_each_on_the_same_frames() -> None:
    labels = np.array([1.0, 0.0] * 30)

    found = paired_loss(labels, np.full(60, 0.5), np.where(labels == 1, 0.8, 0.2), np.arange(60))

    assert found is not None
    assert (round(found.shadow, 6), round(found.champion, 6)) == (0.693147, 0.223144)
    assert (round(found.difference.value, 6), found.difference.low > 0.4) == (0.470004, True)


def test_few_contacts_or_a_single_kind_of_end_show_no_loss() -> None:
    half, both = np.full(60, 0.5), np.array([1.0, 0.0] * 30)

    assert paired_loss(both, half, half, np.arange(60) % 39) is None
    assert paired_loss(np.zeros(60), half, half, np.arange(60)) is None
