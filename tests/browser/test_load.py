"""A spreadsheet is dropped into a page, looked at, changed, loaded and undone, without a terminal."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import Visitor

HEADER = "Record ID,First Name,Email,Lifecycle Stage,Create Date,Lead Source\n"
LEADS = HEADER + "".join(
    f"hs-{number},Ann,ann{number}@example.com,Lead,2026-01-0{number} 10:00,<script>alert(1)</script>\n"
    for number in range(1, 4)
)
PATIENCE = 60_000
"""Milliseconds: a busy machine starts the worker's process slowly."""


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    file = tmp_path / "hubspot contacts.csv"
    file.write_text(LEADS + ",Nobody,nobody@example.com,Lead,2026-01-05 10:00,Referral\n")
    return file


def reached(page: Page, state: str) -> None:
    """Wait until the page says how far the import is."""
    expect(page.locator("h1 .chip")).to_have_text(state, timeout=PATIENCE)


def test_a_file_is_checked_changed_loaded_and_undone(visitor: Visitor, leads: Path) -> None:
    page = visitor.open("/load")
    page.on("dialog", lambda dialog: dialog.accept())

    page.locator("#file").set_input_files(leads)
    page.wait_for_url("**/load/imp_*")
    reached(page, "ready to load")
    expect(page.get_by_text("3 rows of contacts can be loaded, 1 cannot be read")).to_be_visible()
    page.get_by_label("What Lifecycle Stage becomes").select_option(label="leave it out")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("row").filter(has_text="as you said")).to_contain_text("Lifecycle Stage", timeout=PATIENCE)
    serious = visitor.window.violations()
    page.get_by_role("checkbox", name="Lead Source").check()
    page.get_by_role("button", name="Load", exact=True).click()
    reached(page, "loaded")
    expect(page.locator(".tiles")).to_contain_text("New contacts3")
    with page.expect_download() as rejects:
        page.get_by_role("link", name="Download them as CSV").click()
    serious += visitor.window.violations()
    page.get_by_role("button", name="Undo").click()
    reached(page, "undone")

    expect(page.get_by_text("3 contacts and 0 events were removed")).to_be_visible()
    assert "Record ID is empty" in Path(rejects.value.path()).read_text()
    assert serious == []
    assert visitor.window.faults == []


def test_the_page_of_a_check_fits_a_narrow_screen(visitor: Visitor, leads: Path) -> None:
    window = visitor.opened(narrow=True)
    window.open("/load")

    window.page.locator("#file").set_input_files(leads)
    window.page.wait_for_url("**/load/imp_*")
    reached(window.page, "ready to load")

    assert window.sideways() <= 0


def test_a_file_that_is_none_is_refused_in_words(visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "leads.pdf.csv"
    file.write_text("%PDF-1.7")
    page = visitor.open("/load")

    page.locator("#file").set_input_files(file)
    page.wait_for_url("**/load/imp_*")
    reached(page, "failed")

    expect(page.get_by_role("alert")).to_contain_text("export it as CSV")
