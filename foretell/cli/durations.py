"""The only place that reads durations such as `30d`, `1h` or `1w` from a command line."""

import re
from datetime import timedelta

from shared.contracts.outcome import Moment
from shared.errors import BadRequest

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SHAPE = re.compile(r"(\d{1,9})([smhdw])")


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and one of s, m, h, d, w.

    Raises:
        BadRequest: it is written otherwise.

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise BadRequest(f"'{text}' is not a duration; write a whole number and s, m, h, d or w, such as 30d or 1h.")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def whole_days(text: str, *, most: int = 365) -> int:
    """Read a duration of 1 to 365 whole days, or to another maximum.

    Raises:
        BadRequest: not a duration, not whole days, or out of bounds.

    >>> whole_days("2w")
    14
    """
    days = duration(text) / timedelta(days=1)
    if not days.is_integer() or not 1 <= days <= most:
        raise BadRequest(f"'{text}' must be between 1 and {most} whole days, such as 30d or 4w.")
    return int(days)


def moment(text: str) -> Moment:
    """Read a moment of asking: `form_submitted` or `form_submitted+1h`.

    Raises:
        BadRequest: no event type, or what follows the plus is not a duration.

    >>> moment("form_submitted+1h")
    Moment(event_type='form_submitted', after_seconds=3600)
    """
    event_type, plus, after = text.partition("+")
    seconds = int(duration(after).total_seconds()) if plus else 0
    try:
        return Moment(event_type=event_type.strip(), after_seconds=seconds)
    except ValueError as error:
        raise BadRequest(
            f"'{text}' is not a moment; write a snake_case event type and up to 365 days, such as form_submitted+1h."
        ) from error
