"""`foretell contacts` and `foretell audit`."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def imported(foretell, tmp_path: Path) -> Path:
    """A file of contacts and one of events, imported; the folder they lie in."""
    (tmp_path / "contacts.csv").write_text("id,email,country\nc-42,ada@example.org,FR\nc-43,,DE\n")
    (tmp_path / "events.csv").write_text("contact_id,type,occurred_at\nc-42,order_placed,2026-05-03T10:15:00Z\n")
    load(foretell, tmp_path)
    return tmp_path


def load(foretell, folder: Path) -> list[dict[str, object]]:
    files = ("--contacts", str(folder / "contacts.csv"), "--events", str(folder / "events.csv"))
    result = foretell("import", *files, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_export_holds_what_was_imported(foretell, imported: Path) -> None:
    printed = json.loads(foretell("contacts", "export", "c-42").stdout)
    written = foretell("contacts", "export", "c-42", "--output", str(imported / "c-42.json"))

    assert written.stdout == f"Wrote {imported / 'c-42.json'}.\n"
    assert json.loads((imported / "c-42.json").read_text())["events"] == printed["events"]
    assert [(one["name"], one["value"]) for one in printed["attributes"]] == [("country", "FR")]


def test_an_erasure_waits_for_yes_and_then_keeps_the_same_files_out(foretell, imported: Path) -> None:
    refused = foretell("contacts", "erase", "c-42")
    erased = foretell("contacts", "erase", "c-42", "--yes")
    again = foretell("contacts", "erase", "c-42", "--yes")

    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    assert (erased.exit_code, erased.stdout, again.exit_code) == (0, "Erased the contact.\n", 1)
    assert [(one["new"], one["erased"]) for one in load(foretell, imported)] == [(0, 1), (0, 1)]


def test_after_an_erasure_no_file_of_the_home_holds_the_contact(foretell, imported: Path, home_folder: Path) -> None:
    foretell("contacts", "erase", "c-42", "--yes")

    kept = [path for path in home_folder.rglob("*") if path.is_file()]
    assert [path.name for path in kept if any(word in path.read_bytes() for word in (b"c-42", b"ada@"))] == []


def test_the_audit_log_names_the_command_line(foretell, imported: Path) -> None:
    foretell("contacts", "erase", "c-42", "--yes")
    foretell("keys", "create", "--name", "crm")

    entries = json.loads(foretell("audit", "--json").stdout)

    assert [(entry["actor"], entry["action"]) for entry in entries] == [
        ("command line", "key.created"),
        ("command line", "contact.erased"),
    ]
    assert entries[0]["detail"] == {"name": "crm", "scopes": ["predict", "ingest", "read"]}
