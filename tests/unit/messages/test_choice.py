from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from services.messages.model.choice import control_group, drawn
from services.messages.schemas import NextBestMessageRequest
from shared.contracts.decision import RecentDecision
from shared.errors import BadRequest
from tests.unit.messages.conftest import AT, DAY, HOUR, catalogue, choosing, considered


def test_what_is_drawn_follows_the_chances() -> None:
    chances = np.tile([0.2, 0.0, 0.5, 0.3], (100_000, 1))

    found = drawn(chances, np.random.default_rng(1).random(100_000))

    assert np.bincount(found, minlength=4) / 100_000 == pytest.approx([0.2, 0.0, 0.5, 0.3], abs=0.01)


def test_the_last_number_draws_the_last_message_with_a_chance() -> None:
    assert drawn(np.array([[0.3, 0.7, 0.0]]), np.array([np.nextafter(1.0, 0.0)])).tolist() == [1]


def test_a_decision_says_with_which_chance_it_was_made_among_what() -> None:
    call = choosing(considered(2, catalogue("a", "b", "c"), campaign_id="june"), "c-1", "c-2", numbers=[0.1, 0.9])

    one, other = call.choose({}, {})

    assert (one.message_id, one.propensity, one.candidates) == ("a", 1 / 3, ("a", "b", "c"))
    assert (other.message_id, other.campaign_id, other.version, other.arm) == ("c", "june", "3", "policy")
    assert one.decision_id != other.decision_id


def test_what_caps_block_is_no_candidate() -> None:
    call = choosing(considered(2, catalogue("a", "b", "c", cap_per_week=1)), "c-1", "c-2", numbers=[0.1, 0.1])
    recent = {"c-1": [RecentDecision("a", "", "", AT - HOUR)]}

    one, other = call.choose(recent, {})

    assert (one.message_id, one.propensity, one.candidates) == ("b", 1 / 2, ("b", "c"))
    assert (other.message_id, other.propensity) == ("a", 1 / 3)


def test_a_contact_that_is_named_twice_gets_one_message() -> None:
    call = choosing(considered(2, catalogue("a", "b")), "c-1", "c-1", numbers=[0.1, 0.9])
    rows = call.choose({}, {})

    found = call.advice({(row.contact_id, row.slot): row for row in rows})

    assert len(rows) == 1
    assert [one.chosen[0].message for one in found] == ["a", "a"]


def test_who_is_in_the_control_group_depends_on_salt_and_id_alone() -> None:
    names = [f"c-{number}" for number in range(2_000)]

    tenth, fifth = (control_group(names, "ab" * 16, share) for share in (0.1, 0.2))

    assert tenth.mean() == pytest.approx(0.1, abs=0.02)
    assert (fifth | ~tenth).all()
    assert not control_group(names, "", 0.5).any()
    assert (control_group(names, "cd" * 16, 0.1) != tenth).any()


def test_the_control_of_slots_gets_equal_chances() -> None:
    slots = [{"slot": "subject", "messages": ["a", "b"]}]
    call = choosing(considered(1, catalogue("a", "b"), slots=slots, control_share=0.5), "c-0", numbers=[0.9])

    (row,) = call.choose({}, {})

    assert call.control.tolist() == [True]
    assert (row.arm, row.message_id, row.propensity, row.slot) == ("control", "b", 0.5, "subject")


def test_every_unknown_message_is_named_with_its_place() -> None:
    slots = [{"slot": "subject", "messages": ["a", "x"]}, {"slot": "banner", "messages": ["y"]}]

    with pytest.raises(BadRequest) as refused:
        choosing(considered(1, catalogue("a"), slots=slots), "c-0")

    assert [one["pointer"] for one in refused.value.members["errors"]] == [
        "/slots/0/messages/1",
        "/slots/1/messages/0",
    ]


def test_runner_ups_are_the_most_promising_others() -> None:
    call = choosing(considered(1, catalogue("a", "b", "c", "d"), runner_ups=2), "c-0", numbers=[0.3])
    rows = call.choose({}, {})

    (one,) = call.advice({(row.contact_id, row.slot): row for row in rows})

    assert (one.chosen[0].message, [other.message for other in one.chosen[0].runner_ups]) == ("b", ["a", "c"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": ["a"], "slots": [{"slot": "s", "messages": ["a"]}]}, "either messages or slots"),
        ({"slots": [{"slot": "s", "messages": ["a"]}] * 2}, "each slot once"),
        ({"slots": [{"slot": "s", "messages": ["a"]}], "control": "none"}, "slots are always filled"),
        ({"cutoff": "2026-06-01T00:00:00Z"}, "a decision is made now"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        NextBestMessageRequest.model_validate({"contacts": [{"id": "c-1"}], **fields})


def test_the_control_group_has_as_few_decisions_as_others_whom_caps_keep() -> None:
    names = [f"c-{number}" for number in range(60)]
    call = considered(len(names), catalogue("a", "b", cap_per_week=1), control_share=0.5)
    recent: dict[str, list[RecentDecision]] = {}
    times = []

    for day in range(4):
        once = replace(choosing(call, *names, numbers=[0.5] * len(names)), at=AT + day * DAY)
        made = once.choose(recent, {})
        times.append({arm: sum(row.arm == arm for row in made) for arm in ("policy", "control")})
        for row in made:
            recent.setdefault(row.contact_id, []).append(RecentDecision(row.message_id, "", "", row.decided_at))

    held_back = int(once.control.sum())
    assert 0 < held_back < len(names)
    assert times[:2] == [{"policy": len(names) - held_back, "control": held_back}] * 2
    assert times[2:] == [{"policy": 0, "control": 0}] * 2


def test_what_was_held_back_counts_where_the_control_group_gets_any_message_too() -> None:
    slots = [{"slot": "subject", "messages": ["a"]}, {"slot": "banner", "messages": ["b"]}]
    call = choosing(considered(1, catalogue("a", "b", cap_per_week=1), slots=slots), "c-0", numbers=[0.5])
    call.control = np.array([True])
    recent = {"c-0": [RecentDecision(None, "", "", AT - 2 * DAY), RecentDecision(None, "", "", AT - DAY)]}

    assert call.choose({}, {}) != []
    assert call.choose(recent, {}) == []
