"""Columns of contacts put together: the pasts are those of contacts that were never apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.timeline import NEVER, Pasts
from shared.timeline.coded_pasts import CodedText, ContactColumns, EventColumns, from_columns
from shared.timeline.pasts import AttributeColumn
from shared.timeline.united_columns import Part, united

TEXTS = st.sampled_from([None, "a", "b", "c"])
EVENT = st.tuples(st.integers(0, 5), st.sampled_from(["x", "y", "z"]), st.sampled_from([1.0, 2.0]), TEXTS, TEXTS)
CONTACT = st.tuples(st.lists(EVENT, max_size=4), st.lists(st.integers(0, 3), max_size=2, unique=True))


def coded(texts: list[str | None]) -> CodedText:
    names = tuple(dict.fromkeys(text for text in texts if text is not None))
    codes = [-1 if text is None else names.index(text) for text in texts]
    return CodedText(np.array(codes, dtype=np.int32), names)


def part_of(contacts: dict[str, tuple[list, list]]) -> Part:
    ids = sorted(contacts)
    rows = [(row, *event) for row, one in enumerate(ids) for event in sorted(contacts[one][0], key=str)]
    plans = [(row, at) for row, one in enumerate(ids) for at in sorted(contacts[one][1])]
    attributes = {}
    if plans:
        valid_from = np.array([at for _, at in plans])
        owner = np.array([row for row, _ in plans], dtype=np.int32)
        values = tuple(f"{ids[row]} at {at}" for row, at in plans)
        attributes["plan"] = AttributeColumn(owner, valid_from, values, np.ones(len(plans), dtype=bool))
    columns = ContactColumns(ids, np.full(len(ids), NEVER), [one.upper() for one in ids], [{}] * len(ids), attributes)
    events = EventColumns(
        np.array([row[0] for row in rows], dtype=np.int32),
        np.array([row[1] for row in rows], dtype=np.int64),
        coded([row[2] for row in rows]),
        np.array([row[3] for row in rows], dtype=np.float64),
        coded([row[4] for row in rows]),
        coded([row[5] for row in rows]),
        coded([row[5] for row in rows]),
    )
    return columns, events


def content(pasts: Pasts) -> list[object]:
    """Write out what pasts hold, by names instead of codes; messages only by which are the same."""
    named = [
        (pasts.types[pasts.type[row]], pasts.at[row], pasts.value[row], pasts.campaign[row], pasts.item[row])
        for row in range(len(pasts.at))
    ]
    same = [[bool(one == other) for other in pasts.message] for one in pasts.message]
    plans = [
        (one.contact.tolist(), one.valid_from.tolist(), one.value, one.dated.tolist())
        for one in pasts.attributes.values()
    ]
    return [pasts.contact_ids, pasts.zones, pasts.offsets.tolist(), pasts.campaigns, pasts.items, named, same, plans]


@given(st.dictionaries(st.text("pqrs", min_size=1, max_size=3), CONTACT, max_size=8), st.data())
def test_however_contacts_are_cut_into_parts_their_pasts_are_the_same(contacts: dict, data: st.DataObject) -> None:
    buckets = {one: data.draw(st.integers(0, 2)) for one in contacts}
    parts = [part_of({one: contacts[one] for one in contacts if buckets[one] == bucket}) for bucket in range(3)]

    found = from_columns(*united(parts))

    assert content(found) == content(from_columns(*part_of(contacts)))
