"""Times as exports and people write them; nothing is guessed in silence."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values.instants import read_date, read_instant, read_time, shown_order
from shared.values.unreadable import Ambiguous, NaiveTime, Unreadable
from shared.values.zones import is_shifted, zone_name, zone_of

BERLIN = zone_of("Europe/Berlin")
TEN_FIFTEEN = datetime(2026, 5, 3, 10, 15, tzinfo=UTC)
EIGHT_FIFTEEN = datetime(2026, 5, 3, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-05-03T10:15:00Z", TEN_FIFTEEN),
        ("2026-05-03 10:15:00 UTC", TEN_FIFTEEN),
        ("2026-05-03 10:15:00 +0000 UTC", TEN_FIFTEEN),
        ("2026-05-03t10:15:00z", TEN_FIFTEEN),
        ("20260503T101500Z", TEN_FIFTEEN),
        ("Sun, 3 May 2026 10:15:00 GMT", TEN_FIFTEEN),
        ("2026-05-03 10:15:00 +0200", EIGHT_FIFTEEN),
        ("2026-05-03 10:15:00+02", EIGHT_FIFTEEN),
        ("2026-05-03T10:15:00.000+0200", EIGHT_FIFTEEN),
        ("2026-05-03T10:15:00+02:00[Europe/Berlin]", EIGHT_FIFTEEN),
        ("2026-05-03 10:15 Europe/Berlin", EIGHT_FIFTEEN),
        ("2026-05-03 10:15:00 GMT+2", EIGHT_FIFTEEN),
        ("2026-05-03 10:15:00 CEST", EIGHT_FIFTEEN),
        ("Sun, 03 May 2026 10:15:00 +0200", EIGHT_FIFTEEN),
        ("Sun May 03 10:15:00 CEST 2026", EIGHT_FIFTEEN),
        ("Sun May 03 2026 10:15:00 GMT+0200 (Central European Summer Time)", EIGHT_FIFTEEN),
        ("\ufeff2026-05-03 10:15:00\u00a0+02:00", EIGHT_FIFTEEN),
        ("2026-05-03T24:00:00Z", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-03T10:15:00.123456789Z", datetime(2026, 5, 3, 10, 15, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_time_that_names_its_zone_is_read(text: str, at: datetime) -> None:
    assert read_instant(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-03 10:15:00", "2026-05-03 10:15", "2026/05/03 10:15", "2026-5-3 10:15", "03.05.2026 10:15",
        "3.5.2026 10:15 Uhr", "3.5.26 10:15", "May 3, 2026 10:15 AM", "May 3rd, 2026, 10:15 am",
        "3 May 2026 10:15", "03-May-2026 10:15", "3. Mai 2026 10:15", "3 mai 2026 10:15",
        "3 de mayo de 2026 10:15", "2026-05-03 10.15", "202605031015",
    ],
)  # fmt: skip
def test_a_naive_time_is_read_only_with_a_zone(text: str) -> None:
    with pytest.raises(NaiveTime):
        read_instant(text)

    assert read_instant(text, zone=BERLIN) == EIGHT_FIFTEEN


@pytest.mark.parametrize(
    "text", ["2026-05-03", "03.05.2026", "20260503", "May 3, 2026", "2026-05-03 00:00:00", "3. Mai 2026"]
)
def test_a_date_is_a_date_and_the_midnight_of_a_zone(text: str) -> None:
    assert read_date(text) == date(2026, 5, 3)
    assert read_instant(text, zone=BERLIN) == datetime(2026, 5, 2, 22, tzinfo=UTC)


def test_an_order_of_day_and_month_is_shown_given_or_required() -> None:
    with pytest.raises(Ambiguous):
        read_time("05/03/2026")

    assert read_date("05/03/2026", order="dmy") == date(2026, 3, 5)
    assert read_date("05/03/2026", order="mdy") == date(2026, 5, 3)
    assert read_date("13/03/2026") == read_date("03/13/2026") == date(2026, 3, 13)
    assert read_date("05-05-2026") == date(2026, 5, 5)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "1777803300", "45779.427", "nan", "1e9", "0000-00-00 00:00:00", "31.02.2026",
        "2026-13-01", "20261345", "10:15", "May 2026", "3/2026", "26-05-03", "05-03-26", "2026-05-03 13:15 PM",
        "2026-05-03 10:15 +99:00", "1899-12-31", "2201-01-01", "2026-05-03 10:15 Mars/Olympus",
        "2026-05-03T10:15:60Z", "x" * 10_000, "2026-05-03 10:15 IST",
    ],
)  # fmt: skip
def test_what_is_no_time_or_several_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_instant(text, zone=UTC)


def test_a_number_is_a_time_only_where_somebody_says_what_it_counts() -> None:
    assert read_instant("1777803300", count="seconds") == TEN_FIFTEEN
    assert read_instant("1777803300000", count="milliseconds") == TEN_FIFTEEN
    assert read_instant("46145.427083333", count="spreadsheet", zone=UTC) == TEN_FIFTEEN
    with pytest.raises(Unreadable):
        read_instant("9" * 30, count="seconds")


def test_a_time_that_clocks_show_twice_is_the_first_and_one_they_skip_is_later() -> None:
    twice = read_instant("2026-10-25 02:30:00", zone=BERLIN)
    never = read_instant("2026-03-29 02:30:00", zone=BERLIN)

    assert twice.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert never.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert (is_shifted(twice), is_shifted(never), is_shifted(read_instant("2026-05-03", zone=BERLIN))) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize("text", ["Europe/Berlin", " europe/berlin ", "EUROPE/BERLIN", "europe_slash_berlin"])
def test_a_zone_is_found_in_any_case(text: str) -> None:
    assert zone_name(text) == "Europe/Berlin"


@given(st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)), st.sampled_from([" ", "T"]))  # noqa: DTZ001
def test_iso_is_read_as_it_is(at: datetime, mark: str) -> None:
    assert read_time(at.isoformat(mark)) == at


@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)))
def test_german_and_english_dates_are_read_as_they_are(day: date) -> None:
    assert read_date(f"{day.day}.{day.month}.{day.year}") == day
    assert read_date(f"{day:%d.%m.%y}") == day
    assert read_date(f"{day.month}/{day.day}/{day.year}", order="mdy") == day
    assert shown_order(f"{day.day}/{day.month}/{day.year}") in ((None, "dmy") if day.day > 12 else (None, "mdy"))


@given(st.text(max_size=40) | st.text("0123456789-/.: TZ+", max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        found = read_time(text)
    except Unreadable:
        return

    assert 1900 <= found.year <= 2200
