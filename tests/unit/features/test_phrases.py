from typing import get_args

import pytest

from shared.features import Feature, Kind, phrase, readable_value

NAN = float("nan")


def feature(kind: Kind, type_: str | None = None, other: str | None = None, **fields: object) -> Feature:
    return Feature("f", kind, "", "", type_, other, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (feature("count", "email_clicked", window_days=30), 1.0, "Clicked 1 email in the last 30 days"),
        (feature("count", "email_clicked", window_days=365), 0.0, "No email click in the last year"),
        (feature("count", "demo_watched", window_days=7), 1.0, '"demo watched" once in the last 7 days'),
        (feature("count", "demo_watched", window_days=7), 1_234.0, '"demo watched" 1,234 times in the last 7 days'),
        (feature("count", window_days=730), 2.0, "2 activities in the last two years"),
        (feature("count", window_days=730), 1.0, "1 activity in the last two years"),
        (feature("days_since_last", "order_placed"), 1.2, "Last order 1 day ago"),
        (feature("days_since_first", "order_placed"), 400.0, "First order in the last two years was 400 days ago"),
        (feature("days_since_last"), 0.04, "Last activity 1 hour ago"),
        (feature("days_since_last"), 0.5, "Last activity 12 hours ago"),
        (feature("days_since_last", "order_placed"), NAN, "No order in the last two years"),
        (feature("value_sum", "order_placed", window_days=90), 12.5, "Orders worth 12.50 in the last 90 days"),
        (feature("value_sum", "order_placed", window_days=90), 0.0, "No order with a value in the last 90 days"),
        (feature("value_mean", "order_placed"), 0.126, "Average value 0.13 per order"),
        (feature("value_max"), 500.0, "Highest value of one activity: 500"),
        (feature("rate", "email_clicked", "email_sent"), 0.25, "Estimated 25 email clicks per 100 emails to them"),
        (feature("rate", "email_clicked", "email_sent"), NAN, "No email to them in the last two years"),
        (feature("trend", "page_viewed"), 0.0, "No rise or fall in page views in the last 30 days"),
        (feature("trend", "page_viewed"), 1.0, "More page views in the last 30 days than before"),
        (feature("trend", "page_viewed"), -1.0, "Fewer page views in the last 30 days than before"),
        (feature("active_days", window_days=30), 1.0, "Activities on 1 day in the last 30 days"),
        (feature("active_days", "demo_watched", window_days=30), 0.0, 'No "demo watched" in the last 30 days'),
        (
            feature("active_days", "demo_watched", window_days=30),
            2.0,
            '"demo watched" events on 2 days in the last 30 days',
        ),
        (feature("active_days", window_days=30), 3.0, "Activities on 3 days in the last 30 days"),
        (
            feature("distinct", "email_sent", "campaign"),
            3.0,
            "Emails to them: 3 different campaigns in the last two years",
        ),
        (feature("distinct", None, "item"), 1.0, "Activities: 1 item in the last two years"),
        (feature("gap_mean", "order_placed"), 7.0, "One order every 7 days on average"),
        (feature("gap_mean", "order_placed"), NAN, "Fewer than two orders in the last two years"),
        (feature("overdue", "order_placed"), 2.04, "2 times the usual gap between orders has passed"),
        (feature("overdue", "order_placed"), NAN, "Fewer than two orders in the last two years, so no usual gap"),
        (feature("hour_share", None, "night"), 0.5, "50% of activity at night"),
        (feature("hour_share", None, "evening"), 0.5, "50% of activity in the evening"),
        (feature("hour_share", None, "evening"), NAN, "No activity in the last two years"),
        (feature("weekend_share"), 0.5, "50% of activity at weekends"),
        (feature("weekend_share"), NAN, "No activity in the last two years"),
        (feature("last_hour"), 23.0, "Last activity between 23:00 and 24:00"),
        (feature("last_hour"), NAN, "No activity in the last two years"),
        (feature("last_weekday", categories=("Monday", "Tuesday")), 1.0, "Last activity on a Tuesday"),
        (feature("last_type", categories=("order_placed",)), 0.0, "Latest on record: order"),
        (feature("last_item", "order_placed", categories=("pen",)), 0.0, "Latest order: pen"),
        (feature("last_item", "order_placed", categories=("pen",)), 1.0, "Latest order: a rarer item"),
        (feature("last_item", "order_placed", categories=("pen",)), NAN, "No order in the last two years"),
        (feature("known_days"), 3.0, "Known for 3 days"),
        (feature("known_days"), NAN, "Nothing says since when they are known"),
        (feature("numeric", attribute="page_count"), 3.5, "Page count: 3.5"),
        (feature("numeric", attribute="page_count"), NAN, "Page count: not filled in"),
        (feature("boolean", attribute="trial"), 1.0, "Trial: yes"),
        (feature("boolean", attribute="trial"), 0.0, "Trial: no"),
        (feature("categorical", attribute="plan", categories=("pro",)), 0.0, "Plan: pro"),
        (feature("date", attribute="renewal"), 2.0, "Renewal: 2 days ago"),
        (feature("date", attribute="renewal"), -2.0, "Renewal: in 2 days"),
        (feature("date", attribute="renewal"), 0.4, "Renewal: about today"),
        (feature("date", attribute="birthday"), 14_600.0, "Birthday: 40 years ago"),
        (feature("categorical", attribute="plan", categories=("pro",)), 1.0, "Plan: a rare one"),
        (feature("numeric", attribute="zip_code"), 10_115.0, "Zip code: 10115"),
        (feature("numeric", attribute="Lead Number"), 656_729.0, "Lead Number: 656729"),
        (feature("numeric", attribute="Total visits"), 1.0, "Total visits: 1"),
        (feature("known_days"), 1_204.0, "Known for 3.3 years"),
        (feature("gap_mean", "order_placed"), 1.1, "One order every day on average"),
        (feature("overdue", "order_placed"), 0.3, "30% of the usual gap between orders (a day at least) has passed"),
        (feature("overdue", "order_placed"), 182.0, "More than 10 times the usual gap between orders has passed"),
        (feature("overdue", "order_placed"), 0.0, "The usual gap between orders has only begun"),
        (feature("overdue", "order_placed"), 1.04, "The usual gap between orders has just passed"),
        (feature("distinct", "order_placed", "item"), 0.0, "Orders: no item in the last two years"),
        (feature("hour_share", "order_placed", "evening"), 0.5, "50% of orders in the evening"),
        (feature("hour_share", None, "evening"), 0.001, "Less than 1% of activity in the evening"),
        (feature("weekend_share"), 0.999, "More than 99% of activity at weekends"),
        (feature("last_type", categories=("order_placed",)), 1.0, "Latest on record: something rare"),
        (feature("count", "deal_won", window_days=365), 1.0, "Had 1 won deal in the last year"),
        (feature("days_since_last", "subscription_renewed"), 20.0, "Last renewal 20 days ago"),
        (feature("value_mean", "order_placed"), 3.04, "Average value 3.04 per order"),
    ],
)
def test_a_feature_is_phrased_as_a_salesperson_would(column: Feature, value: float, said: str) -> None:
    assert phrase(column, value) == said


ALWAYS_A_NUMBER = ("count", "active_days", "distinct", "trend")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (kind, value)
        for kind in get_args(Kind)
        for value in (0.0, 1.0, 2.5, NAN)
        if value == value or kind not in ALWAYS_A_NUMBER
    ],
)
def test_every_kind_has_a_phrase_for_every_number(kind: Kind, value: float) -> None:
    column = feature(kind, "order_placed", "item", attribute="plan", categories=("a", "b", "c"))
    assert phrase(column, value)
    assert "nan" not in phrase(column, value)


def test_a_number_is_read_back_as_what_it_stands_for() -> None:
    assert readable_value(feature("categorical", categories=("a",)), 0.0) == "a"
    assert readable_value(feature("categorical", categories=("a",)), 1.0) == "other"
    assert readable_value(feature("boolean"), 1.0) is True
    assert readable_value(feature("numeric"), 1 / 3) == 0.3333
    assert readable_value(feature("numeric"), NAN) is None


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("count", 3.0, "3 activities and mailings in the last 30 days"),
        ("count", 1.0, "1 activity or mailing in the last 30 days"),
        ("days_since_last", 2.0, "Last activity or mailing 2 days ago"),
        ("weekend_share", 0.0, "No activity or mailing at weekends"),
        ("weekend_share", 0.5, "50% of activities and mailings at weekends"),
    ],
)
def test_what_was_sent_to_a_contact_is_not_called_what_it_did(kind: Kind, value: float, said: str) -> None:
    assert phrase(feature(kind, window_days=30, counts_mailings=True), value) == said
