import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foretell import home
from foretell.background.rescoring import BATCH, Rescoring
from shared.errors import ModelNotReady, UpstreamUnavailable
from shared.store import ChampionRow


def champion(account: str = "acme", version: str = "1") -> ChampionRow:
    return ChampionRow(account, "scoring", "customer", version, f"digest-{version}", 0, None, None)


class FakeContact(NamedTuple):
    contact_id: str


@dataclass
class FakeDatabase:
    rows: list[ChampionRow]
    contact_ids: list[str]

    def champions(self) -> list[ChampionRow]:
        return self.rows

    def of(self, account: str) -> "FakeDatabase":
        return self

    def contacts(self, limit: int, after: str | None) -> list[FakeContact]:
        return [FakeContact(one) for one in self.contact_ids if after is None or one > after][:limit]


@dataclass
class FakeService:
    version: str = "1"
    away_for: str = ""
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, row: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> str:
        if row.account == self.away_for:
            raise UpstreamUnavailable("away")
        self.asked.append((row.account, len(contact_ids), reasons))
        return self.version


@pytest.fixture
def ids() -> list[str]:
    return [f"c-{number:05}" for number in range(BATCH + 500)]


def rescoring(database: FakeDatabase, service: FakeService, folder: Path, **given: Any) -> Rescoring:
    settings = {"every_seconds": 86_400.0, "share": 1.0, "stop": threading.Event(), **given}
    return Rescoring(database, service, folder / "worker.json", **settings)


def test_every_contact_is_asked_about_in_batches_with_reasons(tmp_path: Path, ids: list[str]) -> None:
    service = FakeService()

    rescoring(FakeDatabase([champion()], ids), service, tmp_path).turn()

    assert service.asked == [("acme", 1000, 3), ("acme", 500, 3)]


def test_the_same_champion_is_not_asked_again_before_its_time(tmp_path: Path, ids: list[str]) -> None:
    service, clock = FakeService(), [1_000.0]
    work = rescoring(FakeDatabase([champion()], ids), service, tmp_path, unix_seconds=lambda: clock[0])
    work.turn()

    clock[0] += 86_399
    work.turn()
    assert len(service.asked) == 2

    clock[0] += 1
    work.turn()
    assert len(service.asked) == 4


def test_a_new_champion_is_asked_at_once(tmp_path: Path, ids: list[str]) -> None:
    service, database = FakeService(), FakeDatabase([champion()], ids)
    work = rescoring(database, service, tmp_path)
    work.turn()

    database.rows, service.version = [champion(version="2")], "2"
    work.turn()

    assert len(service.asked) == 4


def test_a_restarted_worker_goes_on_where_the_last_one_was(tmp_path: Path, ids: list[str]) -> None:
    service, database = FakeService(), FakeDatabase([champion()], ids)
    rescoring(database, service, tmp_path).turn()

    rescoring(database, service, tmp_path).turn()

    assert len(service.asked) == 2
    assert home.notes(tmp_path / "worker.json")["acme.scoring.customer"]["contacts"] == 1500


def test_a_folder_that_cannot_be_written_does_not_mean_asking_for_ever(tmp_path: Path, ids: list[str]) -> None:
    (tmp_path / "file").write_text("")
    service = FakeService()
    work = rescoring(FakeDatabase([champion()], ids), service, tmp_path / "file")
    work.turn()

    work.turn()

    assert len(service.asked) == 2


def test_a_service_that_still_answers_with_the_old_version_is_asked_later(tmp_path: Path, ids: list[str]) -> None:
    service = FakeService(version="1")
    work = rescoring(FakeDatabase([champion(version="2")], ids), service, tmp_path)

    with pytest.raises(ModelNotReady):
        work.turn()

    service.version = "2"
    work.turn()
    assert len(service.asked) == 3


def test_one_account_that_fails_does_not_keep_the_others_waiting(tmp_path: Path, ids: list[str]) -> None:
    service = FakeService(away_for="acme")
    work = rescoring(FakeDatabase([champion("acme"), champion("beta")], ids), service, tmp_path)

    with pytest.raises(UpstreamUnavailable):
        work.turn()

    assert service.asked == [("beta", 1000, 3), ("beta", 500, 3)]


def test_being_told_to_stop_ends_the_round_unfinished(tmp_path: Path, ids: list[str]) -> None:
    stop = threading.Event()

    class Stopping(FakeService):
        def __call__(self, row: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> str:
            stop.set()
            return super().__call__(row, contact_ids, reasons=reasons)

    service = Stopping()
    work = rescoring(FakeDatabase([champion(), champion("beta")], ids), service, tmp_path, stop=stop)

    work.turn()

    assert len(service.asked) == 1
    assert home.notes(tmp_path / "worker.json") == {}
