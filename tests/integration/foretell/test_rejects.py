"""Rows that were refused lie where only their owner reads them, and go with the data they came with."""

import json
import os
import time
from pathlib import Path

import pytest

from foretell.rejects import sweep
from shared.settings import Settings
from shared.store import open_database

ROWS = "id,email,country,consent\nc-1,ann@example.com,DE,\nc-2,bob@example.com,FR,perhaps\nc-3,not an address,PL,\n"


@pytest.fixture
def rejects(foretell, tmp_path: Path) -> Path:
    """The file of rejects of an import with two of them: of c-2 and of c-3."""
    (tmp_path / "leads.csv").write_text(ROWS)
    result = foretell("import", "--contacts", str(tmp_path / "leads.csv"), "--json")
    return Path(json.loads(result.stdout)[0]["rejects_file"])


def lines(file: Path) -> list[str]:
    return [line.split(",")[0] for line in file.read_text().splitlines()]


def test_only_the_owner_reads_them_and_the_log_does_not_hold_them(rejects: Path, home_folder: Path) -> None:
    assert lines(rejects) == ["line", "3", "4"]
    assert "bob@example.com" in rejects.read_text()
    assert (rejects.stat().st_mode & 0o777, rejects.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert rejects.is_relative_to(home_folder / "rejects" / "default")


def test_a_link_in_its_place_is_taken_away_and_not_written_through(foretell, rejects: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    rejects.unlink()
    rejects.symlink_to(target)

    foretell("import", "--contacts", str(tmp_path / "leads.csv"))

    assert target.read_text() == "mine"
    assert (rejects.is_symlink(), lines(rejects)) == (False, ["line", "3", "4"])


def test_an_import_without_rejects_takes_the_former_ones_away(foretell, rejects: Path, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("id\nc-1\n")

    foretell("import", "--contacts", str(tmp_path / "leads.csv"))

    assert not rejects.exists()


def test_an_erased_contact_is_in_no_row_of_them(foretell, rejects: Path) -> None:
    erased = foretell("contacts", "erase", "c-2", "--yes")

    assert erased.exit_code == 0
    assert lines(rejects) == ["line", "4"]
    assert rejects.stat().st_mode & 0o777 == 0o600


def test_whoever_was_erased_elsewhere_goes_by_id_or_address_at_the_next_sweep(
    foretell, rejects: Path, home_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bob.csv").write_text("id,email\nother,Bob@Example.com\n")
    foretell("import", "--contacts", str(tmp_path / "bob.csv"))
    key = (home_folder / "secrets" / "identity_key").read_text().strip().encode()
    database = open_database(Settings(home=home_folder), key)
    database.of("default").privacy.erase("other", at=99)

    sweep(home_folder, database, key)
    database.close()

    assert lines(rejects) == ["line", "4"]


def test_they_are_kept_for_thirty_days(foretell, rejects: Path, tmp_path: Path) -> None:
    (tmp_path / "others.csv").write_text("id\nc-9\n")
    young, old = time.time() - 29 * 86_400, time.time() - 31 * 86_400

    os.utime(rejects, (young, young))
    foretell("import", "--contacts", str(tmp_path / "others.csv"))
    assert rejects.exists()
    os.utime(rejects, (old, old))
    foretell("import", "--contacts", str(tmp_path / "others.csv"))

    assert not rejects.exists()


def test_they_go_with_their_account(foretell, tmp_path: Path, home_folder: Path) -> None:
    foretell("accounts", "create", "acme")
    (tmp_path / "leads.csv").write_text(ROWS)
    foretell("import", "--contacts", str(tmp_path / "leads.csv"), "--account", "acme")
    assert list((home_folder / "rejects" / "acme").iterdir())

    foretell("accounts", "delete", "acme", "--yes")

    assert not (home_folder / "rejects" / "acme").exists()


def test_rows_of_the_erased_are_listed_by_line_without_the_row(foretell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,country\nc-1,DE\nc-2,FR\n")
    words = ["import", "--contacts", str(tmp_path / "a.csv")]
    foretell(*words)
    foretell("contacts", "erase", "c-2", "--yes")

    result = foretell(*words, "--json")

    summary = json.loads(result.stdout)[0]
    assert (result.exit_code, summary["erased"], summary["erased_lines"]) == (0, 1, [3])
    assert "1 rows were left out: the contact was erased (line 3)." in result.stderr
    assert Path(summary["rejects_file"]).read_text().splitlines()[1:] == ["3,left out: the contact was erased,,,"]


def test_people_who_share_a_placeholder_outlive_the_erasure_of_one(foretell, tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("id,email,country\np-1,unknown@none.example,DE\np-2,unknown@none.example,FR\n")
    second.write_text("id,email\np-2,unknown@none.example\np-3,unknown@none.example\np-4,unknown@none.example\n")
    foretell("import", "--contacts", str(first))
    foretell("contacts", "erase", "p-2", "--yes")

    (summary,) = json.loads(foretell("import", "--contacts", str(second), "--json").stdout)

    assert (summary["new"], summary["erased"], summary["erased_lines"]) == (2, 1, [2])


@pytest.mark.parametrize(
    ("rows", "options", "exit_code", "words"),
    [
        ("c-1,maybe\nc-2,maybe\n", [], 1, "Nothing of leads.csv was loaded"),
        ("c-1,maybe\nc-2,\nc-3,\nc-4,\n", [], 0, ""),
        ("c-1,maybe\nc-2,maybe\nc-3,\nc-4,\n", [], 1, "(50%) are rejects, more than 10%"),
        ("c-1,maybe\nc-2,maybe\nc-3,\nc-4,\n", ["--max-rejected", "60"], 0, ""),
        ("", [], 1, "holds no row"),
    ],
)
def test_too_many_rejects_are_a_failure_and_one_is_none(
    foretell, tmp_path: Path, rows: str, options: list[str], exit_code: int, words: str
) -> None:
    (tmp_path / "leads.csv").write_text(f"id,consent\n{rows}")

    result = foretell("import", "--contacts", str(tmp_path / "leads.csv"), *options)

    assert (result.exit_code, words in result.stderr) == (exit_code, True)
