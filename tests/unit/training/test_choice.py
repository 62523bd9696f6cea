"""Who serves, and who would have served each block: no row has a say in who is judged on it."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from shared.contracts.rows import DAY
from shared.evaluation.metrics import losses
from shared.learners.simple import Columns, chance
from shared.training.competition import CandidateEntry, choice, competition
from shared.training.material import forward_chain
from shared.training.problem import Problem

N = 1_200
DRAW = np.random.default_rng(3)
TRUTH = DRAW.normal(size=N)
LABELS = (DRAW.random(N) < chance(TRUTH)).astype(float)
CUTOFF = np.arange(N) * DAY
SPLITS = tuple(forward_chain(CUTOFF, horizon=DAY))
PROBLEM = Problem(np.zeros((N, 1)), LABELS, np.arange(N, dtype=np.int32), Columns(("a",)), SPLITS, CUTOFF, DAY)


def entry(kind: str, label: str, margin: np.ndarray) -> CandidateEntry:
    held = np.full(N, np.nan)
    for split in SPLITS:
        held[split.test] = margin[split.test]
    return CandidateEntry(
        kind, label, held, held, losses(LABELS, chance(held)), False, (), lambda: pytest.fail("not asked for")
    )


def good_in(*blocks: int) -> np.ndarray:
    """A margin that knows the truth in some blocks and nothing in the others."""
    margin = np.zeros(N)
    for block in blocks:
        margin[SPLITS[block].test] = TRUTH[SPLITS[block].test]
    return margin


def test_each_block_is_served_by_who_was_best_before_it() -> None:
    early, late = entry("logistic", "early", good_in(0, 1)), entry("lightgbm", "late", good_in(2, 3, 4))

    made = choice(PROBLEM, [early, late])

    assert made.by_split[1] == "early"  # chosen by the first block
    assert made.by_split[2] == "early"  # the third block itself has no say
    assert made.served == "late"


def test_the_judged_margins_are_those_of_who_would_have_served() -> None:
    early, late = entry("logistic", "early", good_in(0, 1)), entry("lightgbm", "late", good_in(2, 3, 4))
    made = choice(PROBLEM, [early, late])

    found = competition(PROBLEM, [early, late], np.zeros(N), made)

    for position, split in enumerate(SPLITS):
        expected = early if made.by_split[position] == "early" else late
        assert_array_equal(found.nested[split.test], expected.margin[split.test])


@pytest.mark.parametrize("block", [1, 2, 3])
def test_labels_from_a_block_on_do_not_change_who_serves_it(block: int) -> None:
    def made_with(labels: np.ndarray) -> Any:
        problem = Problem(PROBLEM.matrix, labels, PROBLEM.owner, PROBLEM.columns, SPLITS, CUTOFF, DAY)
        entries = [entry("logistic", "one", good_in(0, 2, 4)), entry("lightgbm", "two", good_in(1, 3))]
        again = [
            CandidateEntry(e.kind, e.label, e.margin, e.raw, losses(labels, chance(e.margin)), False, (), e.refit)
            for e in entries
        ]
        return choice(problem, again)

    lying = LABELS.copy()
    lying[SPLITS[block].test.min() :] = 1 - lying[SPLITS[block].test.min() :]

    # The first block has nothing before it, and appears in no figure.
    assert made_with(LABELS).by_split[1 : block + 1] == made_with(lying).by_split[1 : block + 1]


def test_the_newest_blocks_count_most() -> None:
    old, new = entry("logistic", "old", good_in(1, 2)), entry("lightgbm", "new", good_in(3, 4))

    assert choice(PROBLEM, [old, new]).served == "new"


def test_of_two_that_tie_the_steadier_serves() -> None:
    steady, wild = good_in(1, 2, 3, 4), good_in(1, 2, 3, 4)
    rows = SPLITS[2].test
    wild[rows] = -0.5 * TRUTH[rows]  # backwards once, and so much better elsewhere that the mean is the same
    gap = losses(LABELS[rows], chance(wild[rows])).sum() - losses(LABELS[rows], chance(steady[rows])).sum()
    wild_entry = entry("logistic", "wild", wild)
    others = np.concatenate([SPLITS[block].test for block in (1, 3, 4)])
    weight = PROBLEM.row_weights
    wild_entry.row_loss[others] -= gap * weight[rows][0] / weight[others].sum()

    assert choice(PROBLEM, [wild_entry, entry("lightgbm", "steady", steady)]).served == "steady"


def test_of_a_kind_that_ties_the_smaller_is_listed() -> None:
    small, large = entry("lightgbm", "small", TRUTH), entry("lightgbm", "large", TRUTH * 1.001)

    assert choice(PROBLEM, [small, large]).best == ("small",)
