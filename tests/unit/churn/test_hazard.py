"""The rows of a hazard: what was followed, what is drawn, what a young block may not see."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import Periods
from services.churn.training import hazard
from services.churn.training.hazard import hazard_rows, in_days, periods_known
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.errors import InsufficientData
from shared.timeline import NEVER
from shared.timeline.risk import Waits

LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)
LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)


def followed(*days: float, came: float | None = None) -> Waits:
    """One contact each, asked at 0 days before the end of the data; all followed to the longest."""
    until = int(max(days) * DAY)
    cutoff = np.array([until - int(day * DAY) for day in days])
    wait = np.full(len(days), NEVER if came is None else int(came * DAY))
    return Waits(np.arange(len(days), dtype=np.int32), cutoff, wait, until)


def test_days_of_waiting_and_following_by_hand() -> None:
    found = Waits(np.array([0, 1], np.int32), np.array([0, DAY]), np.array([DAY // 2, NEVER]), 5 * DAY)

    wait, followed_for = in_days(found)

    assert wait.tolist() == [0.5, np.inf]
    assert followed_for.tolist() == [5.0, 4.0]


@pytest.mark.parametrize(("contacts", "known"), [(40, 30.0), (39, 21.0)])
def test_the_curve_ends_where_fewer_than_forty_contacts_were_followed(contacts: int, known: float) -> None:
    found = followed(*[30] * contacts, *[29] * 20)

    assert periods_known(Periods.of(30), found).last_day == known


def test_contacts_are_counted_for_the_curve_not_their_frames() -> None:
    many = replace(followed(*[30] * 39, *[21] * 1), contact=np.array([*range(39), 39], np.int32))
    again = replace(many, contact=np.array([*range(20), *range(19), 39], np.int32))

    assert periods_known(Periods.of(30), many).last_day == 21.0
    assert len(periods_known(Periods.of(30), again)) == 0


def test_who_left_early_was_not_followed_through_later_periods() -> None:
    found = followed(*[30] * 50, came=10)

    assert periods_known(Periods.of(30), found).last_day == 14.0


def test_each_row_is_a_period_of_a_frame_with_what_is_known_of_it_and_when(laid_out: Any, shoppers: Any) -> None:
    _, features, rows = laid_out(LAPSED, shoppers())
    problem = rows.problem
    ends = np.array(rows.periods.ends)
    wait, until = rows.waits.wait[rows.frame], rows.waits.until

    assert problem.columns.names == (*features.names, "period")
    assert_array_equal(problem.matrix[:, -1], problem.strata)
    assert_array_equal(problem.matrix[:, :-1], rows.values[rows.frame])
    assert_array_equal(problem.owner, rows.waits.contact[rows.frame])
    assert_array_equal(problem.known_at, problem.cutoff + (ends[problem.strata] * DAY).astype(np.int64))
    assert problem.known_at.max() <= until
    assert_array_equal(problem.labels, (wait < ends[problem.strata] * DAY).astype(float))
    assert (wait >= rows.periods.starts[problem.strata] * DAY).all()
    assert (problem.recency, problem.horizon) == (4.0, 30 * DAY)


def test_a_frame_ends_with_its_event_or_with_the_data(laid_out: Any, shoppers: Any) -> None:
    _, _, rows = laid_out(LAPSED, shoppers())
    last = np.zeros(len(rows.waits), dtype=int)
    np.maximum.at(last, rows.frame, rows.problem.strata)
    came = np.bincount(rows.frame, weights=rows.problem.labels, minlength=len(rows.waits))
    ends = np.array([*rows.periods.ends, np.inf])

    assert set(came) == {0.0, 1.0}
    open_ = (came == 0) & (last + 1 < len(rows.periods))
    left_over = rows.waits.until - rows.waits.cutoff
    # Where no event came, the next period would have ended after the data did.
    assert (ends[last[open_] + 1] * DAY > left_over[open_]).all()
    counts = np.bincount(rows.frame)
    assert_array_equal(counts, last + 1)


def test_the_hazard_of_the_rows_is_that_of_the_simulation(laid_out: Any, subscribers: Any) -> None:
    """On the basic plan one in eighty leaves a day, on the other one in 240, and neither remembers anything."""
    _, features, rows = laid_out(LEFT, subscribers(3_000, 240, seed=5))
    plan = rows.values[:, features.names.index("plan")][rows.frame]
    lengths = np.array(rows.periods.ends) - rows.periods.starts

    for code, rate in ((0.0, 1 / 80), (1.0, 1 / 240)):
        mine = plan == code
        expected = -np.expm1(-rate * lengths[rows.problem.strata[mine]])
        spread = np.sqrt((expected * (1 - expected)).sum())
        # Periods of a contact's frames overlap: about four frames see each event.
        assert abs(rows.problem.labels[mine].sum() - expected.sum()) < 4 * 2 * spread


def test_more_rows_than_are_needed_are_drawn_from_by_frames(
    laid_out: Any, shoppers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    material, features, whole = laid_out(LAPSED, shoppers())
    monkeypatch.setattr(hazard, "MOST_ROWS", len(whole.frame) // 3)

    drawn = hazard_rows(material, features, whole.waits, whole.values)

    assert drawn.thinned_from == len(whole.waits)
    assert len(drawn.waits) == pytest.approx(len(whole.waits) / 3, abs=1)
    assert len(drawn.frame) == pytest.approx(len(whole.frame) / 3, rel=0.1)
    assert (np.diff(drawn.waits.cutoff) >= 0).all()
    assert drawn.periods == whole.periods
    assert len(drawn.values) == len(drawn.waits)


def test_training_rows_are_known_before_the_block_they_are_judged_on_begins(laid_out: Any, shoppers: Any) -> None:
    _, _, rows = laid_out(LAPSED, shoppers())
    problem = rows.problem

    assert 1 < len(problem.splits) <= 4
    for split in problem.splits:
        assert problem.known_at[split.train].max() <= problem.cutoff[split.test].min()
        assert 0 < problem.labels[split.train].sum() < len(split.train)
        assert split.hidden == ()


def test_the_season_is_looked_at_after_a_year_and_hidden_from_blocks_that_began_before_it(
    laid_out: Any, shoppers: Any
) -> None:
    _, _, short = laid_out(LAPSED, shoppers(120, 400))
    _, features, long = laid_out(LAPSED, shoppers(120, 700))
    first = long.waits.cutoff.min()
    width = len(features) + 3

    assert not short.seasonal
    assert long.seasonal
    assert long.problem.columns.names[-3:] == ("period", "season_sine", "season_cosine")
    hidden = [split.hidden for split in long.problem.splits]
    young = [long.problem.cutoff[split.test].min() - first < (365 + 30) * DAY for split in long.problem.splits]
    assert hidden == [(width - 2, width - 1) if is_young else () for is_young in young]
    assert young[0]
    assert not young[-1]
    seen = long.problem.seen(long.problem.splits[0], np.arange(5))
    assert np.isnan(seen[:, -2:]).all()
    assert_allclose(seen[:, :-2], long.problem.matrix[:5, :-2])


def test_where_no_block_can_be_judged_it_is_refused_in_days(laid_out: Any, shoppers: Any) -> None:
    material, features, rows = laid_out(LAPSED, shoppers())
    few = rows.waits.cutoff <= rows.waits.cutoff.min() + 25 * DAY
    waits = rows.waits.take(few)

    with pytest.raises(InsufficientData, match="that leaves nothing to be judged on") as refused:
        hazard_rows(material, features, waits, rows.values[few])

    assert refused.value.members == {"span_days": 170, "horizon_days": 30}


def test_where_all_that_is_judged_is_still_open_a_horizon_that_can_be_judged_is_named(
    laid_out: Any, shoppers: Any
) -> None:
    shop = shoppers(100, 99)

    with pytest.raises(InsufficientData, match=r"nothing to be judged on\. .* --for 24d or less") as refused:
        laid_out(LAPSED, shop)

    assert refused.value.members == {"span_days": 30, "horizon_days": 30}
    _, _, rows = laid_out(LAPSED.model_copy(update={"horizon_days": 24}), shop)
    assert rows.waits.closed(24 * DAY)[rows.waits.cutoff >= rows.problem.cutoff[rows.problem.judged].min()].any()
