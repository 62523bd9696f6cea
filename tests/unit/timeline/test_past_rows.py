from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import DAY
from shared.timeline import (
    NEVER,
    ContactFacts,
    DatedValue,
    EventTuple,
    GivenValues,
    PackedEvents,
    Pasts,
    StoredValues,
    build,
    contacts_of,
    named_values,
    names_of,
    perhaps_of_types,
    seen_type,
)
from shared.timeline.pasts import UNVERIFIED_OPEN


def event(
    contact: str, type_: str, at: int, value: float | None = None, item: str | None = None, human: int | None = 1
) -> EventTuple:
    return (contact, f"{type_}{at}{item}{human}", type_, at, value, None, None, item, human)


def test_events_lie_by_contact_and_time_in_the_callers_order() -> None:
    pasts = build(["b", "a"], {}, [[event("a", "x", 3), event("b", "x", 9)], [], [event("b", "x", 1)]])
    assert pasts.offsets.tolist() == [0, 2, 3]
    assert pasts.at.tolist() == [1, 9, 3]
    assert len(pasts) == 2


def test_what_a_machine_did_is_taken_out() -> None:
    pasts = build(["a"], {}, [[event("a", "email_clicked", 1, human=0), event("a", "email_clicked", 2, human=None)]])
    assert pasts.at.tolist() == [2]


@pytest.mark.parametrize(("human", "type_"), [(1, "email_opened"), (None, UNVERIFIED_OPEN)])
def test_an_open_that_nobody_verified_is_a_type_of_its_own(human: int | None, type_: str) -> None:
    assert build(["a"], {}, [[event("a", "email_opened", 1, human=human)]]).types == (type_,)


def test_a_click_of_an_unknown_maker_counts_as_a_click() -> None:
    assert build(["a"], {}, [[event("a", "email_clicked", 1, human=None)]]).types == ("email_clicked",)


def test_events_are_in_order_too_where_contact_and_instant_do_not_fit_in_one_number() -> None:
    events = [event("b", "x", 2), event("a", "x", 2**62), event("b", "x", 1), event("a", "x", -(2**62))]

    pasts = build(["a", "b"], {}, [events])

    assert pasts.at.tolist() == [-(2**62), 2**62, 1, 2]


def test_events_of_others_are_skipped() -> None:
    assert build(["a"], {}, [[event("b", "x", 1)]]).at.tolist() == []


def test_the_order_of_rows_does_not_decide_between_events_of_one_instant() -> None:
    rows = [
        event("a", "z", 5),
        event("a", "b", 5, item="pen"),
        event("a", "b", 5, 2.0),
        event("a", "b", 5, 1.0),
        event("a", "b", 4),
    ]
    ways = [build(["a"], {}, [list(way)]) for way in permutations(rows)]
    for way in ways:
        assert [way.types[code] for code in way.type] == ["b", "b", "b", "b", "z"]
        assert way.item.tolist() == [-1, -1, -1, 0, -1]
        np.testing.assert_array_equal(way.value, [np.nan, 1.0, 2.0, np.nan, np.nan])


def test_names_are_coded_in_their_own_order() -> None:
    rows = [event("a", "z", 1, item="pen"), event("a", "b", 2, item="ink"), event("a", "b", 3)]
    pasts = build(["a"], {}, [rows])
    assert (pasts.types, pasts.items) == (("b", "z"), ("ink", "pen"))
    assert (pasts.type.tolist(), pasts.item.tolist()) == ([1, 0, 0], [1, 0, -1])
    assert (pasts.type_code("z"), pasts.type_code("never")) == (1, -1)


def test_a_contact_is_known_by_facts_or_by_events() -> None:
    pasts = build(
        ["a", "b", "c"], {"a": ContactFacts(created_at=7, consent={"profiling": "granted"})}, [[event("b", "x", 1)]]
    )
    assert pasts.known.tolist() == [True, True, False]
    assert pasts.created_at.tolist() == [7, NEVER, NEVER]
    assert pasts.consents == ({"profiling": "granted"}, {}, {})


def test_attributes_lie_by_contact_and_instant() -> None:
    facts = {
        "a": ContactFacts(
            attributes=(DatedValue("plan", 2 * DAY, "pro"), DatedValue("plan", DAY, "free", dated=False))
        ),
        "b": ContactFacts(attributes=(DatedValue("plan", 0, "free"), DatedValue("age", 0, 3))),
    }
    column = build(["b", "a"], facts, []).attributes["plan"]
    assert column.contact.tolist() == [0, 1, 1]
    assert column.value == ("free", "free", "pro")
    assert column.dated.tolist() == [True, False, True]


@pytest.mark.parametrize("alike", [True, False])
def test_each_contact_s_attributes_are_its_own_whoever_else_has_which(alike: bool) -> None:
    one = ContactFacts(attributes=(DatedValue("plan", 1, "pro"), DatedValue("size", 2, 7, dated=False)))
    other = ContactFacts(attributes=(DatedValue("plan", 3, "basic"), DatedValue("size", 4, 9)))
    if not alike:
        other = ContactFacts(attributes=(*reversed(other.attributes), DatedValue("plan", 2, "free")))

    found = build(["a", "stranger", "b"] if not alike else ["a", "b"], {"a": one, "b": other}, []).attributes

    assert list(found) == ["plan", "size"]
    assert found["size"].value == (7, 9)
    assert found["size"].dated.tolist() == [False, True]
    if alike:
        assert found["plan"].contact.tolist() == [0, 1]
        assert found["plan"].value == ("pro", "basic")
    else:
        assert found["plan"].contact.tolist() == [0, 2, 2]
        assert found["plan"].value == ("pro", "free", "basic")
        assert found["plan"].valid_from.tolist() == [1, 2, 3]


@pytest.mark.parametrize("others", [("size", "plan"), ("plan", "size"), ("size",)])
def test_values_that_a_call_brings_become_the_columns_of_values_made_one_by_one(others: tuple[str, ...]) -> None:
    given = [GivenValues({"size": 1, "plan": "pro"}), GivenValues(dict.fromkeys(others, 2))]
    listed = [tuple(values) for values in given]

    columns, expected = (
        build(["a", "b"], {name: ContactFacts(attributes=one) for name, one in zip("ab", held, strict=True)}, [])
        for held in (given, listed)
    )

    assert list(columns.attributes) == list(expected.attributes) == ["plan", "size"]
    for name, column in expected.attributes.items():
        found = columns.attributes[name]
        assert found.value == column.value
        for one, other in zip(
            (found.contact, found.valid_from, found.dated),
            (column.contact, column.valid_from, column.dated),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_as_many_values_as_contacts_may_still_be_one_contact_s() -> None:
    twice = ContactFacts(attributes=(DatedValue("plan", 5, "pro"), DatedValue("plan", 3, "basic")))
    once = ContactFacts(attributes=(DatedValue("plan", 1, "free"),))

    plan = build(["a", "b", "c"], {"a": once, "b": twice}, []).attributes["plan"]

    assert plan.contact.tolist() == [0, 1, 1]
    assert plan.valid_from.tolist() == [1, 3, 5]
    assert plan.value == ("free", "basic", "pro")


@given(
    held=st.lists(
        st.lists(st.tuples(st.sampled_from(("plan", "size", "city")), st.integers(0, 3)), max_size=3), max_size=4
    )
)
def test_every_attribute_has_each_contact_s_values_in_time_order(held: list[list[tuple[str, int]]]) -> None:
    facts = {
        f"c{row}": ContactFacts(
            attributes=tuple(DatedValue(name, at, (row, place)) for place, (name, at) in enumerate(own))
        )
        for row, own in enumerate(held)
    }

    found = build(list(facts), facts, []).attributes

    assert list(found) == sorted({name for own in held for name, _ in own})
    for name, column in found.items():
        wanted = sorted(
            (row, at, place) for row, own in enumerate(held) for place, (other, at) in enumerate(own) if other == name
        )
        assert list(zip(column.contact.tolist(), column.valid_from.tolist(), column.value, strict=True)) == [
            (row, at, (row, place)) for row, at, place in wanted
        ]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 3), st.sampled_from((None, "pen", "ink"))
        )
    ),
    data=st.data(),
)
def test_rows_in_order_and_rows_in_disorder_give_the_same_columns(
    rows: list[tuple[str, str, int, str | None]], data: st.DataObject
) -> None:
    events = [event(contact, type_, at, item=item) for contact, type_, at, item in rows]
    in_order = sorted(events, key=lambda row: (row[0] != "b", row[3]))

    ordered = build(["b", "a"], {}, [in_order])
    shuffled = build(["b", "a"], {}, [data.draw(st.permutations(events))])

    for name in ("offsets", "at", "type", "item"):
        assert getattr(ordered, name).tolist() == getattr(shuffled, name).tolist()
    assert (ordered.types, ordered.items) == (shuffled.types, shuffled.items)


def require_same(found: Pasts, expected: Pasts) -> None:
    for name in ("contact_ids", "known", "offsets", "at", "type", "value", "message", "campaign", "item"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.types, found.campaigns, found.items) == (expected.types, expected.campaigns, expected.items)
    assert list(found.attributes) == list(expected.attributes)
    for name, column in expected.attributes.items():
        assert found.attributes[name].value == column.value
        for part in ("contact", "valid_from", "dated"):
            np.testing.assert_array_equal(getattr(found.attributes[name], part), getattr(column, part))


NAMES = st.sampled_from((None, "pen", "ink"))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("a", "b", "somebody else")),
        NAMES,
        st.sampled_from(("email_opened", "order_placed")),
        st.integers(0, 3),
        st.none() | st.floats(-9, 9),
        NAMES,
        NAMES,
        NAMES,
        st.sampled_from((None, 0, 1)),
    )
)


@given(events=EVENTS)
def test_columns_of_events_become_the_same_pasts_as_their_rows(events: list[EventTuple]) -> None:
    packed = PackedEvents.of(events)

    require_same(build(["b", "a"], {}, [packed]), build(["b", "a"], {}, [events]))
    assert contacts_of(packed) == contacts_of(events)


@given(events=EVENTS)
def test_packed_events_are_their_rows_to_whoever_asks_for_rows(events: list[EventTuple]) -> None:
    packed = PackedEvents.of(events)

    assert list(packed) == events
    assert list(packed[1:3]) == events[1:3]
    assert [packed[place] for place in range(len(packed))] == events


@given(
    held=st.lists(
        st.lists(st.builds(DatedValue, st.sampled_from(("plan", "size")), st.integers(0, 3), NAMES, st.booleans()))
    ),
    is_stored=st.lists(st.booleans(), min_size=9, max_size=9),
)
def test_stored_columns_of_values_become_the_same_columns_as_their_rows(
    held: list[list[DatedValue]], is_stored: list[bool]
) -> None:
    ids = [f"c-{place}" for place in range(len(held))]
    listed = [tuple(own) for own in held]
    packed = [
        StoredValues(*map(tuple, zip(*own, strict=True))) if own and as_columns else own
        for own, as_columns in zip(listed, is_stored * len(listed), strict=False)
    ]

    found, expected = (
        build(ids, {name: ContactFacts(attributes=own) for name, own in zip(ids, values, strict=True)}, [])
        for values in (packed, listed)
    )

    require_same(found, expected)
    assert [tuple(own) for own in packed] == listed
    assert [tuple(names_of(own)) for own in packed] == [tuple(names_of(own)) for own in listed]


@given(owners=st.text("abc", min_size=1))
def test_runs_of_events_name_whose_each_of_them_is(owners: str) -> None:
    names, begins = PackedEvents.of([event(owner, "x", 1) for owner in owners]).runs

    ends = [*begins[1:], len(owners)]
    assert "".join(name * (end - begin) for name, begin, end in zip(names, begins, ends, strict=True)) == owners
    assert all(before != name for before, name in pairwise(names))


@pytest.mark.parametrize("types", [("x",), (UNVERIFIED_OPEN,), ("email_opened", "x"), ()])
@pytest.mark.parametrize("packed", [True, False])
def test_no_event_of_a_wanted_type_is_left_out(types: tuple[str, ...], packed: bool) -> None:
    sent = ("x", "y", "email_opened", UNVERIFIED_OPEN)  # a client may send the last one too
    events = [event("a", type_, 1, human=human) for type_ in sent for human in (None, 0, 1)]

    found = list(perhaps_of_types(PackedEvents.of(events) if packed else events, types))

    assert [one for one in found if seen_type(one) in types] == [one for one in events if seen_type(one) in types]
    assert not [one for one in found if one[2] == "y"]


def test_values_have_their_names_however_they_are_kept() -> None:
    dated = (DatedValue("plan", 5, "pro"), DatedValue("size", 6, 2))
    stored = StoredValues(("plan", "size"), [5, 6], ["pro", 2], [True, True])

    told = [dict(named_values(values)) for values in (dated, stored, GivenValues({"plan": "pro", "size": 2}))]

    assert told == [{"plan": "pro", "size": 2}] * 3
