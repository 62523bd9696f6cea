import pytest

from shared.values.words import VERBS, attribute_name, event_name, event_names


def test_every_known_type_is_named_in_words() -> None:
    assert all('"' not in event_name(name) + event_names(name) for name in VERBS)


def test_an_unknown_type_is_quoted() -> None:
    assert event_name("order_placed") == "order"
    assert event_name("demo_watched") == '"demo watched"'


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AmtSpentOnShoes", "Amt spent on shoes"),
        ("amt_spent_on_shoes", "Amt spent on shoes"),
        ("amt-spent.on shoes", "Amt spent on shoes"),
        ("amtspentshoes", '"amtspentshoes"'),
        ("customerID", "Customer ID"),
        ("CRMScore", "CRM score"),
        ("MONTHLY_INCOME", "Monthly income"),
        ("administration", "Administration"),
        ("größeDesHaushalts", "Größe des haushalts"),
        ("___", '"___"'),
        ("How did you hear about X Education", "How did you hear about X Education"),
        ("MONTHLY INCOME", "Monthly income"),
    ],
)
def test_a_column_is_named_in_words_where_its_breaks_are_known(name: str, words: str) -> None:
    assert attribute_name(name) == words
