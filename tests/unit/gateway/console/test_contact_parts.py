"""What capabilities show of themselves on the page of a contact."""

from typing import Any

import pytest

from gateway.console.rendering import environment
from services.segmentation.schemas import RESPONSE_EXAMPLE as SEGMENT
from services.sendtime.schemas import RESPONSE_EXAMPLE as SEND_TIME

PLACED = SEGMENT["predictions"][0]
TIMED = SEND_TIME["predictions"][0]


def shown(name: str, prediction: dict[str, Any]) -> str:
    template = environment().get_template(f"{name}/contact.html")
    return " ".join(template.render(prediction=prediction, base="/console").split())


def test_a_contact_s_group_is_shown_with_how_surely_it_belongs_there_and_where_it_came_from() -> None:
    text = shown("segmentation", PLACED)

    for part in ("<strong>Frequent buyers, high spend</strong>", "87 % sure", "“Use coupons”", "Came from"):
        assert part in text
    assert 'href="/console/segmentation?segment=s2"' in text


def test_a_contact_s_best_hour_is_that_of_its_own_clock() -> None:
    text = shown("sendtime", TIMED)

    assert "<strong>Tuesday, 2 Jun, 08:00</strong> on the contact&#39;s clock" in text.replace("'", "&#39;")
    assert "8.1 of 100 within a day" in text
    assert "+18 %" in text
    assert "Wednesday, 3 Jun, 08:00" in text
    assert "<table" not in text  # the week was not asked for


@pytest.mark.parametrize(("chance", "words"), [(0.081, "the better"), (None, "the more active")])
def test_a_contact_s_week_is_a_table_that_calls_a_share_no_chance(chance: float | None, words: str) -> None:
    share = None if chance else 0.02
    week = [0.01] * 33 + [0.02] + [0.01] * 134

    text = shown("sendtime", {**TIMED, "probability": chance, "activity_share": share, "week": week})

    assert f"The contact's own week: the darker, {words}." in text.replace("&#39;", "'")
    assert text.count("heat-6") == 1
    assert ("no chance of an answer" in text) is (chance is None)


@pytest.mark.parametrize(("name", "prediction"), [("segmentation", SEGMENT["predictions"][1]), ("sendtime", TIMED)])
def test_without_an_answer_the_reason_is_shown(name: str, prediction: dict[str, Any]) -> None:
    denied = {**prediction, "status": "no_consent", "detail": "<script>alert(1)</script>", "send_at": None}

    text = shown(name, denied)

    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text
