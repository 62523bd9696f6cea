import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from shared.contracts.call import Deadline
from shared.errors import Conflict, StoreUnavailable
from shared.settings import Settings
from shared.store import Database, check, downgrade, migrate, open_database
from shared.store.migration import FOLDER, newest_revision
from shared.store.migrations import steps


def tables(settings: Settings) -> set[str]:
    found: set[str] = set()
    for url in {settings.resolved_store_url(), settings.resolved_predictions_url()}:
        engine = create_engine(url)
        found |= set(inspect(engine).get_table_names())
        engine.dispose()
    return found


def test_tables_as_migrated_are_tables_as_declared_and_making_them_reports_nothing(settings: Settings) -> None:
    reports = list[tuple[str, int, int | None]]()

    migrate(settings, progress=lambda *report: reports.append(report))

    check(settings)
    assert reports == []
    # On PostgreSQL both live in one database.
    assert {"events", "prediction_log", "store_revision", "predictions_revision"} <= tables(settings)


def test_up_down_up_leaves_what_up_leaves(settings: Settings) -> None:
    migrate(settings)
    up = tables(settings)

    downgrade(settings)
    down = tables(settings)
    migrate(settings)

    assert down == {"store_revision", "predictions_revision"}
    assert tables(settings) == up
    check(settings)


def test_migrating_twice_keeps_the_rows(settings: Settings, database: Database) -> None:
    migrate(settings)

    assert [account.name for account in database.accounts()] == ["default"]


LOGGED = {
    "account_id": "a",
    "capability": "scoring",
    "outcome": "x",
    "contact_id": "c",
    "cutoff": 7,
    "asked_at": 9,
    "request_id": "r",
    "version": "1",
    "status": "ok",
    "probability": 0.25,
    "score": 50,
    "band": "low",
    "source": "model",
    "body": "{}",
    "segment": None,
}


def test_who_migrates_what_is_in_use_is_warned_that_it_may_take_minutes(settings: Settings) -> None:
    new, old, current = list[str](), list[str](), list[str]()

    migrate(settings, note=new.append)
    downgrade(settings, revision="0006")
    migrate(settings, note=old.append)
    migrate(settings, note=current.append)

    assert (new, current) == ([], [])
    assert [one.split(";")[0] for one in old] == [
        "Bringing the store from revision 0006 to 0022",
        "Bringing the predictions from revision 0006 to 0007",
    ]


def test_the_log_and_the_latest_predictions_stay_as_they_are_in_another_order(settings: Settings) -> None:
    migrate(settings, revision="0006")
    engine = create_engine(settings.resolved_predictions_url())
    latest = [LOGGED, {**LOGGED, "contact_id": "b", "segment": "s", "score": None}]
    logged = [{**row, "asked_at": at, "withheld_probability": at / 8} for row in latest for at in (9, 3)]
    held = {"latest_predictions": latest, "prediction_log": logged}

    def found() -> dict[str, list[dict[str, Any]]]:
        with engine.connect() as connection:
            order = "ORDER BY contact_id DESC, asked_at DESC"
            read = {name: connection.execute(text(f"SELECT * FROM {name} {order}")) for name in held}  # noqa: S608
            return {name: [dict(row) for row in rows.mappings()] for name, rows in read.items()}

    with engine.begin() as connection:
        for name, rows in held.items():
            named = ", ".join(rows[0])
            values = ", ".join(f":{column}" for column in rows[0])
            connection.execute(text(f"INSERT INTO {name} ({named}) VALUES ({values})"), rows)  # noqa: S608

    migrate(settings)
    after = found()
    check(settings)
    downgrade(settings, revision="0006")
    before = found()
    engine.dispose()

    assert (after, before) == (held, held)


AT_ONCE, ROWS = 500, 1_200
"""How many rows one statement of a migration writes here, and more than two of them write."""
FORKS = """
import json, os, sys
import alembic.command
import shared.settings, shared.store

for line in sys.stdin:
    script, arguments = json.loads(line)
    pid = os.fork()
    if pid == 0:
        sys.argv[1:] = arguments
        exec(script, {})
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Runs each script in a process of its own, forked from one that has loaded what they all import."""
KILLED = """
import os, signal, sys
from pathlib import Path
from pydantic import SecretStr
from shared.settings import Settings
from shared.store import migrate
from shared.store.migrations import steps

home, url, reports, steps.AT_ONCE = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
seen = []

def kill_after(*report):
    seen.append(report)
    if len(seen) == reports:
        os.kill(os.getpid(), signal.SIGKILL)

migrate(Settings(home=home, store_url=SecretStr(url) if url else None), progress=kill_after)
"""


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., int]]:
    """Run a script with its arguments in a process of its own; gives its exit code, negative for a signal."""
    with subprocess.Popen([sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, answers = process.stdin, process.stdout

        def exit_code(script: str, *arguments: str | Path) -> int:
            given.write(json.dumps([script, [str(one) for one in arguments]]).encode() + b"\n")
            given.flush()
            return int(answers.readline())

        yield exit_code


@pytest.fixture(autouse=True)
def _few_rows_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "AT_ONCE", AT_ONCE)


def full_log(settings: Settings) -> None:
    migrate(settings, revision="0006")
    engine = create_engine(settings.resolved_predictions_url())
    rows = [{**LOGGED, "contact_id": f"c{number * 7_919 % ROWS}", "asked_at": number // 50} for number in range(ROWS)]
    with engine.begin() as connection:
        for name in ("latest_predictions", "prediction_log"):
            values = ", ".join(f":{column}" for column in LOGGED)
            connection.execute(text(f"INSERT INTO {name} ({', '.join(LOGGED)}) VALUES ({values})"), rows)  # noqa: S608
    engine.dispose()


def held_rows(settings: Settings) -> list[list[tuple[Any, ...]]]:
    """Read what there is, in an order of its own, and the revision."""
    engine = create_engine(settings.resolved_predictions_url())
    found = []
    for name in ("latest_predictions", "prediction_log", "predictions_revision"):
        columns = sorted(column["name"] for column in inspect(engine).get_columns(name))
        with engine.connect() as connection:
            rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM {name}")).all()  # noqa: S608
        found.append(sorted((tuple(row) for row in rows), key=repr))
    engine.dispose()
    return found


def test_a_migration_reports_its_long_steps_and_counts_rows(settings: Settings) -> None:
    full_log(settings)
    reports = list[tuple[str, int, int | None]]()

    migrate(settings, progress=lambda *report: reports.append(report))

    counted = [report for report in reports if report[0] == "prediction_log: writing rows in a new order"]
    if settings.store_url is None:
        assert counted == [(counted[0][0], done, ROWS) for done in (0, 500, 1_000, 1_200)]
    uncounted = [step for step, done, total in reports if total is None]
    assert uncounted[-2:] == [
        "prediction_log: making the index ix_prediction_log_past",
        "latest_predictions: making the index ix_latest_predictions_segment",
    ]


def test_a_migration_killed_in_the_middle_leaves_what_was_and_is_done_by_the_next(
    settings: Settings, run: Callable[..., int]
) -> None:
    full_log(settings)
    before = held_rows(settings)
    url = "" if settings.store_url is None else settings.store_url.get_secret_value()

    for reports in (1, 3):
        assert run(KILLED, settings.home, url, str(reports), str(AT_ONCE)) == -signal.SIGKILL
        assert held_rows(settings) == before
    migrate(settings)

    latest, logged, revision = held_rows(settings)
    assert [latest, logged, revision] == [*before[:2], [("0007",)]]
    check(settings)


IN_LITTLE_MEMORY = """
import sqlite3, sys
from pathlib import Path
from shared.settings import Settings
from shared.store import downgrade, migrate

sqlite3.connect(":memory:").execute("PRAGMA hard_heap_limit=40000000")  # two connections' caches, and some
migrate(Settings(home=Path(sys.argv[1])))
downgrade(Settings(home=Path(sys.argv[1])), revision="0006")
"""


def test_a_log_of_any_size_is_written_anew_in_little_memory(tmp_path: Path, run: Callable[..., int]) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings, revision="0006")
    engine = create_engine(settings.resolved_predictions_url())
    rows = [{**LOGGED, "contact_id": f"c{number}", "body": "x" * 900_000} for number in range(50)]
    with engine.begin() as connection:
        for name in ("latest_predictions", "prediction_log"):
            values = ", ".join(f":{column}" for column in LOGGED)
            connection.execute(text(f"INSERT INTO {name} ({', '.join(LOGGED)}) VALUES ({values})"), rows)  # noqa: S608
    engine.dispose()

    assert run(IN_LITTLE_MEMORY, tmp_path) == 0


@pytest.mark.parametrize("name", ["store", "predictions"])
def test_the_newest_file_is_the_head(name: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER / name))

    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision(name)]


def test_files_of_this_release_are_found_so_while_somebody_writes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    writer = create_engine(settings.resolved_store_url(), isolation_level="AUTOCOMMIT").connect()
    writer.execute(text("BEGIN IMMEDIATE"))

    with Deadline.within(5.0):
        migrate(settings)

    assert writer.execute(text("SELECT version_num FROM store_revision")).scalar_one() == newest_revision("store")
    writer.close()
    writer.engine.dispose()


def test_a_store_that_is_not_migrated_says_what_to_do(settings: Settings) -> None:
    database = open_database(settings)

    for ask in (database.ping, database.champions, database.accounts, lambda: database.key("x")):
        with pytest.raises(StoreUnavailable, match="foretell store migrate"):
            ask()

    database.close()


def test_a_store_that_is_migrated_halfway_says_what_to_do(settings: Settings) -> None:
    migrate(settings)
    engine = create_engine(settings.resolved_store_url())
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE keys RENAME COLUMN name TO label"))
    engine.dispose()
    database = open_database(settings)

    with pytest.raises(StoreUnavailable, match="foretell store migrate"):
        database.key("x")

    database.close()


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"garbage" * 1_000)
    database = open_database(Settings(home=tmp_path))

    with pytest.raises(StoreUnavailable, match="restore it from a backup"):
        database.champions()

    database.close()


@pytest.mark.usefixtures("database")
def test_a_store_of_a_newer_release_says_what_to_do(settings: Settings) -> None:
    engine = create_engine(settings.resolved_store_url())
    with engine.begin() as connection:
        connection.execute(text("UPDATE store_revision SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(Conflict, match="install the release"):
        migrate(settings)
