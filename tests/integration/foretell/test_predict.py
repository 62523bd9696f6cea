"""`foretell predict`: a file of answers, without any running server."""

import csv
import json
import shutil
import stat
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from foretell.cli.context import opened_account
from shared.contracts.rows import DAY, SECOND
from shared.settings import Settings
from shared.store import PredictionRow, VersionRow, open_database
from tests.e2e.golden_home import golden_home
from tests.integration.batches.conftest import fill

NOW = 1_780_272_000 * SECOND
CUTOFF = ("--cutoff", "2026-06-01T00:00:00")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = golden_home(tmp_path_factory.mktemp("golden") / "var", registered=False)
    database = open_database(Settings(home=home), b"i" * 32)
    fill(database.of("default"))
    database.close()
    return home


@pytest.fixture
def filled(foretell, golden: Path, home_folder: Path) -> Path:
    """A home with golden models and 26 contacts."""
    shutil.copytree(golden, home_folder)
    return home_folder


def test_all_contacts_are_written_in_the_order_of_ids(foretell, filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"

    result = foretell("predict", "scoring", "--all", "--outcome", "customer", "--out", str(out), *CUTOFF)

    assert result.exit_code == 0, result.output
    table = pyarrow.parquet.read_table(out)
    assert table.column("contact_id").to_pylist() == [*(f"c-{n:03}" for n in range(25)), "nothing-known"]
    assert "26 contacts written" in result.output
    assert "24 ok, 1 insufficient_data, 1 no_consent." in result.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["scores.parquet", "var"]


def test_the_contacts_of_a_file_keep_their_order_and_what_they_bring(foretell, filled: Path, tmp_path: Path) -> None:
    contacts, out = tmp_path / "some.ndjson", tmp_path / "some.csv"
    contacts.write_text(
        '{"id": "c-004"}\n'
        '{"id": "new", "events": [{"type": "email_clicked", "occurred_at": "2026-05-20T00:00:00Z"}]}\n'
        '\n{"id": 7}\nno json\n{"id": "c-001"}\n'
    )

    result = foretell("predict", "scoring", "--contacts", str(contacts), "-o", "customer", "--out", str(out), *CUTOFF)

    assert result.exit_code == 0, result.output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["contact_id"] for row in rows] == ["c-004", "new", "", "", "c-001"]
    assert [row["status"] for row in rows] == ["ok", "ok", "invalid", "invalid", "ok"]
    assert json.loads(rows[2]["errors"])[0]["pointer"] == "/contacts/2/id"
    assert json.loads(rows[3]["errors"]) == [{"pointer": "/contacts/3", "detail": "The line is not JSON."}]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_contacts_is_read_as_an_import_reads_it(foretell, filled: Path, tmp_path: Path, ending: str) -> None:
    contacts, out = tmp_path / f"some.{ending}", tmp_path / "some.ndjson"
    if ending == "csv":
        contacts.write_text("ID;Country\nc-004;DE\nnew;FR\n;FR\n")
    else:
        table = pyarrow.table({"ID": ["c-004", "new", None], "Country": ["DE", "FR", "FR"]})
        pyarrow.parquet.write_table(table, contacts)

    result = foretell("predict", "scoring", "--contacts", str(contacts), "-o", "customer", "--out", str(out), *CUTOFF)

    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [(row["contact_id"], row["status"]) for row in rows] == [
        ("c-004", "ok"), ("new", "insufficient_data"), (None, "invalid"),
    ]  # fmt: skip


def test_the_file_of_contacts_is_not_replaced_by_the_answers(foretell, filled: Path, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("id\nc-001\n")

    result = foretell("predict", "scoring", "--contacts", str(contacts), "-o", "customer", "--out", str(contacts))

    assert result.exit_code == 2
    assert "holds the contacts; name another file for the answers." in result.output
    assert contacts.read_text() == "id\nc-001\n"


def test_answers_that_depend_on_the_store_are_not_given_about_an_export(foretell, filled: Path, tmp_path: Path) -> None:
    export = str(tmp_path / "export")
    foretell("export", "events", "--to", export, "--buckets", "1")

    result = foretell("predict", "recommendations", "--from", export, "--out", str(tmp_path / "lists.csv"))

    assert result.exit_code != 0
    assert "which an export does not hold" in " ".join(result.output.split())


def test_a_segment_is_named_by_id_or_name(foretell, filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.ndjson"
    with opened_account("default") as (_, _, store):
        store.models.add(segmentation())
        store.predictions.log([member("c-007", "s1"), member("c-002", "s1"), member("c-001", "s2")])

    results = [
        foretell("predict", "scoring", "--segment", named, "-o", "customer", "--out", str(out), *CUTOFF)
        for named in ("s1", "regulars")
    ]

    assert [result.exit_code for result in results] == [0, 0], results[0].output
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [row["contact_id"] for row in rows] == ["c-002", "c-007"]


def segmentation() -> VersionRow:
    report = {"segments": [{"id": "s1", "name": "Regulars"}, {"id": "s2", "name": "Fading"}]}
    return VersionRow("segmentation", "", "1", "d" * 64, "kmeans", "A", NOW, None, "run", {}, report, "")


def member(contact_id: str, segment: str) -> PredictionRow:
    return PredictionRow(
        contact_id, "segmentation", "", "1", NOW - DAY, NOW - DAY, "r", "ok", None, None, None, "model", "{}", segment
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("predict", "scoring", "--out", "x.csv"),
         "Say which contacts: --all, --segment NAME, --contacts FILE or --from FOLDER."),
        (("predict", "weather", "--all", "--out", "x.csv"), "'weather' is no capability"),
        (("predict", "scoring", "--all", "--out", "x.xml"), "Name a file that ends in .parquet, .ndjson or .csv."),
        (("predict", "scoring", "--all", "--cutoff", "2099-01-01", "--out", "x.csv"),
         "The cutoff must not lie in the future; leave it out to predict from now."),
        (("predict", "scoring", "--all", "--out", "/nowhere/x.csv"), "There is no folder /nowhere."),
        (("predict", "scoring", "--all", "-o", "nothing", "--out", "x.csv"),
         "The account default has no outcome 'nothing' of scoring; it has "),
        (("predict", "scoring", "--all", "-o", "nothing", "--out", "x.csv"), "Name another account with --account."),
        (("predict", "scoring", "--all", "-o", "opportunity", "--out", "x.csv"),
         "Train one with `foretell train scoring --outcome opportunity`."),
        (("predict", "scoring", "--segment", "s1", "-o", "customer", "--out", "x.csv"), "No segments were found yet."),
        (("predict", "scoring", "--contacts", "none.csv", "--out", "x.csv"), "There is no file none.csv."),
    ],
)  # fmt: skip
def test_what_cannot_be_gives_one_sentence_before_anything_is_written(
    foretell, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = foretell(*words)

    assert result.exit_code in (1, 2, 3)
    assert expected in result.output
    assert sorted(one.name for one in tmp_path.iterdir()) == ["var"]


@pytest.mark.parametrize("ending", ["parquet", "ndjson"])
def test_an_export_gives_the_same_predictions_but_for_the_trend(
    foretell, filled: Path, tmp_path: Path, ending: str
) -> None:
    export, out, other = tmp_path / "export", tmp_path / f"some.{ending}", tmp_path / f"other.{ending}"
    asked = ("predict", "scoring", "-o", "customer", *CUTOFF)

    results = [
        foretell("export", "events", "--to", str(export), "--buckets", "3"),
        foretell(*asked, "--from", str(export), "--out", str(out)),
        foretell(*asked, "--all", "--out", str(other)),
    ]

    assert [result.exit_code for result in results] == [0, 0, 0], results[1].output
    assert "26 contacts and 100 events written" in results[0].output
    assert rows_of(out) == rows_of(other)


def rows_of(file: Path) -> list[dict]:
    if file.suffix == ".parquet":
        rows = pyarrow.parquet.read_table(file).to_pylist()
    else:
        rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    return sorted(rows, key=lambda row: row["contact_id"])
