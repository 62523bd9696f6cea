import numpy as np
import pytest

from shared.features import Expected, Feature, FeatureSet, Things, phrase
from shared.features.reasons import Hoped, liveliness, usual_values

OVERDUE = Feature("overdue", "overdue", "ratio", "rhythm", "order_placed")
GAP = Feature("gap", "gap_mean", "days", "rhythm", "order_placed")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Founded", 1998.0, "Founded: 1998"),
        ("year_of_birth", 1974.0, "Year of birth: 1974"),
        ("yearFounded", 2003.0, "Year founded: 2003"),
        ("employees", 1998.0, "Employees: 1,998"),
        ("Revenue per year", 1998.0, "Revenue per year: 1,998"),
        ("Founded", 12_000.0, "Founded: 12,000"),
    ],
)
def test_a_year_has_no_thousands_separator(name: str, value: float, said: str) -> None:
    assert phrase(Feature(name, "numeric", "", "", attribute=name), value) == said


@pytest.mark.parametrize(("share", "said"), [(0.0, "No activity in the evening"), (1.0, "All activity in the evening")])
def test_none_and_all_are_written_in_words(share: float, said: str) -> None:
    assert phrase(Feature("e", "hour_share", "ratio", "", None, "evening"), share) == said


LAST = Feature("last", "days_since_last", "days", "recency", "order_placed")
WEEKEND = Feature("weekend", "weekend_share", "ratio", "weekend", "order_placed")
EVENING = Feature("evening", "hour_share", "ratio", "time", "order_placed", "evening")
NAN = float("nan")


def told(*shares: float, value: float, hoped: Hoped | None = "staying") -> str:
    things = Things.of(FeatureSet((OVERDUE, GAP)))
    expected = None if hoped is None else Expected(hoped, np.array([[0.5, 2.0], [12.0, 12.0]]))
    return things.reasons(np.array([[value, 12.0]]), np.array([shares]), 1, expected=expected)[0][0].text


def test_an_overdue_order_is_no_plain_sign_of_staying() -> None:
    assert told(-0.5, -0.1, value=4.8) == "One order every 12 days on average"
    assert told(-0.5, 0.1, value=4.8) == (
        "4.8 times the usual gap between orders has passed (in your data, beside all else, a sign of staying)"
    )
    assert told(0.5, 0.1, value=4.8) == "4.8 times the usual gap between orders has passed"
    assert told(-0.5, -0.1, value=4.8, hoped="reaching") == "4.8 times the usual gap between orders has passed"
    assert told(0.5, -0.1, value=4.8, hoped="reaching") == (
        "4.8 times the usual gap between orders has passed (in your data, beside all else, it raises the chance)"
    )
    assert told(-0.5, -0.1, value=4.8, hoped=None) == "4.8 times the usual gap between orders has passed"


@pytest.mark.parametrize(
    ("feature", "value", "sign"),
    [
        (LAST, 400.0, -1),
        (LAST, 3.0, 1),
        (LAST, 15.0, 0),
        (LAST, NAN, -1),
        (GAP, 90.0, -1),
        (Feature("c", "count", "events", "", "page_viewed", window_days=30), 50.0, 1),
        (Feature("c", "count", "events", "", "page_viewed", window_days=30), 0.0, -1),
        (Feature("t", "trend", "ratio", "", "page_viewed"), -1.0, -1),
        (Feature("t", "trend", "ratio", "", "page_viewed"), 0.05, 0),
        (Feature("s", "days_since_last", "days", "", "email_sent"), 400.0, 0),
        (Feature("r", "count", "events", "", "order_refunded", window_days=30), 50.0, 0),
        (Feature("a", "count", "events", "", None, window_days=30, counts_mailings=True), 50.0, 0),
        (Feature("k", "known_days", "days", ""), 400.0, 0),
        (Feature("n", "numeric", "as given", "", attribute="tenure"), 400.0, 0),
    ],
)
def test_a_direction_is_expected_only_of_what_contacts_do_themselves(feature: Feature, value: float, sign: int) -> None:
    assert liveliness(feature, value, (10.0, 20.0)) == sign


def test_to_lack_what_most_lack_is_no_sign() -> None:
    shares = np.array([[0.1] * 10 + [0.0], [0.04] * 10 + [0.6]])

    usual = usual_values(np.tile(np.arange(9.0), (2, 1)), shares)

    assert usual[0].tolist() == [2.0, 6.0]
    assert liveliness(LAST, NAN, (usual[1, 0], usual[1, 1])) == 0
    assert liveliness(LAST, 400.0, (usual[1, 0], usual[1, 1])) == 0


def test_what_several_columns_say_in_the_same_words_is_one_reason_with_the_sum_of_their_shares() -> None:
    things = Things.of(FeatureSet((LAST, EVENING, WEEKEND)))

    listed = things.reasons(np.array([[NAN, NAN, NAN]]), np.array([[0.5, -0.1, 0.2]]), 10)[0]

    assert [(one.feature, one.text, one.contribution) for one in listed] == [
        ("last", "No order in the last two years", pytest.approx(0.6))
    ]
