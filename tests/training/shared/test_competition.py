import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from shared.contracts.rows import DAY
from shared.evaluation.metrics import log_loss
from shared.learners.simple import Columns, chance
from shared.training.competition import (
    RIDGES,
    SHAPES,
    CandidateEntry,
    Competition,
    best_rounds,
    calibrators,
    compete,
    constant_margins,
    informing,
    logistic_entry,
    rule_entry,
    trees_entry,
)
from shared.training.material import Split, forward_chain, stratified
from shared.training.problem import Problem

ENTRIES: dict[str, Callable[[Problem], CandidateEntry]] = {
    "rule": rule_entry,
    "logistic": lambda problem: logistic_entry(problem, 1.0),
    "trees": lambda problem: trees_entry(problem, SHAPES[0]),
}


@pytest.fixture(scope="module", params=list(ENTRIES))
def entry_of(request: pytest.FixtureRequest) -> Callable[[Problem], CandidateEntry]:
    return ENTRIES[request.param]


@pytest.fixture(scope="module")
def honest(problem: Problem, entry_of: Callable[[Problem], CandidateEntry]) -> CandidateEntry:
    """What enters on the problem as it is."""
    return entry_of(problem)


def calibrated(problem: Problem, raw: np.ndarray) -> np.ndarray:
    margin = np.full(len(raw), np.nan)
    for split, calibrator in zip(problem.splits, calibrators(problem, raw), strict=True):
        margin[split.test] = calibrator.margins(raw[split.test])
    return margin


@pytest.mark.parametrize("block", [0, 2, 4])
def test_a_block_s_own_labels_choose_nothing_for_it_or_for_earlier_ones(
    problem: Problem, entry_of: Callable[[Problem], CandidateEntry], honest: CandidateEntry, block: int
) -> None:
    """The sentinel: whatever a block's labels say, its own answers and the earlier ones stay to the bit."""
    lying = problem.labels.copy()
    lying[problem.splits[block].test] = 1 - lying[problem.splits[block].test]
    known = np.concatenate([split.test for split in problem.splits[: block + 1]])

    lied = entry_of(dataclasses.replace(problem, labels=lying))

    assert_array_equal(lied.raw[known], honest.raw[known])
    assert_array_equal(
        calibrated(dataclasses.replace(problem, labels=lying), lied.raw)[known],
        calibrated(problem, honest.raw)[known],
    )


def test_rows_after_a_block_teach_it_nothing(
    problem: Problem, entry_of: Callable[[Problem], CandidateEntry], honest: CandidateEntry
) -> None:
    later = problem.splits[1].test.max() + 1
    garbage = problem.matrix.copy()
    garbage[later:] = 7.0
    known = np.concatenate([split.test for split in problem.splits[:2]])

    changed = entry_of(dataclasses.replace(problem, matrix=garbage))

    assert_array_equal(changed.raw[known], honest.raw[known])


def test_trees_of_all_blocks_grown_side_by_side_are_those_grown_one_after_the_other(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at_once in (1, 3):
        monkeypatch.setattr("shared.training.competition.fits_at_once", lambda _, at_once=at_once: at_once)
        found.append(trees_entry(problem, SHAPES[0]))

    assert_array_equal(found[0].raw, found[1].raw)
    assert found[0].grown == found[1].grown


def test_a_block_is_informed_by_earlier_ones_a_fold_by_the_others(problem_of: Callable[..., Problem]) -> None:
    assert informing(problem_of(), 2) == [0, 1]
    assert informing(problem_of(flat=True), 2) == [0, 1, 3, 4]


def test_labels_still_open_when_a_block_begins_do_not_calibrate_it(problem: Problem) -> None:
    assert problem.cutoff is not None
    for position, split in enumerate(problem.splits):
        rows = problem.known_before(position, problem.judged_before(position))
        assert np.all(problem.cutoff[rows] + problem.horizon <= problem.cutoff[split.test].min())


def test_the_first_block_only_chooses(problem: Problem, competition: Competition) -> None:
    assert not set(problem.splits[0].test) & set(competition.judged)
    assert len(competition.judged) == sum(len(split.test) for split in problem.splits[1:])


def test_two_blocks_are_both_judged(problem: Problem) -> None:
    two = dataclasses.replace(problem, splits=problem.splits[:2])

    assert len(two.judged) == sum(len(split.test) for split in two.splits)


def test_all_folds_of_flat_data_are_judged(problem_of: Callable[..., Problem]) -> None:
    flat = problem_of(flat=True)

    competed = compete(flat)

    assert_array_equal(competed.judged, np.arange(900))
    assert all(np.isfinite(entry.margin).all() for entry in competed.entries)


def test_the_constant_is_the_base_rate_known_at_the_time_by_hand() -> None:
    labels = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    split = Split(train=np.array([0, 1, 2, 3]), test=np.array([4, 5]))
    problem = Problem(np.zeros((6, 1)), labels, np.arange(6, dtype=np.int32), Columns(("a",)), (split,))

    constant = constant_margins(problem)

    assert np.isnan(constant[:4]).all()
    assert_allclose(chance(constant[4:]), 0.25)


def test_the_best_of_each_kind_competes_and_the_least_loss_wins(problem: Problem, competition: Competition) -> None:
    rows = competition.judged
    loss = {entry.kind: log_loss(problem.labels[rows], chance(entry.margin[rows])) for entry in competition.entries}

    assert list(loss) == ["rule", "logistic", "lightgbm"]
    assert loss[competition.winner.kind] <= min(loss.values()) * 1.001
    assert competition.loss(competition.winner, problem.labels).mean() == pytest.approx(loss[competition.winner.kind])


def test_a_tie_goes_to_the_simpler() -> None:
    """One yes-or-no column: everybody knows the same."""
    generator = np.random.default_rng(0)
    matrix = generator.integers(0, 2, (8_000, 1)).astype(float)
    labels = (generator.random(8_000) < 0.2 + 0.4 * matrix[:, 0]).astype(float)
    cutoff = np.arange(8_000) * DAY
    splits = tuple(forward_chain(cutoff, horizon=DAY))

    competed = compete(Problem(matrix, labels, np.arange(8_000, dtype=np.int32), Columns(("a",)), splits, cutoff, DAY))

    losses = [competed.loss(entry, labels).mean() for entry in competed.entries]
    assert max(losses) < min(losses) * 1.001
    assert competed.winner.kind == "rule"


def test_calibration_is_kept_only_where_it_helps(problem: Problem, honest: CandidateEntry) -> None:
    rows = problem.judged

    margins = (honest.raw, calibrated(problem, honest.raw))

    losses = [log_loss(problem.labels[rows], chance(margin[rows])) for margin in margins]
    assert honest.calibrates == (losses[1] < losses[0])
    assert log_loss(problem.labels[rows], chance(honest.margin[rows])) == min(losses)


def test_rounds_are_the_best_of_the_mean_curve_weighted_by_rows() -> None:
    falling, rising = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])

    assert best_rounds([falling, rising], [10, 1]) == 3
    assert best_rounds([falling, rising], [1, 10]) == 1


def test_progress_is_reported_before_each_candidate(problem: Problem) -> None:
    told: list[tuple[str, float]] = []

    compete(problem, progress=lambda text, part: told.append((text, part)))

    assert told[0] == ("fitting rule", 0.0)
    assert told[-1] == ("chosen", 1.0)
    assert len(told) == 2 + len(RIDGES) + len(SHAPES)


def test_where_time_leaves_too_little_folds_of_contacts_choose_and_time_still_judges(problem: Problem) -> None:
    short = dataclasses.replace(problem, horizon=60 * DAY)

    competed = compete(short)

    assert not problem.chosen_by_folds
    assert short.chosen_by_folds
    for split in short.choosing:
        assert not set(short.owner[split.train]) & set(short.owner[split.test])
    assert_array_equal(competed.judged, problem.judged)
    assert np.isnan(competed.winner.margin[short.splits[0].train]).all()


def test_few_positive_contacts_among_the_judged_leave_the_choice_to_folds(problem: Problem) -> None:
    rare = np.zeros_like(problem.labels)
    rare[::40] = 1.0

    assert dataclasses.replace(problem, labels=rare).chosen_by_folds


def test_columns_that_only_matter_together_are_served_by_the_larger_trees() -> None:
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(2_500, 6))
    corner = np.sign(matrix[:, 0] * matrix[:, 1] * matrix[:, 2])
    labels = (draw.random(2_500) < chance(2 * corner - 1)).astype(float)
    flat = Problem(
        matrix, labels, np.arange(2_500, dtype=np.int32), Columns(tuple("abcdef")), tuple(stratified(labels))
    )

    competed = compete(flat)

    assert competed.winner.label == "trees of 31 leaves"


def test_a_weak_signal_is_served_by_no_larger_trees_than_it_needs(problem: Problem, competition: Competition) -> None:
    assert len(problem.labels) == 900
    assert competition.entries[-1].label == "trees of 7 leaves"
