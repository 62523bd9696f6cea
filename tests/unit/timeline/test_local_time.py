from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.rows import DAY, HOUR, SECOND
from shared.timeline.pasts import hour_of_day, local_time, utc_offsets, weekday

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("posix", "right")))


def wall_clock(at: int, zone: str | None) -> int:
    shown = (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=UTC)
    return (shown - EPOCH) // timedelta(microseconds=1)


@given(
    st.lists(
        st.tuples(
            st.integers(631_152_000_000_000, 2_840_000_000_000_000),
            st.sampled_from((None, "UTC", *ZONES)),
        ),
        max_size=20,
    )
)
@settings(deadline=None)
def test_the_clock_on_the_wall_is_the_one_of_zoneinfo(instants: list[tuple[int, str | None]]) -> None:
    zones = tuple(dict.fromkeys(zone for _, zone in instants))
    at = [instant for instant, _ in instants]
    zone_of = np.array([zones.index(zone) for _, zone in instants], dtype=np.int32)
    found = local_time(np.array(at, dtype=np.int64), zone_of, zones)
    assert found.tolist() == [wall_clock(one, zone) for one, (_, zone) in zip(at, instants, strict=True)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_the_second_of_every_change_is_exact(zone: str) -> None:
    begin = int(datetime(2005, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    hours = begin + np.arange(0, 5 * 365 * 48) * HOUR // 2
    shift = utc_offsets(zone, hours)
    changes = hours[1:][shift[1:] != shift[:-1]]
    assert len(changes)
    for change in changes.tolist():
        for at in (change - 30 * 60 * SECOND, change - 1, change, change + 1):
            assert at + utc_offsets(zone, np.array([at]))[0] == wall_clock(at, zone)


def test_no_zone_at_all_is_utc() -> None:
    at = np.array([5 * DAY])
    assert local_time(at, np.zeros(1, dtype=np.int32), (None,)).tolist() == [5 * DAY]


def test_an_hour_before_1970_is_an_hour() -> None:
    assert hour_of_day(np.array([-1 * HOUR])).tolist() == [23]
    assert weekday(np.array([-1 * HOUR])).tolist() == [2]
