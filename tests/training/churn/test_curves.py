"""Curves of the judged frames: made by what was known when each block began, and never by more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import Periods, cumulative_hazard
from services.churn.training.curves import Curves, curve_groups, curves, horizon_figures, leaving
from services.churn.training.hazard import HazardRows
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.evaluation.metrics import Interval
from shared.evaluation.survival import kaplan_meier
from shared.learners.simple import chance
from shared.learners.trees import TreeShape
from shared.training.competition import CandidateEntry, calibrators, entered, logistic_entry, rule_entry, trees_entry
from shared.training.problem import Problem

LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)
LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30, every_days=20)
SHAPE = TreeShape(leaves=7, min_rows=200, max_rounds=60)
ENTRIES: dict[str, Callable[[Problem], CandidateEntry]] = {
    "rule": rule_entry,
    "logistic": lambda problem: logistic_entry(problem, 30.0),
    "trees": lambda problem: trees_entry(problem, SHAPE),
}


@pytest.fixture(scope="module", params=["leaving", "silence"])
def laid(request: pytest.FixtureRequest, laid_out: Any, subscribers: Any, shoppers: Any) -> Any:
    if request.param == "leaving":
        return laid_out(LEFT, subscribers(400, 300))
    return laid_out(LAPSED, shoppers(200, 300))


@pytest.fixture(scope="module")
def found(laid: Any) -> Curves:
    material, _, rows = laid
    return curves(material, rows, entered(rows.problem, shapes=(SHAPE,), ridges=(30.0,)))


@pytest.fixture(scope="module", params=list(ENTRIES))
def make(request: pytest.FixtureRequest) -> Callable[[Problem], CandidateEntry]:
    return ENTRIES[request.param]


@pytest.fixture(scope="module")
def honest(laid: Any, make: Callable[[Problem], CandidateEntry]) -> Curves:
    """What one candidate alone makes of the rows as they are."""
    material, _, rows = laid
    return curves(material, rows, calibrated(rows.problem, make))


def blocks(rows: HazardRows) -> list[np.ndarray]:
    """Frames of each block, the first one, which only chooses, among them."""
    starts = [rows.problem.cutoff[split.test].min() for split in rows.problem.splits]
    return [
        np.flatnonzero((rows.waits.cutoff >= start) & (rows.waits.cutoff < end))
        for start, end in zip(starts, [*starts[1:], 2**62], strict=True)
    ]


def calibrated(problem: Problem, make: Callable[[Problem], CandidateEntry]) -> list[CandidateEntry]:
    """One candidate alone, its calibration kept whether or not it helps: that choice looks at all blocks."""
    entry = make(problem)
    judges = tuple(
        replace(judge, calibrator=calibrator)
        for judge, calibrator in zip(entry.judges, calibrators(problem, entry.raw), strict=True)
    )
    return [replace(entry, judges=judges)]


@pytest.mark.parametrize("block", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_labels_of_a_block_change_neither_its_own_curves_nor_earlier_ones(
    laid: Any, make: Callable[[Problem], CandidateEntry], honest: Curves, block: int
) -> None:
    """The sentinel: what is still open when a block begins may say whatever it likes."""
    material, _, rows = laid
    problem = rows.problem
    begins = problem.cutoff[problem.splits[block].test].min()
    lying = problem.labels.copy()
    # Trees choose a block's rounds on all rows of the blocks before it, those still open too.
    open_ = (problem.cutoff if make is ENTRIES["trees"] else problem.known_at) >= begins + 1
    open_[problem.splits[block].test] = True
    lying[open_] = 1 - lying[open_]
    lied_problem = replace(problem, labels=lying)

    lied = curves(material, replace(rows, problem=lied_problem), calibrated(lied_problem, make))

    known = np.isin(honest.frames, np.concatenate(blocks(rows)[: block + 1]))
    assert known.any()
    assert_array_equal(lied.winner[known], honest.winner[known])
    graded = np.isin(honest.frames[honest.judged_closed], honest.frames[known])
    judged = honest.graded.judged[graded]
    assert len(judged)
    assert_array_equal(lied.graded.constant[judged], honest.graded.constant[judged])
    assert_array_equal(lied.graded.winner.margin[judged], honest.graded.winner.margin[judged])


def test_features_of_later_frames_teach_earlier_curves_nothing(
    laid: Any, make: Callable[[Problem], CandidateEntry], honest: Curves
) -> None:
    material, _, rows = laid
    later = np.concatenate(blocks(rows)[2:])
    garbage, wide = rows.values.copy(), rows.problem.matrix.copy()
    garbage[later] = 7.0
    wide[np.isin(rows.frame, later), :-1] = 7.0
    changed = replace(rows, values=garbage, problem=replace(rows.problem, matrix=wide))

    other = curves(material, changed, calibrated(changed.problem, make))

    known = np.isin(honest.frames, np.concatenate(blocks(rows)[:2]))
    assert_array_equal(other.winner[known], honest.winner[known])


def test_the_graded_frames_learn_only_from_horizons_that_were_over_when_their_block_began(
    laid: Any, found: Curves
) -> None:
    _, _, rows = laid
    problem = found.problem
    assert problem.cutoff is not None

    assert len(problem.counted) == len(rows.problem.counted)
    for split in problem.splits:
        assert (problem.cutoff[split.train] + 30 * DAY <= problem.cutoff[split.test].min()).all()
    assert (problem.cutoff + 30 * DAY <= rows.waits.until).all()


def test_the_first_block_only_chooses(laid: Any, found: Curves) -> None:
    _, _, rows = laid

    assert_array_equal(found.frames, np.sort(np.concatenate(blocks(rows)[1:])))
    assert not set(blocks(rows)[0]) & set(found.frames)


def test_graded_rows_and_curves_are_about_the_same_frames(laid: Any, found: Curves) -> None:
    material, _, rows = laid
    frames, judged = found.frames[found.judged_closed], found.graded.judged

    assert_array_equal(rows.waits.cutoff[frames], found.problem.cutoff[judged])
    assert_array_equal(rows.waits.contact[frames], found.problem.owner[judged])
    assert_array_equal(rows.values[frames], found.problem.matrix[judged])
    came = (rows.waits.wait[frames] < 30 * DAY).astype(float)
    assert_array_equal(found.problem.labels[judged], came if material.wanted.contractual else 1 - came)
    risk = leaving(rows.periods, found.winner[found.judged_closed], 30, contractual=material.wanted.contractual)
    assert_allclose(chance(found.graded.winner.margin[judged]), risk, atol=1e-8)


def test_a_curve_is_the_judge_s_chances_of_the_periods_one_after_the_other(laid: Any) -> None:
    material, _, rows = laid
    (entry,) = calibrated(rows.problem, ENTRIES["logistic"])

    found = curves(material, rows, [entry])

    place, last = len(found.frames) - 1, found.frames[-1]
    k = len(rows.periods)
    matrix = np.concatenate([np.tile(rows.values[last], (k, 1)), np.arange(k)[:, None]], axis=1)
    margins = entry.judges[-1].margins(matrix, np.arange(k))
    assert_allclose(found.winner[place], cumulative_hazard(margins[None])[0])


def test_the_constant_is_the_curve_of_everybody_known_at_the_time(laid: Any, found: Curves) -> None:
    material, _, rows = laid
    split = rows.problem.splits[-1]
    hazard = cumulative_hazard(rows.problem.base(split.train)[None])

    expected = leaving(rows.periods, hazard, 30, contractual=material.wanted.contractual)

    assert_allclose(chance(found.graded.constant[found.graded.judged[-1]]), expected[0], atol=1e-9)


@pytest.mark.parametrize(("contractual", "risk"), [(True, 1 - 0.5**1.5), (False, 0.5**1.5)])
def test_leaving_by_hand(contractual: bool, risk: float) -> None:
    hazard = np.log(2) * np.array([[1.0, 2.0]])

    assert leaving(Periods((10.0, 30.0)), hazard, 20, contractual=contractual)[0] == pytest.approx(risk)


def test_figures_are_those_of_closed_frames_at_each_horizon(laid: Any, found: Curves) -> None:
    material, _, rows = laid

    figures = horizon_figures(material, rows, found)

    for days in (30, 60):
        closed = rows.waits.cutoff[found.frames] + days * DAY <= rows.waits.until
        came = rows.waits.wait[found.frames[closed]] < days * DAY
        hazard = rows.periods.cumulative(found.nested[closed], [days])[:, 0]
        silent = np.exp(-hazard)
        gap = silent - ~came  # of silence and of its end alike
        brier = figures[f"brier_{days}d"]
        assert isinstance(brier, Interval)
        assert brier.value == pytest.approx((gap**2).mean())
        assert brier.low < brier.value < brier.high
        assert f"calibration_slope_{days}d" in figures
        assert f"calibration_intercept_{days}d" in figures
    whole = figures["integrated_brier"]
    assert isinstance(whole, Interval)
    assert 0 < whole.value < 0.25


def test_horizons_beyond_the_curve_have_no_figure(laid: Any, found: Curves) -> None:
    material, _, rows = laid
    sixty_days = replace(rows, periods=rows.periods.first(8))

    figures = horizon_figures(material, sixty_days, found)

    assert "brier_60d" in figures
    assert "brier_90d" not in figures


def test_groups_are_ordered_by_how_soon_and_seen_as_kaplan_and_meier_would(laid: Any, found: Curves) -> None:
    _, _, rows = laid

    drawn = curve_groups(rows, found, rows.periods)

    assert drawn["days"] == list(rows.periods.ends)
    assert len(drawn["groups"]) == 4
    middle = [group["predicted"][len(rows.periods) // 2] for group in drawn["groups"]]
    assert middle == sorted(middle, reverse=True)
    followed = (rows.waits.until - rows.waits.cutoff[found.frames]) / DAY
    wait = rows.waits.wait[found.frames] / DAY
    order = np.argsort(found.nested[:, len(rows.periods) // 2], kind="stable")
    first = np.array_split(order, 4)[0]
    seen = kaplan_meier(
        np.minimum(wait, followed)[first], (wait < followed)[first].astype(float), np.array(rows.periods.ends)
    )
    assert_allclose(
        [np.nan if share is None else share for share in drawn["groups"][0]["seen"]], seen.round(6), atol=1e-6
    )
