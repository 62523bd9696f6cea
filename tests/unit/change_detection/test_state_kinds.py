from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.capabilities import capability
from shared.change_detection.compare import ComparedModel, DetectedChanges, compare
from shared.change_detection.service_answers import ServiceAnswer
from shared.change_detection.states import LastKnownState

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def service_answer(version: str = "1", **prediction: Any) -> ServiceAnswer:
    told = {"contact_id": "a", "status": "ok", "reasons": [], **prediction}
    return ServiceAnswer.model_validate(
        {"predictions": [told], "model": {"version": version, "grade": "B"}, "cutoff": JUNE}
    )


def changed(name: str, state: str, answer: ServiceAnswer, **names: str) -> DetectedChanges:
    before = LastKnownState("a", name, "", state, None, "1", "first", None, 0)
    return compare({"a": before}, answer, ComparedModel(capability(name), "", answer.model.version, 0, names), {"a"})


def segmented(new: str, membership: float | None, **others: float) -> ServiceAnswer:
    alternatives = [{"id": one, "name": f"Group {one}", "membership": share} for one, share in others.items()]
    segment = {"id": new, "name": f"Group {new}"}
    return service_answer(segment=segment, membership=membership, alternatives=alternatives)


def test_a_move_to_another_segment_is_reported_as_entered_and_as_left() -> None:
    entered, left = changed("segmentation", "s1", segmented("s2", 0.7, s1=0.3)).messages

    assert (entered.type, entered.data) == (
        "segment.entered",
        {
            "contact_id": "a",
            "segment": {"id": "s2", "name": "Group s2"},
            "previous_segment": {"id": "s1", "name": "Group s1"},
            "cause": "events",
        },
    )
    assert (left.type, left.data) == (
        "segment.left",
        {
            "contact_id": "a",
            "segment": {"id": "s1", "name": "Group s1"},
            "next_segment": {"id": "s2", "name": "Group s2"},
            "cause": "events",
        },
    )
    assert entered.message_id != left.message_id


@pytest.mark.parametrize(("old", "moved"), [(0.49, False), (0.485, False), (0.48, True)])
def test_another_segment_has_to_be_surer_by_two_points(old: float, moved: bool) -> None:
    assert bool(changed("segmentation", "s1", segmented("s2", 0.5, s1=old)).states) is moved


@pytest.mark.parametrize("answer", [segmented("s2", 0.5, s3=0.49), segmented("s2", None, s1=0.49)])
def test_another_segment_counts_where_the_old_one_is_not_known(answer: ServiceAnswer) -> None:
    assert changed("segmentation", "s1", answer).states[0].state == "s2"


def test_a_segment_that_the_answer_does_not_name_is_called_as_the_account_or_by_its_id() -> None:
    answer = segmented("s2", 0.7)

    assert changed("segmentation", "s1", answer, s1="Regulars").messages[1].data["segment"]["name"] == "Regulars"
    assert changed("segmentation", "s1", answer).messages[1].data["segment"]["name"] == "s1"


def test_another_version_has_to_be_surer_too() -> None:
    answer = segmented("s2", 0.5, s1=0.49).model_copy(update={"model": service_answer("2").model})

    changes = changed("segmentation", "s1", answer)

    assert [(row.state, row.version) for row in changes.states] == [("s1", "2")]


def instant(day: int, hour: int) -> dict[str, str]:
    return {
        "utc": f"2026-06-{day:02}T{hour:02}:00:00Z",
        "local": f"2026-06-{day:02}T{hour + 2:02}:00:00+02:00",
        "timezone": "Europe/Paris",
    }


def sendable(best: float, other: float, measure: str = "probability") -> ServiceAnswer:
    """Best on Tuesday at 18 local time, then on Monday at 9."""
    return service_answer(
        send_at=instant(2, 16), **{measure: best}, alternatives=[{"send_at": instant(1, 7), measure: other}]
    )


def test_another_hour_is_reported_on_the_contacts_own_clock() -> None:
    changes = changed("sendtime", "9", sendable(0.08, 0.07))

    assert changes.states[0].state == "42"
    assert [(one.type, one.data) for one in changes.messages] == [
        (
            "send_time.changed",
            {
                "contact_id": "a",
                "send_at": "2026-06-02T16:00:00Z",
                "slot": 42,
                "previous_slot": 9,
                "timezone": "Europe/Paris",
                "cause": "events",
            },
        )
    ]


@pytest.mark.parametrize("measure", ["probability", "activity_share"])
@pytest.mark.parametrize(("best", "moved"), [(0.101, False), (0.102, True)])
def test_another_hour_has_to_promise_two_hundredths_more(measure: str, best: float, moved: bool) -> None:
    assert bool(changed("sendtime", "9", sendable(best, 0.1, measure)).states) is moved


def test_another_hour_counts_where_the_old_one_is_not_known() -> None:
    assert changed("sendtime", "100", sendable(0.1, 0.1)).states[0].state == "42"
    assert changed("sendtime", "9", service_answer(send_at=instant(2, 16))).states[0].state == "42"


def test_an_answer_without_a_state_changes_nothing() -> None:
    assert changed("sendtime", "9", service_answer()) == ([], [])
    assert changed("segmentation", "s1", service_answer()) == ([], [])


@given(st.lists(st.floats(0.4905, 0.5095), min_size=1, max_size=40))
def test_two_segments_that_take_turns_within_two_points_are_never_reported(shares: list[float]) -> None:
    for share in shares:
        first, second = ("s1", "s2") if share >= 0.5 else ("s2", "s1")

        surer = max(share, 1 - share)

        assert changed("segmentation", "s1", segmented(first, surer, **{second: 1 - surer})) == ([], [])


def ordering(within: float, last: str = "2026-05-20") -> ServiceAnswer:
    days = {"median_on": "2026-06-05", "low_on": "2026-06-02", "high_on": None}
    following = {**days, "within_7_days": within, "within_30_days": 0.9, "last_order_on": last}
    return service_answer(next_order=following, expected_value=80.0, currency="EUR")


def due(state: str, answer: ServiceAnswer) -> DetectedChanges:
    before = LastKnownState("a", "value", ".due", state, None, "1", "first", None, 0)
    return compare({"a": before}, answer, ComparedModel(capability("value"), "", "1", 0, {}, 1), set())


def test_an_order_whose_median_lies_within_a_week_is_reported_as_due() -> None:
    changes = due("waiting", ordering(0.5))

    assert [(one.state, one.outcome) for one in changes.states] == [("due 2026-05-20", ".due")]
    assert [(one.type, one.data) for one in changes.messages] == [
        (
            "next_order.due",
            {
                "contact_id": "a",
                "median_on": "2026-06-05",
                "low_on": "2026-06-02",
                "high_on": None,
                "within_7_days": 0.5,
                "last_order_on": "2026-05-20",
                "expected_value": 80.0,
                "currency": "EUR",
                "cutoff": "2026-06-01T00:00:00Z",
                "cause": "time",
            },
        )
    ]


@pytest.mark.parametrize("within", [0.1, 0.9])
def test_an_order_is_due_once_however_its_chance_moves_until_it_comes(within: float) -> None:
    assert due("due 2026-05-20", ordering(within)) == ([], [])


def test_after_an_order_the_next_one_is_due_anew() -> None:
    assert len(due("due 2026-05-20", ordering(0.6, "2026-05-28")).messages) == 1


def test_after_an_order_that_makes_the_next_one_wait_nothing_is_reported() -> None:
    changes = due("due 2026-05-20", ordering(0.2, "2026-05-28"))

    assert ([one.state for one in changes.states], changes.messages) == (["waiting"], [])


def test_a_contact_that_waits_stays_as_it_is() -> None:
    assert due("waiting", ordering(0.2)) == ([], [])
