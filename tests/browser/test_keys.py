"""A key is made, shown once in the place of the page, and revoked."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_new_key_is_shown_once_and_the_address_stays_that_of_the_list(visitor: Visitor) -> None:
    page = visitor.open("/keys")
    page.on("dialog", lambda dialog: dialog.accept())

    page.get_by_label("Name").fill("from a browser")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your new key")
    text = page.locator("#new-key").inner_text()
    serious, address = visitor.window.violations(), page.url
    page.reload()
    shown_again = text in page.content()
    row = page.get_by_role("row").filter(has_text="from a browser")
    row.get_by_text("Change").click()
    row.get_by_role("button", name="Revoke").click()

    expect(page.get_by_text("is revoked: it is refused within seconds")).to_be_visible()
    assert re.fullmatch(r"fk_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", text)
    assert (serious, address.endswith("/console/keys"), shown_again) == ([], True, False)
    assert visitor.window.faults == []


def test_a_key_that_may_do_nothing_is_refused_in_place(visitor: Visitor) -> None:
    page = visitor.open("/keys")

    page.get_by_label("Name").fill("nothing")
    for scope in ("predict", "ingest", "read"):
        page.get_by_label(scope, exact=True).uncheck()
    page.get_by_role("button", name="Make the key").click()

    expect(page.locator(".refusal").get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("nothing")
