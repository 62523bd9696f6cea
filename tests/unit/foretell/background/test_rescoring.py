import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foretell import home
from foretell.background.detect_changes import BATCH
from foretell.background.rescoring import Rescoring
from shared.change_detection.service_answers import AnsweringModel, ContactPrediction, ServiceAnswer
from shared.change_detection.states import StateMove
from shared.contracts.input_drift import InputDrift
from shared.contracts.message import Message
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ModelNotReady, StoreUnavailable, UpstreamUnavailable
from shared.store import ChampionRow, VersionRow


def champion(account: str = "acme", version: str = "1", *, promoted_at: int = 5) -> ChampionRow:
    return ChampionRow(account, "scoring", "customer", version, f"digest-{version}", promoted_at, None, None)


class FakeContact(NamedTuple):
    contact_id: str


@dataclass
class FakeDatabase:
    rows: list[ChampionRow]
    contact_ids: list[str]
    stale: set[str] = field(default_factory=set)
    published: list[Message] = field(default_factory=list)
    input_drift: dict[tuple[str, str, str], InputDrift] = field(default_factory=dict)
    documents: dict[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)

    def champions(self) -> list[ChampionRow]:
        return self.rows

    def of(self, account: str) -> "FakeDatabase":
        return self

    @property
    def contacts(self) -> "FakeDatabase":
        """Stands for its own subjects."""
        return self

    changes = deliveries = events = models = outbox = quality = contacts

    def page(self, limit: int, after: str | None) -> list[FakeContact]:
        return [FakeContact(one) for one in self.contact_ids if after is None or one > after][:limit]

    def stale_among(self, contact_ids: Sequence[str]) -> set[str]:
        return self.stale & set(contact_ids)

    def version(self, capability: str, outcome: str, version: str) -> VersionRow:
        return VersionRow(capability, outcome, version, f"digest-{version}", "rule", "B", 1, 90, "run")

    def moves(self, capability: str, outcome: str, version: str, *, since: Microseconds) -> list[StateMove]:
        return [StateMove("low", "high", 3)]

    def newest_at(self) -> Microseconds:
        return 5 * DAY

    def put_input_drift(self, capability: str, outcome: str, version: str, drift: InputDrift) -> None:
        self.input_drift[capability, outcome, version] = drift

    def drift(self, *key: str) -> Mapping[str, Any] | None:
        return self.documents.get(key)

    def put_drift(self, *arguments: Any, at: Microseconds) -> None:
        *key, document = arguments
        self.documents[tuple(key)] = document

    def publish(self, messages: Sequence[Message], *, at: Microseconds) -> None:
        self.published += messages


@dataclass
class FakeNoticing:
    version: str = "1"
    away_for: str = ""
    quality: list[str] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    stale: list[Collection[str]] = field(default_factory=list)

    def score(self, row: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> list[ServiceAnswer]:
        if row.account == self.away_for:
            raise UpstreamUnavailable("away")
        self.asked.append((row.account, len(contact_ids)))
        self.stale.append(stale)
        return [
            ServiceAnswer(
                predictions=[
                    ContactPrediction(contact_id=one, status="ok", data_quality=self.quality) for one in contact_ids
                ],
                model=AnsweringModel(version=self.version, grade="B"),
                cutoff=datetime(2026, 6, 1, tzinfo=UTC),
            )
        ]


@pytest.fixture
def ids() -> list[str]:
    return [f"c-{number:05}" for number in range(BATCH + 500)]


def rescoring(database: FakeDatabase, service: FakeNoticing, folder: Path, **given: Any) -> Rescoring:
    settings = {"every_seconds": 86_400.0, "stop": threading.Event(), "remembered_days": 30, **given}
    return Rescoring(database, service, folder / "worker.json", **settings)


def test_every_contact_is_scored_in_batches(tmp_path: Path, ids: list[str]) -> None:
    service = FakeNoticing()

    rescoring(FakeDatabase([champion()], ids), service, tmp_path).turn()

    assert service.asked == [("acme", 1000), ("acme", 500)]


def test_the_same_champion_does_not_score_again_before_its_time(tmp_path: Path, ids: list[str]) -> None:
    service, clock = FakeNoticing(), [1_000.0]
    work = rescoring(FakeDatabase([champion()], ids), service, tmp_path, unix_seconds=lambda: clock[0])
    work.turn()

    clock[0] += 86_399
    work.turn()
    assert len(service.asked) == 2

    clock[0] += 1
    work.turn()
    assert len(service.asked) == 4


def test_a_new_champion_scores_at_once(tmp_path: Path, ids: list[str]) -> None:
    service, database = FakeNoticing(), FakeDatabase([champion()], ids)
    work = rescoring(database, service, tmp_path)
    work.turn()

    database.rows, service.version = [champion(version="2")], "2"
    work.turn()

    assert len(service.asked) == 4


def test_a_restarted_worker_goes_on_where_the_last_one_was(tmp_path: Path, ids: list[str]) -> None:
    service, database = FakeNoticing(), FakeDatabase([champion()], ids)
    rescoring(database, service, tmp_path).turn()

    rescoring(database, service, tmp_path).turn()

    assert len(service.asked) == 2
    assert home.notes(tmp_path / "worker.json")["acme.scoring.customer"]["contacts"] == 1500


def test_a_folder_that_cannot_be_written_does_not_mean_asking_for_ever(tmp_path: Path, ids: list[str]) -> None:
    (tmp_path / "file").write_text("")
    service = FakeNoticing()
    work = rescoring(FakeDatabase([champion()], ids), service, tmp_path / "file")
    work.turn()

    work.turn()

    assert len(service.asked) == 2


def test_a_service_that_still_answers_with_the_old_version_is_called_later(tmp_path: Path, ids: list[str]) -> None:
    service = FakeNoticing(version="1")
    work = rescoring(FakeDatabase([champion(version="2")], ids), service, tmp_path)

    with pytest.raises(ModelNotReady):
        work.turn()

    service.version = "2"
    work.turn()
    assert len(service.asked) == 3


def test_one_account_that_fails_does_not_keep_the_others_waiting(tmp_path: Path, ids: list[str]) -> None:
    service = FakeNoticing(away_for="acme")
    work = rescoring(FakeDatabase([champion("acme"), champion("beta")], ids), service, tmp_path)

    with pytest.raises(UpstreamUnavailable):
        work.turn()

    assert service.asked == [("beta", 1000), ("beta", 500)]


def test_a_round_that_was_stopped_goes_on_where_it_was(tmp_path: Path, ids: list[str]) -> None:
    stop = threading.Event()

    class Stopping(FakeNoticing):
        def score(self, row: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> list[ServiceAnswer]:
            stop.set()
            return super().score(row, contact_ids, stale=stale)

    stopped, service = Stopping(), FakeNoticing()
    database = FakeDatabase([champion()], ids)
    rescoring(database, stopped, tmp_path, stop=stop, unix_seconds=lambda: 1_000.0).turn()
    told_before = list(database.published)

    rescoring(database, service, tmp_path, unix_seconds=lambda: 1_060.0).turn()

    assert (stopped.asked, service.asked, told_before) == ([("acme", 1000)], [("acme", 500)], [])
    assert database.published[0].data == {
        "capability": "scoring", "outcome": "customer", "contacts": 1500, "seconds": 60.0, "version": "1",
    }  # fmt: skip


def test_a_complete_round_is_reported_and_a_version_only_the_first_time(tmp_path: Path) -> None:
    database, clock = FakeDatabase([champion()], ["a"]), [1_000.0]
    work = rescoring(database, FakeNoticing(), tmp_path, unix_seconds=lambda: clock[0])
    work.turn()
    clock[0] += 86_400

    work.turn()

    assert [one.type for one in database.published] == ["batch.completed", "model.promoted", "batch.completed"]
    assert database.published[1].data == {
        "capability": "scoring", "outcome": "customer", "version": "1", "previous_version": None, "grade": "B",
        "contacts": 1, "moved": [{"from": "low", "to": "high", "contacts": 3}],
    }  # fmt: skip


def test_a_worker_that_lost_its_notes_does_not_report_an_old_promotion_again(tmp_path: Path) -> None:
    database, clock = FakeDatabase([champion()], ["a"]), [40 * 86_400.0]

    rescoring(database, FakeNoticing(), tmp_path, unix_seconds=lambda: clock[0]).turn()

    assert [one.type for one in database.published] == ["batch.completed"]


def test_a_champion_that_answers_again_scores_those_whom_another_one_moved(tmp_path: Path) -> None:
    database, service = FakeDatabase([champion()], ["a"]), FakeNoticing()
    work = rescoring(database, service, tmp_path, unix_seconds=lambda: 1_000.0)
    work.turn()
    database.rows, service.version = [champion(version="2", promoted_at=6)], "1"
    with pytest.raises(ModelNotReady):
        work.turn()
    database.rows = [champion(promoted_at=7)]

    work.turn()

    assert len(service.asked) == 3
    assert [one.type for one in database.published[2:]] == ["batch.completed", "model.promoted"]


def test_the_end_of_a_round_is_reported_with_the_same_ids_after_a_failure(tmp_path: Path) -> None:
    class Broken(FakeDatabase):
        def publish(self, messages: Sequence[Message], *, at: Microseconds) -> None:
            super().publish(messages, at=at)
            raise StoreUnavailable("the answer to the commit was lost")

    database = Broken([champion()], ["a"])
    service, clock = FakeNoticing(), [1_000.0]
    with pytest.raises(StoreUnavailable):
        rescoring(database, service, tmp_path, unix_seconds=lambda: clock[0]).turn()
    clock[0] += 60

    with pytest.raises(StoreUnavailable):
        rescoring(database, service, tmp_path, unix_seconds=lambda: clock[0]).turn()

    names = [one.message_id for one in database.published]
    assert names[:2] == names[2:]
    assert service.asked == [("acme", 1)]


def test_answers_on_stale_events_are_reported_once_a_day(tmp_path: Path) -> None:
    database, clock = FakeDatabase([champion()], ["a"]), [20.5 * 86_400]
    service = FakeNoticing(quality=["stale_events"])
    work = rescoring(database, service, tmp_path, unix_seconds=lambda: clock[0], every_seconds=10)
    for _ in range(3):
        work.turn()
        clock[0] += 6 * 3_600

    found = [one for one in database.published if one.type == "data.insufficient"]

    assert [one.message_id == found[0].message_id for one in found] == [True, True, False]
    assert found[0].data["counts"] == {"days_since_newest_event": 15, "stale_after_days": 14}


def test_a_round_reports_who_had_something_new(tmp_path: Path) -> None:
    service = FakeNoticing()

    rescoring(FakeDatabase([champion()], ["a", "b"], stale={"b", "c"}), service, tmp_path).turn()

    assert service.stale == [{"b"}]


def test_a_stop_ends_the_round_unfinished(tmp_path: Path, ids: list[str]) -> None:
    stop = threading.Event()
    stop.set()
    service = FakeNoticing()

    rescoring(FakeDatabase([champion()], ids), service, tmp_path, stop=stop).turn()

    assert service.asked == []
    assert home.notes(tmp_path / "worker.json") == {}


def test_a_round_counts_the_answers_whose_inputs_the_training_did_not_know(ids: list[str], tmp_path: Path) -> None:
    database = FakeDatabase([champion()], ids)
    service = FakeNoticing(quality=["drifted_inputs", "out_of_range", "no_events"])

    rescoring(database, service, tmp_path, unix_seconds=lambda: 7.0).turn()

    counted = InputDrift(1_500, 1_500, 1_500, 0, 0, 7_000_000)
    assert database.input_drift == {("scoring", "customer", "1"): counted}
    assert counted.has_drifted


def test_who_is_not_answered_is_not_counted_as_drifted(tmp_path: Path) -> None:
    class Refusing(FakeNoticing):
        def score(self, row: ChampionRow, contact_ids: Sequence[str], *, stale: Collection[str]) -> list[ServiceAnswer]:
            (found,) = super().score(row, contact_ids, stale=stale)
            statuses = ["ok", "insufficient_data", "outcome_reached"]
            seen = [
                one.model_copy(update={"status": status})
                for one, status in zip(found.predictions, statuses, strict=True)
            ]
            return [found.model_copy(update={"predictions": seen})]

    database = FakeDatabase([champion()], ["a", "b", "c"])

    rescoring(database, Refusing(quality=["drifted_inputs"]), tmp_path, unix_seconds=lambda: 7.0).turn()

    assert database.input_drift["scoring", "customer", "1"] == InputDrift(1, 1, 0, 0, 1, 7_000_000)
