"""Problems whose rows differ by nature: base rates of strata, labels known at their own time, hidden columns."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from shared.contracts.rows import DAY
from shared.learners.simple import Columns, chance, log_odds
from shared.learners.trees import TreeShape
from shared.training.competition import (
    CandidateEntry,
    best_rounds,
    blend_entry,
    choice,
    competition,
    constant_margins,
    entered,
    logistic_entry,
    rule_entry,
    trees_entry,
)
from shared.training.material import Split, forward_chain, stratified
from shared.training.problem import STRATUM_PULL, Problem, hidden

SHAPE = TreeShape(leaves=7, min_rows=20, max_rounds=60)
ENTRIES: dict[str, Callable[[Problem], CandidateEntry]] = {
    "rule": rule_entry,
    "logistic": lambda problem: logistic_entry(problem, 1.0),
    "trees": lambda problem: trees_entry(problem, SHAPE),
    "blend": lambda problem: blend_entry(problem, ENTRIES["logistic"](problem), ENTRIES["trees"](problem)),
}
RATES = np.array([0.05, 0.3, 0.6])


def tiny(**fields: object) -> Problem:
    """Six rows of two strata: one hit in four of the first, two in two of the second."""
    given = {
        "matrix": np.arange(12.0).reshape(6, 2),
        "labels": np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0]),
        "owner": np.arange(6, dtype=np.int32),
        "columns": Columns(("a", "b")),
        "splits": (Split(np.array([0, 1, 2, 3]), np.array([4, 5])),),
        "strata": np.array([0, 0, 0, 0, 1, 1]),
    }
    return Problem(**{**given, **fields})  # type: ignore[arg-type]


def layered(n: int = 1_500, *, flat: bool = False) -> Problem:
    """One column that tells something, on top of three base rates; labels are known one, three and ten days later."""
    draw = np.random.default_rng(0)
    strata = draw.integers(0, 3, n)
    matrix = np.stack([draw.normal(size=n), draw.normal(size=n), strata.astype(float)], axis=1)
    labels = (draw.random(n) < chance(log_odds(RATES[strata]) + matrix[:, 0])).astype(float)
    cutoff = np.sort(draw.integers(0, 100, n)) * DAY
    known_at = cutoff + np.array([1, 3, 10])[strata] * DAY
    splits = stratified(labels) if flat else forward_chain(cutoff, horizon=10 * DAY, blocks=4, known_at=known_at)
    return Problem(
        matrix=matrix,
        labels=labels,
        owner=draw.integers(0, 400, n).astype(np.int32),
        columns=Columns(("a", "b", "stratum")),
        splits=tuple(splits),
        cutoff=None if flat else cutoff,
        horizon=10 * DAY,
        known_at=None if flat else known_at,
        strata=strata,
        recency=4.0,
    )


@pytest.fixture(scope="module")
def problem() -> Problem:
    return layered()


def test_the_base_of_a_stratum_is_its_rate_drawn_to_that_of_all_by_hand() -> None:
    found = chance(tiny().base(np.arange(6)))

    # Half of all six: ten imagined rows at 1/2 beside four with one hit, and beside two with two.
    assert STRATUM_PULL == 10
    assert_allclose(found, [(1 + 5) / 14, (2 + 5) / 12])


def test_a_stratum_that_a_split_never_saw_stands_at_the_rate_of_all_it_saw() -> None:
    assert_allclose(chance(tiny().base(np.array([0, 1, 2, 3]))), [(1 + 2.5) / 14, 0.25])


def test_without_strata_the_base_is_the_plain_rate() -> None:
    plain = tiny(strata=None)

    assert_allclose(chance(plain.base(np.array([0, 1, 2, 3]))), [0.25])
    assert plain.n_strata == 1
    assert plain.strata_of(np.array([4, 5])).tolist() == [0, 0]


def test_the_constant_is_the_base_of_each_row_s_stratum() -> None:
    constant = constant_margins(tiny())

    assert np.isnan(constant[:4]).all()
    assert_allclose(chance(constant[4:]), 0.25)


def test_hidden_columns_are_missing_for_their_split_and_there_for_the_others() -> None:
    young = Split(np.array([0, 1]), np.array([2]), (1,))
    problem = tiny(splits=(young, Split(np.array([0, 1]), np.array([3]))))
    before = problem.matrix.copy()

    seen = problem.seen(young, np.array([0, 1]))

    assert_array_equal(seen, [[0.0, np.nan], [2.0, np.nan]])
    assert_array_equal(problem.seen(problem.splits[1], np.array([3])), [[6.0, 7.0]])
    assert_array_equal(problem.matrix, before)
    assert hidden(before, problem.splits[1]) is before


def test_a_row_is_known_to_a_split_that_begins_when_its_own_label_is() -> None:
    rows = np.array([0, 1, 2])

    def begins(at: int, **fields: object) -> Problem:
        return tiny(cutoff=np.array([5, 5, 5, 5, at, at]), horizon=10, **fields)

    own = begins(9, known_at=np.array([6, 9, 20, 20, 20, 20]))

    assert own.known_before(0, rows).tolist() == [0, 1]
    assert begins(14).known_before(0, rows).tolist() == []
    assert begins(15).known_before(0, rows).tolist() == [0, 1, 2]
    assert tiny().known_before(0, rows).tolist() == [0, 1, 2]


def test_labels_known_early_are_learned_from_early(problem: Problem) -> None:
    """A day's label is known a day later, though another one of the same day is open for ten."""
    for split in problem.splits:
        begins = problem.cutoff[split.test].min()
        assert problem.known_at[split.train].max() <= begins
        open_ones = (problem.cutoff < begins) & (problem.known_at > begins)
        assert not set(np.flatnonzero(open_ones)) & set(split.train)
        assert (problem.cutoff[split.train] > begins - 10 * DAY).any()


def test_each_block_counts_four_times_the_one_before_it(problem: Problem) -> None:
    sizes = [len(split.test) for split in problem.splits]

    assert problem.choosing is problem.splits
    assert problem.weights_of(problem.splits) == [size * 4.0**step for step, size in enumerate(sizes)]
    weight = problem.row_weights[problem.judged]
    assert len(weight) == len(problem.judged)
    last = np.isin(problem.judged, problem.splits[-1].test)
    assert set(weight[last]) == {4.0 ** (len(sizes) - 1)}


def test_recency_is_for_blocks_not_for_folds(problem: Problem) -> None:
    folds = tuple(stratified(problem.labels))
    flat = layered(flat=True)

    assert problem.weights_of(folds) == [float(len(fold.test)) for fold in folds]
    assert set(flat.row_weights) == {1.0}
    assert set(dataclasses.replace(problem, recency=1.0).row_weights[problem.judged]) == {1.0}


def test_rounds_follow_the_last_block_the_more_it_counts() -> None:
    early, late = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.5])

    assert best_rounds([early, late], [10, 10]) == 1
    assert best_rounds([early, late], [10, 40]) == 3


@pytest.mark.parametrize("make", ENTRIES.values(), ids=list(ENTRIES))
def test_a_candidate_answers_with_base_and_learner_together(
    problem: Problem, make: Callable[[Problem], CandidateEntry]
) -> None:
    entry = make(problem)
    truth = log_odds(RATES[problem.strata]) + problem.matrix[:, 0]
    rows = problem.judged

    assert np.corrcoef(entry.raw[rows], truth[rows])[0, 1] > 0.8
    assert chance(entry.raw[rows]).mean() == pytest.approx(problem.labels[rows].mean(), abs=0.04)
    refitted = entry.refit()
    assert_allclose(refitted.base, problem.base(np.arange(len(problem.labels))))
    served = refitted.base[problem.strata] + refitted.learner.margins(problem.matrix)
    assert chance(served).mean() == pytest.approx(problem.labels.mean(), abs=0.02)


@pytest.mark.parametrize("make", ENTRIES.values(), ids=list(ENTRIES))
def test_a_judge_answers_about_its_own_block_as_it_did_in_the_competition(
    problem: Problem, make: Callable[[Problem], CandidateEntry]
) -> None:
    entry = make(problem)

    for split, judge in zip(problem.splits, entry.judges, strict=True):
        again = judge.margins(problem.matrix[split.test], problem.strata[split.test])
        assert_allclose(again, entry.margin[split.test], atol=1e-9)


@pytest.mark.parametrize("make", ENTRIES.values(), ids=list(ENTRIES))
def test_what_a_split_does_not_see_changes_nothing_for_it(
    problem: Problem, make: Callable[[Problem], CandidateEntry]
) -> None:
    blind = tuple(dataclasses.replace(split, hidden=(0,)) for split in problem.splits)
    garbage = problem.matrix.copy()
    garbage[:, 0] = np.random.default_rng(9).normal(size=len(garbage))
    hides = dataclasses.replace(problem, splits=blind)

    one, other = make(hides), make(dataclasses.replace(hides, matrix=garbage))

    assert_array_equal(one.raw[problem.judged], other.raw[problem.judged])
    judge = one.judges[-1]
    rows = problem.splits[-1].test
    assert_array_equal(
        judge.margins(problem.matrix[rows], problem.strata[rows]), judge.margins(garbage[rows], problem.strata[rows])
    )


@pytest.mark.parametrize("make", ENTRIES.values(), ids=list(ENTRIES))
def test_one_stratum_makes_the_answers_that_none_makes(make: Callable[[Problem], CandidateEntry]) -> None:
    one = dataclasses.replace(layered(), strata=np.zeros(1_500, dtype=np.intp))

    plain, alone = make(dataclasses.replace(one, strata=None)), make(one)

    assert_allclose(chance(alone.raw[one.judged]), chance(plain.raw[one.judged]), atol=0.02)
    assert plain.refit().base.tolist() == [0.0]


def test_on_a_problem_with_strata_the_best_beats_the_constant(problem: Problem) -> None:
    entries = entered(problem, shapes=(SHAPE,), ridges=(1.0,))
    competed = competition(problem, entries, constant_margins(problem), choice(problem, entries))

    loss = competed.loss(competed.winner, problem.labels).mean()
    constant, labels = competed.constant[competed.judged], problem.labels[competed.judged]
    assert loss < (np.logaddexp(0, constant) - labels * constant).mean() - 0.02
