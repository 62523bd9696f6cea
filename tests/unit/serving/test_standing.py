"""Where contacts stand with a question that has to be begun and can be reopened."""

from types import SimpleNamespace
from typing import Any

import pytest

from shared.contracts.rows import DAY
from shared.serving.contact_answers import contact_results
from shared.serving.request_contacts import RequestContact, merge_inline, slots
from shared.timeline import ContactFacts, PastRows

NOW = 20_000 * DAY
COLUMNS = SimpleNamespace(features=(SimpleNamespace(attribute="plan"),))
SUBSCRIBED: Any = SimpleNamespace(
    reached_by=("subscription_cancelled",),
    begun_by=("subscription_started", "subscription_renewed"),
    flag=None,
    feature_set=COLUMNS,
)
SILENT: Any = SimpleNamespace(reached_by=(), begun_by=(), flag=None, feature_set=COLUMNS)
START, RENEW, END, USE = "subscription_started", "subscription_renewed", "subscription_cancelled", "product_used"


def event(kind: str, days: float, human: int | None = None) -> Any:
    return ("c-1", f"{kind}-{days}", kind, NOW - int(days * DAY), None, None, None, None, human)


def status(*events: Any, model: Any = SUBSCRIBED, older: tuple[Any, ...] = (), **fields: Any) -> str:
    contact: Any = slots([{"id": "c-1", **fields}])[0]
    stored = PastRows({"c-1": ContactFacts()}, list(events), older=list(older))
    (verdict,) = contact_results([contact], merge_inline([contact], stored, cutoff=NOW), model, away=False)
    return verdict.status


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event(START, 90)], "ok"),
        ([event(RENEW, 90)], "ok"),
        ([event(START, 90), event(END, 30)], "outcome_reached"),
        ([event(END, 30), event(START, 90)], "outcome_reached"),  # whatever order they come in
        ([event(START, 90), event(END, 30), event(START, 5)], "ok"),
        ([event(START, 90), event(END, 30), event(RENEW, 5)], "ok"),
        ([event(START, 90), event(END, 30), event(START, 20), event(END, 10)], "outcome_reached"),
        ([event(END, 30), event(START, 30)], "outcome_reached"),  # at one instant: as in training
        ([event(END, 30)], "outcome_reached"),  # never begun here, but it has ended
        ([event(USE, 3)], "not_eligible"),
        ([], "insufficient_data"),
    ],
)
def test_the_last_word_counts(events: list[Any], expected: str) -> None:
    assert status(*events) == expected


def test_a_beginning_from_before_the_lookback_counts() -> None:
    assert status(event(USE, 3), older=(event(START, 2_000),)) == "ok"
    assert status(event(USE, 3), older=(event(START, 2_000), event(END, 1_900))) == "outcome_reached"
    assert status(event(START, 3), older=(event(START, 2_000), event(END, 1_900))) == "ok"


def test_a_beginning_in_the_call_itself_reopens_the_question() -> None:
    ended = (event(START, 90), event(END, 30))
    back = {"events": [{"type": START, "occurred_at": "2024-10-03T00:00:00Z"}]}
    ahead = {"events": [{"type": START, "occurred_at": "2024-10-05T00:00:00Z"}]}

    assert status(*ended, **back) == "ok"
    assert status(*ended, **ahead) == "outcome_reached"  # it lies after the cutoff


@pytest.mark.parametrize(("human", "expected"), [(0, "not_eligible"), (1, "ok"), (None, "ok")])
def test_a_machine_begins_nothing(human: int | None, expected: str) -> None:
    assert status(event(USE, 3), event(START, 90, human)) == expected


def test_attributes_alone_do_not_begin_anything() -> None:
    assert status(attributes={"plan": "pro"}) == "not_eligible"
    assert status(attributes={"plan": "pro"}, model=SILENT) == "ok"


def test_where_nothing_has_to_begin_nobody_is_held_back() -> None:
    leaving: Any = SimpleNamespace(reached_by=(END,), begun_by=(), flag=None, feature_set=COLUMNS)

    assert status(event(USE, 3), model=leaving) == "ok"
    assert status(event(USE, 3), event(END, 1), model=leaving) == "outcome_reached"
    assert status(event(START, 0.5), event(END, 1), model=leaving) == "outcome_reached"


def test_each_contact_of_a_call_stands_on_its_own() -> None:
    contacts = [RequestContact(name) for name in ("c-1", "c-2", "c-1")]
    stored = PastRows({"c-1": ContactFacts(), "c-2": ContactFacts()}, [event(START, 9), ("c-2", *event(END, 1)[1:])])

    verdicts = contact_results(contacts, merge_inline(contacts, stored, cutoff=NOW), SUBSCRIBED, away=False)

    assert [verdict.status for verdict in verdicts] == ["ok", "outcome_reached", "ok"]
