"""The first page: from a link that signs in once to one contact in a click."""

import re

from tests.browser.visitor import Visitor


def test_a_link_that_signs_in_once_leads_to_the_overview_and_on_to_a_contact(
    visitor: Visitor, console_link: str
) -> None:
    window = visitor.opened(signed_in=False)

    window.page.goto(console_link)
    first = window.page.get_by_role("region", name=re.compile("Top of the list")).get_by_role("rowheader").first
    name = first.inner_text()
    first.get_by_role("link").click()

    assert window.page.url.endswith(f"/console/contacts/{name}")


def test_the_second_time_the_link_shows_the_form(visitor: Visitor, console_link: str) -> None:
    visitor.opened(signed_in=False).page.goto(console_link)
    again = visitor.opened(signed_in=False)

    again.page.goto(console_link)

    assert again.page.get_by_role("alert").inner_text().startswith("This link was used before")


def test_answers_are_drawn_beside_a_sentence(visitor: Visitor) -> None:
    page = visitor.open("")

    figure = page.locator("figure.plot")
    assert figure.locator("canvas").count() == 1
    assert "answers in the last two days" in (figure.get_attribute("aria-label") or "")
    assert visitor.window.faults == []


def test_the_whole_report_can_be_made_now(visitor: Visitor) -> None:
    page = visitor.open("/data-report?now=yes")

    assert page.get_by_text("Made just now").is_visible()


def test_signing_out_ends_it(visitor: Visitor) -> None:
    page = visitor.open("")

    page.get_by_role("button", name="Sign out").click()

    assert page.get_by_label("API key").is_visible()
