from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.capabilities import TABLE, capability
from shared.change_detection.compare import KINDS, ComparedModel, DetectedChanges, compare
from shared.change_detection.service_answers import ServiceAnswer
from shared.change_detection.states import LastKnownState
from shared.contracts.message import MESSAGE_DATA, MESSAGE_TYPES, Message

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JUNE_AT = 1_780_272_000_000_000
BANDS = ((25, "low"), (50, "medium"), (75, "high"), (100, "very_high"))
REASON = {"feature": "f", "value": 4.0, "effect": "raises", "contribution": 0.8, "text": "Clicked"}


def band_of(score: int) -> str:
    return next(band for below, band in BANDS if score < below)


def scored(score: int, *, version: str = "1", cutoff: datetime = JUNE, **more: Any) -> ServiceAnswer:
    prediction = {
        "contact_id": "a", "status": "ok", "probability": 0.4, "score": score, "band": band_of(score),
        "trend": "improving", "reasons": [REASON] * 5, **more,
    }  # fmt: skip
    return ServiceAnswer.model_validate(
        {"predictions": [prediction], "model": {"version": version, "grade": "B"}, "cutoff": cutoff}
    )


def stood(score: int, **more: Any) -> LastKnownState:
    row = LastKnownState("a", "scoring", "customer", band_of(score), score, "1", "first", None, JUNE_AT - 10)
    return row._replace(**more)


def subject(name: str = "scoring", version: str = "1") -> ComparedModel:
    line = capability(name)
    return ComparedModel(line, "customer" if line.per_outcome else "", version, JUNE_AT - 5)


def told(
    before: LastKnownState | None, answer: ServiceAnswer, *, version: str = "1", stale: bool = False
) -> DetectedChanges:
    return compare({"a": before}, answer, subject(version=version), {"a"} if stale else set())


def test_a_first_sight_is_written_and_not_reported() -> None:
    changes = told(None, scored(60))

    assert changes.states == [LastKnownState("a", "scoring", "customer", "high", 60, "1", "first", None, JUNE_AT)]
    assert changes.messages == []


def test_another_band_changes_the_last_known_state_and_is_reported() -> None:
    changes = told(stood(40), scored(60), stale=True)

    assert changes.states == [LastKnownState("a", "scoring", "customer", "high", 60, "1", "events", "medium", JUNE_AT)]
    assert [(one.type, one.contact_id, one.cause, one.occurred_at) for one in changes.messages] == [
        ("score.band_changed", "a", "events", JUNE_AT)
    ]
    assert changes.messages[0].data == {
        "contact_id": "a", "capability": "scoring", "outcome": "customer", "previous_band": "medium", "band": "high",
        "score": 60, "previous_score": 40, "probability": 0.4, "reasons": [REASON] * 3, "trend": "improving",
        "model": {"version": "1", "grade": "B"}, "cutoff": "2026-06-01T00:00:00Z", "cause": "events",
    }  # fmt: skip


def test_the_same_band_changes_nothing() -> None:
    assert told(stood(60), scored(70)) == ([], [])


@pytest.mark.parametrize(("score", "moved"), [(50, False), (51, True)])
def test_another_band_within_two_points_is_not_reported(score: int, moved: bool) -> None:
    assert bool(told(stood(49), scored(score)).messages) is moved


def test_without_a_score_another_band_is_reported() -> None:
    assert told(stood(49)._replace(score=None), scored(50)).states[0].state == "high"


def test_what_changes_without_new_events_is_caused_by_time() -> None:
    assert told(stood(40), scored(60)).states[0].cause == "time"


def test_what_changes_with_the_version_is_caused_by_the_model_whatever_came_with_it() -> None:
    changes = told(stood(49), scored(50, version="2"), version="2", stale=True)

    assert [one.cause for one in changes.messages] == ["model"]
    assert (changes.states[0].cause, changes.states[0].version) == ("model", "2")


def test_another_version_that_says_the_same_is_noted_and_not_reported() -> None:
    before = stood(60, previous_state="low", cause="events")

    assert told(before, scored(70, version="2"), version="2") == ([before._replace(version="2", score=70)], [])


def test_scores_of_two_versions_are_not_compared() -> None:
    (confirmed,) = told(stood(49), scored(26, version="2"), version="2").states

    assert told(confirmed, scored(50, version="2"), version="2").states[0].state == "high"
    assert told(confirmed, scored(25, version="2"), version="2").messages == []


def test_a_service_whose_clock_is_behind_does_not_hide_a_move_from_its_promotion() -> None:
    before = stood(49, changed_at=0)

    changes = told(before, scored(60, version="2", cutoff=JUNE - timedelta(seconds=1)), version="2")

    assert changes.states[0].changed_at == JUNE_AT - 5


def test_an_answer_of_a_version_that_is_champion_no_more_leaves_the_standing() -> None:
    assert told(stood(40, version="2"), scored(60, version="1"), version="2") == ([], [])


def test_the_version_that_still_answers_is_noticed_until_the_champion_does() -> None:
    assert told(stood(40), scored(60), version="2").states[0].state == "high"


def test_an_answer_on_an_earlier_instant_leaves_the_standing() -> None:
    assert told(stood(40, changed_at=JUNE_AT + 1), scored(60)) == ([], [])


@pytest.mark.parametrize("status", ["unknown_contact", "no_consent", "insufficient_data", "outcome_reached", "no_slot"])
def test_a_status_other_than_ok_leaves_the_standing(status: str) -> None:
    assert told(stood(40), scored(60, status=status)) == ([], [])
    assert told(None, scored(60, status=status)) == ([], [])


def test_a_contact_that_does_not_exist_gets_no_standing() -> None:
    assert compare({}, scored(60), subject(), set()) == ([], [])


def test_the_same_change_has_the_same_id_and_another_one_has_another() -> None:
    def name(changes: DetectedChanges) -> str:
        return changes.messages[0].message_id

    first = name(told(stood(40), scored(60)))

    assert name(told(stood(40), scored(61), stale=True)) == first
    assert name(told(stood(10), scored(60))) != first
    assert name(told(stood(40), scored(60, cutoff=JUNE + timedelta(seconds=1)))) != first


def follow(scores: list[int]) -> list[tuple[int, Message]]:
    """Score one contact again and again; tell at which score something was told."""
    standing, heard = told(None, scored(scores[0])).states[0], []
    for number, score in enumerate(scores[1:], start=1):
        changes = told(standing, scored(score, cutoff=JUNE + timedelta(days=number)))
        standing = changes.states[0] if changes.states else standing
        heard += [(score, message) for message in changes.messages]
    return heard


@given(st.lists(st.integers(48, 52), min_size=2, max_size=60))
def test_flapping_around_an_edge_is_never_reported_twice_within_two_points(scores: list[int]) -> None:
    places = [scores[0], *(score for score, _ in follow(scores))]

    assert all(abs(places[i] - places[i + 1]) >= 2 for i in range(len(places) - 1))


@given(st.lists(st.integers(1, 99), min_size=2, max_size=60))
def test_a_report_follows_on_the_one_before(scores: list[int]) -> None:
    bands = [band_of(scores[0]), *(message.data["band"] for _, message in follow(scores))]

    assert [message.data["previous_band"] for _, message in follow(scores)] == bands[:-1]
    assert all(bands[i] != bands[i + 1] for i in range(len(bands) - 1))


@given(st.lists(st.integers(1, 99), min_size=2, max_size=60).map(sorted))
def test_a_score_that_only_rises_is_never_reported_to_fall(scores: list[int]) -> None:
    order = [name for _, name in BANDS]

    assert all(order.index(one.data["band"]) > order.index(one.data["previous_band"]) for _, one in follow(scores))


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.name)
def test_every_capability_has_a_known_kind_of_change_and_its_message_types(line: Any) -> None:
    assert {one.kind for one in line.changes} <= KINDS.keys()
    assert set(line.message_types) <= set(MESSAGE_TYPES)
    assert set(line.message_types) <= MESSAGE_DATA.keys()
