"""Each event earns for one decision, with the slots decided with it; an oracle that goes through all pairs agrees."""

from collections.abc import Sequence
from math import isnan, nan

from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY, Microseconds
from shared.decisions.columns import columns_of
from shared.decisions.rewards import EventReader, RewardRule, rewards
from shared.timeline.past_rows import EventTuple, seen_type

CLICKED = "email_clicked"
WEEK = RewardRule(7 * DAY, sums_value=False)
LATER = 100 * DAY


def decision(
    id_: str, day: float, *, contact: str = "anna", campaign: str = "", slot: str = "", reward: float | None = None
) -> DecisionRow:
    return DecisionRow(
        id_, contact, "clicked", slot, campaign, "sale", "policy", 0.5, ("new", "sale"), "1", int(day * DAY), reward
    )


def event(
    day: float,
    *,
    contact: str = "anna",
    names: str | None = None,
    campaign: str | None = None,
    value: float | None = None,
    human: int | None = 1,
    type_: str = CLICKED,
) -> EventTuple:
    return (contact, f"e-{day}", type_, int(day * DAY), value, names, campaign, None, human)


def earned(
    decisions: Sequence[DecisionRow],
    events: Sequence[EventTuple],
    rule: RewardRule = WEEK,
    *,
    until: Microseconds = LATER,
    type_: str = CLICKED,
    others: frozenset[str] = frozenset(),
) -> list[float]:
    columns = columns_of([decisions])
    found = EventReader(columns, type_, others=others).events_of([events])
    return rewards(columns, found, rule, until=until).tolist()


def test_an_event_that_names_a_decision_earns_for_that_one_only() -> None:
    assert earned([decision("a", 1), decision("b", 2)], [event(3, names="a")]) == [1.0, 0.0]


def test_an_event_that_names_none_earns_for_the_latest_decision_before_it() -> None:
    rows = [decision("a", 1), decision("b", 2), decision("c", 4)]

    assert earned(rows, [event(3, names="a newsletter")]) == [0.0, 1.0, 0.0]


def test_another_campaign_s_event_passes_a_decision_by() -> None:
    rows = [decision("a", 1, campaign="spring"), decision("b", 2, campaign="summer"), decision("c", 3)]

    assert earned(rows[:2], [event(4, campaign="spring")]) == [1.0, 0.0]
    assert earned(rows, [event(4, campaign="spring")]) == [0.0, 0.0, 1.0]
    assert earned(rows[:2], [event(4, campaign="autumn")]) == [0.0, 0.0]
    assert earned(rows[:2], [event(4)]) == [0.0, 1.0]


def test_the_horizon_includes_its_start_and_not_its_end() -> None:
    assert earned([decision("a", 1)], [event(1)]) == [1.0]
    assert earned([decision("a", 1)], [event(8)]) == [0.0]
    assert earned([decision("a", 1)], [event(0.9, names="a")]) == [0.0]


def test_a_window_that_is_not_over_has_no_reward_yet() -> None:
    found = earned([decision("a", 1), decision("b", 5)], [event(6)], until=8 * DAY)

    assert found[0] == 0.0
    assert isnan(found[1])


def test_machines_and_opens_that_nobody_can_tell_from_them_earn_nothing() -> None:
    assert earned([decision("a", 1)], [event(2, human=0)]) == [0.0]
    assert earned([decision("a", 1)], [event(2, human=None, type_="email_opened")], type_="email_opened") == [0.0]
    assert earned([decision("a", 1)], [event(2, human=None)]) == [1.0]


def test_slots_decided_together_earn_together() -> None:
    rows = [decision("a", 1, slot="subject"), decision("b", 1, slot="banner"), decision("c", 0.5, slot="banner")]

    assert earned(rows, [event(2, names="a")]) == [1.0, 1.0, 0.0]


def test_values_are_added_up_where_the_outcome_says_so() -> None:
    events = [event(2, value=10.0), event(3, value=None), event(4, value=2.5)]

    assert earned([decision("a", 1)], events, RewardRule(7 * DAY, sums_value=True)) == [12.5]


def test_what_an_imported_decision_brought_counts_as_it_is() -> None:
    assert earned([decision("a", 1, reward=0.25)], [event(2)], until=0) == [0.25]


def test_an_event_that_names_a_decision_about_something_else_earns_nothing() -> None:
    assert earned([decision("a", 1)], [event(2, names="z")], others=frozenset({"z"})) == [0.0]


def test_no_decisions_and_no_events_earn_nothing() -> None:
    assert earned([], [event(1)]) == []
    assert earned([decision("a", 1)], []) == [0.0]


def oracle(
    decisions: Sequence[DecisionRow], events: Sequence[EventTuple], rule: RewardRule, until: Microseconds
) -> list[float]:
    found = {row.decision_id: 0.0 for row in decisions}
    for one in events:
        if seen_type(one) != CLICKED:
            continue
        named = [row for row in decisions if row.decision_id == one[5]]
        if not named:
            before = [row for row in decisions if row.contact_id == one[0] and row.decided_at <= one[3]]
            fits = [row for row in before if not one[6] or not row.campaign_id or row.campaign_id == one[6]]
            named = [max(fits, key=lambda row: (row.decided_at, row.decision_id))] if fits else []
        for row in named:
            if row.decided_at <= one[3] < row.decided_at + rule.horizon:
                for other in decisions:
                    together = (other.contact_id, other.decided_at) == (row.contact_id, row.decided_at)
                    if other is row or (together and other.slot != row.slot):
                        found[other.decision_id] += (one[4] or 0.0) if rule.sums_value else 1.0
    result = []
    for row in decisions:
        worth = found[row.decision_id] if rule.sums_value else min(found[row.decision_id], 1.0)
        result.append(nan if row.decided_at + rule.horizon > until else worth)
    return result


CONTACTS, CAMPAIGNS = st.sampled_from(["anna", "ben"]), st.sampled_from(["", "x", "y"])


@given(
    st.lists(st.tuples(CONTACTS, CAMPAIGNS, st.sampled_from(["", "s"]), st.integers(0, 12)), max_size=7),
    st.lists(
        st.tuples(
            st.sampled_from(["anna", "ben", "carl"]), CAMPAIGNS, st.integers(0, 16), st.integers(-2, 7),
            st.sampled_from([None, 1.0, 2.5]), st.sampled_from([None, 0, 1]),
        ),
        max_size=8,
    ),
    st.booleans(),
)  # fmt: skip
def test_every_reward_is_the_oracle_s(
    made: list[tuple[str, str, str, int]],
    happened: list[tuple[str, str, int, int, float | None, int | None]],
    sums_value: bool,
) -> None:
    decisions = [
        decision(f"d{place}", day, contact=contact, campaign=campaign, slot=slot)
        for place, (contact, campaign, slot, day) in enumerate(made)
    ]
    events = [
        event(day, contact=contact, campaign=campaign or None, names=f"d{names}", value=value, human=human)
        for contact, campaign, day, names, value, human in happened
    ]
    rule = RewardRule(5 * DAY, sums_value)

    assert_array_equal(earned(decisions, events, rule, until=15 * DAY), oracle(decisions, events, rule, 15 * DAY))


def test_a_mail_is_answered_though_nothing_was_sent_meanwhile() -> None:
    nothing = decision("b", 2)._replace(message_id=None, candidates=("", "new", "sale"), sending=0.02)

    assert earned([decision("a", 1), nothing], [event(3)]) == [1.0, 0.0]
    assert earned([decision("a", 1), nothing], [event(8.5)]) == [0.0, 1.0]
    assert earned([nothing], [event(3)]) == [1.0]


def test_who_is_held_back_earns_as_others_where_nothing_would_have_been_sent() -> None:
    held_back = decision("a", 1)._replace(message_id=None, candidates=("",), arm="control", propensity=1.0)
    idle = held_back._replace(decision_id="b", decided_at=2 * DAY, sending=0.02)

    assert earned([held_back, idle], [event(3)]) == [1.0, 0.0]
    assert earned([held_back, idle], [event(8.5)]) == [0.0, 1.0]
