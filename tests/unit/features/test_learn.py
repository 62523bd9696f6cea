from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from shared.contracts.rows import ALWAYS, DAY
from shared.features import Feature, Learned, learn
from shared.features.feature import parser_of
from shared.timeline import ContactFacts, DatedValue, EventTuple, build

CUTOFF = 20_000 * DAY
NAMES = [f"c{n:03}" for n in range(60)]


def learned(
    rows: Iterable[EventTuple] = (),
    attributes: Mapping[str, list[Any]] | None = None,
    *,
    dated: bool = True,
    **how: Any,
) -> Learned:
    facts = {
        name: ContactFacts(
            attributes=tuple(
                DatedValue(key, ALWAYS, values[place], dated=dated) for key, values in (attributes or {}).items()
            )
        )
        for place, name in enumerate(NAMES)
    }
    pasts = build(NAMES, facts, [list(rows)])
    contact = np.repeat(np.arange(60, dtype=np.int32), 12)
    cutoff = CUTOFF - np.tile(np.arange(12), 60) * DAY
    return learn(pasts, contact, cutoff, **how)


def events(contact: int, type_: str, n: int, **fields: Any) -> list[EventTuple]:
    row = {"value": None, "message": None, "campaign": None, "item": None, **fields}
    return [
        (NAMES[contact], f"{type_}{place}{fields}", type_, CUTOFF - (place * 37 + contact + 1) * DAY, row["value"],
         row["message"], row["campaign"], row["item"], 1)
        for place in range(n)
    ]  # fmt: skip


def kinds(found: Learned) -> dict[str, str]:
    return {feature.name: feature.kind for feature in found.feature_set.features}


def reasons(found: Learned) -> dict[str, str]:
    return {left.name: left.reason for left in found.left_out}


def test_an_attribute_is_read_as_what_all_its_values_are() -> None:
    attributes = {
        "trial": ["yes", "no"] * 30,
        "employees": [str(n % 7) for n in range(60)],
        "since": [f"2020-01-{1 + n % 20:02}" for n in range(60)],
        "country": ["DE", "FR", "IT"] * 20,
    }
    found = learned(attributes=attributes)
    assert kinds(found) == {"trial": "boolean", "employees": "numeric", "since": "date", "country": "categorical"}
    assert next(f for f in found.feature_set.features if f.name == "country").categories == ("DE", "FR", "IT")


def test_a_value_of_its_own_for_every_contact_means_nothing_however_many_frames_show_it() -> None:
    found = learned(attributes={"code": [f"x{n}" for n in range(60)]})
    assert kinds(found) == {}
    assert "value of its own" in reasons(found)["code"]


def test_a_category_needs_contacts_not_frames() -> None:
    found = learned(attributes={"city": ["Rome"] * 3 + ["Bonn"] * 27 + ["Oslo"] * 30})
    assert found.feature_set.features[0].categories == ("Bonn", "Oslo")


def test_an_undated_attribute_is_left_out_with_the_command_that_would_include_it() -> None:
    attributes = {"country": ["DE", "FR", "IT"] * 20}
    found = learned(attributes=attributes, dated=False)
    assert [(left.name, left.remedy) for left in found.left_out] == [("country", "foretell import --static country")]
    assert kinds(learned(attributes=attributes, dated=False, allowed={"country"})) == {"country": "categorical"}
    assert kinds(learned(attributes=attributes, dated=False, dated_only=False)) == {"country": "categorical"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("first_name", "its name stands for names of people"),
        ("E-mail", "its name stands for e-mail addresses"),
        ("gender", "its name stands for gender"),
    ],
)
def test_what_identifies_a_person_is_left_out_unless_allowed(name: str, why: str) -> None:
    attributes = {name: ["x", "y"] * 30}
    assert reasons(learned(attributes=attributes)) == {name: f"personal: {why}"}
    assert name in kinds(learned(attributes=attributes, allowed={name}))


@pytest.mark.parametrize("name", ["female", "phone_service", "Do Not Email", "multiple_lines", "product_name"])
def test_a_column_with_a_personal_word_in_its_name_is_used(name: str) -> None:
    assert name in kinds(learned(attributes={name: ["yes", "no"] * 30}))


def test_telephone_numbers_are_left_out_under_any_name() -> None:
    attributes = {"hint": [f"+49 151 123456{number:02d}" for number in range(60)]}

    assert reasons(learned(attributes=attributes)) == {"hint": "personal: its values look like telephone numbers"}


def test_an_excluded_attribute_is_not_even_mentioned() -> None:
    found = learned(attributes={"bought": ["yes", "no"] * 30}, excluded={"bought"})
    assert (kinds(found), reasons(found)) == ({}, {})


def test_columns_that_never_vary_or_copy_another_are_not_kept() -> None:
    found = learned(attributes={"a": ["yes", "no"] * 30, "b": ["yes", "no"] * 30, "c": ["yes"] * 60})
    assert list(kinds(found)) == ["a"]


def test_a_type_that_few_contacts_have_is_not_learned() -> None:
    rows = [row for contact in range(4) for row in events(contact, "rare", 5)]
    rows += [row for contact in range(30) for row in events(contact, "page_viewed", 1 + contact % 4)]
    names = kinds(learned(rows))
    assert any(name.startswith("page_viewed") for name in names)
    assert not any(name.startswith("rare") for name in names)


def test_answers_to_the_same_campaigns_become_a_rate() -> None:
    rows = [row for contact in range(60) for row in events(contact, "email_sent", 4, campaign=f"s{contact % 3}")]
    rows += [row for contact in range(20) for row in events(contact, "email_clicked", 2, campaign=f"s{contact % 3}")]
    rate = next(f for f in learned(rows).feature_set.features if f.kind == "rate")
    assert (rate.type, rate.other, rate.prior) == ("email_clicked", "email_sent", 40 / 240)


def test_items_that_ten_contacts_had_are_categories_and_values_are_summed() -> None:
    rows = [
        row
        for contact in range(30)
        for row in events(contact, "order_placed", 3, item=("pen", "ink", "gum")[contact // 13], value=5.0 + contact)
    ]
    found = learned(rows)
    last = next(feature for feature in found.feature_set.features if feature.kind == "last_item")
    assert last.categories == ("ink", "pen")
    # Every order of a contact has the same value here, so that the highest is a copy of the mean.
    assert {"value_sum", "value_mean"} <= set(kinds(found).values())
    assert "value_max" not in kinds(found).values()


def test_a_favourite_item_of_one_contact_is_no_category() -> None:
    rows = [
        row for contact in range(30) for row in events(contact, "order_placed", 2, item=("pen", "ink")[contact % 2])
    ]
    rows += events(3, "order_placed", 15, item="gum")
    last = next(feature for feature in learned(rows).feature_set.features if feature.kind == "last_item")
    assert last.categories == ("ink", "pen")


def test_the_order_of_rows_changes_nothing_that_is_learned() -> None:
    rows = [row for contact in range(40) for row in events(contact, "b", 3, item=f"i{contact % 3}", campaign="x")]
    rows += [row for contact in range(50) for row in events(contact, "a", 2, campaign="x", value=1.0 + contact)]
    assert learned(rows) == learned(rows[::-1])


def test_one_dirty_cell_does_not_make_a_yes_no_column_a_category() -> None:
    (feature,) = learned(attributes={"trial": [*["true", "false"] * 29, "true", "unknown"]}).feature_set.features

    assert feature.kind == "boolean"


def test_bits_among_larger_numbers_are_numbers() -> None:
    (feature,) = learned(attributes={"children": [*["0", "1"] * 29, "2", "3"]}).feature_set.features

    assert feature.kind == "numeric"


def test_a_column_of_whole_numbers_reads_a_mark_as_one_between_thousands() -> None:
    (whole,) = learned(attributes={"salary": [20_000 + 977 * n % 50_000 for n in range(60)]}).feature_set.features
    (decimal,) = learned(attributes={"rate": [n / 8 for n in range(60)]}).feature_set.features

    assert [parser_of(whole)(text) for text in ("41,250", "41.250", 41_250)] == [41_250.0] * 3
    assert parser_of(decimal)("41.250") == 41.25


def test_what_each_attribute_was_read_as_is_reported_with_its_unreadable_cells() -> None:
    dates = [f"{1 + n % 28:02}-{1 + n % 12:02}-2020" for n in range(60)]
    found = learned(
        attributes={
            "spend": [*(f"{n},{n % 10}5" for n in range(58)), "unknown", "??"],
            "seats": [str(n % 7) for n in range(60)],
            "since": [*dates[:59], "some day"],
            "trial": [*["true", "false"] * 29, "true", "perhaps"],
            "country": ["DE", "FR", "IT"] * 20,
        }
    )

    told = {one.name: (one.read_as, one.filled, one.unreadable) for one in found.columns}
    assert told == {
        "country": ("category of 3 values", 60, 0),
        "seats": ("whole number", 60, 0),
        "since": ("date, day first (DD-MM-YYYY)", 60, 1),
        "spend": ("number, decimal comma", 60, 2),
        "trial": ("yes/no", 60, 1),
    }


def test_an_attribute_that_says_nothing_is_named_with_the_true_reason() -> None:
    found = learned(attributes={"a": ["yes", "no"] * 30, "b": ["yes", "no"] * 30, "c": ["yes"] * 60})

    assert reasons(found) == {"b": "says the same as a", "c": "the same for every contact"}


def test_spellings_of_a_category_that_differ_in_case_and_space_are_one() -> None:
    plans = [*["Pro"] * 25, *["PRO"] * 5, *["pro "] * 5, *["Basic"] * 25]
    (feature,) = learned(attributes={"plan": plans}).feature_set.features
    code = parser_of(feature)

    assert feature.categories == ("Basic", "Pro")
    assert [code(text) for text in ("Pro", " PRO ", "pro", "basic", "Gold")] == [1.0, 1.0, 1.0, 0.0, 2.0]


def test_a_model_of_before_distinguishes_categories_by_case_as_it_learned_them() -> None:
    old = Feature.from_json({"name": "plan", "kind": "categorical", "unit": "category", "thing": "attribute:plan",
                             "attribute": "plan", "categories": ["PRO", "Pro"]})  # fmt: skip
    code = parser_of(old)

    assert [code(text) for text in ("PRO", "Pro", "pro")] == [0.0, 1.0, 2.0]
    assert Feature.from_json(old.to_json()) == old


def test_whole_orders_are_learned_where_some_order_has_several_lines_and_nowhere_else() -> None:
    orders = [event for contact in range(60) for event in events(contact, "order_placed", 3, value=5.0)]
    lines = [(*row[:1], f"{row[1]}-second", *row[2:]) for row in orders[:1]]
    views = [(*row[:1], f"{row[1]}-second", *row[2:]) for row in events(0, "page_viewed", 1)] * 2

    assert learned([*orders, *lines]).feature_set.whole_orders == ("order_placed", "deal_won", "order_refunded")
    assert learned([*orders, *views]).feature_set.whole_orders == ()


def test_a_rate_of_whole_orders_is_drawn_to_the_share_of_orders_not_of_lines() -> None:
    mails = [event for contact in range(60) for event in events(contact, "campaign_mailed", 4, campaign="spring")]
    orders = [event for contact in range(60) for event in events(contact, "order_placed", 1, campaign="spring")]
    lines = [(*row[:1], f"{row[1]}-{more}", *row[2:]) for row in orders for more in range(9)]

    (rate,) = (one for one in learned([*mails, *orders, *lines]).feature_set.features if one.kind == "rate")

    assert (rate.name, rate.prior) == ("order_placed_per_campaign_mailed", 0.25)
