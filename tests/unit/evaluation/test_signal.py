"""Whether there is a signal: judged within blocks, so that the level of a block can neither earn nor cost anything."""

import numpy as np
import pytest

from shared.evaluation.gate import signal

BLOCKS = [np.arange(start, start + 500) for start in range(0, 2_000, 500)]
OWNER = np.arange(2_000)


def world(
    strength: float, *, seed: int = 0, level: tuple[float, ...] = (-2.0, -1.5, -1.0, 0.0)
) -> tuple[np.ndarray, ...]:
    """Labels of four blocks whose base rate rises, and the part of the margin that tells contacts apart."""
    draw = np.random.default_rng(seed)
    own = draw.normal(size=2_000)
    margin = np.repeat(level, 500) + strength * own
    return (draw.random(2_000) < 1 / (1 + np.exp(-margin))).astype(float), own


def test_a_model_that_ranks_is_usable_though_its_level_is_years_behind() -> None:
    labels, own = world(0.8)

    found = signal(labels, 0.8 * own - 4.0, OWNER, BLOCKS)

    assert found.usable
    assert found.missing == ""
    assert found.ranking.value == pytest.approx(0.7, abs=0.04)


def test_a_model_that_knows_the_level_of_each_block_and_nothing_else_is_not() -> None:
    labels, _ = world(0.0)
    margin = np.repeat((-2.0, -1.5, -1.0, 0.0), 500) + 1e-3 * np.random.default_rng(1).normal(size=2_000)

    found = signal(labels, margin, OWNER, BLOCKS)

    assert not found.usable
    assert "does not surely rank" in found.missing


def test_a_ranking_that_holds_in_one_block_alone_is_not_usable() -> None:
    labels, own = world(0.0)
    first = BLOCKS[0]
    own[first] += 2.0 * labels[first]

    found = signal(labels, own, OWNER, BLOCKS)

    assert found.ranking.value > 0.55
    assert found.ranking.low <= 0.5
    assert not found.usable


def test_a_ranking_far_too_sure_of_itself_saves_nothing() -> None:
    labels, own = world(0.4)

    found = signal(labels, 8.0 * own, OWNER, BLOCKS)

    assert found.ranking.low > 0.5
    assert not found.usable
    assert "no better than the average" in found.missing


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_not_usable(seed: int) -> None:
    labels, own = world(0.0, seed=seed)

    assert not signal(labels, 0.1 * own, OWNER, BLOCKS).usable


def test_labels_of_one_kind_say_nothing() -> None:
    found = signal(np.zeros(2_000), np.linspace(-1, 1, 2_000), OWNER, BLOCKS)

    assert not found.usable


def test_contacts_are_drawn_again_not_rows() -> None:
    labels, own = world(0.5)
    once = signal(labels, 0.5 * own, OWNER, BLOCKS).ranking

    blocks = [np.concatenate([block * 4 + copy for copy in range(4)]) for block in BLOCKS]
    repeated = signal(np.repeat(labels, 4), np.repeat(0.5 * own, 4), np.repeat(OWNER, 4), blocks).ranking

    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.15)


def test_folds_have_to_rank_more_surely_than_blocks_of_time() -> None:
    labels, own = world(0.2)

    in_time = signal(labels, 0.2 * own, OWNER, BLOCKS)
    in_folds = signal(labels, 0.2 * own, OWNER, BLOCKS, chained=False)

    assert in_folds.ranking.value == in_time.ranking.value
    assert in_folds.ranking.low < in_time.ranking.low - 0.01
    assert in_folds.gain == in_time.gain


def test_a_block_that_a_draw_leaves_without_a_positive_does_not_count_in_it() -> None:
    labels, own = world(0.8)
    labels[1:500] = 0.0
    labels[0] = 1.0

    found = signal(labels, 0.8 * own, OWNER, BLOCKS)

    assert np.isfinite((found.ranking.low, found.ranking.high)).all()
    assert found.usable
