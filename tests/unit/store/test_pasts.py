from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import ALWAYS
from shared.store.pasts import columns_by_contact, values_by_contact
from shared.timeline import DatedValue, StoredValues


def row(name: str, valid_from: int, value: str, *, dated: bool = True) -> tuple[Any, ...]:
    return ("a", name, valid_from, value, dated)


def values(rows: list[tuple[Any, ...]], **given: Any) -> Any:
    return values_by_contact(rows, **{"static": (), "all_static": False, **given})


def test_a_cutoff_hides_values_valid_from_it_on() -> None:
    rows = [row("plan", 5, '"a"'), row("plan", 9, '"b"')]

    assert values(rows, cutoff=9) == {"a": ((DatedValue("plan", 5, "a"),), frozenset())}


def test_the_last_recorded_value_of_an_instant_is_the_one() -> None:
    rows = [row("plan", 5, '"old"'), row("plan", 5, '"new"')]

    assert values(rows) == {"a": ((DatedValue("plan", 5, "new"),), frozenset())}


def test_a_static_name_has_one_value_that_always_held() -> None:
    rows = [row("plan", 5, '"a"'), row("plan", 9, '"b"', dated=False), row("size", 9, "1")]

    assert values(rows, static=("plan",), cutoff=3) == {
        "a": ((DatedValue("plan", ALWAYS, "b", dated=True),), frozenset())
    }


def test_every_contact_has_its_own_values() -> None:
    rows = [row("plan", 5, '"a"'), ("b", "plan", 5, '"a"', True), ("b", "size", 6, "2", False)]

    assert values(rows) == {
        "a": ((DatedValue("plan", 5, "a"),), frozenset()),
        "b": ((DatedValue("plan", 5, "a"), DatedValue("size", 6, 2, dated=False)), frozenset()),
    }


def test_a_name_is_unreadable_while_its_last_value_is() -> None:
    too_long = "9" * 309
    rows = [row("plan", 5, too_long), row("plan", 9, '"b"'), row("size", 5, "1"), row("size", 9, too_long)]

    ((_, unreadable),) = values(rows).values()

    assert unreadable == {"size"}


ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(("plan", "size", "city")),
        st.integers(0, 3),
        st.sampled_from(("1", "2.5", "true", "null", '"pro"', '"two\\nlines"', "9" * 309)),
        st.integers(0, 1),
    )
)


@given(
    rows=ROWS,
    static=st.sampled_from(((), ("plan",), ("plan", "size", "city"))),
    all_static=st.booleans(),
    cutoff=st.none() | st.integers(0, 5),
)
def test_columns_of_values_are_what_their_rows_are(
    rows: list[tuple[Any, ...]], static: tuple[str, ...], all_static: bool, cutoff: int | None
) -> None:
    ordered = sorted(rows, key=lambda row: row[:3])
    packed = [orjson.dumps([row[place] for row in ordered]).decode() for place in range(5)]
    holding: Any = {"static": static, "all_static": all_static, "cutoff": cutoff}

    found = columns_by_contact(packed, **holding)

    expected = values_by_contact(ordered, **holding)
    assert {one: (tuple(values), unread) for one, (values, unread) in found.items()} == expected


@pytest.mark.parametrize("static", [(), ("plan",)])
@pytest.mark.parametrize("texts", [["1", "2", "3"], ["1", '"two\\nlines"', "null"]])
def test_values_of_which_each_is_the_only_one_of_its_name_stay_columns(
    static: tuple[str, ...], texts: list[str]
) -> None:
    packed = ['["a","a","b"]', '["plan","size","plan"]', "[1,2,3]", orjson.dumps(texts).decode(), "[1,0,1]"]

    found = columns_by_contact(packed, static=static, all_static=False, cutoff=4)

    assert all(isinstance(values, StoredValues) for values, _ in found.values())
