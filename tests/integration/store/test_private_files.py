"""Database files are their owner's alone, whatever the umask and whatever they were before."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings import Settings
from shared.store import migrate, open_database


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(home: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}


def test_databases_and_the_files_beside_them_are_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    for file in tmp_path.iterdir():
        file.chmod(0o644)

    database = open_database(settings)
    database.create_account("default", created_at=1)
    database.of("default").predictions.log([])
    database.of("default").predictions.of_contact("a")
    found = modes(tmp_path)
    database.close()

    assert {"store.sqlite", "store.sqlite-wal", "predictions.sqlite"} <= set(found)
    assert set(found.values()) == {0o600}
