"""What holds of every page that can be reached, whoever brought it."""

import pytest

from gateway.console.routes import all_pages
from tests.browser.visitor import Scheme, Visitor, pages, shape

NOWHERE = "/no/such/page"


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """Filled by the first test that needs them."""
    return []


def reached(visitor: Visitor, paths: list[str]) -> list[str]:
    if not paths:
        paths.extend(pages(visitor.opened()))
    return paths


def test_the_menu_leads_to_every_page_that_it_should(visitor: Visitor, paths: list[str]) -> None:
    found = {shape(path) for path in reached(visitor, paths)}

    missing = {f"/{page.path}".rstrip("/") for page in all_pages() if page.group is not None} - found
    assert missing == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_an_error_and_axe_finds_nothing_serious(visitor: Visitor, paths: list[str], scheme: Scheme) -> None:
    window, faults = visitor.opened(scheme=scheme), dict[str, list[str]]()

    for path in reached(visitor, paths):
        with visitor.shot(window, scheme):
            window.open(path)
        faults[path] = [*window.taken(), *window.violations()]

    assert {path: found for path, found in faults.items() if found} == {}


def test_no_page_is_wider_than_a_narrow_screen(visitor: Visitor, paths: list[str]) -> None:
    window, wider = visitor.opened(narrow=True), dict[str, int]()

    for path in [*reached(visitor, paths), NOWHERE]:
        with visitor.shot(window, "narrow"):
            window.open(path)
        wider[path] = window.sideways()

    assert {path: pixels for path, pixels in wider.items() if pixels > 0} == {}


def test_the_keyboard_reaches_the_content_of_every_page_first(visitor: Visitor, paths: list[str]) -> None:
    window, places = visitor.opened(), dict[str, str]()

    for path in [*reached(visitor, paths), NOWHERE]:
        window.open(path)
        window.page.keyboard.press("Tab")
        window.page.keyboard.press("Enter")
        places[path] = window.page.evaluate("document.activeElement.id")

    assert set(places.values()) == {"content"}


def test_pages_of_problems_and_signing_in_are_pages_like_others(visitor: Visitor) -> None:
    inside, outside = visitor.opened(), visitor.opened(signed_in=False)

    inside.open(NOWHERE)
    outside.open("/models")

    assert inside.violations() == []
    assert inside.page.get_by_role("navigation", name="Main").is_visible()
    assert outside.violations() == []
    assert outside.sideways() <= 0
    assert outside.page.get_by_label("API key").is_visible()


def test_the_menu_of_a_narrow_screen_opens_and_closes(visitor: Visitor) -> None:
    window = visitor.opened(narrow=True)
    button, menu = window.page.get_by_role("button", name="Menu"), window.page.get_by_role("navigation", name="Main")

    shown = [menu.is_visible()]
    for _ in range(2):
        button.click()
        shown.append(menu.is_visible())

    assert shown == [False, True, False]
