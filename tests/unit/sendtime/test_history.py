import numpy as np
from numpy.testing import assert_array_equal

from services.sendtime.model.history import acts_of, seen_before, sends_of
from shared.contracts.rows import DAY, HOUR, SECOND
from shared.timeline import NEVER, ContactFacts, EventTuple, Pasts, build

MONDAY = 1_736_121_600_000_000


def event(
    contact: str, kind: str, at: int, *, message: str | None = None, campaign: str | None = None, human: int | None = 1
) -> EventTuple:
    return (contact, f"{kind}-{at}-{message}", kind, MONDAY + at, None, message, campaign, None, human)


def pasts(*events: EventTuple) -> Pasts:
    names = sorted({one[0] for one in events})
    return build(names, {name: ContactFacts(timezone="UTC") for name in names}, [list(events)])


def test_a_click_answers_the_message_whose_id_it_carries() -> None:
    found = sends_of(
        pasts(
            event("a", "email_sent", 0, message="m1"),
            event("a", "email_sent", HOUR, message="m2"),
            event("a", "email_clicked", 2 * HOUR, message="m1"),
            event("b", "email_sent", 0, message="m1"),
        ),
        ["UTC", "UTC"],
        "click",
    )

    assert found.engaged.tolist() == [1.0, 0.0, 0.0]
    assert found.slot.tolist() == [0, 1, 0]
    assert found.offsets.tolist() == [0, 2, 3]


def test_an_answer_counts_within_a_day_and_not_after_it() -> None:
    for after, engaged in ((0, 1.0), (DAY - 1, 1.0), (DAY, 0.0), (-1, 0.0)):
        found = sends_of(
            pasts(event("a", "email_sent", DAY, message="m"), event("a", "email_clicked", DAY + after, message="m")),
            ["UTC"],
            "click",
        )

        assert found.engaged.tolist() == [engaged], after


def test_machines_and_unverified_opens_are_no_answers() -> None:
    found = sends_of(
        pasts(
            event("a", "email_sent", 0, message="m"),
            event("a", "email_opened", SECOND, message="m", human=0),
            event("a", "email_opened", 2 * SECOND, message="m", human=None),
        ),
        ["UTC"],
        "open",
    )

    assert found.engaged.tolist() == [0.0]


def test_a_click_is_an_open_too() -> None:
    found = sends_of(
        pasts(event("a", "email_sent", 0, message="m"), event("a", "email_clicked", HOUR, message="m")), ["UTC"], "open"
    )

    assert found.engaged.tolist() == [1.0]


def test_sends_without_a_message_id_are_left_out_except_for_orders() -> None:
    known = pasts(event("a", "email_sent", 0), event("a", "order_placed", HOUR), event("b", "email_sent", 0))

    assert len(sends_of(known, ["UTC", "UTC"], "click")) == 0
    assert sends_of(known, ["UTC", "UTC"], "order").engaged.tolist() == [1.0, 0.0]


def test_an_order_at_the_instant_of_the_send_counts() -> None:
    known = pasts(event("a", "order_placed", 0), event("a", "email_sent", 0))

    assert sends_of(known, ["UTC"], "order").engaged.tolist() == [1.0]


def test_slots_are_those_of_the_contact_s_own_clock() -> None:
    known = pasts(event("a", "email_sent", 0, message="m"), event("b", "email_sent", 0, message="m"))

    found = sends_of(known, ["Europe/Paris", "America/New_York"], "click")

    assert found.slot.tolist() == [1, 6 * 24 + 19]


def test_acts_of_the_same_ten_minutes_are_one_with_the_greatest_weight() -> None:
    known = pasts(
        event("a", "page_viewed", 0),
        event("a", "email_clicked", 60 * SECOND),
        event("a", "page_viewed", 11 * 60 * SECOND),
        event("a", "email_sent", 12 * 60 * SECOND),
    )

    found = acts_of(known, ["UTC"])

    assert found.weight.tolist() == [1.0, 0.5]


def test_a_frame_sees_the_sends_whose_day_is_over_at_its_cutoff() -> None:
    known = pasts(
        event("a", "email_sent", 0, message="1"),
        event("a", "email_sent", 2 * DAY, message="2"),
        event("b", "email_sent", DAY, message="3"),
    )
    sends = sends_of(known, ["UTC", "UTC"], "click")
    contact = np.array([0, 0, 1, 0], dtype=np.int32)
    cutoff = MONDAY + np.array([DAY, 3 * DAY, DAY, DAY - 1])

    seen = seen_before(sends, contact, cutoff, closed=DAY)

    assert_array_equal(seen.frame, [0, 1, 1])
    assert_array_equal(seen.row, [0, 0, 1])
    assert_array_equal(seen_before(sends, contact, cutoff).frame, [0, 1, 1, 3])


def test_nothing_sent_and_nothing_done_is_no_mistake() -> None:
    known = pasts(event("a", "support_ticket_opened", 0))

    assert len(sends_of(known, ["UTC"], "click")) == 0
    assert len(sends_of(known, ["UTC"], "order")) == 0
    assert len(acts_of(known, ["UTC"]).at) == 0
    assert NEVER > MONDAY
