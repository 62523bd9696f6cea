"""Whom to call, and one contact: from the menu to the reasons, a file, a search, an erasure."""

import json
import re
import urllib.request

from tests.browser.visitor import Visitor


def test_two_clicks_lead_from_the_first_page_to_why_a_contact_is_called(visitor: Visitor) -> None:
    page = visitor.open("")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Whom to call").click()
    first = page.get_by_role("table").get_by_role("rowheader").first
    name = first.inner_text()
    first.get_by_role("link").click()

    card = page.get_by_role("region", name=re.compile("How likely"))
    assert page.get_by_role("heading", level=1).inner_text() == name
    assert re.search(r"\d of 100", card.inner_text())
    assert card.get_by_role("listitem").count() > 0


def test_a_list_is_narrowed_and_downloaded_as_it_is_shown(visitor: Visitor) -> None:
    page = visitor.open("/scoring")
    page.get_by_label("Band").select_option("very_high")
    page.get_by_role("button", name="Show").click()
    shown = page.get_by_role("table").get_by_role("rowheader").all_inner_texts()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()

    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert download.value.suggested_filename == "scoring-redeem.csv"
    assert [line.split(",")[0] for line in lines[1 : len(shown) + 1]] == shown


def test_an_address_is_searched_without_leaving_the_page(visitor: Visitor) -> None:
    page = visitor.open("/contacts")

    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_label("E-mail address").press("Enter")

    page.get_by_text("Nobody has this address").wait_for()
    assert page.url.endswith("/console/contacts")
    assert visitor.window.taken() == []


def test_the_models_answer_now_and_the_curve_of_leaving_is_drawn(visitor: Visitor) -> None:
    page = visitor.open("/churn")
    page.get_by_role("table").get_by_role("rowheader").first.get_by_role("link").click()

    page.get_by_role("link", name="Ask the models now").click()

    page.get_by_role("heading", name=re.compile("asked now")).wait_for()
    curve = page.get_by_role("img", name=re.compile("Of 100 such contacts"))
    assert curve.locator("canvas").count() == 1
    assert visitor.window.taken() == []


def test_a_contact_is_erased_once_it_is_confirmed(visitor: Visitor) -> None:
    made = urllib.request.Request(  # noqa: S310 - our own gateway
        f"{visitor.address}/contacts/made%20%2F%20up",
        data=json.dumps({"attributes": {"note": "<script>alert(1)</script>"}}).encode(),
        headers={"Authorization": f"Bearer {visitor.key}", "Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(made).close()  # noqa: S310
    page = visitor.open("/contacts/made%20%2F%20up")
    questions: list[str] = []
    page.once("dialog", lambda dialog: (questions.append(dialog.message), dialog.accept()))

    page.get_by_text("Erase this contact").click()
    page.get_by_label(re.compile("Yes, erase")).check()
    page.get_by_role("button", name="Erase").click()

    page.get_by_text("The contact is erased.").wait_for()
    assert questions == ["Erase everything held of made / up? It cannot be undone."]
    assert page.url.endswith("/console/contacts")
