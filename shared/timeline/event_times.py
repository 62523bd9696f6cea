"""Pasts of instants and types alone: all that frames and their labels are made of."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.timeline.past_rows import ContactFacts, build, time_order
from shared.timeline.pasts import UNVERIFIED_OPEN, Pasts

UNKNOWN_MAKER = -1
"""Nobody said whether a human or a machine made an event."""


class EventTimes(NamedTuple):
    """When one contact did what: columns of its events, in any order."""

    contact_id: str
    type: Sequence[str]
    at: Sequence[int]
    """Microseconds."""
    human: Sequence[int]
    """1, 0 where a machine made the event, UNKNOWN_MAKER."""
    valued: Sequence[int]
    """1 where the event has a value."""


def build_times(
    contact_ids: Sequence[str], facts: Mapping[str, ContactFacts], events: Iterable[Sequence[EventTimes]]
) -> Pasts:
    """Build the pasts from which frames are made: no feature may be computed from them.

    Types, instants and contacts are those of `build`; messages, campaigns and items are left out, and a value is 0.0
    where there is one.

    Args:
        contact_ids: one per row, in the caller's order, each once.
        facts: what is known of each; a missing one is an unknown contact.
        events: chunks of columns, each contact once; contacts not in `contact_ids` are skipped.
    """
    row_of = {contact_id: row for row, contact_id in enumerate(contact_ids)}
    codes: dict[str, int] = {"email_opened": 0, UNVERIFIED_OPEN: 1}
    chunks = [_columns([one for one in chunk if one.contact_id in row_of], row_of, codes) for chunk in events]
    contact, at, type_, value = _together(chunks)
    names, type_ = _used(codes, type_)
    order = time_order(contact, at, (type_, value))
    if order is not None:
        at, type_, value = at[order], type_[order], value[order]
    empty = build(contact_ids, facts, ())
    counts = np.bincount(contact, minlength=len(contact_ids))
    nothing = np.full(len(at), -1, dtype=np.int32)
    return Pasts(
        contact_ids=empty.contact_ids,
        known=empty.known | (counts > 0),
        created_at=empty.created_at,
        zones=empty.zones,
        consents=empty.consents,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        at=at,
        type=type_,
        value=value,
        message=nothing,
        campaign=nothing,
        item=nothing,
        types=names,
        campaigns=(),
        items=(),
        attributes=empty.attributes,
    )


_Columns = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]


def _columns(rows: Sequence[EventTimes], row_of: Mapping[str, int], codes: dict[str, int]) -> _Columns:
    n = [len(one.at) for one in rows]
    total = sum(n)
    names = list(chain.from_iterable(one.type for one in rows))
    for name in set(names) - codes.keys():
        codes[name] = len(codes)
    type_ = np.fromiter(map(codes.__getitem__, names), np.int32, total)
    human = np.fromiter(chain.from_iterable(one.human for one in rows), np.int8, total)
    type_[(type_ == codes["email_opened"]) & (human == UNKNOWN_MAKER)] = codes[UNVERIFIED_OPEN]
    kept = human != 0
    contact = np.repeat(np.array([row_of[one.contact_id] for one in rows], dtype=np.int32), n)
    at = np.fromiter(chain.from_iterable(one.at for one in rows), np.int64, total)
    valued = np.fromiter(chain.from_iterable(one.valued for one in rows), bool, total)
    return contact[kept], at[kept], type_[kept], np.where(valued[kept], 0.0, np.nan)


def _together(chunks: Sequence[_Columns]) -> _Columns:
    nothing = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0))
    contact, at, type_, value = zip(nothing, *chunks, strict=True)
    return np.concatenate(contact), np.concatenate(at), np.concatenate(type_), np.concatenate(value)


def _used(codes: Mapping[str, int], type_: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """List the names that occur in their own order, and recode the column."""
    occurs = np.bincount(type_, minlength=len(codes)) > 0
    names = tuple(sorted(name for name, code in codes.items() if occurs[code]))
    place = np.full(len(codes), -1, dtype=np.int32)
    place[[codes[name] for name in names]] = np.arange(len(names))
    return names, place[type_]
