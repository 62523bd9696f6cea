from typing import Any

import numpy as np
import pytest

from services.segmentation.features import evidence, leading_type, segmentation_features, weights
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.timeline import ContactFacts, DatedValue, EventTuple, build

DAY = 86_400_000_000
AT = 100 * DAY


def pasts_of(*events: tuple[str, str, float | None], facts: dict[str, ContactFacts] | None = None) -> Any:
    rows: list[EventTuple] = [
        (contact, str(place), kind, AT - (place + 1) * DAY, value, None, None, None, 1)
        for place, (contact, kind, value) in enumerate(events)
    ]
    ids = sorted({row[0] for row in rows})
    return build(ids, facts or {}, [rows])


def declared(pasts: Any, **wanted: Any) -> Any:
    n = len(pasts)
    return segmentation_features(pasts, np.arange(n, dtype=np.int32), np.full(n, AT), **wanted)


@pytest.mark.parametrize(
    ("kinds", "leading"),
    [
        (["email_sent", "page_viewed", "order_placed"], "order_placed"),
        (["email_sent", "page_viewed"], "page_viewed"),
        (["email_sent"], None),
        (["deal_won", "subscription_renewed"], "deal_won"),
    ],
)
def test_a_purchase_leads_else_what_contacts_do_never_what_is_done_to_them(
    kinds: list[str], leading: str | None
) -> None:
    assert leading_type(pasts_of(*[("a", kind, None) for kind in kinds])) == leading


def test_a_purchase_that_one_in_a_hundred_made_does_not_lead() -> None:
    views = [(f"c-{number}", "page_viewed", None) for number in range(100)]

    assert leading_type(pasts_of(*views, ("c-0", "order_placed", 5.0))) == "page_viewed"


def test_where_events_carry_no_values_there_is_no_money() -> None:
    names = declared(pasts_of(("a", "page_viewed", None), ("b", "page_viewed", None))).feature_set.names

    assert [name for name in names if "value" in name] == []


def test_recency_frequency_and_money_count_fully_the_rest_a_third() -> None:
    features = declared(pasts_of(("a", "order_placed", 5.0), ("b", "order_placed", 7.0))).feature_set

    counted = dict(zip(features.names, weights(features), strict=True))

    assert [name for name, weight in counted.items() if weight == 1.0] == [
        "order_placed_days_since_last",
        "order_placed_90d",
        "order_placed_365d",
        "order_placed_value_90d",
        "order_placed_value_365d",
    ]
    assert counted["order_placed_730d"] == 0.0
    assert counted["weekend_share"] == 0.3
    assert features.names[evidence(features)] == "order_placed_730d"


def test_orders_are_counted_whole_where_they_have_lines() -> None:
    rows = [("a", str(n), "order_placed", AT - DAY, 2.0, None, None, None, 1) for n in range(4)]
    facts = {"a": ContactFacts(attributes=(DatedValue("plan", 0, "pro"),))}
    pasts = build(["a"], facts, [rows])

    for found in (declared(pasts), declared(pasts, attributes=("plan",))):
        assert found.feature_set.whole_orders == EXPORTED_BY_LINE
    assert declared(build(["a"], {}, [rows[:1]])).feature_set.whole_orders == ()


def test_attributes_count_only_when_they_are_named() -> None:
    facts = {
        f"c-{number}": ContactFacts(attributes=(DatedValue("plan", 0, "pro" if number % 2 else "free"),))
        for number in range(40)
    }
    pasts = pasts_of(*[(contact, "order_placed", 5.0) for contact in facts], facts=facts)

    assert "plan" not in declared(pasts).feature_set.names
    assert "plan" in declared(pasts, attributes=("plan",)).feature_set.names


def test_answers_to_emails_are_rates_of_those_delivered() -> None:
    events = [("a", kind, None) for kind in ("email_delivered", "email_delivered", "email_clicked", "page_viewed")]

    features = declared(pasts_of(*events)).feature_set

    assert "email_clicked_per_email_delivered" in features.names
