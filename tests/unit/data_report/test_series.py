import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data_report.series import Drop, Gap, count_interval, gaps, last_drop, weekly

COUNTS = st.dictionaries(st.integers(0, 400), st.integers(1, 50), min_size=1, max_size=120)


def test_a_week_ends_with_the_last_day_and_a_broken_first_one_is_left_out() -> None:
    assert weekly({0: 9, 1: 5, 7: 1, 8: 3, 14: 2}, last_day=14) == [6, 5]


@given(COUNTS)
def test_no_event_is_counted_in_two_weeks(by_day: dict[int, int]) -> None:
    weeks = weekly(by_day, last_day=max(by_day))

    assert len(weeks) == (max(by_day) - min(by_day) + 1) // 7
    assert sum(weeks) <= sum(by_day.values())


def test_a_fall_to_a_fifth_is_a_drop_that_lasts_or_not() -> None:
    steady = [100, 104, 97, 101, 99, 103, 98, 102]

    assert last_drop([*steady, 20, 22, 19]) == Drop(week=8, before=100.5, fallen_to=20, lasts=True)
    assert last_drop([*steady, 20, 99, 101]) == Drop(week=8, before=100.5, fallen_to=20, lasts=False)


def test_a_break_that_lasts_is_found_soon_after_one_that_did_not() -> None:
    weeks = [*[100] * 10, 0, *[100] * 4, 0, 0, 0]

    assert last_drop(weeks) == Drop(week=15, before=100, fallen_to=0, lasts=True)


@pytest.mark.parametrize("habit", [[100, 100, 0], [100, 100, 100, 0], [100, 0], [100, 0, 0, 0]])
def test_mailings_that_leave_weeks_out_are_no_drops(habit: list[int]) -> None:
    assert last_drop(habit * 8) is None


def test_a_fall_by_a_third_and_a_noisy_series_are_no_drops() -> None:
    assert last_drop([100, 104, 97, 101, 99, 103, 98, 102, 67]) is None
    assert last_drop([100, 10, 180, 20, 140, 5, 160, 30, 12]) is None


@pytest.mark.parametrize("rate", [5, 20, 100, 1_000])
def test_a_steady_series_of_two_years_rarely_shows_a_drop(rate: int) -> None:
    series = np.random.default_rng(7).poisson(rate, (300, 104))

    assert sum(last_drop(one.tolist()) is not None for one in series) <= 0.05 * 300


@given(st.lists(st.integers(0, 500), max_size=60))
def test_a_drop_is_at_most_half_of_what_was_usual(weeks: list[int]) -> None:
    drop = last_drop(weeks)

    assert drop is None or (weeks[drop.week] == drop.fallen_to <= drop.before / 2 and drop.week >= 8)


def test_a_week_without_events_is_a_gap() -> None:
    assert gaps(dict.fromkeys([*range(20), *range(27, 40)], 10)) == [Gap(first_day=20, days=7)]


def test_weekends_are_no_gaps_and_a_long_silence_among_them_is_one() -> None:
    workdays = [day for day in range(140) if day % 7 < 5]

    assert gaps(dict.fromkeys(workdays, 10)) == []
    assert gaps({day: 10 for day in workdays if not 70 <= day < 84}) == [Gap(first_day=68, days=16)]


def test_weekly_mailings_before_the_shop_opened_are_no_gaps() -> None:
    mailings = dict.fromkeys([0, 7, 14], 300)
    shop = dict.fromkeys([day for day in range(15, 400) if day % 30], 5)

    assert gaps(mailings | shop) == []


@pytest.mark.parametrize("rate", [0.5, 1, 3])
def test_a_steady_year_rarely_shows_a_gap(rate: float) -> None:
    years = np.random.default_rng(7).poisson(rate, (300, 365))

    found = sum(bool(gaps({day: int(count) for day, count in enumerate(year) if count})) for year in years)

    assert found <= 0.02 * 300


@given(COUNTS)
def test_a_gap_lies_between_days_with_events(by_day: dict[int, int]) -> None:
    for gap in gaps(by_day):
        inside = range(gap.first_day, gap.first_day + gap.days)
        assert gap.days >= 3
        assert not by_day.keys() & set(inside)
        assert {gap.first_day - 1, gap.first_day + gap.days} <= by_day.keys()


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.7), (10, 4.8, 18.4), (100, 81.4, 121.6)])
def test_the_interval_of_a_count_is_that_of_the_tables(count: int, low: float, high: float) -> None:
    assert count_interval(count) == (pytest.approx(low, abs=0.05), pytest.approx(high, abs=0.05))
