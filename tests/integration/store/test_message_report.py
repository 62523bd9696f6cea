"""The report of messages as it is read from the store, and as the command line lays it out."""

from datetime import date

import pytest

from foretell.cli.message_report import report_lines
from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY, EventRow
from shared.errors import BadRequest, UnknownOutcome
from shared.lift.account_messages import MessageReportRequest, messages_report
from shared.store import AccountStore, Database

MAY = 1_777_593_600_000_000
NOW = MAY + 40 * DAY
IN_MAY = MessageReportRequest("clicked", date(2026, 5, 1), date(2026, 6, 1))


@pytest.fixture
def store(database: Database) -> AccountStore:
    """100 contacts: 80 got one of two messages, of whom 40 clicked; 20 are the control, of whom one did."""
    account = database.of("default")
    rows, events = [], []
    for place in range(100):
        contact, message = f"c-{place}", "a" if place % 2 else "b"
        held = place >= 80
        at = MAY + place % 20 * DAY
        rows.append(
            DecisionRow(
                f"d-{place}", contact, "clicked", "", "may" if place % 4 else "", None if held else message,
                "control" if held else "policy", 1.0 if held else 0.5, ("",) if held else ("a", "b"), "0", at,
            )
        )  # fmt: skip
        if (message == "a" and not held) or place == 99:
            events.append(EventRow(contact, f"e-{place}", "email_clicked", at + DAY, at + DAY, human=1))
    account.experiments.decisions.add_imported(rows)
    account.events.add(events)
    return account


def test_the_report_reads_what_was_decided_and_what_came(store: AccountStore) -> None:
    found = messages_report(store, IN_MAY, now=NOW)

    assert [(one.arm, one.decisions, one.rewarded) for one in found.arms] == [
        ("policy", 80, 40),
        ("policy", 80, 40),
        ("control_nothing", 20, 1),
    ]
    assert {one.message: one.rewarded for one in found.messages} == {"a": 40, "b": 0}
    assert found.comparisons[0].verdict == "more"
    assert found.best_message == "a"


def test_a_campaign_and_a_time_narrow_it(store: AccountStore) -> None:
    assert messages_report(store, IN_MAY._replace(campaign_id="may"), now=NOW).decisions == 75
    assert messages_report(store, IN_MAY._replace(campaign_id=""), now=NOW).decisions == 25
    assert messages_report(store, IN_MAY._replace(until=date(2026, 5, 2)), now=NOW).decisions == 5
    assert messages_report(store, IN_MAY._replace(slot="banner"), now=NOW).decisions == 0
    early = messages_report(store, MessageReportRequest(), now=MAY + 5 * DAY)
    assert (early.pending, early.pending_rewarded) == (30, 8)


def test_what_cannot_be_reported_is_refused(store: AccountStore) -> None:
    with pytest.raises(BadRequest, match="`from` lies before `to`"):
        messages_report(store, IN_MAY._replace(until=date(2026, 5, 1)), now=NOW)
    with pytest.raises(UnknownOutcome):
        messages_report(store, IN_MAY._replace(outcome="sold"), now=NOW)


def test_the_result_is_printed_before_the_tables(store: AccountStore) -> None:
    lines = list(report_lines(messages_report(store, IN_MAY, now=NOW)))

    assert lines[0] == "clicked: decisions from 2026-05-01 to 2026-06-01"
    assert lines[2].startswith("What the policy chose earned more than sending nothing (control group): 45.00 more of ")
    assert lines[3] == "No trained version has decided yet: until then all messages have equal chances."
    assert any(line.split()[:3] == ["control:", "nothing", "20"] for line in lines)
    assert any(line.startswith("any, by lot") for line in lines)
