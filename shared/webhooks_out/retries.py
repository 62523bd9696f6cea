"""When the next attempt is due: the schedule of Standard Webhooks with jitter, and the receiver's `Retry-After`."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from shared.contracts.rows import DAY, HOUR, SECOND, Microseconds

MINUTE: Final = 60 * SECOND
WAITS: Final[tuple[Microseconds, ...]] = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Between attempts; the first one is made at once. Ten attempts in 75.6 hours."""
ATTEMPTS: Final = len(WAITS) + 1
JITTER: Final = 0.2
"""A wait is up to this share longer, so that messages that failed together are not retried together."""
MAX_RETRY_AFTER: Final = DAY
"""The longest wait that a receiver may request."""


def wait_after(tries: int, *, draw: float, requested: Microseconds | None = None) -> Microseconds | None:
    """Return how long to wait before the next attempt.

    Args:
        tries: attempts made so far, at least 1.
        draw: uniform from 0 to 1.
        requested: from `Retry-After`.

    Returns:
        The wait, at least the requested one; None: that was the last attempt.

    >>> wait_after(1, draw=0.5) == 5_500_000
    True
    >>> wait_after(10, draw=0.5) is None
    True
    """
    if tries >= ATTEMPTS:
        return None
    wait = round(WAITS[tries - 1] * (1 + JITTER * draw))
    return wait if requested is None else max(wait, requested)


def retry_after_wait(header: str | None, now: Microseconds) -> Microseconds | None:
    """Read a `Retry-After` header.

    Args:
        header: seconds or an HTTP date (RFC 9110); any other text is ignored.
        now: the time of the answer.

    Returns:
        A wait from 0 to a day; None: none was requested.

    >>> retry_after_wait("120", 0), retry_after_wait("Thu, 01 Jan 1970 00:00:09 GMT", 2_000_000)
    (120000000, 7000000)
    >>> retry_after_wait("soon", 0)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        # A number with more digits is always longer than a day.
        return min(int(text[-9:] if len(text.lstrip("0")) <= 9 else "999999999") * SECOND, MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
    return min(max(0, round(seconds.total_seconds() * SECOND) - now), MAX_RETRY_AFTER)
