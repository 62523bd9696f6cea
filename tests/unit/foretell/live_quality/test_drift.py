from datetime import UTC, datetime
from typing import Any

from foretell.live_quality.drift import DriftRound, counted, drift_message, reported
from shared.capabilities import capability
from shared.change_detection.compare import ComparedModel
from shared.change_detection.service_answers import (
    AnsweredSegment,
    AnsweringModel,
    ContactPrediction,
    FeatureCounts,
    InputCounts,
    ServiceAnswer,
)
from shared.contracts.model_drift import drift_of, drifted_since
from shared.contracts.rows import DAY
from shared.store import VersionRow

EVEN = [0.1] * 10 + [0.0]
SUBJECT = ComparedModel(capability("scoring"), "customer", "3", 5, {})


def version(contacts: int = 1_000, **report: Any) -> VersionRow:
    row = ("scoring", "customer", "3", "d", "lightgbm", "A", 1, 90, "run")
    return VersionRow(*row, report={"data": {"contacts": contacts}, **report})


def feature(counts: list[int], *, name: str = "opens", weight: float = 0.3, unseen: int | None = None) -> FeatureCounts:
    return FeatureCounts(
        name=name,
        counts=counts,
        unseen=unseen,
        reference_shares=EVEN,
        reference_unseen=None if unseen is None else 0.01,
        weight=weight,
    )


def answer(*features: FeatureCounts, scores: tuple[int, ...] = (), segments: tuple[str, ...] = ()) -> ServiceAnswer:
    seen = [ContactPrediction(contact_id="c", status="ok", score=score) for score in scores]
    seen += [
        ContactPrediction(contact_id="c", status="ok", segment=AnsweredSegment(id=one, name=one)) for one in segments
    ]
    return ServiceAnswer(
        predictions=seen,
        model=AnsweringModel(version="3", grade="A"),
        cutoff=datetime(2026, 6, 1, tzinfo=UTC),
        inputs=InputCounts(
            contacts=sum(features[0].counts) if features else 0, features=list(features), reference_scores=[0.1] * 10
        ),
    )


def judged(counts: dict[str, Any], before: Any = None, *, stale: bool = False, at: int = DAY) -> dict[str, Any]:
    return DriftRound(counts, version(), before, stale, at).judged()


FIRST = counted({}, [answer(feature([100] * 10 + [0], unseen=5), scores=tuple(range(5, 95, 10)) * 50)])
MOVED = counted({}, [answer(feature([10] * 9 + [800, 110], unseen=300), scores=tuple(range(5, 95, 10)) * 50)])


def test_counts_of_answers_add_up() -> None:
    one = counted({}, [answer(feature([1] * 11, unseen=2), scores=(1, 99))])

    both = counted(one, [answer(feature([2] * 11, unseen=3), scores=(9, 10))])

    assert both["features"]["opens"]["counts"] == [3] * 11
    assert both["features"]["opens"]["unseen"] == 5
    assert both["contacts"] == 33
    assert both["scores"] == {"0": 2, "9": 1, "1": 1}


def test_the_first_complete_round_is_what_later_ones_are_compared_with() -> None:
    first = judged(MOVED)

    again = judged(MOVED, first)

    report = drift_of(first)
    assert report is not None
    assert (report.status, report.has_drifted, report.features[0].level) == ("first_round", False, "steady")
    assert report.features[0].psi is not None
    assert report.features[0].psi > 1
    later = drift_of(again)
    assert later is not None
    assert (later.status, later.has_drifted, later.features[0].psi_since_start) == ("measured", False, 0.0)


def test_a_feature_that_moved_since_training_and_since_the_start_has_drifted() -> None:
    first = judged(FIRST)

    found = judged(MOVED, first, at=2 * DAY)

    report = drift_of(found)
    assert report is not None
    (moved,) = report.features
    assert (report.has_drifted, moved.level, report.drifted_weight) == (True, "drifted", 0.3)
    assert (moved.missing_share, moved.missing_share_reference) == (0.11, 0.0)
    assert (moved.unseen_share, moved.unseen_share_reference) == (0.3, 0.01)
    assert "opens (30% of the model)" in report.text
    assert drifted_since(found) == 2 * DAY


def test_since_when_it_has_drifted_stays_until_it_has_not() -> None:
    first = judged(FIRST)
    found = judged(MOVED, first, at=2 * DAY)

    later, back = judged(MOVED, found, at=5 * DAY), judged(FIRST, found, at=5 * DAY)

    assert (drifted_since(later), drifted_since(back), drifted_since(None)) == (2 * DAY, None, None)


def test_a_feature_of_little_weight_is_named_and_no_drift_of_the_model() -> None:
    first = judged(counted({}, [answer(feature([100] * 10 + [0], weight=0.05))]))

    report = drift_of(judged(counted({}, [answer(feature([10] * 9 + [900, 10], weight=0.05))]), first))

    assert report is not None
    assert (report.has_drifted, report.features[0].level) == (False, "drifted")
    assert report.text.startswith("Steady as a whole; opens")


def test_answers_that_are_spread_differently_are_drift_without_any_feature() -> None:
    first = judged(counted({}, [answer(scores=tuple(range(5, 100, 10)) * 50)]))

    report = drift_of(judged(counted({}, [answer(scores=(95,) * 400 + (5,) * 100)]), first))

    assert report is not None
    assert report.answers is not None
    assert (report.has_drifted, report.answers.level) == (True, "drifted")


def test_segments_are_compared_with_their_shares_in_training() -> None:
    row = version(segments=[{"id": "a", "share": 0.5}, {"id": "b", "share": 0.5}])
    first = DriftRound(counted({}, [answer(segments=("a", "b") * 200)]), row, None, False, 1).judged()

    report = drift_of(
        DriftRound(counted({}, [answer(segments=("a",) * 390 + ("b",) * 10)]), row, first, False, 2).judged()
    )

    assert report is not None
    assert report.answers is not None
    assert (report.has_drifted, report.answers.level) == (True, "drifted")


def test_where_it_cannot_be_known_it_is_stated_and_is_no_drift() -> None:
    few = counted({}, [answer(feature([10] * 9 + [0, 99]))])
    first = judged(FIRST)

    reports = [drift_of(judged(few, first)), drift_of(judged(MOVED, first, stale=True)), drift_of(judged({}))]

    assert [one and (one.status, one.has_drifted) for one in reports] == [
        ("too_few", False),
        ("stale_events", False),
        ("not_counted", False),
    ]


def test_what_has_drifted_is_reported_once() -> None:
    found = judged(MOVED, judged(FIRST))
    message = drift_message(found, SUBJECT, at=3)

    kept = judged(MOVED, reported(found))

    assert message is not None
    assert message.type == "model.drift_detected"
    assert [one["feature"] for one in message.data["findings"]] == ["opens"]
    assert drift_message(found, SUBJECT, at=9).message_id == message.message_id  # type: ignore[union-attr]
    assert drift_message(kept, SUBJECT, at=4) is None


def test_what_another_release_wrote_is_nothing() -> None:
    assert drift_of({"report": {"version": "3"}}) is None
