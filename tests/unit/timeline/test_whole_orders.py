from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.timeline.contact_pasts import ContactPasts
from shared.timeline.past_rows import build
from shared.timeline.pasts import Pasts, further_lines, whole_orders

TYPES = ("deal_won", "order_placed")
IDS = ("c-0", "c-1")


def line(contact: str, at: int, value: float | None, type_: str = "order_placed", **more: Any) -> Any:
    return (contact, more.get("id", f"{at}-{value}"), type_, at, value, None, None, more.get("item"), more.get("human"))


def joined(*events: Any) -> list[tuple[str, str, int, float]]:
    pasts = whole_orders(build(IDS, {}, [list(events)]), TYPES)
    return rows_of(pasts)


def rows_of(pasts: Pasts) -> list[tuple[str, str, int, float]]:
    owner = np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))
    return [
        (pasts.contact_ids[who], pasts.types[code], int(at), float(value))
        for who, code, at, value in zip(owner, pasts.type, pasts.at, pasts.value, strict=True)
    ]


def test_lines_of_one_instant_are_one_order_worth_their_sum() -> None:
    found = joined(line("c-0", 5, 10.0, item="tea"), line("c-0", 5, 2.5, item="mug"), line("c-0", 9, 4.0))

    assert found == [("c-0", "order_placed", 5, 12.5), ("c-0", "order_placed", 9, 4.0)]


def test_another_contact_another_type_and_another_kind_of_event_stay_apart() -> None:
    events = [
        line("c-0", 5, 10.0),
        line("c-1", 5, 10.0),
        line("c-0", 5, 3.0, "deal_won"),
        line("c-0", 5, 1.0, "page_viewed", id="v-1"),
        line("c-0", 5, 1.0, "page_viewed", id="v-2"),
    ]

    assert len(joined(*events)) == 5


def test_a_line_without_a_value_adds_nothing_and_an_order_of_such_lines_has_none() -> None:
    found = joined(
        line("c-0", 5, None, item="tea"), line("c-0", 5, 2.5), line("c-1", 5, None, item="a"), line("c-1", 5, None)
    )

    assert (len(found), found[0][3]) == (2, 2.5)
    assert np.isnan(found[1][3])


def test_pasts_without_lines_to_join_are_the_same_object() -> None:
    pasts = build(IDS, {}, [[line("c-0", 5, 1.0), line("c-0", 6, 1.0)]])

    assert whole_orders(pasts, TYPES) is pasts
    few = ContactPasts(IDS, {}, [line("c-0", 5, 1.0), line("c-0", 6, 1.0)])
    assert few.with_whole_orders(TYPES) is few


def test_only_lines_behind_the_first_go_on_with_an_order() -> None:
    rows = [line("c-0", 5, 1.0), line("c-0", 5, 2.0), line("c-1", 5, 3.0), line("c-1", 5, 4.0), line("c-1", 6, 5.0)]
    views = [line("c-1", 7, None, "page_viewed", id=name) for name in ("v-1", "v-2")]
    marked = further_lines(build(IDS, {}, [rows + views]), TYPES)

    assert marked is not None
    assert marked.tolist() == [False, True, False, True, False, False, False]
    assert further_lines(build(IDS, {}, [views]), TYPES) is None
    assert further_lines(build(IDS, {}, [rows]), ()) is None


events = st.lists(
    st.builds(
        line,
        st.sampled_from(IDS),
        st.integers(1, 4),
        st.none() | st.integers(-3, 9).map(float),
        st.sampled_from((*TYPES, "page_viewed")),
        id=st.uuids().map(str),
        item=st.none() | st.sampled_from("ab"),
        human=st.sampled_from((None, 0, 1)),
    ),
    max_size=14,
)


@given(events)
def test_rows_and_columns_are_joined_alike(rows: list[Any]) -> None:
    by_rows = ContactPasts(IDS, {}, rows).with_whole_orders(TYPES).columns
    by_columns = whole_orders(build(IDS, {}, [rows]), TYPES)

    assert [repr(one) for one in sorted(rows_of(by_rows), key=repr)] == [
        repr(one) for one in sorted(rows_of(by_columns), key=repr)
    ]
