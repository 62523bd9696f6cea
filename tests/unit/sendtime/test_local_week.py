"""Slots of the local week, zones of contacts, and instants that are allowed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln

from services.sendtime.features import account_zone, zones_by_place
from services.sendtime.model.activity import log_gamma
from services.sendtime.model.local_week import (
    MINUTE,
    SLOTS,
    SendRules,
    around,
    by_day,
    by_hour,
    candidates,
    slot_of,
    smoothed,
    why_none,
    within_hour,
)
from shared.contracts.rows import ALWAYS, DAY, HOUR, instant_of, microseconds
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue


def test_monday_midnight_is_slot_0_and_sunday_23_is_slot_167() -> None:
    # 5 January 1970 was a Monday.
    monday = 4 * 86_400_000_000

    assert_array_equal(slot_of(np.array([monday, monday - 1])), [0, 167])


def test_hours_and_weekdays_are_sums_of_slots() -> None:
    slots = np.zeros((1, SLOTS))
    slots[0, [9, 24 + 9, 24 + 10]] = (1.0, 2.0, 4.0)

    assert by_hour(slots)[0, 9:11].tolist() == [3.0, 4.0]
    assert by_day(slots)[0, :2].tolist() == [1.0, 6.0]


def test_smoothing_goes_round_midnight() -> None:
    hours = np.zeros(24)
    hours[23] = 10.0

    assert_allclose(smoothed(hours, 0.2)[[22, 23, 0]], [2.0, 6.0, 2.0])


def test_the_hours_around_one_are_written_as_people_say_them() -> None:
    assert [around(hour) for hour in (0, 9, 11, 13)] == ["11 pm-2 am", "8-11 am", "10 am-1 pm", "noon-3 pm"]


def test_the_log_of_the_gamma_function_is_scipy_s() -> None:
    x = np.array([1e-3, 0.5, 1.0, 3.7, 50.0, 1e5])

    assert_allclose(log_gamma(x), gammaln(x), rtol=1e-9, atol=1e-9)


def pasts(*rows: tuple[str | None, str | None, str | None]) -> Pasts:
    """One contact a row: zone, country, region."""
    facts = {
        f"c-{number}": ContactFacts(
            timezone=zone,
            attributes=tuple(
                DatedValue(name, ALWAYS, value) for name, value in (("country", country), ("region", region)) if value
            ),
        )
        for number, (zone, country, region) in enumerate(rows)
    }
    return build(list(facts), facts, [])


def test_the_account_s_zone_is_that_of_most_contacts() -> None:
    assert account_zone(
        pasts(("Asia/Tokyo", None, None), ("Europe/Paris", None, None), ("Europe/Paris", None, None))
    ) == ("Europe/Paris")
    assert account_zone(pasts((None, None, None))) == "UTC"


def test_a_country_has_the_zone_of_its_code_or_name() -> None:
    found = zones_by_place(pasts((None, "FR", None)))

    assert (found["country"]["fr"], found["country"]["japan"]) == ("Europe/Paris", "Asia/Tokyo")


def test_the_account_s_own_contacts_know_better_than_the_table() -> None:
    west = [("America/Los_Angeles", "US", None)] * 3

    assert zones_by_place(pasts(*west))["country"]["us"] == "America/Los_Angeles"


def test_too_few_or_divided_contacts_show_nothing() -> None:
    few = [("Europe/Rome", "Utopia", None)] * 2
    divided = (
        [("Europe/Rome", "Ruritania", None)] * 3
        + [("Asia/Tokyo", "Ruritania", None)] * 2
        + [("Europe/Paris", "Ruritania", None)] * 2
    )

    zones = zones_by_place(pasts(*few, *divided))["country"]

    assert "utopia" not in zones
    assert "ruritania" not in zones


def test_a_region_counts_before_the_country() -> None:
    found = zones_by_place(pasts(*[("America/Los_Angeles", "US", "California")] * 3))

    assert list(found) == ["region", "country"]
    assert found["region"] == {"california": "America/Los_Angeles"}


ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("posix", "right")))
WEEKDAYS = frozenset(range(7))


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> int:
    return microseconds(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)))


def changes_of(zone: str, year: int) -> list[int]:
    """The days of a year on which the zone's offset changes, found with zoneinfo alone."""
    info, found = ZoneInfo(zone), []
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        if day.astimezone(info).utcoffset() != (day + timedelta(days=1)).astimezone(info).utcoffset():
            found.append(microseconds(day))
        day += timedelta(days=1)
    return found


def assert_allowed(instant: int, zone: str, rules: SendRules) -> None:
    """Every promise, checked with zoneinfo alone."""
    shown = instant_of(instant).astimezone(ZoneInfo(zone))
    minute = shown.hour * 60 + shown.minute
    assert rules.not_before <= instant < rules.not_after
    assert shown.weekday() in rules.weekdays
    # On the local clock, with its offset, it is that very instant: it exists.
    assert microseconds(shown.astimezone(UTC)) == instant
    wall = shown.replace(tzinfo=None)
    assert wall.replace(tzinfo=ZoneInfo(zone), fold=shown.fold).astimezone(UTC) == instant_of(instant)
    if rules.quiet_from is not None:
        quiet = (
            rules.quiet_from <= minute < rules.quiet_to
            if rules.quiet_from < rules.quiet_to
            else minute >= rules.quiet_from or minute < rules.quiet_to
        )
        assert not quiet


def assert_candidates_are_allowed_on_both_changes(zone: str) -> None:
    for day in changes_of(zone, 2026) or [at(2026, 3, 29)]:
        rules = SendRules(day - DAY, day + 2 * DAY)

        found = candidates(zone, rules)

        assert len(found) >= 36, "three days have thirteen open hours each, less at the edges"
        for instant in found.at.tolist():
            assert_allowed(instant, zone, rules)


def offsets_of(zone: str) -> tuple[timedelta | None, ...]:
    """The offsets of a zone, every eighth day of 2026."""
    info, first = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    return tuple((first + timedelta(days=days)).astimezone(info).utcoffset() for days in range(0, 365, 8))


ONE_OF_EACH = {offsets_of(zone): zone for zone in ZONES}
"""Most zones are other names of the same clock in 2026, some of which change it on other days."""


@pytest.mark.parametrize("zone", sorted(ONE_OF_EACH.values()))
def test_every_candidate_is_allowed_by_every_clock_on_both_changes(zone: str) -> None:
    assert_candidates_are_allowed_on_both_changes(zone)


@pytest.mark.slow
@pytest.mark.parametrize("zone", sorted({*ZONES}.difference(ONE_OF_EACH.values())))
def test_every_candidate_is_allowed_in_every_zone_on_both_changes(zone: str) -> None:
    assert_candidates_are_allowed_on_both_changes(zone)


rules = st.builds(
    lambda begin, span, quiet, days: SendRules(begin, begin + span, *(quiet or (None, 0)), weekdays=frozenset(days)),
    st.integers(at(2024, 1, 1), at(2030, 1, 1)),
    st.integers(0, 14 * DAY),
    st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
    st.sets(st.integers(0, 6), min_size=1),
)


@given(st.sampled_from(ZONES), rules, st.sampled_from([5, 15, 30, 60]))
@example("Australia/Lord_Howe", SendRules(at(2026, 4, 4), at(2026, 4, 6), None), 5)
@example("America/Sao_Paulo", SendRules(at(2018, 11, 3), at(2018, 11, 5), None), 15)
def test_what_is_sent_lies_in_the_window_outside_quiet_hours_and_exists(
    zone: str, rules: SendRules, minutes: int
) -> None:
    for instant in candidates(zone, rules).at.tolist():
        assert_allowed(instant, zone, rules)
        assert_allowed(within_hour(instant, zone, rules, contact_id="c-7", minutes=minutes), zone, rules)


def test_the_hour_that_summer_time_skips_never_comes_up() -> None:
    night = SendRules(at(2026, 3, 29, zone="Europe/Paris"), at(2026, 3, 29, 6, zone="Europe/Paris"), None)

    found = [
        instant_of(one).astimezone(ZoneInfo("Europe/Paris")).hour
        for one in candidates("Europe/Paris", night).at.tolist()
    ]

    assert found == [0, 1, 3, 4, 5]


def test_of_an_hour_that_comes_twice_the_first_is_taken() -> None:
    night = SendRules(at(2026, 10, 25, zone="Europe/Paris"), at(2026, 10, 25, 5, zone="Europe/Paris"), None)

    shown = [
        instant_of(one).astimezone(ZoneInfo("Europe/Paris")) for one in candidates("Europe/Paris", night).at.tolist()
    ]

    assert [one.hour for one in shown] == [0, 1, 2, 3, 4]
    assert shown[2].utcoffset() == timedelta(hours=2), "still summer time"


def test_a_window_inside_an_hour_begins_with_its_first_minute() -> None:
    rules = SendRules(at(2026, 6, 1, 9, 10, "Europe/Paris"), at(2026, 6, 1, 9, 50, "Europe/Paris"))

    assert candidates("Europe/Paris", rules).at.tolist() == [at(2026, 6, 1, 9, 10, "Europe/Paris")]


def test_quiet_hours_are_those_of_the_contact() -> None:
    rules = SendRules(at(2026, 6, 1, 19), at(2026, 6, 1, 21))

    paris, london = candidates("Europe/Paris", rules), candidates("Europe/London", rules)

    assert len(paris) == 0, "21:00 and 22:00 in Paris"
    assert london.at.tolist() == [at(2026, 6, 1, 19)], "20:00 in London; 21:00 is quiet"


def test_a_window_of_one_weekday_across_midnight_keeps_only_that_day() -> None:
    rules = SendRules(at(2026, 6, 1), at(2026, 6, 15), None, weekdays=frozenset({6}))

    found = candidates("Asia/Tokyo", rules)

    assert {instant_of(one).astimezone(ZoneInfo("Asia/Tokyo")).date().isoformat() for one in found.at.tolist()} == {
        "2026-06-07",
        "2026-06-14",
    }


def test_why_there_is_none_is_stated() -> None:
    past, reversed_, quiet = SendRules(0, HOUR), SendRules(3 * DAY, 2 * DAY), SendRules(DAY, DAY + MINUTE)

    assert why_none(past, now=DAY) == "The window lies in the past; give one that ends later."
    assert why_none(reversed_, now=0) == "The window ends before it begins."
    assert "quiet hours" in why_none(quiet, now=0)


def test_contacts_are_spread_inside_the_hour_and_each_always_alike() -> None:
    hour = at(2026, 6, 1, 9)
    rules = SendRules(hour, hour + DAY)

    moved = [within_hour(hour, "UTC", rules, contact_id=f"c-{n}", minutes=15) for n in range(40)]

    assert {one - hour for one in moved} == {0, 15 * MINUTE, 30 * MINUTE, 45 * MINUTE}
    assert moved[0] == within_hour(hour, "UTC", rules, contact_id="c-0", minutes=15)
