"""Groups: renamed in place, told apart, and their contacts."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_group_is_renamed_where_it_stands_and_gets_its_name_back(visitor: Visitor) -> None:
    page = visitor.open("/segmentation")
    rows = page.get_by_role("table").first.get_by_role("row")
    first = rows.nth(1)
    name = first.get_by_role("link").inner_text()

    first.get_by_text("Rename").click()
    first.get_by_label("Name").fill("Those who come each week")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("link")).to_have_text("Those who come each week")
    first.get_by_text("Rename").click()
    serious = visitor.window.violations()
    first.get_by_role("button", name="Name of the training").click()

    expect(first.get_by_role("link")).to_have_text(name)
    assert serious == []
    assert visitor.window.faults == []


def test_the_contacts_of_a_group_go_on_by_cursor(visitor: Visitor) -> None:
    page = visitor.open("/segmentation")
    page.get_by_role("table").first.get_by_role("link").first.click()
    first = page.get_by_role("rowheader").first.inner_text()

    page.get_by_role("link", name="Further").click()

    expect(page.get_by_role("rowheader").first).not_to_have_text(first)
    assert visitor.window.faults == []
