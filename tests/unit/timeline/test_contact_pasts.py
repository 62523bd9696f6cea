"""The pasts of a call's contacts, one by one and in columns."""

import pytest

from shared.contracts.rows import ALWAYS, DAY
from shared.timeline import ContactFacts, ContactPast, ContactPasts, DatedValue, EventTuple, GivenValues, missing_in

CUTOFF = 20_000 * DAY
PRO = DatedValue("plan", ALWAYS, "pro")


def event(
    contact: str, at: int, type_: str = "order_placed", *, item: str | None = None, human: int | None = 1
) -> EventTuple:
    return (contact, f"{contact}-{at}-{type_}-{item}", type_, at, None, None, None, item, human)


def test_each_contact_has_its_own_events_in_time_order() -> None:
    rows = [event("a", 9), event("b", 5), event("a", 3), event("elsewhere", 4)]

    first, second = ContactPasts(["b", "a"], {}, rows).one_by_one

    assert (first.contact_id, first.at) == ("b", [5])
    assert (second.contact_id, second.at) == ("a", [3, 9])


def test_events_of_one_instant_are_ordered_by_what_they_are() -> None:
    rows = [event("a", 3, "order_placed", item="pen"), event("a", 3, "order_placed"), event("a", 3, "form_submitted")]

    past = ContactPast.of("a", None, rows)

    assert list(zip(past.type, past.item, strict=True)) == [
        ("form_submitted", None),
        ("order_placed", None),
        ("order_placed", "pen"),
    ]


def test_a_machine_s_events_are_out_and_an_unverified_open_is_a_type_of_its_own() -> None:
    rows = [event("a", 1, human=0), event("a", 2, "email_opened", human=None), event("a", 3, "email_opened")]

    assert ContactPast.of("a", None, rows).type == ["email_opened_unverified", "email_opened"]


def test_the_last_value_from_before_the_cutoff_holds() -> None:
    facts = ContactFacts(attributes=(DatedValue("plan", 5, "pro"), PRO._replace(value="basic")))

    past = ContactPast.of("a", facts, ())

    assert past.attributes_at(6) == {"plan": "pro"}
    assert past.attributes_at(5) == {"plan": "basic"}


@pytest.mark.parametrize(
    ("facts", "rows", "missing"),
    [
        (None, [], ["no_timezone", "no_events", "no_attributes"]),
        (ContactFacts(timezone="UTC", attributes=(PRO,)), [], ["no_events"]),
        (ContactFacts(timezone="UTC", attributes=(PRO,)), [event("a", CUTOFF - 8 * DAY)], []),
        (ContactFacts(timezone="UTC", attributes=(PRO,)), [event("a", CUTOFF - 6 * DAY)], ["new_contact"]),
        (ContactFacts(CUTOFF - 8 * DAY, "UTC"), [event("a", CUTOFF - 6 * DAY)], ["no_attributes"]),
        (
            ContactFacts(timezone="UTC", attributes=(DatedValue("plan", CUTOFF, "pro"),)),
            [event("a", CUTOFF - 8 * DAY)],
            ["no_attributes"],
        ),
    ],
)
@pytest.mark.parametrize("others", [0, 30])
def test_what_is_missing_is_named_for_few_and_many(
    facts: ContactFacts | None, rows: list[EventTuple], missing: list[str], others: int
) -> None:
    ids = ["a", *(f"other-{place}" for place in range(others))]
    pasts = ContactPasts(ids, {} if facts is None else {"a": facts}, rows)

    found = missing_in(pasts, CUTOFF, needs_zone=True)

    assert pasts.are_few == (others == 0)
    assert found == [tuple(missing), *[("no_timezone", "no_events", "no_attributes")] * others]


def test_a_zone_is_not_missed_where_no_local_hour_counts() -> None:
    assert missing_in(ContactPasts(["a"], {}, ()), CUTOFF, needs_zone=False) == [("no_events", "no_attributes")]


@pytest.mark.parametrize("cutoff", [0, CUTOFF])
def test_what_a_call_brings_of_a_contact_holds_at_any_cutoff(cutoff: int) -> None:
    given = GivenValues({"plan": "pro", "size": None})
    brought, listed = (ContactPast.of("a", ContactFacts(attributes=one), ()) for one in (given, tuple(given)))

    assert dict(brought.attributes_at(cutoff)) == dict(listed.attributes_at(cutoff)) == {"plan": "pro", "size": None}
