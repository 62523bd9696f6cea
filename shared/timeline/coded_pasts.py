"""Pasts straight from columns that are coded already: what `build` makes of rows, without a row.

Texts come as codes into a list of names, contacts as numbers, and events mostly in their order, so that nothing is
hashed and little is sorted. The same events give the same pasts, whichever way they come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.timeline.pasts import UNVERIFIED_OPEN, AttributeColumn, Pasts

OPENED = "email_opened"
NOBODY, MACHINE = 2, 0
"""Values of `human`: nobody knows, and a machine; 1 is a person."""


@dataclass(frozen=True, slots=True)
class CodedText:
    """A column of texts: codes into distinct names, -1 where there is none."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def taken(self, rows: NDArray[np.bool_]) -> "CodedText":
        """Keep some rows."""
        return CodedText(self.codes[rows], self.names)

    def settled(self) -> "CodedText":
        """Drop names that no row has, and put the others into their own order."""
        present = np.zeros(len(self.names) + 1, dtype=bool)
        present[self.codes] = True  # -1 marks the last one
        kept = np.flatnonzero(present[:-1])
        if len(kept) == len(self.names) and all(map(str.__lt__, self.names, self.names[1:])):
            return self
        ordered = sorted(kept.tolist(), key=self.names.__getitem__)
        place = np.full(len(self.names) + 1, -1, dtype=np.int32)
        place[ordered] = np.arange(len(ordered), dtype=np.int32)
        return CodedText(place[self.codes], tuple([self.names[code] for code in ordered]))


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events of some contacts as columns of one length."""

    contact: NDArray[np.int32]
    """Row of the contact; ascending."""
    at: NDArray[np.int64]
    """Microseconds."""
    type: CodedText
    value: NDArray[np.float64]
    """NaN where there is none."""
    message: CodedText
    campaign: CodedText
    item: CodedText

    @classmethod
    def none(cls) -> "EventColumns":
        """Return the columns of contacts without any event."""
        nowhere, no_text = np.empty(0, dtype=np.int32), CodedText(np.empty(0, dtype=np.int32), ())
        return cls(nowhere, np.empty(0, dtype=np.int64), no_text, np.empty(0), no_text, no_text, no_text)

    def __len__(self) -> int:
        """Count the events."""
        return len(self.at)

    def taken(self, rows: NDArray[np.bool_]) -> "EventColumns":
        """Keep some events."""
        if rows.all():
            return self
        return EventColumns(
            self.contact[rows],
            self.at[rows],
            self.type.taken(rows),
            self.value[rows],
            self.message.taken(rows),
            self.campaign.taken(rows),
            self.item.taken(rows),
        )


@dataclass(frozen=True, slots=True)
class ContactColumns:
    """Contacts as columns of one length."""

    ids: Sequence[str]
    created_at: NDArray[np.int64]
    """NEVER where unknown."""
    zones: Sequence[str | None]
    consents: Sequence[Mapping[str, str]]
    attributes: Mapping[str, AttributeColumn]
    """By name; of each contact the values in the order in which they became valid."""


def seen_types(type_: CodedText, human: NDArray[np.int8]) -> CodedText:
    """Code the types under which features and labels know events: an open that nobody could tell is of its own.

    Args:
        type_: as recorded.
        human: 1 a person, 0 a machine, 2 nobody knows.
    """
    if OPENED not in type_.names:
        return type_
    unknown = (type_.codes == type_.names.index(OPENED)) & (human == NOBODY)
    if not unknown.any():
        return type_
    if UNVERIFIED_OPEN in type_.names:
        names, code = type_.names, type_.names.index(UNVERIFIED_OPEN)
    else:
        names, code = (*type_.names, UNVERIFIED_OPEN), len(type_.names)
    return CodedText(np.where(unknown, np.int32(code), type_.codes), names)


def from_columns(contacts: ContactColumns, events: EventColumns) -> Pasts:
    """Lay out the pasts of contacts.

    Args:
        contacts: all known, in the order wanted.
        events: of these contacts, without what machines did; within a contact in any order.
    """
    n = len(contacts.ids)
    type_, campaign, item = events.type.settled(), events.campaign.settled(), events.item.settled()
    counts = np.bincount(events.contact, minlength=n)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    columns: dict[str, Any] = {
        "at": events.at,
        "type": type_.codes,
        "value": events.value,
        "message": events.message.codes,
        "campaign": campaign.codes,
        "item": item.codes,
    }
    order = _order(events, (type_.codes, item.codes, campaign.codes, events.value))
    if order is not None:
        columns = {name: column[order] for name, column in columns.items()}
    return Pasts(
        contact_ids=tuple(contacts.ids),
        known=np.ones(n, dtype=bool),
        created_at=contacts.created_at,
        zones=tuple(contacts.zones),
        consents=tuple(contacts.consents),
        offsets=offsets,
        types=type_.names,
        campaigns=campaign.names,
        items=item.names,
        attributes={name: contacts.attributes[name] for name in sorted(contacts.attributes)},
        **columns,
    )


def _order(events: EventColumns, ties: tuple[NDArray[np.int32] | NDArray[np.float64], ...]) -> NDArray[np.intp] | None:
    """Return the order of the events; None: they are in it, as files that were written in order mostly are."""
    further = events.contact[1:] > events.contact[:-1]
    if (further | (events.at[1:] > events.at[:-1])).all() and (events.contact[1:] >= events.contact[:-1]).all():
        return None
    same = events.contact[1:] == events.contact[:-1]
    later = events.at[1:] - events.at[:-1]
    if (same & (later < 0)).any() or (events.contact[1:] < events.contact[:-1]).any():
        return np.lexsort((*reversed(ties), events.at, events.contact))
    tied = np.zeros(len(events) + 1, dtype=bool)
    tied[1:-1] = same & (later == 0)
    places = np.flatnonzero(tied[1:] | tied[:-1])
    if not len(places):
        return None
    keys = (*(column[places] for column in reversed(ties)), events.at[places], events.contact[places])
    order = np.arange(len(events))
    order[places] = places[np.lexsort(keys)]
    return order
