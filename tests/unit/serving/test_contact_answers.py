from types import SimpleNamespace
from typing import Any

import pytest

from shared.contracts.outcome import Flag
from shared.contracts.rows import DAY
from shared.serving.contact_answers import contact_results
from shared.serving.request_contacts import RequestContact, merge_inline, slots
from shared.timeline import ContactFacts, DatedValue, PastRows

NOW = 20_000 * DAY
COLUMNS = SimpleNamespace(features=(SimpleNamespace(attribute="plan"),))
STAGES = SimpleNamespace(features=(SimpleNamespace(attribute="stage"),))
MODEL: Any = SimpleNamespace(reached_by=("deal_won",), begun_by=(), flag=None, feature_set=COLUMNS)


def won(days: int, human: int | None = None) -> Any:
    return ("c-1", f"e-{days}", "deal_won", NOW - days * DAY, None, None, None, None, human)


def statuses(contacts: list[RequestContact], stored: PastRows) -> list[str]:
    return [
        verdict.status
        for verdict in contact_results(contacts, merge_inline(contacts, stored, cutoff=NOW), MODEL, away=False)
    ]


def inline(contact_id: str, **fields: Any) -> Any:
    (contact,) = slots([{"id": contact_id, "attributes": {"plan": "pro"}, **fields}])
    return contact


def test_an_outcome_reached_years_before_the_lookback_is_reached() -> None:
    stored = PastRows({"c-1": ContactFacts(), "c-2": ContactFacts()}, [], older=[won(2_000)])

    found = statuses([inline("c-1"), inline("c-2"), inline("c-1")], stored)

    assert found == ["outcome_reached", "ok", "outcome_reached"]


def test_an_outcome_that_the_call_itself_holds_is_reached_whatever_its_age() -> None:
    contact = inline("c-9", events=[{"type": "deal_won", "occurred_at": "1999-05-01T00:00:00Z"}])

    assert statuses([contact], PastRows({}, [])) == ["outcome_reached"]


@pytest.mark.parametrize(("human", "status"), [(0, "ok"), (1, "outcome_reached"), (None, "outcome_reached")])
def test_a_machine_reaches_no_outcome(human: int | None, status: str) -> None:
    stored = PastRows({"c-1": ContactFacts()}, [won(3, human)])

    assert statuses([inline("c-1")], stored) == [status]


@pytest.mark.parametrize(
    ("value", "status"), [(1, "outcome_reached"), ("Yes", "outcome_reached"), (0, "ok"), ("no", "ok"), (None, "ok")]
)
def test_a_contact_whose_attribute_says_yes_has_reached_the_outcome(value: Any, status: str) -> None:
    flat: Any = SimpleNamespace(reached_by=(), begun_by=(), flag=Flag("converted", None), feature_set=COLUMNS)
    contact = inline("c-1", attributes={"converted": value, "plan": "pro"})

    (verdict,) = contact_results([contact], merge_inline([contact], PastRows({}, []), cutoff=NOW), flat, away=False)

    assert verdict.status == status


def test_the_newest_value_of_the_attribute_counts() -> None:
    flat: Any = SimpleNamespace(reached_by=(), begun_by=(), flag=Flag("stage", "won"), feature_set=STAGES)
    values = (DatedValue("stage", 1, "won"), DatedValue("stage", 2, "lost"))
    contact = RequestContact("c-1")

    stored = PastRows({"c-1": ContactFacts(attributes=values)}, [])
    (verdict,) = contact_results([contact], merge_inline([contact], stored, cutoff=NOW), flat, away=False)

    assert verdict.status == "ok"
