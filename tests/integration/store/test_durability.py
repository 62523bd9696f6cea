import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store import migrate, open_database

KILLED_AFTER_ANSWERING = """
import os, signal, sys
from pathlib import Path
from shared.contracts.rows import EventRow
from shared.settings import Settings
from shared.store import open_database

store = open_database(Settings(home=Path(sys.argv[1]))).of("default")
store.events.add([EventRow("a", str(number), "x", number, number) for number in range(1_000)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    database = open_database(settings)
    database.create_account("default", created_at=1)
    database.close()

    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_ANSWERING, str(tmp_path)], check=False)

    database = open_database(settings)
    assert killed.returncode == -9
    assert database.of("default").events.counts("a")["x"].events == 1_000
    database.close()


def test_a_store_that_is_away_is_unavailable(tmp_path: Path) -> None:
    nowhere = Settings(home=tmp_path / "missing")
    no_server = Settings(home=tmp_path, store_url=SecretStr("postgresql+psycopg://u@127.0.0.1:1/none"))

    for settings in (nowhere, no_server):
        database = open_database(settings)
        with pytest.raises(StoreUnavailable):
            database.ping()
        with pytest.raises(StoreUnavailable):
            database.of("default").contacts.find("a")
        database.close()


def test_the_embedded_store_writes_through_to_the_disk(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    database = open_database(settings)

    pragmas = {}
    with database._store.reading() as connection:
        for name in ("journal_mode", "synchronous", "foreign_keys"):
            pragmas[name] = connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


def test_a_thousand_contacts_cost_three_statements_of_one_state(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    database = open_database(settings)
    ids = [f"c-{number}" for number in range(1_000)]
    database.of("default").pasts.of(ids, cutoff=1, asked_at=1)
    (held,) = database._store.reads._idle
    seen: list[str] = []
    held.connection.set_trace_callback(seen.append)

    database.of("default").pasts.of(ids, cutoff=1, asked_at=1)

    assert [statement.split()[0] for statement in seen] == ["BEGIN", *["SELECT"] * 3, "COMMIT"]
    database.close()
