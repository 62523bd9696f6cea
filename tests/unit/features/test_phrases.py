from typing import get_args

import pytest

from shared.features import Feature, Kind, phrase, readable_value
from shared.features.phrases import event_name

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
        (feature("days_since_first", "order_placed"), 400.0, "First order 400 days ago"),
        (feature("days_since_last"), 0.04, "Last activity 1 hour ago"),
        (feature("days_since_last"), 0.5, "Last activity 12 hours ago"),
        (feature("days_since_last", "order_placed"), NAN, "No order so far"),
        (feature("value_sum", "order_placed", window_days=90), 12.5, "Orders worth 12.5 in the last 90 days"),
        (feature("value_sum", "order_placed", window_days=90), 0.0, "No order with a value in the last 90 days"),
        (feature("value_mean", "order_placed"), 0.126, "Average value 0.13 per order"),
        (feature("value_max"), 500.0, "Highest value 500 of one activity"),
        (feature("rate", "email_clicked", "email_sent"), 0.25, "About 25 email clicks per 100 emails to them"),
        (feature("rate", "email_clicked", "email_sent"), NAN, "No email to them so far"),
        (feature("trend", "page_viewed"), 0.0, "As many page views in the last 30 days as before"),
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
        (feature("gap_mean", "order_placed"), NAN, "Fewer than two orders so far"),
        (feature("overdue", "order_placed"), 2.04, "Time since the last order is 2 times the usual gap"),
        (feature("overdue", "order_placed"), NAN, "No rhythm of orders yet"),
        (feature("hour_share", None, "night"), 0.5, "50% of activity at night"),
        (feature("hour_share", None, "evening"), 0.5, "50% of activity in the evening"),
        (feature("hour_share", None, "evening"), NAN, "No activity so far"),
        (feature("weekend_share"), 0.5, "50% of activity at weekends"),
        (feature("weekend_share"), NAN, "No activity so far"),
        (feature("last_hour"), 23.0, "Last activity between 23:00 and 24:00"),
        (feature("last_hour"), NAN, "No activity so far"),
        (feature("last_weekday", categories=("Monday", "Tuesday")), 1.0, "Last activity on a Tuesday"),
        (feature("last_type", categories=("order_placed",)), 0.0, "Latest activity: order"),
        (feature("last_item", "order_placed", categories=("pen",)), 0.0, "Latest order: pen"),
        (feature("last_item", "order_placed", categories=("pen",)), 1.0, "Latest order: other"),
        (feature("last_item", "order_placed", categories=("pen",)), NAN, "No order so far"),
        (feature("known_days"), 3.0, "Known for 3 days"),
        (feature("known_days"), NAN, "Not known since when"),
        (feature("numeric", attribute="page_count"), 3.5, "Page count is 3.5"),
        (feature("numeric", attribute="page_count"), NAN, "Page count is not filled in"),
        (feature("boolean", attribute="trial"), 1.0, "Trial: yes"),
        (feature("boolean", attribute="trial"), 0.0, "Trial: no"),
        (feature("categorical", attribute="plan", categories=("pro",)), 0.0, "Plan is pro"),
        (feature("date", attribute="renewal"), 2.0, "Renewal was 2 days ago"),
        (feature("date", attribute="renewal"), -2.0, "Renewal is in 2 days"),
    ],
)
def test_a_feature_is_said_as_a_salesperson_would(column: Feature, value: float, said: str) -> None:
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


def test_an_unknown_type_is_quoted() -> None:
    assert event_name("order_placed") == "order"
    assert event_name("demo_watched") == '"demo watched"'
