import numpy as np
from numpy.testing import assert_array_equal

from services.messages.model.sends import SendColumns, send_columns, with_decisions
from shared.contracts.rows import DAY, HOUR
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from tests.unit.messages.conftest import AT


def event(type_: str, days_ago: float, contact: str = "a") -> EventTuple:
    return (contact, f"{type_}-{days_ago}", type_, AT - int(days_ago * DAY), None, None, None, None, 1)


def pasts(*events: EventTuple) -> Pasts:
    facts = {name: ContactFacts(created_at=AT - 100 * DAY) for name in ("a", "b")}
    return build(["a", "b"], facts, [list(events)])


def counted(known: Pasts, *, at: int = AT) -> SendColumns:
    return send_columns(known, np.array([0, 1], dtype=np.int32), np.array([at, at]))


def test_mails_and_answers_before_the_cutoff_are_counted() -> None:
    known = pasts(
        event("email_sent", 0),  # at the cutoff: it does not exist yet
        event("email_sent", 7),
        event("email_sent", 8),
        event("email_sent", 28),
        event("email_sent", 50),
        event("email_opened", 7.5),
        event("email_clicked", 7.4),
        event("email_replied", 7.3),
    )

    found = counted(known)

    assert_array_equal(found.sends_7d, [1, 0])
    assert_array_equal(found.sends_28d, [3, 0])
    assert_array_equal(found.sends_before, [1, 0])
    assert_array_equal(found.days_since_send, [7, np.nan])
    assert_array_equal(found.sends, [4, 0])
    assert_array_equal(found.clicks, [2, 0])
    assert_array_equal(found.opens, [1, 0])
    assert_array_equal(found.days_known, [100, 100])
    assert_array_equal(found.days_before, [72, 72])


def test_a_decision_is_a_mail_until_its_event_came() -> None:
    known = pasts(event("email_sent", 3))
    at = np.array([AT - 3 * DAY - HOUR, AT - 2 * DAY, AT - 2 * DAY, AT - DAY])

    found = counted(with_decisions(known, np.array([0, 0, 0, 1], dtype=np.int32), at))

    # The first was sent an hour later; the next two are places of one mail.
    assert_array_equal(found.sends_7d, [2, 1])
    assert_array_equal(found.days_since_send, [2, 1])


def test_decisions_count_where_no_mail_ever_came_as_an_event() -> None:
    known = with_decisions(pasts(event("page_viewed", 1)), np.array([0], dtype=np.int32), np.array([AT - 2 * DAY]))

    assert_array_equal(counted(known).sends_28d, [1, 0])
    assert known.types == ("page_viewed", "email_sent")


def test_with_one_mail_fewer_the_week_loses_its_share() -> None:
    columns = counted(pasts(*(event("email_sent", day) for day in (1, 2, 9, 10))))

    fewer = columns.with_fewer(1.0)

    assert_array_equal(fewer.sends_28d, [3, 0])
    assert_array_equal(fewer.sends_7d, [1.75, 0])
