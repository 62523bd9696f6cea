"""What an outcome says of an attribute lies in the bounds that attributes themselves have."""

import pytest
from pydantic import ValidationError

from shared.contracts.contact import EventInput
from shared.contracts.outcome import Outcome
from shared.contracts.validation import mistakes


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("positive", "a\x00b"),
        ("positive", "\ud83d"),
        ("positive", "x" * 2_001),
        ("attribute", "a\x00b"),
        ("attribute", "\ud83d"),
        ("attribute", "x" * 129),
        ("attribute", ""),
    ],
)
def test_a_text_that_no_attribute_can_hold_is_refused_with_its_place(field: str, text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Outcome.model_validate({"name": "won", "capability": "scoring", "attribute": "status", field: text})

    assert [entry["loc"] for entry in raised.value.errors()] == [(field,)]


def test_a_value_of_an_attribute_may_be_any_text_that_one_can_hold() -> None:
    outcome = Outcome(name="won", capability="scoring", attribute="status", positive="Gewonnen \U0001f600\nja")

    assert outcome.positive == "Gewonnen \U0001f600\nja"


def test_a_type_in_another_spelling_is_refused_in_plain_words() -> None:
    event = {"contact_id": "c-1", "type": "Order Placed", "occurred_at": "2026-05-03T10:00:00Z", "currency": "euro"}

    with pytest.raises(ValidationError) as raised:
        EventInput.model_validate(event)

    assert mistakes([{**entry} for entry in raised.value.errors()], event) == [
        {
            "pointer": "/type",
            "detail": "Write it in small letters of a to z, digits and underscores, beginning with a letter, such as "
            "order_placed; at most 64 characters.",
        },
        {"pointer": "/currency", "detail": "Give the currency's code of three capital letters, such as EUR."},
    ]
