"""Pasts from columns: the same as from rows, whatever order the events come in."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.timeline import NEVER, build
from shared.timeline.coded_pasts import (
    MACHINE,
    NOBODY,
    CodedText,
    ContactColumns,
    EventColumns,
    from_columns,
    seen_types,
)
from shared.timeline.past_rows import ContactFacts
from shared.timeline.pasts import Pasts

IDS = ("a", "b", "c")
TYPES = ("email_opened", "order_placed", "a_type", "email_opened_unverified")
TEXTS = st.sampled_from((None, "x", "b", "a"))
EVENT = st.tuples(
    st.sampled_from(range(len(IDS))), st.sampled_from(TYPES), st.integers(0, 3), st.sampled_from((None, 1.0, 2.5)),
    TEXTS, TEXTS, TEXTS, st.sampled_from((None, 0, 1)),
)  # fmt: skip


def coded(values: list[str | None]) -> CodedText:
    """Code texts in the order of their first appearance, as a file does."""
    names = list(dict.fromkeys(value for value in values if value is not None))
    return CodedText(np.array([-1 if one is None else names.index(one) for one in values], np.int32), tuple(names))


def columns_of(events: list[tuple]) -> Pasts:
    events = sorted(events, key=lambda event: event[0])
    contact, type_, at, value, message, campaign, item, human = (
        [list(column) for column in zip(*events, strict=True)] if events else [[] for _ in range(8)]
    )
    by = np.array([NOBODY if one is None else one for one in human], np.int8)
    values = np.array([np.nan if one is None else one for one in value], np.float64)
    columns = EventColumns(
        np.array(contact, np.int32), np.array(at, np.int64), coded(type_), values, coded(message), coded(campaign),
        coded(item),
    )  # fmt: skip
    columns = replace(columns, type=seen_types(columns.type, by))
    contacts = ContactColumns(IDS, np.full(3, NEVER), [None] * 3, [{}] * 3, {})
    return from_columns(contacts, columns.taken(by != MACHINE))


def rows_of(events: list[tuple]) -> Pasts:
    rows = [
        (IDS[contact], str(place), type_, at, value, message, campaign, item, human)
        for place, (contact, type_, at, value, message, campaign, item, human) in enumerate(events)
    ]
    return build(IDS, {one: ContactFacts() for one in IDS}, [rows])


@given(st.lists(EVENT, max_size=12))
def test_the_same_events_give_the_same_pasts(events: list[tuple]) -> None:
    fast, slow = columns_of(events), rows_of(events)

    assert (fast.types, fast.items, fast.campaigns) == (slow.types, slow.items, slow.campaigns)
    for name in ("offsets", "at", "type", "value", "item", "campaign"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)


def test_events_in_order_are_taken_as_they_are() -> None:
    pasts = columns_of([(0, "a_type", 1, None, None, None, None, 1), (0, "a_type", 2, 2.5, None, None, None, 1)])

    assert pasts.at.tolist() == [1, 2]
    assert pasts.offsets.tolist() == [0, 2, 2, 2]


@pytest.mark.parametrize("names", [("b", "a"), ("a", "b")])
def test_names_that_no_row_has_are_dropped(names: tuple[str, str]) -> None:
    settled = CodedText(np.array([names.index("a"), -1], np.int32), names).settled()

    assert (settled.names, settled.codes.tolist()) == (("a",), [0, -1])
