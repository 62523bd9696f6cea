"""`foretell items` against a real store."""

import json
from pathlib import Path

import pytest

LINES = '{"id": "tea", "name": "Green tea", "category": "Tea", "price": 4.5}\n{"id": "mug", "in_stock": false}\n'


@pytest.fixture
def loaded(foretell, tmp_path: Path):
    (tmp_path / "items.ndjson").write_text(LINES)
    assert foretell("import", "--items", str(tmp_path / "items.ndjson")).exit_code == 0
    return foretell


def listed(foretell, *words: str) -> list[str]:
    return [one["id"] for one in json.loads(foretell("items", "list", "--json", *words).stdout)]


def test_items_are_listed_by_what_they_are(loaded) -> None:
    assert listed(loaded) == ["mug", "tea"]
    assert listed(loaded, "--prefix", "GREEN") == ["tea"]
    assert listed(loaded, "--category", "Tea") == ["tea"]
    assert listed(loaded, "--limit", "1") == ["mug"]
    assert "2 items, of which 1 may be recommended" in loaded("items", "list").stderr


def test_items_are_switched_off_and_on(loaded) -> None:
    loaded("items", "change", "tea", "mug", "--inactive", "--in-stock")
    off = listed(loaded, "--switched-off")
    again = loaded("items", "change", "tea", "--active")

    assert off == ["mug", "tea"]
    assert listed(loaded, "--switched-off") == ["mug"]
    assert "1 of 1 items were changed." in again.stderr


def test_a_change_of_an_item_that_is_not_there_changes_none(loaded) -> None:
    result = loaded("items", "change", "tea", "rice", "--inactive")

    assert (result.exit_code, "rice" in result.stderr) == (1, True)
    assert listed(loaded, "--switched-off") == []


def test_a_change_that_says_nothing_is_wrong_usage(loaded) -> None:
    assert "--active or --inactive" in " ".join(loaded("items", "change", "tea").stderr.split())


def test_deleted_items_are_gone(loaded) -> None:
    result = loaded("items", "delete", "tea", "rice")

    assert "1 of 2 items were deleted." in result.stderr
    assert listed(loaded) == ["mug"]
    assert "item.deleted" in loaded("audit").stdout


def test_an_export_is_read_by_an_import_again(loaded, tmp_path: Path) -> None:
    file = tmp_path / "out.ndjson"
    loaded("items", "export", "--output", str(file))
    again = loaded("items", "export", "--output", str(file))

    (found,) = json.loads(loaded("import", "--items", str(file), "--json").stdout)

    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["mug", "tea"]
    assert (found["unchanged"], found["updated"], found["rejected"]) == (2, 0, 0)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)
