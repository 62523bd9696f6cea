"""What of a foreign description of a person is kept, and what foreign names of events become."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.attributes import (
    amount,
    attributes_of,
    currency,
    event_type_of,
    maybe_address,
    read_text,
    recipient,
    zone,
)
from gateway.webhooks.notes import collected
from gateway.webhooks.payload import PayloadReader
from gateway.webhooks.provider import ItemRefused, Recipient
from shared.contracts.contact import EventInput

PERSONAL = ["name", "First Name", "lastName", "phone_number", "Address", "avatar", "userName", "dateOfBirth", "GENDER"]


@pytest.mark.parametrize("name", PERSONAL)
def test_what_names_a_person_is_left_out_however_it_is_spelled(name: str) -> None:
    assert attributes_of({name: "x", "plan": "pro"}) == {"plan": "pro"}


@pytest.mark.parametrize(
    "value",
    [
        "ann@example.com",
        "ann%40example.com",
        "hash:" + "5e" * 32,
        "call +1 555 0100 200",
        "192.168.0.1",
        "x" * 201,
        "two\nlines",
        math.nan,
        math.inf,
        10**18,
        ["a"],
        {"street": "6th"},
    ],
)
def test_what_leads_to_a_person_or_is_no_fact_is_left_out(value: Any) -> None:
    assert attributes_of({"hint": value}) == {}


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\tb", "ann@example.com"])
def test_a_name_that_is_none_is_left_out(name: str) -> None:
    assert attributes_of({name: 1}) == {}


def test_facts_are_kept_as_they_are() -> None:
    told = {"plan": "pro", "seats": 5, "score": 0.5, "trial": True, "left": None, "version": "10.4.2"}

    assert attributes_of(told, prefix="group_") == {f"group_{name}": value for name, value in told.items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-0.5", -0.5), ("007", "007"), ("1e9", "1e9"), ("false", False), (" ", None), ("9" * 16, "9" * 16)],
)
def test_a_crms_text_is_read_as_what_it_is(text: str, value: Any) -> None:
    assert read_text(text) == value
    assert type(read_text(text)) is type(value)


def test_the_first_field_that_is_an_amount_counts() -> None:
    fields = PayloadReader({"revenue": "n/a", "total": "25.00", "value": 7, "currency": "eur"})

    assert worth(fields, "revenue", "total", "value") == (25.0, "EUR")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("49,90", (49.9, None)),
        ("1,299.00", (1299.0, None)),
        ("1.299,00 €", (1299.0, "EUR")),
        (" -12 ", (-12.0, None)),
        ("1e3", (1000.0, None)),
        (7, (7.0, None)),
        (None, (None, None)),
        ("N/A", (None, None)),
    ],
)
def test_an_amount_is_read_in_its_usual_spellings(text: Any, found: Any) -> None:
    assert worth(PayloadReader({"value": text}), "value") == found


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (True, "is not an amount"),
        ("free", "is not an amount"),
        ("15%", "is not an amount"),
        (1e13, "is not an amount"),
        (10**309, "is not an amount"),
        (math.nan, "is not an amount"),
        (math.inf, "is not an amount"),
        ([1], "is not an amount"),
        ("1,299", "may be two numbers"),
    ],
)
def test_what_is_no_amount_is_noted_and_of_an_order_refused(value: Any, what: str) -> None:
    fields = PayloadReader({"value": value}, "properties.")

    with collected() as notes:
        assert worth(fields, "value") == (None, None)
    assert [note.detail for note in notes] == [f"properties.value {what}; the rest of the item was taken."]
    with pytest.raises(ItemRefused, match=f"properties.value {what}"):
        worth(fields, "value", type_="order_placed")


def worth(fields: PayloadReader, *names: str, type_: str = "survey_answered") -> tuple[float | None, str | None]:
    return amount(fields, *names, currencies=("currency",), type_=type_)


@pytest.mark.parametrize(("value", "code"), [("eur", "EUR"), (" USD ", "USD"), ("euro", None), (978, None)])
def test_a_currency_has_three_letters(value: Any, code: str | None) -> None:
    assert currency(PayloadReader({"currency": value}), "currency") == code


@pytest.mark.parametrize(("value", "name"), [("Europe/Paris", "Europe/Paris"), ("Mars/Olympus", None), (1, None)])
def test_a_zone_is_one_that_exists(value: Any, name: str | None) -> None:
    with collected() as notes:
        assert zone(PayloadReader({"timezone": value}), "timezone") == name
    assert len(notes) == (name is None)


HASHED = "hash:" + "5e" * 32


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"id": "c-42"}, Recipient(contact_id="c-42")),
        ({"id": 42}, Recipient(contact_id="42")),
        ({"id": "ann@example.com"}, Recipient(contact_id="ann@example.com")),
        ({"id": HASHED}, Recipient(email=HASHED)),
    ],
)
def test_an_id_that_is_only_a_hash_by_now_is_the_address_it_was(told: Any, found: Recipient) -> None:
    assert recipient(PayloadReader(told), "id", email=None) == found


def test_an_address_that_is_sent_beside_a_hashed_id_is_taken() -> None:
    assert recipient(PayloadReader({"id": HASHED}), "id", email="b@b.example") == Recipient(email="b@b.example")


def test_an_event_without_a_contact_is_refused() -> None:
    with pytest.raises(ItemRefused):
        recipient(PayloadReader({}), "id", email=None, anonymous_id=None)


def test_an_address_that_is_none_is_nothing() -> None:
    with collected() as notes:
        assert maybe_address(PayloadReader({"email": "nobody"}), "email") is None
    assert [note.detail for note in notes] == ["email is not an e-mail address; the rest of the item was taken."]


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Order Completed", "order_placed"),
        ("  Trial   Started! ", "trial_started"),
        ("signedUp", "signed_up"),
        ("email.clicked", "email_clicked"),
        ("2nd Visit", "event_2nd_visit"),
        ("Füllung", "fuellung"),
        ("x" * 99, "x" * 64),
    ],
)
def test_a_foreign_name_becomes_one_of_ours(name: str, type_: str) -> None:
    assert event_type_of(name) == type_


@pytest.mark.parametrize("name", ["", "   ", "日本", "...", "Mail to ann@example.com", "hash:" + "5e" * 32])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(ItemRefused):
        event_type_of(name)


@given(st.text(max_size=100))
def test_every_name_is_one_the_store_takes_or_is_refused(name: str) -> None:
    try:
        type_ = event_type_of(name)
    except ItemRefused:
        return
    assert EventInput.model_validate({"contact_id": "c", "type": type_, "occurred_at": "2026-06-01T00:00:00Z"})
