"""Instants as integers and back, exactly: the only place that does this arithmetic."""

from datetime import UTC, datetime, timedelta

from shared.contracts.rows import Microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> Microseconds:
    """Count the microseconds since 1970.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(at: Microseconds) -> datetime:
    """Tell the aware instant; multiplication of integers, so nothing is rounded.

    >>> instant_of(1_000_001)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=datetime.timezone.utc)
    """
    return _EPOCH + timedelta(microseconds=at)


def instant_or_none(at: Microseconds | None) -> datetime | None:
    """Return the instant, or None for none."""
    return None if at is None else instant_of(at)
