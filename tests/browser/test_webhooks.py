"""A source is made and removed; a receiver that may not be reached is refused in place."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_source_is_made_its_address_shown_and_removed(visitor: Visitor) -> None:
    page = visitor.open("/webhooks")
    page.on("dialog", lambda dialog: dialog.accept())
    form = page.locator("form").filter(has=page.get_by_role("button", name="Make the source"))
    if not form.is_visible():
        page.get_by_text("Add a source").click()

    form.get_by_label("Sender").select_option("segment")
    form.get_by_label("Name").fill("browser")
    form.get_by_label("Secret", exact=True).fill("4f2c9e71b0d8a6335c17")
    form.get_by_role("button", name="Make the source").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The source is made")
    address = page.locator("#source-address").inner_text()
    page.get_by_role("link", name="Back to the webhooks").click()
    row = page.get_by_role("row").filter(has_text="RudderStack")
    row.get_by_text("Address and secrets").click()
    expect(row).to_contain_text(address)
    serious = visitor.window.violations()
    row.get_by_role("button", name="Remove").click()

    expect(page.get_by_text("is removed.")).to_be_visible()
    assert "/webhooks/segment/" in address
    assert serious == []
    assert visitor.window.faults == []


def test_a_receiver_inside_the_network_is_refused_in_place_in_words(visitor: Visitor) -> None:
    page = visitor.open("/webhooks")
    form = page.locator("form").filter(has=page.get_by_role("button", name="Add", exact=True))
    if not form.is_visible():
        page.get_by_text("Add a subscription").click()

    form.get_by_label("Address of the receiver").fill("https://127.0.0.1/in")
    form.get_by_label("A contact: segment entered").check()
    form.get_by_role("button", name="Add", exact=True).click()

    expect(form.locator(".refusal").get_by_role("alert")).to_be_visible()
    expect(form.get_by_label("Address of the receiver")).to_have_value("https://127.0.0.1/in")
