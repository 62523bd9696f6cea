"""ISO weeks by number and by name."""

from datetime import date, timedelta

from shared.contracts.rows import DAY, Microseconds

_FIRST = date(1969, 12, 29)
"""The Monday of week 0."""


def week_of(at: Microseconds) -> int:
    """Number the ISO week of an instant, UTC; Monday 5 January 1970 begins week 1.

    >>> week_of(0), week_of(4 * DAY - 1), week_of(4 * DAY)
    (0, 0, 1)
    """
    return (at // DAY + 3) // 7


def named(week: int) -> tuple[str, date]:
    """Return the name of a week, and its Monday.

    >>> named(week_of(0))[0], str(named(week_of(0))[1]), named(2944)[0]
    ('1970-W01', '1969-12-29', '2026-W23')
    """
    starts_on = _FIRST + timedelta(weeks=week)
    year, number, _ = starts_on.isocalendar()
    return f"{year}-W{number:02d}", starts_on
