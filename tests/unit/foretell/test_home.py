import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from foretell import home
from shared.errors import Conflict


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_folder_is_made_and_marked(tmp_path: Path) -> None:
    home.prepare(tmp_path / "deep" / "var")

    assert (tmp_path / "deep" / "var" / home.MARKER).exists()


def test_preparing_twice_changes_nothing(tmp_path: Path) -> None:
    home.prepare(tmp_path / "var")

    home.prepare(tmp_path / "var")

    assert [path.name for path in (tmp_path / "var").iterdir()] == [home.MARKER]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(Conflict, match="is a file, not a folder"):
        home.prepare(tmp_path / "var")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Conflict, match="cannot be written"):
        home.prepare(tmp_path / "file" / "var")


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("precious")

    with pytest.raises(Conflict, match="holds other files"):
        home.prepare(tmp_path)


def test_a_fresh_volume_is_not_foreign(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()

    home.prepare(tmp_path)

    assert (tmp_path / home.MARKER).exists()


def test_our_own_files_without_a_marker_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"SQLite format 3\x00rest")
    (tmp_path / "store.sqlite-wal").write_bytes(b"")

    home.prepare(tmp_path)

    assert (tmp_path / home.MARKER).exists()


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    home.prepare(tmp_path)
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all")

    with pytest.raises(Conflict, match=r"store\.sqlite is damaged"):
        home.prepare(tmp_path)


def test_a_second_process_on_one_home_is_refused(tmp_path: Path) -> None:
    with home.locked(tmp_path), pytest.raises(Conflict, match=f"process {os.getpid()}"), home.locked(tmp_path):
        pass


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    with home.locked(tmp_path):
        pass

    with home.locked(tmp_path), pytest.raises(Conflict), home.locked(tmp_path):
        pass


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = home.secret(tmp_path, "signing_key")

    assert home.secret(tmp_path, "signing_key") == first
    assert len(first) == 64
    assert mode(tmp_path / "secrets" / "signing_key") == 0o600
    assert mode(tmp_path / "secrets") == 0o700


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    home.write_private(tmp_path / "secrets" / "signing_key", "\n")

    with pytest.raises(Conflict, match="is empty"):
        home.secret(tmp_path, "signing_key")


def test_a_secret_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "signing_key").mkdir(parents=True)

    with pytest.raises(Conflict, match="cannot be read"):
        home.secret(tmp_path, "signing_key")


def test_notes_come_back_as_they_were_written(tmp_path: Path) -> None:
    home.write_notes(tmp_path / "sample.json", {"shift_weeks": 463})

    assert home.notes(tmp_path / "sample.json") == {"shift_weeks": 463}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_damaged_notes_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "sample.json").write_text(text)

    assert home.notes(tmp_path / "sample.json") == {}


@pytest.mark.parametrize("content", [None, b""])
@pytest.mark.parametrize("beside", ["keys/default", "mlartifacts/1", "cache/abc"])
def test_a_store_that_was_lost_is_not_made_anew(tmp_path: Path, content: bytes | None, beside: str) -> None:
    home.write_private(tmp_path / beside, "kept")
    if content is not None:
        (tmp_path / "store.sqlite").write_bytes(content)

    with pytest.raises(Conflict, match=r"store\.sqlite is (empty|missing).*restore the file from a backup"):
        home.refuse_lost_store(tmp_path)

    assert (tmp_path / beside).read_text() == "kept"


def test_a_store_without_tables_beside_keys_is_refused(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "default", "kept")
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 1")

    with pytest.raises(Conflict, match="is empty"):
        home.refuse_lost_store(tmp_path)


def test_a_first_start_that_was_interrupted_may_go_on(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"")
    home.write_private(tmp_path / "secrets" / "identity_key", "kept")

    home.refuse_lost_store(tmp_path)
    home.prepare(tmp_path)

    assert home.secret(tmp_path, "identity_key") == "kept"


def test_a_folder_in_place_of_a_database_is_named(tmp_path: Path) -> None:
    home.prepare(tmp_path)
    (tmp_path / "store.sqlite").mkdir()

    with pytest.raises(Conflict, match="is a folder, not a database"):
        home.prepare(tmp_path)


def test_files_that_others_could_read_are_tightened(tmp_path: Path) -> None:
    home.prepare(tmp_path)
    files = [tmp_path / "mlflow.sqlite", tmp_path / "keys" / "default", tmp_path / "mlartifacts" / "1" / "model"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"SQLite format 3\x00")
        file.chmod(0o644)

    home.prepare(tmp_path)

    assert {mode(file) for file in files} == {0o600}
