"""A model: its pictures, and the slider that finds whom it pays to address."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_moving_the_slider_finds_other_contacts_to_address(visitor: Visitor) -> None:
    page = visitor.open("/models/scoring.redeem")
    advice = page.locator("#cutoff .note")
    expect(advice).to_contain_text("Expected profit")
    before = advice.inner_text()

    page.get_by_label("At most so many can be addressed").fill("2")

    expect(advice).not_to_have_text(before)
    expect(page.locator("#cutoff canvas")).to_have_count(1)
    assert visitor.window.faults == []


def test_the_slider_is_a_form_where_no_script_runs(visitor: Visitor) -> None:
    page = visitor.open("/models/scoring.redeem?value=10&cost=9.9&share=100")

    expect(page.locator("#cutoff .note")).to_be_visible()
    assert page.get_by_label("Addressing one contact costs").input_value() == "9.9"


def test_figures_for_data_scientists_stay_folded(visitor: Visitor) -> None:
    page = visitor.open("/models/scoring.redeem")

    folded = page.get_by_text("log loss, lower is better")
    expect(folded).not_to_be_visible()
    page.get_by_text("For data scientists").click()

    expect(folded).to_be_visible()
