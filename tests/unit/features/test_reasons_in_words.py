import numpy as np
import pytest

from shared.features import Feature, FeatureSet, Things, phrase
from shared.features.phrases import attribute_name

OVERDUE = Feature("overdue", "overdue", "ratio", "rhythm", "order_placed")
GAP = Feature("gap", "gap_mean", "days", "rhythm", "order_placed")


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
    ],
)
def test_a_column_is_named_in_words_where_its_breaks_are_known(name: str, words: str) -> None:
    assert attribute_name(name) == words


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Founded", 1998.0, "Founded is 1998"),
        ("year_of_birth", 1974.0, "Year of birth is 1974"),
        ("yearFounded", 2003.0, "Year founded is 2003"),
        ("employees", 1998.0, "Employees is 1,998"),
        ("Revenue per year", 1998.0, "Revenue per year is 1,998"),
        ("Founded", 12_000.0, "Founded is 12,000"),
    ],
)
def test_a_year_has_no_thousands_separator(name: str, value: float, said: str) -> None:
    assert phrase(Feature(name, "numeric", "", "", attribute=name), value) == said


@pytest.mark.parametrize(("share", "said"), [(0.0, "No activity in the evening"), (1.0, "All activity in the evening")])
def test_none_and_all_are_said_in_words(share: float, said: str) -> None:
    assert phrase(Feature("e", "hour_share", "ratio", "", None, "evening"), share) == said


def told(*shares: float, value: float, of_leaving: bool = True) -> str:
    things = Things.of(FeatureSet((OVERDUE, GAP)))
    return things.reasons(np.array([[value, 12.0]]), np.array([shares]), 1, of_leaving=of_leaving)[0][0].text


def test_an_overdue_order_is_no_plain_sign_of_staying() -> None:
    assert told(-0.5, -0.1, value=4.8) == "One order every 12 days on average"
    assert told(-0.5, 0.1, value=4.8) == (
        "Time since the last order is 4.8 times the usual gap (in your data, beside all else, a sign of staying)"
    )
    assert told(0.5, 0.1, value=4.8) == "Time since the last order is 4.8 times the usual gap"
    assert told(-0.5, -0.1, value=4.8, of_leaving=False) == "Time since the last order is 4.8 times the usual gap"
