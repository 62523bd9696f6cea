"""`foretell import` against a real store."""

import csv
import json
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CONTACTS = "id,country,email\na,FR,a@example.com\nb,US,\n"
EVENTS = (
    "contact_id,type,occurred_at,value\na,order_placed,2026-05-03T10:15:00Z,49.9\nc,page_viewed,2026-05-03T10:15:00Z,\n"
)
BROKEN = EVENTS + "a,order_placed,yesterday,1\nb,order_placed,2026-05-03T10:15:00,1\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "broken.csv").write_text(BROKEN)
    return tmp_path


def test_contacts_and_events_are_counted(foretell, files: Path) -> None:
    result = foretell(
        "import", "--contacts", str(files / "contacts.csv"), "--events", str(files / "events.csv"), "--json"
    )

    contacts, events = json.loads(result.stdout)
    assert (contacts["new"], contacts["rejected"]) == (2, 0)
    assert (events["new"], events["rejected"]) == (2, 0)


def test_the_same_files_again_change_nothing(foretell, files: Path) -> None:
    words = ["import", "--contacts", str(files / "contacts.csv"), "--events", str(files / "events.csv"), "--json"]
    foretell(*words)

    contacts, events = json.loads(foretell(*words).stdout)

    assert (contacts["new"], contacts["updated"], contacts["unchanged"]) == (0, 0, 2)
    assert (events["new"], events["unchanged"]) == (0, 2)


def test_a_bad_row_goes_to_the_rejects_file_and_the_rest_is_loaded(foretell, files: Path) -> None:
    result = foretell("import", "--events", str(files / "broken.csv"), "--json")

    summary = json.loads(result.stdout)[0]
    file = Path(summary["rejects_file"])
    rejects = list(csv.reader(file.read_text().splitlines()))
    assert (result.exit_code, summary["new"], summary["rejected"]) == (1, 2, 2)
    assert rejects[0] == ["line", "reason", "contact_id", "type", "occurred_at", "value", "row"]
    assert rejects[1] == [
        "4", "occurred_at is refused: it is not a time", "a", "order_placed", "yesterday", "1", "",
    ]  # fmt: skip
    assert [row[0] for row in rejects[1:]] == ["4", "5"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "yesterday" not in result.stderr


def test_rows_of_the_erased_are_named_in_the_order_of_the_file(foretell, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    names = ["z", "m", "a", "z", "a", "z", "z"]
    at = pa.array(range(len(names)), pa.timestamp("s", "UTC"))
    pq.write_table(pa.table({"contact_id": names, "type": ["order_placed"] * 7, "occurred_at": at}), file)
    (tmp_path / "contacts.csv").write_text("id\na\nz\n")
    foretell("import", "--contacts", str(tmp_path / "contacts.csv"))
    for name in ("a", "z"):
        foretell("contacts", "erase", name, "--yes")

    summary = json.loads(foretell("import", "--events", str(file), "--json").stdout)[0]

    left_out = list(csv.reader(Path(summary["rejects_file"]).read_text().splitlines()))[1:]
    assert (summary["erased"], summary["erased_lines"]) == (6, [1, 3, 4, 5, 6])
    assert [row[0] for row in left_out] == ["1", "3", "4", "5", "6", "7"]


def test_too_many_bad_rows_end_it_and_what_was_loaded_stays(foretell, files: Path) -> None:
    result = foretell("import", "--events", str(files / "broken.csv"), "--max-errors", "1")

    assert result.exit_code == 1
    assert "more than 1 bad rows" in result.stderr
    assert json.loads(foretell("import", "--events", str(files / "events.csv"), "--json").stdout)[0]["new"] == 0


def test_as_many_bad_rows_as_allowed_are_fine(foretell, files: Path) -> None:
    words = ["import", "--events", str(files / "broken.csv"), "--max-errors", "2"]

    assert foretell(*words).exit_code == 1
    assert foretell(*words, "--max-rejected", "50").exit_code == 0


def test_attributes_are_declared_static_by_name_or_all_at_once(foretell, files: Path) -> None:
    named = foretell("import", "--static", "country, industry")

    assert named.stdout == "The attributes are declared static.\n"
    assert foretell("import", "--contacts", str(files / "contacts.csv"), "--static", "all").exit_code == 0


def test_the_command_that_declares_a_name_with_a_comma_static_does_so(foretell, files: Path) -> None:
    (files / "wide.csv").write_text(
        'id,"Revenue, total",all\n' + "".join(f"c-{n},{n % 3},{n % 2}\n" for n in range(60))
    )
    (files / "orders.csv").write_text(
        "contact_id,type,occurred_at\n" + "".join(f"c-{n},order_placed,2026-05-01T08:00:00Z\n" for n in range(60))
    )
    foretell("import", "--contacts", str(files / "wide.csv"), "--events", str(files / "orders.csv"))
    undated = [
        one
        for one in json.loads(foretell("data", "report", "--json").stdout)["findings"]
        if one["code"] == "attribute_undated"
    ]
    first = next(one for one in undated if one["subject"] == "Revenue, total")

    assert foretell(*shlex.split(first["command"])[1:]).exit_code == 0

    left = json.loads(foretell("data", "report", "--json").stdout)["findings"]
    assert [one["subject"] for one in left if one["code"] == "attribute_undated"] == ["all"]


ITEMS = (
    "sku,title,price,availability\nT-1,Green tea,4.50 EUR,in stock\nM-1,Blue mug,12,perhaps\nM-2,Red mug,12,sold out\n"
)


def test_items_are_counted_and_bad_rows_are_rejects(foretell, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(ITEMS)

    result = foretell("import", "--items", str(tmp_path / "items.csv"), "--set", "category=Shop", "--json")
    (again,) = json.loads(
        foretell("import", "--items", str(tmp_path / "items.csv"), "--set", "category=Shop", "--json").stdout
    )

    (found,) = json.loads(result.stdout)
    assert (found["new"], found["updated"], found["rejected"]) == (2, 0, 1)
    assert found["rejects"][0]["reason"] == "availability is neither true nor false, and no word that is known for it"
    assert (again["new"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert "Fields: sku as id, title as name, price, availability as in_stock." in result.stderr


def test_a_file_of_items_without_an_id_is_refused_with_what_to_do(foretell, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("title,price\nGreen tea,4.5\n")

    result = foretell("import", "--items", str(tmp_path / "items.csv"))

    assert result.exit_code == 1
    assert 'has no column id; found: title, price; say --map "X=id"' in " ".join(result.stderr.split())


def test_nothing_to_import_is_wrong_usage(foretell) -> None:
    assert foretell("import").exit_code == 2


@pytest.mark.parametrize("name", ["missing.csv", "contacts.xlsx"])
def test_a_file_that_cannot_be_read_is_one_sentence(foretell, files: Path, name: str) -> None:
    if name.endswith("xlsx"):
        (files / name).write_text("x")

    result = foretell("import", "--contacts", str(files / name))

    assert result.exit_code == 1
    assert name in result.stderr.splitlines()[-1]


def test_the_table_is_for_people(foretell, files: Path) -> None:
    lines = foretell("import", "--contacts", str(files / "contacts.csv")).stdout.splitlines()

    assert lines[0].split() == [
        "file", "rows", "new", "updated", "unchanged", "erased", "rejected", "rejects_file", "seconds",
    ]  # fmt: skip
