import json
from datetime import UTC, datetime
from typing import Any

from services.segmentation.model import Membership, ScoredSegment, SegmentRef, with_history

HOUR = 3_600_000_000
REGULAR, FREQUENT = SegmentRef("s1", "Regular buyers"), SegmentRef("s2", "Frequent buyers")
MOVED = "1970-01-01T02:00:00Z"


def scored(segment: SegmentRef = FREQUENT) -> ScoredSegment:
    return ScoredSegment(
        first=Membership(segment, 0.9), alternatives=[Membership(REGULAR, 0.1)], micro=None, margin=2.2
    )


def stored(segment: SegmentRef | None, previous: SegmentRef | None = None, moved_at: str | None = None) -> str:
    as_sent = [None if one is None else one._asdict() for one in (segment, previous)]
    return json.dumps({"segment": as_sent[0], "previous_segment": as_sent[1], "moved_at": moved_at})


def told(latest: dict[str, tuple[int, str]], *, cutoff: int = 5 * HOUR, names: dict[str, str] | None = None) -> Any:
    return with_history(["c"], [scored()], latest, names or {}, cutoff=cutoff)[0]


def test_a_contact_that_was_never_assigned_came_from_nowhere() -> None:
    assert (told({}).previous, told({}).moved_at) == (None, None)


def test_a_contact_that_was_elsewhere_has_moved_at_this_cutoff() -> None:
    one = told({"c": (3 * HOUR, stored(REGULAR))})

    assert one.previous == REGULAR
    assert one.moved_at == datetime(1970, 1, 1, 5, tzinfo=UTC)


def test_a_contact_that_stayed_keeps_the_move_that_was_stored() -> None:
    one = told({"c": (3 * HOUR, stored(FREQUENT, REGULAR, MOVED))})

    assert one.previous == REGULAR
    assert one.moved_at == datetime(1970, 1, 1, 2, tzinfo=UTC)


def test_what_was_stored_of_a_later_cutoff_says_nothing_of_before() -> None:
    one = told({"c": (9 * HOUR, stored(REGULAR))})

    assert (one.previous, one.moved_at) == (None, None)


def test_a_stored_answer_without_a_segment_says_nothing() -> None:
    assert told({"c": (3 * HOUR, stored(None))}).previous is None


def test_the_account_s_names_are_used_everywhere() -> None:
    names = {"s1": "Weekly shoppers", "s2": "Best friends"}

    one = told({"c": (3 * HOUR, stored(REGULAR))}, names=names)

    assert one.first.segment.name == "Best friends"
    assert one.alternatives[0].segment.name == "Weekly shoppers"
    assert one.previous == SegmentRef("s1", "Weekly shoppers")
