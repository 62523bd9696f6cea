"""What the worker notices, written to both databases; the services are fakes that answer as told."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete, insert, select

from foretell.background.detect_changes import ChangeDetector, ChangeMetrics
from foretell.background.rescoring import Rescoring
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.rows import SECOND, ContactRow, EventRow
from shared.errors import UpstreamUnavailable
from shared.store import ChampionRow, Database, VersionRow
from shared.store.contact_facts import ContactTable
from shared.store.delivery_tables import DeliveryTable, MessageTable, SubscriptionTable

BANDS = {10: "low", 40: "medium", 60: "high", 90: "very_high"}
TYPES = (
    "score.band_changed", "segment.entered", "segment.left", "model.promoted", "batch.completed", "next_order.due",
)  # fmt: skip


@dataclass
class Service:
    """Answers with the scores it is given, or with segments where those are given."""

    scores: dict[str, int] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)
    version: str = "1"
    hours: int = 0
    asked: list[list[str]] = field(default_factory=list)

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> ServiceAnswer:
        self.asked.append(list(contact_ids))
        self.hours += 1
        return ServiceAnswer.model_validate(
            {
                "predictions": [self._seen(one) for one in contact_ids],
                "model": {"version": self.version, "grade": "B"},
                "cutoff": datetime(2026, 6, 1, self.hours, tzinfo=UTC),
            }
        )

    def _seen(self, contact_id: str) -> dict[str, Any]:
        score, segment = self.scores.get(contact_id), self.segments.get(contact_id)
        if score is None and segment is None:
            return {"contact_id": contact_id, "status": "insufficient_data"}
        more = {"segment": {"id": segment, "name": segment}} if segment else {"score": score, "band": BANDS[score or 0]}
        return {"contact_id": contact_id, "status": "ok", **more}


def champion(version: str = "1", *, name: str = "scoring", outcome: str = "customer") -> ChampionRow:
    return ChampionRow("default", name, outcome, version, f"digest-{version}", 5, None, None)


def detector(database: Database, service: Callable[..., ServiceAnswer]) -> ChangeDetector:
    return ChangeDetector(database, service, 1.0, threading.Event(), lambda: 7)


def subscribe(database: Database, **more: object) -> None:
    values = {
        "account_id": "default", "subscription_id": "s", "url": "https://a.example", "description": "",
        "event_types": json.dumps(TYPES), "connector": None, "settings": "{}", "sealed_headers": None,
        "model_changes": False, "state": "enabled", "state_at": 1, "created_at": 1,
    }  # fmt: skip
    with database._store.writing() as connection:
        connection.execute(insert(SubscriptionTable), {**values, **more})


def message(database: Database) -> list[tuple[str, str | None, str | None]]:
    columns = select(MessageTable.type, MessageTable.contact_id, MessageTable.cause)
    with database._store.reading() as connection:
        return sorted((type_, who, cause) for type_, who, cause in connection.execute(columns))


def states(database: Database, *contact_ids: str, name: str = "scoring", outcome: str = "customer") -> dict[str, str]:
    found = database.of("default").changes.states(name, outcome, contact_ids)
    return {contact_id: row.state for contact_id, row in found.items()}


@pytest.fixture
def known(database: Database) -> Database:
    """An account with two contacts and a subscription to everything."""
    database.of("default").events.add([EventRow(one, "1", "order_placed", 10, 10) for one in ("a", "b")])
    subscribe(database)
    return database


def test_the_first_answer_is_written_and_the_next_one_that_differs_is_reported(known: Database) -> None:
    service = Service({"a": 10, "b": 40})
    work = detector(known, service)
    work.score(champion(), ["a", "b"], stale=())
    service.scores = {"a": 90, "b": 40}

    work.score(champion(), ["a", "b"], stale={"a"})
    work.score(champion(), ["a", "b"], stale={"a"})

    assert states(known, "a", "b") == {"a": "very_high", "b": "medium"}
    assert message(known) == [("score.band_changed", "a", "events")]


def test_what_is_scored_and_what_changes_is_counted(known: Database) -> None:
    registry, service = CollectorRegistry(), Service({"a": 10, "b": 40})
    work = ChangeDetector(known, service, 1.0, threading.Event(), lambda: 7, ChangeMetrics(registry))
    work.score(champion(), ["a", "b"], stale=())
    service.scores = {"a": 90, "b": 40}

    work.score(champion(), ["a", "b"], stale={"a"})

    changes = {"capability": "scoring", "cause": "events"}
    assert registry.get_sample_value("foretell_worker_scored_total", {"capability": "scoring"}) == 4
    assert registry.get_sample_value("foretell_worker_changes_total", changes) == 1


def test_a_message_that_cannot_be_written_leaves_the_standing_for_the_next_time(known: Database) -> None:
    service = Service({"a": 10})
    work = detector(known, service)
    work.score(champion(), ["a"], stale=())
    service.scores = {"a": 90}
    subscribe(known, subscription_id="damaged", event_types="[")

    with pytest.raises(ValueError, match="Expecting value"):
        work.score(champion(), ["a"], stale=())
    assert (states(known, "a"), message(known)) == ({"a": "low"}, [])

    with known._store.writing() as connection:
        connection.execute(delete(SubscriptionTable).where(SubscriptionTable.subscription_id == "damaged"))
    work.score(champion(), ["a"], stale=())
    assert (states(known, "a"), message(known)) == ({"a": "very_high"}, [("score.band_changed", "a", "time")])


def test_what_no_service_answers_leaves_the_standing(known: Database) -> None:
    service = Service({"a": 10})
    work = detector(known, service)
    work.score(champion(), ["a"], stale=())
    service.scores = {}

    work.score(champion(), ["a"], stale=())

    assert states(known, "a") == {"a": "low"}


def test_a_contact_that_was_erased_while_it_was_scored_leaves_nothing(known: Database) -> None:
    service = Service({"a": 10})
    detector(known, service).score(champion(), ["a"], stale=())
    service.scores = {"a": 90, "b": 40}

    def erasing(*given: Any, **named: Any) -> ServiceAnswer:
        answered = service(*given, **named)
        with known._store.writing() as connection:
            connection.execute(delete(ContactTable))
        return answered

    detector(known, erasing).score(champion(), ["a", "b"], stale=())

    assert states(known, "a", "b") == {"a": "low"}
    assert message(known) == []


def test_who_refused_profiling_while_being_scored_is_reported_no_more(known: Database) -> None:
    service = Service({"a": 10})
    detector(known, service).score(champion(), ["a"], stale=())
    service.scores = {"a": 90, "b": 40}
    refusing = [ContactRow(one, consent={"profiling": "denied"}) for one in ("a", "b")]

    def refused(*given: Any, **named: Any) -> ServiceAnswer:
        answered = service(*given, **named)
        known.of("default").contacts.put(refusing, recorded_at=20)
        return answered

    detector(known, refused).score(champion(), ["a", "b"], stale=())

    assert states(known, "a", "b") == {}
    assert message(known) == []


def test_another_champion_is_summed_up_and_not_reported_one_by_one(known: Database, tmp_path: Path) -> None:
    store = known.of("default")
    for version in ("1", "2"):
        store.models.add(VersionRow("scoring", "customer", version, f"digest-{version}", "rule", "A", 1, 90, "run"))
    store.models.promote("scoring", "customer", "1", "digest-1", at=5, reason="first")
    service = Service({"a": 10, "b": 40})
    work = Rescoring(known, detector(known, service), tmp_path / "worker.json", 86_400.0, threading.Event(), 99_999)
    work.turn()
    store.models.promote("scoring", "customer", "2", "digest-2", at=1_780_000_000 * SECOND, reason="better")
    service.scores, service.version = {"a": 90, "b": 40}, "2"

    work.turn()

    assert message(known) == [
        ("batch.completed", None, None),
        ("batch.completed", None, None),
        ("model.promoted", None, "model"),
        ("model.promoted", None, "model"),
    ]
    with known._store.reading() as connection:
        found = select(MessageTable.data).where(MessageTable.type == "model.promoted")
        summed = [json.loads(data) for data in connection.scalars(found)]
    assert sorted((one["version"], one["previous_version"], one["moved"]) for one in summed) == [
        ("1", None, []),
        ("2", "1", [{"from": "low", "to": "very_high", "contacts": 1}]),
    ]


def test_those_who_subscribed_to_it_get_what_the_model_changed_one_by_one(known: Database) -> None:
    subscribe(known, subscription_id="all", model_changes=True)
    service = Service({"a": 10})
    work = detector(known, service)
    work.score(champion(), ["a"], stale=())
    service.scores, service.version = {"a": 90}, "2"

    work.score(champion("2"), ["a"], stale=())

    with known._store.reading() as connection:
        assert [*connection.scalars(select(DeliveryTable.subscription_id))] == ["all"]


def test_segments_are_called_by_the_names_that_the_account_gave_them(known: Database) -> None:
    store = known.of("default")
    report = {"segments": [{"id": "s1", "name": "Few orders"}, {"id": "s2", "name": "Many orders"}]}
    store.models.add(VersionRow("segmentation", "", "1", "digest-1", "kmeans", "A", 1, None, "run", report=report))
    store.segments.rename("s1", "Regulars", at=1)
    service = Service(segments={"a": "s1"})
    row = champion(name="segmentation", outcome="")
    work = detector(known, service)
    work.score(row, ["a"], stale=())
    service.segments = {"a": "s2"}

    work.score(row, ["a"], stale=())

    with known._store.reading() as connection:
        found = select(MessageTable.data).where(MessageTable.type == "segment.left")
        assert json.loads(connection.scalars(found).one())["segment"] == {"id": "s1", "name": "Regulars"}


def test_two_workers_that_see_the_same_change_report_it_once(known: Database) -> None:
    service = Service({"a": 10})
    detector(known, service).score(champion(), ["a"], stale=())
    service.scores = {"a": 90}
    answered = service(champion(), ["a"], reasons=3)
    together = threading.Barrier(2)

    def same(*given: Any, **named: Any) -> ServiceAnswer:
        together.wait(30)
        return answered

    threads = [
        threading.Thread(target=detector(known, same).score, args=(champion(), ["a"]), kwargs={"stale": ()})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert message(known) == [("score.band_changed", "a", "time")]


def test_a_service_that_is_away_changes_nothing(known: Database) -> None:
    def away(*given: Any, **named: Any) -> ServiceAnswer:
        raise UpstreamUnavailable("away")

    with pytest.raises(UpstreamUnavailable):
        detector(known, away).score(champion(), ["a"], stale=())

    assert states(known, "a") == {}


def test_an_order_that_is_due_is_sent_once_and_beside_the_band(known: Database) -> None:
    def answering(within: float, last: str) -> Callable[..., ServiceAnswer]:
        following = {"median_on": "2026-06-05", "low_on": None, "high_on": None, "within_7_days": within}
        own = {"next_order": {**following, "last_order_on": last}, "expected_value": 80.0, "currency": "EUR"}
        seen = {"contact_id": "a", "status": "ok", "score": 90, "band": "very_high", **own}
        parts = {
            "predictions": [seen],
            "model": {"version": "1", "grade": "B"},
            "cutoff": datetime(2026, 6, 1, tzinfo=UTC),
        }
        return lambda *_, **__: ServiceAnswer.model_validate(parts)

    for within, last in ((0.2, "2026-05-20"), (0.6, "2026-05-20"), (0.3, "2026-05-20"), (0.7, "2026-05-20")):
        detector(known, answering(within, last)).score(champion(name="value", outcome=""), ["a"], stale=())

    assert message(known) == [("next_order.due", "a", "time")]
    assert states(known, "a", name="value", outcome="") == {"a": "very_high"}
    assert states(known, "a", name="value", outcome=".due") == {"a": "due 2026-05-20"}
