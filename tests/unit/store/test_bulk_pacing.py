"""A large write in parts of a bounded time, with gaps for the others."""

from collections.abc import Iterator

from shared.store import BulkPacing


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.at += seconds


def parts(
    pacing: BulkPacing, clock: Clock, items: int, seconds_a_row: float, *, has_gaps: bool = True
) -> Iterator[int]:
    """Sizes of the parts, each of which takes its time."""
    for part in pacing.parts(range(items), has_gaps=has_gaps):
        yield len(part)
        clock.at += len(part) * seconds_a_row


def test_each_row_comes_once_and_in_order() -> None:
    taken = [number for part in BulkPacing(sleep=lambda _: None).parts(range(5_000), has_gaps=True) for number in part]

    assert taken == list(range(5_000))


def test_parts_become_as_large_as_the_time_allows() -> None:
    clock = Clock()

    sizes = list(parts(BulkPacing(clock=clock.now, sleep=clock.sleep), clock, 100_000, 0.00001))

    assert sizes[:4] == [2_000, 4_000, 8_000, 16_000]
    assert max(sizes) == 20_000  # 0.2 s


def test_parts_become_small_where_rows_take_long() -> None:
    clock = Clock()

    sizes = list(parts(BulkPacing(clock=clock.now, sleep=clock.sleep), clock, 4_000, 0.001))

    assert sizes[0] == 2_000
    assert sizes[1:] == [200] * 10


def test_the_lock_is_free_for_longer_than_a_waiting_writer_sleeps() -> None:
    clock = Clock()
    pacing = BulkPacing(clock=clock.now, sleep=clock.sleep)

    list(parts(pacing, clock, 6_000, 0.0))
    clock.at += 0.1
    list(parts(pacing, clock, 10, 0.0))

    assert clock.slept == [0.12, 0.02]


def test_where_writers_do_not_take_turns_nothing_waits() -> None:
    clock = Clock()

    list(parts(BulkPacing(clock=clock.now, sleep=clock.sleep), clock, 10_000, 0.0, has_gaps=False))

    assert clock.slept == []
