"""From rows of events and facts to columns: strings become codes once, and everything after it is arithmetic."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import ALWAYS
from shared.timeline.pasts import (
    NEVER,
    UNVERIFIED_OPEN,
    AttributeColumn,
    ContactFacts,
    DatedValue,
    EventTuple,
    GivenValues,
    PackedEvents,
    Pasts,
    StoredValues,
)

_NAN = float("nan")
VALUE_FIELDS = len(DatedValue._fields)
BLOCK = 1_024
"""Rows read together: few enough to stay in the processor's cache while column after column is taken from them."""


class _Codes(dict[str | None, int]):
    """Codes of names while rows are read, in order of first appearance; None is -1."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, name: str | None) -> int:
        code = len(self) - 1
        self[name] = code
        return code

    def of(self, column: Sequence[str | None]) -> NDArray[np.int32]:
        """Code a column; many columns of a request hold nothing at all."""
        n = len(column)
        if n and column[0] is None and column.count(None) == n:
            return np.full(n, -1, dtype=np.int32)
        return np.fromiter(map(self.__getitem__, column), np.int32, n)

    def settled(self, codes: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """List the names in their own order and recode a column: nothing may depend on who came first."""
        first_seen = [name for name in self if name is not None]
        names = tuple(sorted(first_seen))
        if names == tuple(first_seen):
            return names, codes
        place = {name: code for code, name in enumerate(names)}
        # Code -1 reads the last entry.
        recoded = np.array([*(place[name] for name in first_seen), -1], dtype=np.int32)
        return names, recoded[codes]


def build(
    contact_ids: Sequence[str],
    facts: Mapping[str, ContactFacts],
    events: Iterable[Sequence[EventTuple]],
) -> Pasts:
    """Turn rows into columns; events made by machines are taken out here, once, for everybody.

    Args:
        contact_ids: one per row, in the caller's order, each once.
        facts: what is known of each; a missing one is an unknown contact.
        events: chunks of event tuples in any order; contacts not in `contact_ids` are skipped.

    Returns:
        The pasts of these contacts, in the caller's order.
    """
    row_of = {contact_id: row for row, contact_id in enumerate(contact_ids)}
    types, messages, campaigns, items = _Codes(), _Codes(), _Codes(), _Codes()
    chunks = [_columns(block, row_of, types, messages, campaigns, items) for block in _blocks(events)] or [
        _columns((), row_of, types, messages, campaigns, items)
    ]
    contact, at, type_, value, message, campaign, item = (
        chunks[0][i] if len(chunks) == 1 else np.concatenate([chunk[i] for chunk in chunks]) for i in range(7)
    )
    del chunks
    type_names, type_ = types.settled(type_)
    campaign_names, campaign = campaigns.settled(campaign)
    item_names, item = items.settled(item)
    order = time_order(contact, at, (type_, item, campaign, value))
    if order is not None:
        contact, at, value, message = contact[order], at[order], value[order], message[order]
        type_, campaign, item = type_[order], campaign[order], item[order]
    n = len(contact_ids)
    counts = np.bincount(contact, minlength=n)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    known_facts = [facts.get(contact_id) for contact_id in contact_ids]
    return Pasts(
        contact_ids=tuple(contact_ids),
        known=np.array([fact is not None for fact in known_facts], dtype=bool) | (counts > 0),
        created_at=np.array(
            [NEVER if fact is None or fact.created_at is None else fact.created_at for fact in known_facts],
            dtype=np.int64,
        ),
        zones=tuple(None if fact is None else fact.timezone for fact in known_facts),
        consents=tuple({} if fact is None else fact.consent for fact in known_facts),
        offsets=offsets,
        at=at,
        type=type_,
        value=value,
        message=message,
        campaign=campaign,
        item=item,
        types=type_names,
        campaigns=campaign_names,
        items=item_names,
        attributes=_attribute_columns(known_facts),
    )


def _blocks(events: Iterable[Sequence[EventTuple]]) -> Iterator[Sequence[EventTuple]]:
    for chunk in events:
        if len(chunk) <= BLOCK or isinstance(chunk, PackedEvents):
            yield from (chunk,) if chunk else ()
        else:
            for begin in range(0, len(chunk), BLOCK):
                yield chunk[begin : begin + BLOCK]


def time_order(
    contact: NDArray[np.int32], at: NDArray[np.int64], ties: tuple[NDArray[Any], ...]
) -> NDArray[np.intp] | None:
    """Order events by contact and time, and those of one instant by what they are, never by how the rows came.

    The store gives each contact's events together and in time order: then hardly anything is left to do.

    Args:
        contact: shape (n,).
        at: microseconds, shape (n,).
        ties: columns that decide between events of one contact at one instant, the first one first.

    Returns:
        Shape (n,); None where they are in order as they came.
    """
    order = None
    if (contact[1:] < contact[:-1]).any():
        order = np.argsort(contact, kind="stable")  # quick, as what is together is found together
        contact, at = contact[order], at[order]
    same = contact[1:] == contact[:-1]
    if (same & (at[1:] < at[:-1])).any():
        again = _by_contact_and_time(contact, at)
        order = again if order is None else order[again]
        contact, at = contact[again], at[again]
        same = contact[1:] == contact[:-1]
    equal = np.zeros(len(at) + 1, dtype=bool)
    np.logical_and(same, at[1:] == at[:-1], out=equal[1:-1])
    places = np.flatnonzero(equal[1:] | equal[:-1])
    if len(places):
        order = np.arange(len(at)) if order is None else order
        rows = order[places]
        keys = (*(column[rows] for column in reversed(ties)), at[places], contact[places])
        order[places] = rows[np.lexsort(keys)]
    return order


def _by_contact_and_time(contact: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order events by contact, then time; one number of both is sorted in a fifth of the time of two."""
    since, n_contacts = int(at.min()), int(contact.max()) + 1
    span = int(at.max()) - since + 1
    if n_contacts * span > np.iinfo(np.int64).max:
        return np.lexsort((at, contact))
    return np.argsort(contact.astype(np.int64) * span + (at - since), kind="stable")


def _columns(
    chunk: Sequence[EventTuple],
    row_of: Mapping[str, int],
    types: _Codes,
    messages: _Codes,
    campaigns: _Codes,
    items: _Codes,
) -> tuple[NDArray[Any], ...]:
    packed = PackedEvents.of(chunk)
    if 0 in packed.columns[8] or not row_of.keys() >= set(packed.runs[0]):  # machines' rows, or others', are among them
        ids, human = packed.columns[0], packed.columns[8]
        kept = [made_by != 0 and contact_id in row_of for contact_id, made_by in zip(ids, human, strict=True)]
        packed = PackedEvents([list(compress(column, kept)) for column in packed.columns])
    _, _, type_, at, value, message, campaign, item, human = packed.columns
    names, begins = packed.runs
    n = len(at)
    if None in human and "email_opened" in type_:
        type_ = [
            UNVERIFIED_OPEN if name == "email_opened" and is_human is None else name
            for name, is_human in zip(type_, human, strict=True)
        ]
    return (
        np.repeat(np.fromiter(map(row_of.__getitem__, names), np.int32, len(names)), np.diff([*begins, n])),
        np.fromiter(at, np.int64, n),
        types.of(type_),
        _numbers(value),
        messages.of(message),
        campaigns.of(campaign),
        items.of(item),
    )


def _numbers(column: Sequence[float | None]) -> NDArray[np.float64]:
    """Read numbers; NaN where there is none."""
    n, absent = len(column), column.count(None)
    if absent == n:
        return np.full(n, _NAN)
    return np.fromiter([_NAN if one is None else one for one in column] if absent else column, np.float64, n)


def _attribute_columns(facts: Sequence[ContactFacts | None]) -> dict[str, AttributeColumn]:
    own: list[Collection[DatedValue]] = [() if fact is None else fact.attributes for fact in facts]
    if (alike := _given_columns(own)) is not None:
        return alike
    n = len(own)
    counts = np.fromiter(map(len, own), np.int64, n)
    contact = np.repeat(np.arange(n, dtype=np.int32), counts)
    names, instants, values, marks = _value_columns(own)
    valid_from, dated = np.fromiter(instants, np.int64, len(contact)), np.fromiter(marks, bool, len(contact))
    first = names[: len(own[0])] if own else []
    if len(set(first)) == len(first) and (counts == len(first)).all() and names == first * n:
        # Contacts of one call mostly have the same attributes in the same order: nothing has to be gathered or sorted.
        width = len(first)
        every = {name: slice(place, None, width) for place, name in enumerate(first)}
        return {
            name: AttributeColumn(contact[rows], valid_from[rows], tuple(values[rows]), dated[rows])
            for name, rows in sorted(every.items())
        }
    codes = _Codes()
    code = codes.of(names)
    order = np.argsort(code, kind="stable")
    begins = np.searchsorted(code[order], np.arange(len(codes)))
    found = {}
    for name, place in codes.items():
        if name is not None:
            rows = order[begins[place] : begins[place + 1]]
            mine = [values[row] for row in rows.tolist()]
            found[name] = _attribute_column(contact[rows], valid_from[rows], mine, dated[rows])
    return {name: found[name] for name in sorted(found)}


def _value_columns(own: Sequence[Collection[DatedValue]]) -> tuple[list[Any], ...]:
    """Put the columns of all values one below the other."""
    stored = [one.columns for one in own if isinstance(one, StoredValues)]
    if len(stored) == len(own):
        return tuple([list(chain.from_iterable(map(itemgetter(place), stored))) for place in range(VALUE_FIELDS)])
    entries = list(chain.from_iterable(own))
    return tuple([list(map(itemgetter(place), entries)) for place in range(VALUE_FIELDS)])


def _given_columns(own: Sequence[Collection[DatedValue]]) -> dict[str, AttributeColumn] | None:
    """Take the columns of contacts that a call brings with the same names in the same order; None: they are others."""
    given = [one.by_name for one in own if isinstance(one, GivenValues)]
    if not given or len(given) < len(own) or not all(map(list(given[0]).__eq__, map(list, given))):
        return None
    contact = np.arange(len(given), dtype=np.int32)
    valid_from, dated = np.full(len(given), ALWAYS, dtype=np.int64), np.ones(len(given), dtype=bool)
    columns = dict(zip(given[0], zip(*[one.values() for one in given], strict=True), strict=True))
    return {name: AttributeColumn(contact, valid_from, columns[name], dated) for name in sorted(columns)}


def _attribute_column(
    contact: NDArray[np.int32], valid_from: NDArray[np.int64], value: list[Any], dated: NDArray[np.bool_]
) -> AttributeColumn:
    later = valid_from[1:] < valid_from[:-1]
    if not (later & (contact[1:] == contact[:-1])).any():
        return AttributeColumn(
            contact, valid_from, tuple(value), dated
        )  # contacts come in order, and mostly values too
    order = np.lexsort((valid_from, contact))
    return AttributeColumn(
        contact[order], valid_from[order], tuple([value[place] for place in order.tolist()]), dated[order]
    )
