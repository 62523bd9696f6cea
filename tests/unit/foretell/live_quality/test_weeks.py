from foretell.live_quality.weeks import counted
from shared.contracts.rows import DAY
from shared.store import LoggedProbability

MONDAY = 1_772_409_600_000_000  # 2 March 2026


def placed(contact_id: str, days: int, segment: str | None) -> LoggedProbability:
    return LoggedProbability(contact_id, MONDAY + days * DAY, 0, "r", "1", None, segment)


def test_shares_are_of_the_first_of_each_week_and_moves_of_those_there_the_week_before() -> None:
    log = [
        [placed("a", 0, "x"), placed("a", 1, "y"), placed("a", 8, "y"), placed("a", 22, "x")],
        [placed("b", 2, "x"), placed("b", 9, "x"), placed("b", 10, None)],
        [placed("c", 7, "y")],
    ]

    first, second, fourth = counted(log)

    assert (first.week, first.contacts, first.shares, first.moved_share) == ("2026-W10", 2, {"x": 1.0}, None)
    assert (second.contacts, second.shares) == (3, {"x": 0.333333, "y": 0.666667})
    assert second.moved_share == 0.5
    assert (fourth.week, fourth.moved_share) == ("2026-W13", None)


def test_who_went_where_is_counted_the_most_frequent_move_first() -> None:
    log = [
        [placed("a", 0, "x"), placed("a", 7, "y")],
        [placed("b", 0, "x"), placed("b", 7, "y")],
        [placed("c", 0, "y"), placed("c", 7, "x")],
        [placed("d", 0, "y"), placed("d", 7, "y")],
    ]

    first, second = counted(log)

    assert first.moves == []
    assert [(one.before, one.after, one.contacts) for one in second.moves or ()] == [("x", "y", 2), ("y", "x", 1)]
    assert second.moved_share == 0.75
