"""Nothing is a candidate with a chance of its own."""

from typing import Any

import numpy as np
import pytest

from services.messages.model.choice import Choosing
from services.messages.model.frequency import Frequency
from services.messages.model.policy import MessageTraits, fit
from shared.contracts.decision import RecentDecision
from shared.timeline import ContactFacts, build
from tests.unit.messages.conftest import AT, DAY, catalogue, choosing, considered
from tests.unit.messages.test_pressure import by_number

NAMES = ("c-1", "c-2")


def asked(*, sends: int = 0, numbers: list[float] | None = None, **fields: Any) -> Choosing:
    """Choose for two contacts, of whom the first got some mails of late; a message earns 0.2, a loss costs 10."""
    messages = (MessageTraits("a"), MessageTraits("b"))
    reward = np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 40)
    policy = fit(np.empty((200, 0)), np.arange(200) % 2, reward, messages)
    mails = [("c-1", f"m-{day}", "email_sent", AT - (3 + day) * DAY, None, None, None, None, 1) for day in range(sends)]
    pasts = build(NAMES, {name: ContactFacts(created_at=0) for name in NAMES}, [mails])
    call = considered(2, catalogue("a", "b"), policy, **fields)
    frequency = Frequency(by_number(0.01, 0.02, 0.04), pasts, np.array([AT, AT]), 10.0)
    return choosing(type(call)(**{**vars(call), "frequency": frequency}), *NAMES, numbers=numbers)


def test_nothing_is_chosen_for_whom_no_message_is_worth_it() -> None:
    call = asked(sends=2, numbers=[0.5, 0.5])

    over, under = call.choose({}, {})

    assert (over.message_id, over.propensity, over.sending) == (None, 0.98, 0.02)
    assert over.candidates == ("", "a", "b")
    assert under.message_id in ("a", "b")
    assert (under.sending, under.candidates) == (0.98, ("", "a", "b"))
    assert under.propensity == pytest.approx(0.98 * call.filled[0].chances[1].max() / call.filled[0].chances[1].sum())


def test_chances_of_messages_and_of_nothing_sum_to_one() -> None:
    call = asked(sends=2, numbers=[0.5, 0.5])
    call.choose({}, {})

    (filled,) = call.filled

    assert (filled.chances.sum(axis=1) + 1 - filled.sending).tolist() == pytest.approx([1.0, 1.0])


def test_a_small_number_sends_all_the_same() -> None:
    sent, _ = asked(sends=2, numbers=[0.01, 0.5]).choose({}, {})

    assert sent.message_id in ("a", "b")
    assert sent.propensity < sent.sending == 0.02


def test_decisions_that_are_no_events_yet_count() -> None:
    recent = {"c-1": [RecentDecision("a", "", "", AT - DAY), RecentDecision("b", "", "", AT - 2 * DAY)]}

    first, _ = asked(numbers=[0.5, 0.5]).choose(recent, {})

    assert first.message_id is None


def test_the_control_group_is_never_weighed() -> None:
    rows = asked(sends=2, numbers=[0.5, 0.5], control_share=0.5, control="random").choose({}, {})

    assert {row.sending for row in rows if row.arm == "control"} <= {1.0}
    assert all("" not in row.candidates for row in rows if row.arm == "control")


def test_of_who_is_held_back_it_is_kept_whether_a_message_would_have_been_sent() -> None:
    call = asked(sends=2, numbers=[0.5, 0.5])
    call.control = np.array([True, True])

    over, under = call.choose({}, {})

    assert (over.message_id, over.propensity, over.candidates, over.sending) == (None, 1.0, ("",), 0.02)
    assert (under.message_id, under.propensity, under.candidates, under.sending) == (None, 1.0, ("",), 1.0)
    held = {(row.contact_id, row.slot): row for row in (over, under)}
    assert [(one.status, one.chosen[0].pressed) for one in call.advice(held)] == [("control", None)] * 2


def test_a_preview_says_nothing_and_why() -> None:
    call = asked(sends=2, purpose="preview", reasons=1)
    call.choose({}, {})

    over, under = call.advice({})

    assert (over.status, over.detail) == ("ok", "No message is worth what it risks: send nothing now.")
    fields = over.own_fields()
    assert (fields["message"], fields["decision_id"], fields["pressure"]) == (None, None, "over")
    assert fields["net_value"] == pytest.approx(-0.6, abs=0.01)
    assert fields["unsubscribe_chance"] == pytest.approx(0.08)
    assert [one.text for one in over.reasons] == [
        "Got 2 mails in the last 7 days, 2 in 28; one more is expected to cost more than it brings"
    ]
    assert under.own_fields()["pressure"] == "under"


def test_nothing_that_was_decided_holds_within_a_campaign() -> None:
    first = asked(sends=2, numbers=[0.5, 0.5], campaign_id="june")
    held = {(row.contact_id, row.slot): row for row in first.choose({}, {})}
    again = asked(sends=2, numbers=[0.01, 0.5], campaign_id="june")
    again.choose({}, held)

    (one, _) = again.advice(held)

    assert (one.status, one.chosen[0].message, one.chosen[0].arm, one.chosen[0].propensity) == (
        "ok",
        None,
        "policy",
        0.98,
    )
