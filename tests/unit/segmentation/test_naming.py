import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.training.naming import description, manner, micro_names, names
from services.segmentation.training.profiles import Profile, Trait
from shared.features import Feature

ORDER = "order_placed"
LAST = Feature("last", "days_since_last", "days", "recency", ORDER)
COUNT = Feature("orders", "count", "events", "frequency", ORDER, window_days=365)
MONEY = Feature("value", "value_sum", "amount", "money", ORDER, window_days=365)
SIZE = Feature("mean", "value_mean", "amount", "size", ORDER)
WEEKEND = Feature("weekend_share", "weekend_share", "ratio", "weekend", ORDER)
OPENS = Feature("rate", "rate", "ratio", "rate:email_opened", "email_opened", "email_delivered")
VIEWS = Feature("views", "count", "events", "activity:page_viewed", "page_viewed", window_days=365)


def profile(
    ago: float = 0.0, often: float = 0.0, *, spend: float = 0.0, last: float | None = None, **manners: float
) -> Profile:
    extra = {"size": SIZE, "weekend": WEEKEND, "opens": OPENS, "views": VIEWS}
    traits = [
        Trait(LAST, 30.0 + 20.0 * ago if last is None else last, 30.0, ago),
        Trait(COUNT, max(0.0, 4.0 + 3.0 * often), 4.0, often),
        Trait(MONEY, max(0.0, 100.0 + 90.0 * spend), 100.0, spend),
        *(Trait(extra[name], 0.5 + 0.2 * difference, 0.5, difference) for name, difference in manners.items()),
    ]
    return Profile(100, 0.25, 100.0, 0.5, tuple(traits))


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (profile(-0.5, 0.9, spend=0.9, weekend=0.8), "Frequent buyers, high spend, mostly at weekends"),
        (profile(-0.5, 1.8, spend=1.9), "Very frequent buyers, top spend"),
        (profile(-0.3, 0.1), "Regular buyers"),
        (profile(0.1, -0.6, spend=-0.9), "Occasional buyers, low spend"),
        (profile(0.1, -0.6, last=190.0), "Fading buyers"),
        (profile(-0.1, -0.3), "Occasional buyers"),
        (profile(0.9, -0.9, spend=-0.9, last=200.0), "Lapsed buyers"),
        (profile(0.9, -0.9, spend=-0.9, last=500.0), "Long-lost buyers"),
        (profile(0.9, -0.9, last=float("nan")), "No order yet"),
        (profile(-0.3, 0.1, opens=-0.9), "Regular buyers, rarely open e-mail"),
        (profile(-0.3, 0.1, size=-0.9), "Regular buyers, small orders"),
    ],
)
def test_a_name_says_rhythm_spend_and_manner(told: Profile, name: str) -> None:
    assert names([told], leading=ORDER) == [name]


def test_counts_that_only_follow_the_rhythm_are_no_manner() -> None:
    follows, beyond = profile(-0.5, 1.2, views=0.9), profile(-0.5, 1.2, views=1.9)

    assert names([follows], leading=ORDER) == ["Frequent buyers"]
    assert names([beyond], leading=ORDER) == ["Frequent buyers, many page views"]


def test_equal_names_are_distinguished_by_what_they_differ_in_most() -> None:
    assert names([profile(-0.3, 0.1, size=0.3), profile(-0.3, 0.1, size=-0.4)], leading=ORDER) == [
        "Regular buyers, larger orders",
        "Regular buyers, smaller orders",
    ]


def test_groups_without_any_difference_are_numbered() -> None:
    found = names([profile(), profile(), profile()], leading=ORDER)

    assert len(set(found)) == 3


def test_a_name_that_a_group_has_stays_and_no_other_takes_it() -> None:
    same = [
        profile(0.9, -0.9, spend=-0.9, last=200.0, size=0.2),
        profile(0.9, -0.9, spend=-0.9, last=200.0, size=-0.2),
    ]

    found = names(same, leading=ORDER, taken={0: "Lapsed buyers"}, avoided=("Sleepers",))

    assert found == ["Lapsed buyers", "Lapsed buyers, smaller orders"]


def test_a_name_that_the_account_gave_is_not_given_again() -> None:
    assert names([profile(-0.3, 0.1)], leading=ORDER, avoided=("Regular buyers",)) == ["Regular buyers (1)"]


def test_names_are_short() -> None:
    long = profile(-0.5, 1.9, spend=1.9, size=2.0, weekend=2.0, opens=-2.0, views=3.9)

    assert names([long], leading=ORDER) == ["Very frequent buyers, top spend, many page views, rarely open e-mail"]


def test_the_people_are_named_by_what_they_do() -> None:
    assert names([profile(-0.3, 0.1)], leading="page_viewed") == ["Regular visitors"]
    assert names([profile(-0.3, 0.1)], leading=None) == ["Regular contacts"]


def test_groups_inside_are_named_by_manner_alone_and_differ() -> None:
    inside = [profile(spend=2.0, weekend=1.0, size=0.9), profile(weekend=-0.2), profile(weekend=-0.3, size=-0.8)]

    found = micro_names(inside)

    assert found == ["Mostly at weekends, larger orders", "Less at weekends", "Smaller orders"]


def test_the_description_says_share_money_and_what_is_typical() -> None:
    told = description(profile(-0.5, 0.9, spend=0.4, weekend=0.8), most=2)

    assert told == (
        "25% of contacts, 50% of the money of the last year. "
        "Typical: Placed 6.7 orders in the last year. 66% of orders at weekends."
    )


def test_the_same_groups_have_the_same_names() -> None:
    draw = np.random.default_rng(0)
    groups = [profile(*draw.normal(size=2), spend=float(draw.normal()), weekend=float(draw.normal())) for _ in range(8)]

    assert names(groups, leading=ORDER) == names(groups, leading=ORDER)
    assert len(set(names(groups, leading=ORDER))) == 8


def test_nobody_is_occasional_who_comes_every_month() -> None:
    monthly = of_medians(14.0, 17.0, 80.0, 0.1, -0.7, 0.0)

    assert names([monthly], leading=ORDER) == ["Regular buyers"]


def test_frequent_is_only_who_does_it_every_other_month() -> None:
    often = of_medians(20.0, 5.0, 80.0, -0.3, 0.9, 0.0)

    assert names([often], leading=ORDER) == ["Regular buyers"]


@pytest.mark.parametrize(
    ("share", "usual", "apart", "said"),
    [
        (0.66, 0.3, 0.9, "mostly at weekends"),
        (0.4, 0.2, 0.9, "more at weekends"),
        (0.2, 0.3, -0.9, "less at weekends"),
        (0.0, 0.3, -0.9, "never at weekends"),
    ],
)
def test_mostly_stands_only_for_more_than_half(share: float, usual: float, apart: float, said: str) -> None:
    assert manner(Trait(WEEKEND, share, usual, apart), more=apart > 0) == said


def test_a_category_is_not_described_as_most_frequent() -> None:
    country = Trait(Feature("c", "categorical", "", "", attribute="Country", categories=("DE", "FR")), 1.0, 0.0, 0.9)

    assert manner(country, more=True) == "country more often FR"
    assert country.text == "Country: FR more often than elsewhere"


def of_medians(last: float, orders: float, spent: float, ago: float, often: float, spend: float) -> Profile:
    traits = (
        Trait(LAST, last, 60.0, ago),
        Trait(COUNT, orders, 3.0, often),
        Trait(MONEY, spent, 80.0, spend),
        Trait(SIZE, spent / max(orders, 1.0), 30.0, 0.0),
    )
    return Profile(100, 0.25, spent, 0.5, traits)


def test_high_spend_is_not_claimed_of_a_group_whose_median_is_below_that_of_others() -> None:
    frequent = of_medians(9.0, 8.0, 63.0, -0.6, 1.2, 0.8)
    regular = of_medians(25.0, 4.0, 187.0, -0.4, 0.3, 0.6)

    assert names([frequent, regular], leading=ORDER) == ["Frequent buyers", "Regular buyers, high spend"]


def test_nobody_is_regular_whose_last_order_was_long_ago() -> None:
    assert names([of_medians(249.0, 2.0, 80.0, 0.3, 0.1, 0.0)], leading=ORDER) == ["Fading buyers"]


def test_what_most_members_do_not_do_is_no_manner() -> None:
    evening = Trait(Feature("evening_share", "hour_share", "ratio", "time", ORDER, "evening"), 0.0, 0.0, 0.9)
    told = of_medians(20.0, 4.0, 80.0, -0.3, 0.1, 0.0)
    told = Profile(100, 0.25, 80.0, 0.5, (*told.traits, evening))

    assert names([told], leading=ORDER) == ["Regular buyers"]
    assert "evening" not in description(told)


AMOUNT = st.floats(0, 400)
APART = st.floats(-2, 2)


def test_a_number_that_a_kept_name_has_already_is_given_to_nobody_else() -> None:
    alike = [of_medians(250.0, 4.0, 100.0, 1.0, 1.0, 1.0)] * 3
    (name,) = {one.removesuffix(f" ({place})") for place, one in enumerate(names(alike, leading=ORDER), start=1)}

    found = names(alike, leading=ORDER, taken={0: f"{name} (2)"}, avoided=[f"{name} (3)"])

    assert len({*found, f"{name} (3)"}) == 4


KEPT_NAMES = [
    "Very frequent buyers, top spend",
    "Frequent buyers, high spend",
    "Frequent buyers",
    "Regular buyers",
    "Regular buyers, high spend",
    "Occasional buyers, large orders",
    "Lapsed buyers",
    "Long-lost buyers",
    "Fading buyers (2)",
    "Best buyers",
]


@pytest.mark.parametrize(
    ("name", "group", "now"),
    [
        ("Frequent buyers", (20.0, 8.0, 80.0, -0.3, 0.3, 0.0), "Frequent buyers"),
        ("Frequent buyers", (20.0, 4.0, 80.0, -0.3, 0.1, 0.0), "Regular buyers"),
        ("Regular buyers", (249.0, 2.0, 80.0, 0.3, 0.1, 0.0), "Fading buyers"),
        ("Regular buyers, high spend", (20.0, 4.0, 60.0, -0.3, 0.1, 0.0), "Regular buyers"),
        ("Lapsed buyers", (20.0, 4.0, 60.0, -0.3, 0.1, 0.0), "Regular buyers"),
        ("Best buyers", (20.0, 4.0, 60.0, -0.3, 0.1, 0.0), "Regular buyers"),
    ],
)
def test_a_kept_name_stays_as_long_as_it_is_true(name: str, group: tuple[float, ...], now: str) -> None:
    assert names([of_medians(*group)], leading=ORDER, taken={0: name}) == [now]


def test_kept_names_whose_order_is_not_that_of_the_medians_are_given_up() -> None:
    groups = [of_medians(9.0, 8.0, 90.0, -0.6, 1.2, 0.0), of_medians(9.0, 12.0, 187.0, -0.6, 1.4, 0.0)]

    assert names(groups, leading=ORDER, taken={0: "Frequent buyers, high spend"}) == [
        "Frequent buyers, less often",
        "Frequent buyers, more often",
    ]


@given(
    st.lists(
        st.builds(of_medians, AMOUNT, st.integers(0, 30).map(float), AMOUNT, APART, APART, APART),
        min_size=2,
        max_size=8,
    ),
    st.lists(st.sampled_from(KEPT_NAMES), max_size=8, unique=True),
)
def test_names_follow_the_order_of_the_medians_they_name_kept_ones_too(groups: list[Profile], drawn: list[str]) -> None:
    taken = {at: name for at, name in enumerate(drawn) if at < len(groups)}
    told = names(groups, leading=ORDER, taken=taken)
    last, orders, spent = ([group.traits[at].typical for group in groups] for at in range(3))

    high = [at for at, name in enumerate(told) if "high spend" in name or "top spend" in name]
    top = [at for at, name in enumerate(told) if "top spend" in name]
    frequent = [at for at, name in enumerate(told) if "requent buyers" in name]
    regular = [at for at, name in enumerate(told) if name.startswith("Regular")]
    lost = [at for at, name in enumerate(told) if name.startswith(("Lapsed", "Long-lost"))]
    assert len(set(told)) == len(told)
    assert all(spent[at] > spent[other] for at in high for other in range(len(told)) if other not in high)
    assert all(spent[at] > spent[other] for at in top for other in range(len(told)) if other not in top)
    assert all(orders[at] > orders[other] for at in frequent for other in regular)
    assert all(last[at] <= 180 and orders[at] >= 2 for at in [*frequent, *regular])
    assert all(last[at] > last[other] for at in lost for other in range(len(told)) if other not in lost)
