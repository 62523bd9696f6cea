"""From a question in a form, counted while it is filled in, to its training."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_question_is_counted_while_it_is_filled_in_saved_and_trained(visitor: Visitor) -> None:
    page = visitor.open("/predict")
    page.on("dialog", lambda dialog: dialog.accept())

    page.get_by_role("link", name="Who will do something?").click()
    page.get_by_label("They do this").select_option("order_placed")
    expect(page.locator("#counts")).to_contain_text("It cannot be trained")
    page.get_by_label("It can come again").check()
    expect(page.locator("#counts")).to_contain_text("It can be trained")
    page.get_by_label("Name").fill("Next basket")
    expect(page.locator("#counts")).to_contain_text("next_basket")
    page.get_by_role("button", name="Save, and go on to training").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who has an order within 30 days?")
    page.get_by_role("button", name="Train").click()
    expect(page.locator("#panel h2")).to_have_text(re.compile("waits|being trained"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#panel")).to_contain_text("It was cancelled", timeout=30_000)
    page.get_by_role("button", name="Delete the question").click()

    expect(page.get_by_text("Deleted.")).to_be_visible()
    assert visitor.window.faults == []


def test_a_result_is_read_in_plain_words(visitor: Visitor) -> None:
    page = visitor.open("/predict/scoring.redeem")

    expect(page.get_by_text("Can it be trusted?")).to_be_visible()
    expect(page.get_by_text("Contacts who reached it")).to_be_visible()
    assert visitor.window.faults == []
