"""An import that is killed in the middle, and repeated."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.settings import Settings
from shared.store import AccountStore, open_database

ROWS = 30_000
EVENTS = "contact_id,type,occurred_at,value\n" + "".join(
    f"c-{number % 997},order_placed,2026-05-{number % 28 + 1:02}T10:00:{number % 60:02}Z,{number}\n"
    for number in range(ROWS)
)


def stored(home: Path) -> list[tuple[object, ...]]:
    """All events of a home."""
    database = open_database(Settings(home=home))
    rows = [tuple(row) for part in database.of("default").pasts.scan_events() for row in part]
    database.close()
    return rows


def has_begun(store: AccountStore) -> bool:
    """Whether some events are stored already."""
    try:
        return bool(store.events.types())
    except Exception:  # it is being made
        return False


@pytest.mark.slow
def test_an_import_killed_in_the_middle_and_repeated_gives_the_same_store(
    foretell, home_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    foretell("accounts", "list")
    database = open_database(Settings(home=home_folder))
    words = [sys.executable, "-m", "foretell", "import", "--events", str(file)]
    process = subprocess.Popen(words, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None and not has_begun(database.of("default")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    database.close()
    interrupted = len(stored(home_folder))

    again = foretell("import", "--events", str(file))
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "whole"))
    whole = foretell("import", "--events", str(file))

    assert (again.exit_code, whole.exit_code) == (0, 0)
    assert 0 < interrupted < ROWS
    assert stored(home_folder) == stored(tmp_path / "whole")
    assert len(stored(home_folder)) == ROWS
