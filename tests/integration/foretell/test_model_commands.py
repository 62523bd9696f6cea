"""What the worker's child does with a command: in this process, on a real store and a real registry."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from foretell.background.command_process import work
from foretell.background.low_priority import Children, bound_memory
from foretell.background.model_commands import CommandMetrics, CommandProcessFailed, CommandWorker
from shared.contracts.outcome import ModelName
from shared.contracts.rows import DAY, SECOND, ContactRow, EventRow, now_us
from shared.registry.registration import MlflowRegistry
from shared.settings import WorkerSettings
from shared.store import AccountStore, CommandLease, Database, ModelCommandRow, migrate, open_database
from shared.store.model_commands import PROMOTIONS, TRAININGS
from shared.training.commands import CommandRun, End
from shared.training.versions import rollback

KEY = "k" * 40
SENDTIME = ModelName("sendtime")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> WorkerSettings:
    home = with_registry(tmp_path_factory.mktemp("home"))
    return WorkerSettings(home=home, signing_key=KEY, identity_key=KEY)


@pytest.fixture(scope="module")
def database(settings: WorkerSettings) -> Iterator[Database]:
    migrate(settings)
    database = open_database(settings)
    for account in ("acme", "empty"):
        database.create_account(account, created_at=0)
    until = now_us()
    store = database.of("acme")
    store.contacts.put_bulk((ContactRow(f"c-{n}", until - 99 * DAY) for n in range(60)), recorded_at=until)
    store.events.add_bulk(
        EventRow(f"c-{n}", f"e{k}", "page_viewed", until - k * DAY - n * DAY // 99, until)
        for n in range(60)
        for k in range(1, 40)
    )
    yield database
    database.close()


def requested(
    store: AccountStore, name: str, kind: Any = "train", *, model: ModelName = SENDTIME, **payload: Any
) -> ModelCommandRow:
    row, _ = store.models.commands.request(
        ModelCommandRow(name, kind, *model, now_us(), "key1", f"reason of {name}", payload)
    )
    return row


def done(settings: WorkerSettings, database: Database, name: str, account: str = "acme") -> ModelCommandRow:
    assert work(settings, account, name, threading.Event())
    row = database.of(account).models.commands.find(name)
    assert row is not None
    return row


@pytest.fixture(scope="module")
def trained(settings: WorkerSettings, database: Database) -> ModelCommandRow:
    """Two versions: the first answers, the second was registered only."""
    requested(database.of("acme"), "first")
    first = done(settings, database, "first")
    requested(database.of("acme"), "second", promote=False)
    done(settings, database, "second")
    return first


def test_a_training_that_waited_registers_promotes_and_is_in_the_history(
    database: Database, trained: ModelCommandRow
) -> None:
    assert trained.result is not None
    assert (trained.state, trained.progress, trained.result["version"], trained.result["promoted"]) == (
        "completed", 1.0, "1", True,
    )  # fmt: skip

    history = database.of("acme").audit.page(9, model="sendtime")

    assert [(one.action, one.actor, one.detail["version"]) for one in history][-3:] == [
        ("model.trained", "key1", "2"),
        ("model.promoted", "key1", "1"),
        ("model.trained", "key1", "1"),
    ]


def test_a_promotion_and_a_rollback_move_the_champion_and_the_alias(
    settings: WorkerSettings, database: Database, trained: ModelCommandRow
) -> None:
    from shared.training.versions import mismatch

    store = database.of("acme")
    requested(store, "promote", "promote", version="2")
    promoted = done(settings, database, "promote")
    requested(store, "rollback", "rollback")
    back = done(settings, database, "rollback")

    assert (promoted.result, back.result) == (
        {"version": "2", "previous_version": "1"},
        {"version": "1", "previous_version": "2"},
    )
    champion = store.models.champion(*SENDTIME)
    assert champion is not None
    assert champion.version == "1"
    assert mismatch(store, MlflowRegistry.of(settings), SENDTIME) is None
    newest, before = store.audit.page(2, model="sendtime")
    assert (newest.action, newest.actor, newest.detail["reason"]) == ("model.rolled_back", "key1", "reason of rollback")
    assert (before.action, before.detail["reason"]) == ("model.promoted", "reason of promote")


def test_a_registry_that_is_away_lets_a_promotion_fail_and_a_rollback_work(
    settings: WorkerSettings, database: Database, trained: ModelCommandRow, tmp_path: Path
) -> None:
    away = settings.model_copy(update={"registry_url": _unreadable(tmp_path)})
    store = database.of("acme")
    store.models.promote(*SENDTIME, "2", "d", at=now_us(), reason="for the way back")
    requested(store, "refused", "promote", version="1")
    refused = done(away, database, "refused")
    champion_after = store.models.champion(*SENDTIME)
    requested(store, "emergency", "rollback")
    emergency = done(away, database, "emergency")

    assert (refused.state, (refused.error or {})["code"]) == ("failed", "registry-unavailable")
    assert champion_after is not None
    assert champion_after.version == "2"
    assert (emergency.state, emergency.result) == ("completed", {"version": "1", "previous_version": "2"})


class DyingAliases:
    """A registry during whose call the process is killed."""

    def point(self, account: str, model: ModelName, version: str) -> None:
        raise SystemExit

    def pointed(self, account: str, model: ModelName) -> str | None:
        return None


def test_a_rollback_whose_process_is_killed_before_its_alias_is_done_and_not_done_again(database: Database) -> None:
    database.create_account("killed", created_at=0)
    store, model = database.of("killed"), SENDTIME
    for version in ("1", "2"):
        store.models.promote(*model, version, f"d{version}", at=now_us(), reason="tried")
    requested(store, "once", "rollback")

    def rolled_back(row: ModelCommandRow, _: object, end: End) -> Any:
        return rollback(
            store, DyingAliases(), row.model, at=now_us(), end=lambda one, champion: end(one, {"version": "1"})
        )

    lease = CommandLease("once", "killed")
    row = store.models.commands.take(lease, at=now_us(), until=now_us())
    assert row is not None
    with pytest.raises(SystemExit):
        CommandRun(store, lease, rolled_back, now_us).run(row)

    after, champion = store.models.commands.find("once"), store.models.champion(*model)
    assert after is not None
    assert champion is not None
    assert (after.state, after.result, champion.version) == ("completed", {"version": "1"}, "1")
    assert store.models.commands.take(CommandLease("once", "again"), at=now_us(), until=now_us()) is None


def test_a_champion_is_not_changed_by_who_lost_the_command(database: Database) -> None:
    database.create_account("asleep", created_at=0)
    store = database.of("asleep")
    for version in ("1", "2"):
        store.models.promote(*SENDTIME, version, f"d{version}", at=now_us(), reason="tried")
    requested(store, "slept", "rollback")
    slept = CommandLease("slept", "asleep")
    row = store.models.commands.take(slept, at=now_us(), until=now_us())
    assert row is not None
    assert store.models.commands.take(CommandLease("slept", "awake"), at=now_us(), until=now_us() + DAY) is not None

    def rolled_back(row: ModelCommandRow, _: object, end: End) -> Any:
        return rollback(store, DyingAliases(), row.model, at=now_us(), end=lambda one, champion: end(one, {}))

    assert not CommandRun(store, slept, rolled_back, now_us).run(row)

    champion = store.models.champion(*SENDTIME)
    assert champion is not None
    assert champion.version == "2"
    assert "model.rolled_back" not in [one.action for one in store.audit.page(9, model="sendtime")]


def _unreadable(folder: Path) -> Any:
    from pydantic import SecretStr

    return SecretStr((folder / "no-registry").as_uri())


def test_a_training_without_data_fails_and_changes_nothing(settings: WorkerSettings, database: Database) -> None:
    requested(database.of("empty"), "nothing")

    row = done(settings, database, "nothing", "empty")

    assert (row.state, (row.error or {})["code"]) == ("failed", "insufficient-data")
    assert database.of("empty").models.champion(*SENDTIME) is None
    assert [one.action for one in database.of("empty").audit.page(9, model="sendtime")] == ["model.training_failed"]


def test_a_training_for_an_outcome_that_was_deleted_meanwhile_fails(
    settings: WorkerSettings, database: Database
) -> None:
    requested(database.of("empty"), "deleted", model=ModelName("scoring", "gone"))

    row = done(settings, database, "deleted", "empty")

    assert (row.state, (row.error or {})["code"]) == ("failed", "unknown-outcome")
    assert (row.error or {})["detail"] == "There is no scoring outcome 'gone'. Known: customer, opportunity."


def test_a_command_that_somebody_works_on_is_left_alone(settings: WorkerSettings, database: Database) -> None:
    store = database.of("empty")
    requested(store, "taken", "rollback")
    store.models.commands.take(CommandLease("taken", "another"), at=now_us(), until=now_us() + DAY)

    assert not work(settings, "empty", "taken", threading.Event())


@dataclass(frozen=True)
class Child(Children):
    """A child that is not started, and ends as the test says."""

    code: int = 0
    started: list[Sequence[str]] = field(default_factory=list)

    def run(self, module: str, *arguments: str) -> int:
        self.started.append(arguments)
        return self.code


def worker(database: Database, child: Child, kinds: Any, now: Callable[[], int] = now_us) -> CommandWorker:
    return CommandWorker(database, child, now, kinds, CommandMetrics(CollectorRegistry()))


@pytest.mark.parametrize(("kind", "kinds"), [("train", TRAININGS), ("rollback", PROMOTIONS)])
def test_a_command_whose_process_cannot_even_begin_fails_and_is_not_tried_for_ever(
    database: Database, kind: Any, kinds: Any
) -> None:
    database.create_account(f"no-{kind}", created_at=0)
    store, child, at = database.of(f"no-{kind}"), Child(threading.Event(), code=1), now_us()
    requested(store, "unlucky", kind)

    for turn in range(9):
        with suppress(CommandProcessFailed):
            worker(database, child, kinds, lambda turn=turn: at + turn * 30 * SECOND).turn()

    row = store.models.commands.find("unlucky")
    assert row is not None
    assert (row.state, (row.error or {})["code"]) == ("failed", "attempts-exhausted")
    assert [started for started in child.started if started[0] == store.account] == [
        (store.account, "unlucky", kind)
    ] * 3


def test_a_child_that_dies_fails_the_turn_and_a_dead_command_line_is_closed_without_one(database: Database) -> None:
    database.create_account("turns", created_at=0)
    store, child = database.of("turns"), Child(threading.Event(), code=-9)
    requested(store, "killed")
    store.models.commands.begin(
        ModelCommandRow("shell", "promote", *SENDTIME, 1, "command line"), CommandLease("shell", "me"), until=2
    )

    with pytest.raises(CommandProcessFailed):
        worker(database, child, TRAININGS).turn()
    promotions = worker(database, child, PROMOTIONS)
    promotions.turn()

    row = store.models.commands.find("shell")
    assert row is not None
    assert (row.state, row.error and row.error["code"]) == ("failed", "interrupted")
    assert ("turns", "killed", "train") in child.started
    assert ("turns", "shell", "promote") not in child.started


def test_a_worker_that_is_to_stop_begins_no_command(database: Database) -> None:
    database.create_account("stopping", created_at=0)
    requested(database.of("stopping"), "waits")
    child = Child(threading.Event())
    child.stop.set()

    worker(database, child, TRAININGS).turn()

    assert child.started == []


def test_a_training_that_needs_more_memory_than_it_may_take_fails_in_its_own_process() -> None:
    program = "from foretell.background.low_priority import bound_memory; bound_memory(400_000_000); bytearray(2**30)"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1] == "MemoryError"


def test_without_a_bound_memory_is_left_as_it_is() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)

    bound_memory(None)

    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_child_gives_way_and_so_does_its_session_where_linux_shares_the_processor_between_sessions() -> None:
    program = (
        "import os; from foretell.background.low_priority import AUTOGROUP, give_way; give_way(); "
        "print(os.nice(0)); print(AUTOGROUP.read_text().strip() if AUTOGROUP.exists() else 'nice 10')"
    )
    before = os.nice(0)

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, start_new_session=True
    )

    niceness, session = ended.stdout.splitlines()
    assert int(niceness) == min(19, before + 10)
    assert session.endswith("nice 10")
