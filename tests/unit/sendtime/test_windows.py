from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.sendtime.model.windows import MINUTE, Rules, candidates, inside_hour, why_none
from shared.contracts.rows import DAY, HOUR, instant_of, microseconds

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


def assert_allowed(instant: int, zone: str, rules: Rules) -> None:
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


@pytest.mark.parametrize("zone", ZONES)
def test_every_candidate_is_allowed_in_every_zone_on_both_changes(zone: str) -> None:
    for day in changes_of(zone, 2026) or [at(2026, 3, 29)]:
        rules = Rules(day - DAY, day + 2 * DAY)

        found = candidates(zone, rules)

        assert len(found) >= 36, "three days have thirteen open hours each, less at the edges"
        for instant in found.at.tolist():
            assert_allowed(instant, zone, rules)


rules = st.builds(
    lambda begin, span, quiet, days: Rules(begin, begin + span, *(quiet or (None, 0)), weekdays=frozenset(days)),
    st.integers(at(2024, 1, 1), at(2030, 1, 1)),
    st.integers(0, 14 * DAY),
    st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
    st.sets(st.integers(0, 6), min_size=1),
)


@given(st.sampled_from(ZONES), rules, st.sampled_from([5, 15, 30, 60]))
@example("Australia/Lord_Howe", Rules(at(2026, 4, 4), at(2026, 4, 6), None), 5)
@example("America/Sao_Paulo", Rules(at(2018, 11, 3), at(2018, 11, 5), None), 15)
@settings(deadline=None, max_examples=150)
def test_what_is_sent_lies_in_the_window_outside_quiet_hours_and_exists(zone: str, rules: Rules, minutes: int) -> None:
    for instant in candidates(zone, rules).at.tolist():
        assert_allowed(instant, zone, rules)
        assert_allowed(inside_hour(instant, zone, rules, contact_id="c-7", minutes=minutes), zone, rules)


def test_the_hour_that_summer_time_skips_never_comes_up() -> None:
    night = Rules(at(2026, 3, 29, zone="Europe/Paris"), at(2026, 3, 29, 6, zone="Europe/Paris"), None)

    found = [
        instant_of(one).astimezone(ZoneInfo("Europe/Paris")).hour
        for one in candidates("Europe/Paris", night).at.tolist()
    ]

    assert found == [0, 1, 3, 4, 5]


def test_of_an_hour_that_comes_twice_the_first_is_taken() -> None:
    night = Rules(at(2026, 10, 25, zone="Europe/Paris"), at(2026, 10, 25, 5, zone="Europe/Paris"), None)

    shown = [
        instant_of(one).astimezone(ZoneInfo("Europe/Paris")) for one in candidates("Europe/Paris", night).at.tolist()
    ]

    assert [one.hour for one in shown] == [0, 1, 2, 3, 4]
    assert shown[2].utcoffset() == timedelta(hours=2), "still summer time"


def test_a_window_inside_an_hour_begins_with_its_first_minute() -> None:
    rules = Rules(at(2026, 6, 1, 9, 10, "Europe/Paris"), at(2026, 6, 1, 9, 50, "Europe/Paris"))

    assert candidates("Europe/Paris", rules).at.tolist() == [at(2026, 6, 1, 9, 10, "Europe/Paris")]


def test_quiet_hours_are_those_of_the_contact() -> None:
    rules = Rules(at(2026, 6, 1, 19), at(2026, 6, 1, 21))

    paris, london = candidates("Europe/Paris", rules), candidates("Europe/London", rules)

    assert len(paris) == 0, "21:00 and 22:00 in Paris"
    assert london.at.tolist() == [at(2026, 6, 1, 19)], "20:00 in London; 21:00 is quiet"


def test_a_window_of_one_weekday_across_midnight_keeps_only_that_day() -> None:
    rules = Rules(at(2026, 6, 1), at(2026, 6, 15), None, weekdays=frozenset({6}))

    found = candidates("Asia/Tokyo", rules)

    assert {instant_of(one).astimezone(ZoneInfo("Asia/Tokyo")).date().isoformat() for one in found.at.tolist()} == {
        "2026-06-07",
        "2026-06-14",
    }


def test_why_there_is_none_is_said() -> None:
    past, reversed_, quiet = Rules(0, HOUR), Rules(3 * DAY, 2 * DAY), Rules(DAY, DAY + MINUTE)

    assert why_none(past, now=DAY) == "The window lies in the past; give one that ends later."
    assert why_none(reversed_, now=0) == "The window ends before it begins."
    assert "quiet hours" in why_none(quiet, now=0)


def test_contacts_are_spread_inside_the_hour_and_each_always_alike() -> None:
    hour = at(2026, 6, 1, 9)
    rules = Rules(hour, hour + DAY)

    moved = [inside_hour(hour, "UTC", rules, contact_id=f"c-{n}", minutes=15) for n in range(40)]

    assert {one - hour for one in moved} == {0, 15 * MINUTE, 30 * MINUTE, 45 * MINUTE}
    assert moved[0] == inside_hour(hour, "UTC", rules, contact_id="c-0", minutes=15)
