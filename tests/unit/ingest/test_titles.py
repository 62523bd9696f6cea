"""A report's title above the header is passed over, and said."""

from pathlib import Path

import pytest
import xlsxwriter

from shared.ingest import Findings, Plan, contact_batches, plan_file

AT = 1_780_000_000_000_000
SAID = "The header is line 3; what stands above it is a title and was left out."


def loaded(plan: Plan) -> list[tuple[int, str]]:
    (batch,) = contact_batches(plan, Findings(), recorded_at=AT, identity_key=b"k" * 32)
    assert not batch.rejects
    return [(line, row.contact_id) for line, row in zip(batch.lines, batch.rows, strict=True)]


@pytest.mark.parametrize(
    "above", ["Report of May\n\n", "Report of May;;\n;;\n", "Export: leads\nGenerated 2026-05-03\n", '"Leads, all"\n\n']
)
def test_titles_are_passed_over_and_rows_keep_their_lines(tmp_path: Path, above: str) -> None:
    path = tmp_path / "report.csv"
    path.write_text(f"{above}Record ID;Country;Revenue\nc-1;DE;1,5\nc-2;FR;2,5\n")

    plan = plan_file(path, "contacts")

    assert (plan.notes, plan.table.header) == ((SAID,), ["Record ID", "Country", "Revenue"])
    assert loaded(plan) == [(4, "c-1"), (5, "c-2")]


def test_a_merged_title_of_a_sheet_is_passed_over_and_a_sheet_of_words_is_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Info").write(0, 0, "Read me first")
        sheet = book.add_worksheet("Data")
        sheet.merge_range(0, 0, 0, 2, "Report of May")
        for row, cells in ((2, ["ID", "Land", "Umsatz"]), (3, [1, "DE", 1.5]), (5, [2, "FR", 2.5])):
            sheet.write_row(row, 0, cells)

    plan = plan_file(path, "contacts")

    assert plan.notes == ("The sheet Data is read; --sheet chooses another: Info.", SAID)
    assert loaded(plan) == [(4, "1"), (6, "2")]


def test_a_row_that_holds_the_name_of_a_field_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("id,wants\nc-1,email\nc-2,id\n")

    plan = plan_file(path, "contacts")

    assert plan.notes == ()
    assert loaded(plan) == [(2, "c-1"), (3, "c-2")]
