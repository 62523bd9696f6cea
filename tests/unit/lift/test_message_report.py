"""The report of messages: what is sure is said, what is not is said to be open, and what would settle it."""

from datetime import UTC, datetime
from math import nan

import numpy as np
import pytest

from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY
from shared.decisions.columns import columns_of
from shared.lift.intervals import Rate
from shared.lift.message_report import MessageQuestion, MessagesReport, message_report
from shared.lift.message_results import MessageResults, RewardGap

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
QUESTION = MessageQuestion("clicked", NOVEMBER, NOVEMBER, NOVEMBER, None, None, 7)
MESSAGES = ("a", "b", "c")


def sends(
    n: int,
    rate: float | dict[str, float],
    *,
    arm: str = "policy",
    version: str = "0",
    chances: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3),
    seed: int = 1,
) -> tuple[list[DecisionRow], list[float]]:
    """Make decisions about as many contacts; a control group with a rate of its own gets nothing."""
    random = np.random.default_rng(seed)
    rows, rewards = [], []
    for place in range(n):
        message = str(random.choice(MESSAGES, p=chances))
        nothing = arm == "control" and not isinstance(rate, dict)
        mine = rate[message] if isinstance(rate, dict) else rate
        row = DecisionRow(
            f"{arm}-{version}-{place}",
            f"{arm}-{place}",
            "clicked",
            "",
            "",
            None if nothing else message,
            arm,
            1.0 if nothing else chances[MESSAGES.index(message)],
            ("",) if nothing else MESSAGES,
            version,
            place * DAY // 1_000,
        )
        rows.append(row)
        rewards.append(float(random.random() < mine))
    return rows, rewards


def reported(
    *groups: tuple[list[DecisionRow], list[float]],
    sums_value: bool = False,
    so_far: list[float] | None = None,
    question: MessageQuestion = QUESTION,
) -> MessagesReport:
    rows, rewards = [row for one in groups for row in one[0]], [reward for one in groups for reward in one[1]]
    early = None if so_far is None else np.array(so_far)
    results = MessageResults(columns_of([rows]), np.array(rewards), sums_value=sums_value, so_far=early)
    return message_report(question, results, {"a": "Free delivery"})


def test_a_clear_result_is_stated_with_its_interval() -> None:
    better = {"a": 0.12, "b": 0.05, "c": 0.05}
    found = reported(
        sends(6_000, better, version="1", chances=(0.8, 0.1, 0.1)), sends(2_000, 0.02, arm="control", seed=2)
    )

    verdicts = {one.against: one.verdict for one in found.comparisons}

    assert verdicts["control_nothing"] == verdicts["equal_chances"] == verdicts["second_message"] == "more"
    assert found.best_message == "a"
    assert found.findings[0].startswith(
        "What trained versions chose earned more than sending nothing (control group): "
    )
    assert " more of 100 decisions reached clicked (" in found.findings[0]
    assert found.conclusion == " ".join(found.findings)
    assert "“Free delivery” for everybody earned more than “" in found.conclusion
    policy, version, control = found.arms
    assert (policy.arm, version.version, control.arm) == ("policy", "1", "control_nothing")
    assert policy.against_control is not None
    assert policy.against_control.low > 0.06


def test_with_few_clicks_it_says_how_many_more_sends_would_tell() -> None:
    found = reported(sends(300, {"a": 0.03, "b": 0.02, "c": 0.02}), sends(30, 0.02, arm="control", seed=2))

    open_ones = [one for one in found.comparisons if one.verdict == "too_few"]

    assert [one.against for one in open_ones] == ["control_nothing", "second_message"]
    assert all(one.more_sends and one.more_sends > 300 for one in open_ones)
    assert "it cannot be told yet which earns more. The difference lies between " in found.conclusion
    assert " fewer and " in found.conclusion
    assert "more sends would show it" in found.conclusion
    assert "No trained version has decided yet" in found.conclusion
    assert found.warnings == ["Fewer than 10 decisions earned anything: the intervals are wide, wait for more."]


def test_decisions_that_are_too_young_are_counted_as_pending_and_nowhere_else() -> None:
    rows, rewards = sends(100, {"a": 0.5, "b": 0.5, "c": 0.5})

    found = reported((rows, rewards[:40] + [nan] * 60), so_far=[0.0] * 98 + [1.0] * 2)

    assert (found.decisions, found.pending, found.pending_rewarded) == (100, 60, 2)
    assert (found.arms[0].pending, found.arms[0].pending_rewarded, found.arms[0].contacts) == (60, 2, 40)
    assert sum(one.pending_rewarded for one in found.messages) == 2
    assert found.next_counted_at == datetime(1970, 1, 8, 0, 57, 36, tzinfo=UTC)
    assert found.warnings[0] == (
        "60 decisions are too young to be counted: their window is not over; 2 earned something already."
    )


def test_while_all_are_too_young_it_says_when_the_first_are_counted() -> None:
    rows, _ = sends(100, {"a": 0.5, "b": 0.5, "c": 0.5})

    found = reported((rows, [nan] * 100), so_far=[0.0] * 100)

    assert found.findings == [
        "Nothing can be compared yet: each decision is counted 7 days after it was made, the first ones from "
        "1970-01-08 00:00 UTC on."
    ]
    assert found.warnings[1].startswith("No decision has earned anything yet: if that is odd, look whether its events")


def test_what_trained_versions_chose_is_compared_with_the_control_group_of_their_time() -> None:
    rates = {"a": 0.2, "b": 0.05, "c": 0.05}
    before, clicks = sends(3_000, rates, seed=4)
    control, few = sends(1_000, 0.1, arm="control", seed=3)
    early = [row._replace(decided_at=row.decided_at - 30 * DAY, decision_id=f"e{row.decision_id}") for row in control]
    found = reported(
        ([row._replace(decided_at=row.decided_at - 30 * DAY) for row in before], clicks),
        sends(3_000, rates, version="2", chances=(0.9, 0.05, 0.05)),
        (control, few),
        (early, [1.0] * 1_000),
    )

    assert found.comparisons[0].difference == found.arms[2].against_control
    assert (found.arms[2].version, found.comparisons[0].verdict) == ("2", "more")


def test_of_an_outcome_that_takes_a_message_nothing_is_no_comparison() -> None:
    clicks = sends(400, {"a": 0.3, "b": 0.3, "c": 0.3}), sends(100, 0.0, arm="control", seed=2)

    found = reported(*clicks, question=QUESTION._replace(takes_a_message=True))

    assert any(one.startswith("Who gets nothing cannot reach clicked: with control: random") for one in found.warnings)
    assert not any("control: random" in one for one in reported(*clicks).warnings)


def test_nothing_decided_is_nothing_to_report() -> None:
    found = reported()

    assert found.conclusion == "Nothing was decided in this time."
    assert (found.arms, found.messages, found.comparisons) == ([], [], [])


def test_without_a_control_group_the_report_warns() -> None:
    found = reported(sends(200, {"a": 0.1, "b": 0.1, "c": 0.1}))

    assert any(one.startswith("There is no control group") for one in found.warnings)


def test_a_control_group_that_gets_any_message_is_compared_with_too() -> None:
    rates = {"a": 0.2, "b": 0.05, "c": 0.05}
    found = reported(
        sends(3_000, rates, version="2", chances=(0.9, 0.05, 0.05)), sends(1_000, rates, arm="control", seed=3)
    )

    assert found.comparisons[0].against == "control_random"
    assert found.comparisons[0].verdict == "more"
    assert [one.arm for one in found.arms] == ["policy", "policy", "control_random"]


def test_a_message_that_was_sent_to_those_who_click_anyway_is_not_the_best_with_everybody() -> None:
    random = np.random.default_rng(5)
    rows, rewards = [], []
    for place in range(8_000):
        eager = place % 2 == 0
        chance_of_a = 0.9 if eager else 0.1
        message = "a" if random.random() < chance_of_a else "b"
        rate = (0.3 if eager else 0.02) + (0.05 if message == "b" else 0.0)
        propensity = chance_of_a if message == "a" else 1 - chance_of_a
        rows.append(
            DecisionRow(f"d{place}", f"c{place}", "clicked", "", "", message, "policy", propensity, ("a", "b"), "1", 0)
        )
        rewards.append(float(random.random() < rate))

    found = reported((rows, rewards))

    got = {one.message: one for one in found.messages}
    assert got["a"].reward is not None
    assert got["b"].reward is not None
    assert got["a"].reward.value > got["b"].reward.value
    assert found.best_message == "b"


def test_contacts_with_many_decisions_that_are_alike_widen_the_interval() -> None:
    rows, rewards = sends(200, {"a": 0.5, "b": 0.5, "c": 0.5})
    often = [row._replace(decision_id=f"{row.decision_id}-{time}") for row in rows for time in range(5)]

    once = reported((rows, rewards)).arms[0].reward
    five_times = reported((often, [reward for reward in rewards for _ in range(5)])).arms[0].reward

    assert once is not None
    assert five_times is not None
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=0.01)


@pytest.mark.parametrize("number", [3, 2])
def test_candidates_without_a_name_may_have_been_any_message(number: int) -> None:
    rates = {"a": 0.3, "b": 0.1, "c": 0.02}
    rows, rewards = sends(6_000, rates, arm="imported")
    unnamed = tuple(f"~{place}" for place in range(1, number))
    rows = [row._replace(candidates=(str(row.message_id), *unnamed)) for row in rows]

    found = reported((rows, rewards))

    everybody = {one.message: one.with_everybody for one in found.messages}
    for message, rate in rates.items():
        estimate = everybody[message]
        assert estimate is not None
        assert estimate.low < rate < estimate.high


def moved(group: tuple[list[DecisionRow], list[float]], **fields: object) -> tuple[list[DecisionRow], list[float]]:
    """Put decisions into another campaign or time, about other contacts."""
    mark = repr(fields)
    named = [
        row._replace(decision_id=row.decision_id + mark, contact_id=row.contact_id + mark, **fields) for row in group[0]
    ]
    return named, group[1]


def few_and_many(policies: tuple[int, int], controls: tuple[int, int], **second: object) -> MessagesReport:
    """Two parts without any effect, the second of which earns six times as much."""
    parts = []
    for n, held_back, rate, fields in zip(policies, controls, (0.05, 0.3), ({"decided_at": 0}, second), strict=True):
        rates = dict.fromkeys(MESSAGES, rate)
        parts += [
            moved(sends(n, rates), **fields),
            moved(sends(held_back, rate, arm="control", seed=2), **fields),
        ]
    return reported(*parts)


@pytest.mark.parametrize(
    ("policies", "controls", "second"),
    [
        ((2_000, 3_000), (2_000, 300), {"decided_at": 40 * DAY}),
        ((2_000, 3_000), (2_000, 300), {"decided_at": 0, "campaign_id": "sale"}),
        ((2_000, 3_000), (2_000, 0), {"decided_at": 0, "slot": "banner"}),
    ],
)
def test_times_campaigns_and_slots_with_few_in_control_are_no_effect(
    policies: tuple[int, int], controls: tuple[int, int], second: dict[str, object]
) -> None:
    found = few_and_many(policies, controls, **second)

    assert found.comparisons[0].against == "control_nothing"
    assert found.comparisons[0].verdict == "too_few"
    alone = [one for one in found.warnings if one.startswith("3,000 decisions of the policy are compared with no")]
    assert len(alone) == (0 if controls[1] else 1)


def test_sides_with_more_decisions_a_contact_on_one_are_not_compared() -> None:
    rates = dict.fromkeys(MESSAGES, 0.3)
    once, rewards = sends(1_000, rates)
    again = [row._replace(decision_id=f"{row.decision_id}-again") for row in once[:600]]

    found = reported((once + again, rewards + [0.0] * 600), sends(1_000, rates, arm="control", seed=2))

    assert [one.verdict for one in found.comparisons if one.against == "control_random"] == ["nothing_yet"]
    assert found.arms[0].against_control is None
    (warning,) = [one for one in found.warnings if one.startswith("A contact has")]
    assert warning.startswith("A contact has 1.60 decisions a week by the policy and 1.00 in the control group that ")
    assert "gets any message" in warning


def test_values_are_written_as_values() -> None:
    rows, rewards = sends(2_000, {"a": 0.2, "b": 0.2, "c": 0.2})
    control, few = sends(2_000, 0.05, arm="control", seed=2)

    found = reported((rows, [30 * one for one in rewards]), (control, [30 * one for one in few]), sums_value=True)

    assert found.unit == "value"
    assert found.conclusion.startswith("What the policy chose earned more than sending nothing (control group): 4.")
    assert " more a decision (" in found.conclusion


def test_how_many_more_sends_follows_from_the_interval() -> None:
    # A standard error of 0.01: 2.8 of them are 0.028, so a difference of 0.01 takes 7.85 times the decisions.
    gap = RewardGap(Rate(0.01, 0.01 - 0.0196, 0.01 + 0.0196), 0.02, 1_000)

    assert gap.more_needed() == pytest.approx(6_849, abs=2)
    assert RewardGap(None, 0.0, 10).more_needed() is None
    assert RewardGap(Rate(0.0, -0.1, 0.1), 0.0, 10).more_needed() is None


def test_messages_are_compared_by_their_chances_among_what_was_sent() -> None:
    rate = {"a": 0.3, "b": 0.1, "c": 0.1}
    rows, rewards = sends(3_000, rate, version="1", seed=3)
    # To every other contact hardly anything is sent, whatever message it would be.
    random = np.random.default_rng(5)
    made, earned = [], []
    for place, (row, reward) in enumerate(zip(rows, rewards, strict=True)):
        sending = 0.02 if place % 2 else 0.98
        idle = random.random() >= sending
        kept = row._replace(candidates=("", *MESSAGES), sending=sending)
        chosen = {"message_id": None, "propensity": 1 - sending} if idle else {"propensity": row.propensity * sending}
        made.append(kept._replace(**chosen))
        earned.append(0.0 if idle else reward)

    found = reported((made, earned))

    (first, *_) = (one for one in found.messages if one.message == "a")
    assert first.with_everybody is not None
    assert first.with_everybody.low < 0.3 < first.with_everybody.high
    assert first.with_everybody.high - first.with_everybody.low < 0.1
    assert found.equal_chances is not None
    assert found.equal_chances.value == pytest.approx(0.5 / 3, abs=0.02)
    assert found.arms[0].decisions == 3_000


def test_less_is_written_as_an_amount_and_nothing_as_the_same() -> None:
    rates = {"a": 0.02, "b": 0.02, "c": 0.02}
    found = reported(sends(4_000, rates, version="1"), sends(4_000, 0.1, arm="control", seed=2))

    less, same = found.comparisons[:2]

    assert less.verdict == "less"
    assert less.text.startswith("What trained versions chose earned less than sending nothing (control group): ")
    assert " fewer of 100 decisions reached clicked (" in less.text
    assert "-" not in less.text
    assert same.text == "What trained versions chose and any message by lot (estimated): the same so far."
