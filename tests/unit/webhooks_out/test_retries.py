from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import DAY, HOUR, SECOND
from shared.webhooks_out.concurrency import ConcurrencyLimit
from shared.webhooks_out.retries import ATTEMPTS, MAX_RETRY_AFTER, WAITS, retry_after_wait, wait_after

NOON = 1_780_315_200 * SECOND
"""2026-06-01T12:00:00Z."""


def test_ten_attempts_take_three_days() -> None:
    waits = [wait_after(tries, draw=0.0) for tries in range(1, 11)]

    assert waits == [
        5 * SECOND, 300 * SECOND, 1_800 * SECOND, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR, None,
    ]  # fmt: skip
    assert 3 * DAY < sum(wait for wait in waits if wait) < 4 * DAY


@given(st.integers(1, 30), st.floats(0, 1), st.none() | st.integers(0, MAX_RETRY_AFTER))
def test_a_wait_is_never_shorter_than_the_schedule_or_what_was_requested(
    tries: int, draw: float, requested: int | None
) -> None:
    wait = wait_after(tries, draw=draw, requested=requested)

    if tries >= ATTEMPTS:
        assert wait is None
    else:
        assert wait is not None
        assert max(WAITS[tries - 1], requested or 0) <= wait <= max(WAITS[tries - 1] * 1.2 + 1, requested or 0)


def test_seconds_and_dates_are_read() -> None:
    assert retry_after_wait("120", NOON) == 120 * SECOND
    assert retry_after_wait(" 0 ", NOON) == 0
    assert retry_after_wait("Mon, 01 Jun 2026 12:00:30 GMT", NOON) == 30 * SECOND
    assert retry_after_wait("Mon, 01 Jun 2026 11:00:00 GMT", NOON) == 0
    assert retry_after_wait("Monday, 01-Jun-26 12:01:00 GMT", NOON) == 60 * SECOND


def test_no_receiver_makes_us_wait_longer_than_a_day() -> None:
    assert retry_after_wait("86401", NOON) == DAY
    assert retry_after_wait("9" * 5_000, NOON) == DAY
    assert retry_after_wait("Fri, 01 Jan 2100 00:00:00 GMT", NOON) == DAY


@given(st.text())
def test_whatever_a_header_says_it_is_a_wait_or_nothing(header: str) -> None:
    wait = retry_after_wait(header, NOON)

    assert wait is None or 0 <= wait <= DAY


def test_what_is_no_wait_counts_as_nothing() -> None:
    assert [retry_after_wait(header, NOON) for header in (None, "", "soon", "-5", "1.5", "٣", "Mon, 32 Jun 2026")] == [
        None
    ] * 7


def test_a_receiver_that_fails_is_called_less_at_once_and_more_again_when_it_succeeds() -> None:
    limit = ConcurrencyLimit()

    limit.failed(500, now=0.0)
    halved = limit.capacity(running=1, now=0.0)
    for _ in range(5):
        limit.failed(400, now=0.0)
    least = limit.capacity(running=0, now=0.0)
    for _ in range(20):
        limit.succeeded()

    assert (halved, least, limit.capacity(running=2, now=0.0)) == (3, 1, 6)


def test_one_that_is_overloaded_or_away_rests_longer_each_time() -> None:
    limit, rests = ConcurrencyLimit(), []
    for status in (429, 502, 503, 504, None, None, None, None):
        limit.paused_until = 0.0
        limit.failed(status, now=100.0)
        rests.append(limit.paused_until - 100.0)

    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    assert limit.capacity(running=0, now=159.0) == 0
    assert limit.capacity(running=0, now=160.0) == 1


def test_what_a_receiver_asks_for_rests_it_for_a_minute_at_most() -> None:
    limit = ConcurrencyLimit()
    limit.failed(429, now=0.0, retry_after_seconds=30.0)
    first = limit.paused_until
    limit.failed(429, now=0.0, retry_after_seconds=3_600.0)

    assert (first, limit.paused_until) == (30.0, 60.0)
