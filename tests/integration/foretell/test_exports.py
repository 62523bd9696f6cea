"""Raw exports as tools write them: one command to check, one to load, nothing edited by hand."""

import csv
import json
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter

EXPORTS = Path(__file__).parent / "exports"
ZONE = ["--timezone", "Europe/Berlin"]


def columns_of(foretell, file: Path, *words: str) -> dict[str, str]:
    """What becomes of each column."""
    result = foretell("import", "--check", str(file), *ZONE, *words, "--json")
    (plan,) = json.loads(result.stdout)
    return {column["column"]: column["use"] for column in plan["columns"]}


def exported(foretell, contact_id: str) -> dict[str, object]:
    """Attributes of a contact by name."""
    document = json.loads(foretell("contacts", "export", contact_id).stdout)
    return {
        "created_at": document["contact"]["created_at"],
        **{row["name"]: row["value"] for row in document["attributes"]},
    }


@pytest.mark.parametrize("name", ["hubspot-contacts.csv", "shopify-customers.csv", "kunden.csv"])
def test_every_column_is_accounted_for_and_nothing_is_written_by_a_check(
    foretell, home_folder: Path, name: str
) -> None:
    file = EXPORTS / name
    text = file.read_bytes().decode("cp1252" if name == "kunden.csv" else "utf-8")
    header = next(line for line in text.splitlines() if not line.startswith("sep="))
    delimiter = ";" if name == "kunden.csv" else ","

    shown = foretell("import", "--check", str(file), *ZONE)

    assert shown.exit_code == 0
    for column in next(csv.reader([header], delimiter=delimiter)):
        assert column in shown.stdout
    assert "example.com" not in shown.stdout
    assert "Nothing was written." in shown.stdout
    assert foretell("contacts", "export", "1751").exit_code == 1


def test_an_export_of_hubspot_is_loaded(foretell) -> None:
    file = EXPORTS / "hubspot-contacts.csv"

    uses = columns_of(foretell, file)
    loaded = foretell("import", "--contacts", str(file), *ZONE, "--json")

    assert (loaded.exit_code, json.loads(loaded.stdout)[0]["new"]) == (0, 4)
    assert [name for name, use in uses.items() if use == "hashed"] == ["Email"]
    assert [name for name, use in uses.items() if use == "left out"] == ["First Name", "Last Name", "Phone Number"]
    ann = exported(foretell, "1751")
    assert (ann["Annual Revenue"], ann["Email Opens"], ann["created_at"]) == (1234500, 4, "2026-05-03T08:15:00Z")
    assert "Contact owner" not in ann


def test_an_export_of_shopify_is_loaded_under_ids_as_webhooks_write_them(foretell) -> None:
    file = EXPORTS / "shopify-customers.csv"

    uses = columns_of(foretell, file)
    loaded = foretell("import", "--contacts", str(file), *ZONE, "--json")

    assert (loaded.exit_code, json.loads(loaded.stdout)[0]["new"]) == (0, 3)
    assert {name for name, use in uses.items() if use == "left out"} == {
        "First Name", "Last Name", "Default Address Address1", "Default Address Address2", "Default Address Phone",
        "Phone",
    }  # fmt: skip
    eve = exported(foretell, "7012345678903")
    assert (eve["Total Spent"], eve["Default Address Zip"], eve["Note"]) == (1299.0, "75002", "Called about\na return")


def test_a_german_spreadsheet_is_loaded(foretell) -> None:
    loaded = foretell("import", "--contacts", str(EXPORTS / "kunden.csv"), *ZONE, "--json")

    assert (loaded.exit_code, json.loads(loaded.stdout)[0]["new"]) == (0, 4)
    oeztuerk = exported(foretell, "0019")
    assert (oeztuerk["Umsatz"], oeztuerk["Rabatt"], oeztuerk["PLZ"]) == (12000.0, 5, "50667")
    assert oeztuerk["created_at"] == "2026-05-20T22:00:00Z"


def test_a_workbook_is_read_with_its_dates_and_whole_numbers_whatever_it_is_called(foretell, tmp_path: Path) -> None:
    file = tmp_path / "kunden.csv"
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("leer")
        sheet, day = book.add_worksheet("Kunden"), book.add_format({"num_format": "dd.mm.yyyy"})
        for place, name in enumerate(("Kundennummer", "E-Mail", "Kunde seit", "Umsatz", "Bestellungen")):
            sheet.write(2, place + 1, name)
        sheet.write_row(3, 1, (17, "ann@example.com"))
        sheet.write_datetime(3, 3, datetime.combine(date(2026, 5, 3), datetime.min.time()), day)
        sheet.write_row(3, 4, (1234.5, 3))
        book.add_worksheet("Notizen").write(0, 0, "x")

    loaded = foretell("import", "--contacts", str(file), *ZONE)

    assert loaded.exit_code == 0
    assert "Excel workbook, sheet Kunden" in loaded.stderr
    assert "--sheet chooses another: Notizen" in loaded.stderr
    assert exported(foretell, "17") == {"created_at": "2026-05-02T22:00:00Z", "Umsatz": 1234.5, "Bestellungen": 3}


def test_a_column_is_what_the_caller_says(foretell, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("Prospect,id,Notes,Vorname\np-1,7,x,Ann\n")

    refused = foretell("import", "--contacts", str(file), "--map", "Prospect=id", "--map", "id=id")
    loaded = foretell("import", "--contacts", str(file), "--map", "Prospect=id", "--map", "Notes=-")

    assert (refused.exit_code, "gives id to two columns" in refused.stderr) == (2, True)
    assert loaded.exit_code == 0
    assert exported(foretell, "p-1") == {"created_at": None, "id": 7}
    assert "Notes (as you said)" in loaded.stderr


def test_a_refusal_names_the_cause(foretell, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("Prospect,country\np-1,DE\n")

    result = foretell("import", "--contacts", str(file))

    assert result.exit_code == 1
    assert 'leads.csv has no column id; found: Prospect, country; say --map "X=id".' in result.stderr
