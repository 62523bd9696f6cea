from datetime import timedelta

import pytest

from foretell.cli.options import duration, moment, whole_days
from shared.contracts.outcome import Moment
from shared.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("30d", timedelta(days=30)),
        ("1w", timedelta(days=7)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "30 days", "1y", "1d2h"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadRequest, match="such as 30d or 1h"):
        duration(text)


@pytest.mark.parametrize("text", ["1h", "36h", "0d", "366d", "60w"])
def test_a_horizon_is_whole_days_up_to_a_year(text: str) -> None:
    with pytest.raises(BadRequest, match="1 and 365 whole days"):
        whole_days(text)


def test_a_moment_without_delay_is_the_event_itself() -> None:
    assert moment("form_submitted") == Moment(event_type="form_submitted", after_seconds=0)


@pytest.mark.parametrize("text", ["Form+1h", "form_submitted+2000d", "+1h"])
def test_a_moment_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is not a moment"):
        moment(text)
