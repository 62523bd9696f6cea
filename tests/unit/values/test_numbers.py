"""Numbers and sums of money as people and programs write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values.numbers import MAX_WHOLE, read_number, shown_mark
from shared.values.unreadable import Ambiguous, Unreadable


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("12.50", 12.5, None),
        ("49,90", 49.9, None),
        ("1,299.00", 1299.0, None),
        ("1.299,00", 1299.0, None),
        ("1 299,00", 1299.0, None),
        ("1\u202f299,00", 1299.0, None),
        ("1\u00a0299,00", 1299.0, None),
        ("1'299.00", 1299.0, None),
        ("1’299.00", 1299.0, None),
        ("1,23,456.00", 123456.0, None),
        ("1,299,000", 1_299_000, None),
        ("1.299.000", 1_299_000, None),
        ("0,125", 0.125, None),
        (".5", 0.5, None),
        ("€49.90", 49.9, "EUR"),
        ("49,90 EUR", 49.9, "EUR"),
        ("49.90 eur", 49.9, "EUR"),
        ("EUR 49,90", 49.9, "EUR"),
        ("12 Euro", 12, "EUR"),
        ("$1,000", 1000, None),
        ("US$ 1,299.99", 1299.99, "USD"),
        ("1,299 USD", 1299, "USD"),
        ("R$ 1.299,00", 1299.0, "BRL"),
        ("CHF 1'299.00", 1299.0, "CHF"),
        ("12.50 Fr.", 12.5, "CHF"),
        ("Rs. 500", 500, None),
        ("100 kr.", 100, None),
        ("12,50 Kč", 12.5, "CZK"),
        ("49,-", 49, None),
        ("(12.50)", -12.5, None),
        ("12.50-", -12.5, None),
        ("-€5", -5, "EUR"),
        ("€-5", -5, "EUR"),
        ("−5", -5, None),
        ("+3", 3, None),
        (" 7 ", 7, None),
        ("-0", 0, None),
        ("1e3", 1000.0, None),
        ("1.23457E+14", 123457000000000.0, None),
        ("٣٫٥", 3.5, None),
        (str(MAX_WHOLE), MAX_WHOLE, None),
    ],
)
def test_a_usual_spelling_is_read(text: str, value: float, currency: str | None) -> None:
    found = read_number(text)

    assert (found.value, type(found.value), found.currency) == (value, type(value), currency)


@pytest.mark.parametrize("text", ["1,299", "1.299", "-1,299", "1.299 €", "999,000"])
def test_what_may_be_two_numbers_is_read_only_where_the_mark_is_known(text: str) -> None:
    with pytest.raises(Ambiguous):
        read_number(text)

    assert abs(read_number(text, decimal="point").value) in (1299, 1.299, 999_000)
    assert read_number(text, decimal="point").value != read_number(text, decimal="comma").value


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NaN", "inf", "-Infinity", "1_000", "0x10", "1,2,3", "12 34", "1 2", "--5", "5 days", "2 cup",
        "5 pen", "12.50.", "€5 USD", "1,299.000,5", "1e400", "9" * 20, "9" * 309, "x" * 100_000, ".", ",", "-",
        "€", "%", "12%€", "10:15", "2026-05-03",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_number(text)

    assert str(refused.value).startswith("It ")
    assert len(text) < 3 or text not in str(refused.value)


def test_a_percentage_is_the_number_before_its_sign() -> None:
    assert (read_number("12,5 %").value, read_number("12,5 %").percent) == (12.5, True)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["{:,}.00", "{:,}.50"]))
def test_grouped_numbers_are_what_they_were(number: int, shape: str) -> None:
    english = shape.format(number)
    german = english.translate(str.maketrans(",.", ".,"))

    assert read_number(english).value == read_number(german).value == float(english.replace(",", ""))


@given(st.text(max_size=30) | st.text("0123456789.,-+ ()€$%eE'", max_size=20))
def test_any_text_is_a_finite_number_or_refused(text: str) -> None:
    try:
        found = read_number(text).value
    except Unreadable:
        return

    assert math.isfinite(found)
    assert isinstance(found, float) or abs(found) <= MAX_WHOLE


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_what_python_writes_is_read_back_where_a_point_begins_decimals(number: float) -> None:
    assert read_number(repr(number), decimal="point").value == number


def test_a_long_text_shows_no_mark() -> None:
    assert shown_mark("1." * 1_000) is None
