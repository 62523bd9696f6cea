"""Columnar pasts: the events and dated attributes of many contacts as numpy arrays.

One contact is a batch of one. Building codes strings as integers once; everything after it is arithmetic.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts import defaults
from shared.contracts.outcome import Moment, Outcome
from shared.contracts.rows import DAY, SECOND, Microseconds

NEVER: Microseconds = 2**62
"""An instant that no cutoff reaches: `created_at` of a contact for whom it is not known."""

UNVERIFIED_OPEN = "email_opened_unverified"
"""An open nobody could tell from a machine's prefetch: a type of its own, never an engagement label."""

EventTuple = tuple[str, str, str, Microseconds, float | None, str | None, str | None, str | None, int | None]
"""contact_id, event_id, type, occurred_at, value, message_id, campaign_id, item, human."""


class DatedValue(NamedTuple):
    """One value of one attribute, valid from an instant until the next one."""

    name: str
    valid_from: Microseconds
    value: Any
    dated: bool = True
    """False: nobody said since when; only an attribute declared static may be trained on."""


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What is known of a contact apart from events."""

    created_at: Microseconds | None = None
    timezone: str | None = None
    consent: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[DatedValue, ...] = ()
    unreadable: frozenset[str] = frozenset()
    """Names of attributes whose last value could not be read, and is None."""


def denies_profiling(consent: Mapping[str, str]) -> bool:
    """Whether a contact refused to be learned from and predicted: the one rule, for training and for serving."""
    return consent.get("profiling") == "denied"


@dataclass(slots=True)
class PastRows:
    """Rows as they come from the store or from a request, before they become columns."""

    facts: dict[str, ContactFacts]
    """Known contacts only."""
    events: list[EventTuple]
    """In any order; each (contact_id, event_id) once."""
    older: list[EventTuple] = field(default_factory=list)
    """Events from before the lookback, of the types asked for; no feature ever sees them."""


@dataclass(frozen=True, slots=True)
class Pasts:
    """Columnar events and attributes of n contacts; each contact's events lie together, in time order."""

    contact_ids: tuple[str, ...]
    known: NDArray[np.bool_]
    """(n,) whether the contact has facts or events at all."""
    created_at: NDArray[np.int64]
    """(n,) microseconds; NEVER where unknown."""
    zones: tuple[str | None, ...]
    """(n,) IANA names."""
    consents: tuple[Mapping[str, str], ...]
    """(n,) as stored."""
    offsets: NDArray[np.int64]
    """(n + 1,) events of contact i are rows offsets[i]:offsets[i + 1]."""
    at: NDArray[np.int64]
    """(n_events,) microseconds, ascending within a contact; at one instant by type, item, campaign, then value."""
    type: NDArray[np.int32]
    """(n_events,) index into `types`."""
    value: NDArray[np.float64]
    """(n_events,) NaN where there is none."""
    message: NDArray[np.int32]
    """(n_events,) code, -1 where there is none."""
    campaign: NDArray[np.int32]
    """(n_events,) index into `campaigns`, -1 where there is none."""
    item: NDArray[np.int32]
    """(n_events,) index into `items`, -1 where there is none."""
    types: tuple[str, ...]
    campaigns: tuple[str, ...]
    items: tuple[str, ...]
    attributes: Mapping[str, "AttributeColumn"]
    """By name."""

    def __len__(self) -> int:
        """Count the contacts."""
        return len(self.contact_ids)

    def type_code(self, name: str) -> int:
        """Find a type's code; -1 where no event has it."""
        return self.types.index(name) if name in self.types else -1


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """All values of one attribute, sorted by contact and `valid_from`."""

    contact: NDArray[np.int32]
    valid_from: NDArray[np.int64]
    value: tuple[Any, ...]
    dated: NDArray[np.bool_]


def seen_type(event: EventTuple) -> str | None:
    """Return the type under which features and labels know an event; None where a machine made it.

    >>> seen_type(("c-1", "e-1", "email_opened", 0, None, None, None, None, None))
    'email_opened_unverified'
    """
    type_, human = event[2], event[8]
    if human == 0:
        return None
    return UNVERIFIED_OPEN if type_ == "email_opened" and human is None else type_


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
        if column.count(None) == n:
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
    chunks = [_columns(chunk, row_of, types, messages, campaigns, items) for chunk in events if chunk] or [
        _columns((), row_of, types, messages, campaigns, items)
    ]
    contact, at, type_, value, message, campaign, item = (
        chunks[0][i] if len(chunks) == 1 else np.concatenate([chunk[i] for chunk in chunks]) for i in range(7)
    )
    del chunks
    type_names, type_ = types.settled(type_)
    campaign_names, campaign = campaigns.settled(campaign)
    item_names, item = items.settled(item)
    order = _time_order(contact, at, (type_, item, campaign, value))
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
        at=at[order],
        type=type_[order],
        value=value[order],
        message=message[order],
        campaign=campaign[order],
        item=item[order],
        types=type_names,
        campaigns=campaign_names,
        items=item_names,
        attributes=_attribute_columns(known_facts),
    )


def _time_order(contact: NDArray[np.int32], at: NDArray[np.int64], ties: tuple[NDArray[Any], ...]) -> NDArray[np.intp]:
    """Order events by contact and time, and those of one instant by what they are, never by how the rows came.

    Args:
        contact: shape (n,).
        at: microseconds, shape (n,).
        ties: columns that decide between events of one contact at one instant, the first one first.
    """
    order = np.lexsort((at, contact))
    tied = np.zeros(len(order) + 1, dtype=bool)
    tied[1:-1] = (at[order[1:]] == at[order[:-1]]) & (contact[order[1:]] == contact[order[:-1]])
    places = np.flatnonzero(tied[1:] | tied[:-1])
    if len(places):
        rows = order[places]
        order[places] = rows[np.lexsort((*(column[rows] for column in reversed(ties)), at[rows], contact[rows]))]
    return order


def _columns(
    chunk: Sequence[EventTuple],
    row_of: Mapping[str, int],
    types: _Codes,
    messages: _Codes,
    campaigns: _Codes,
    items: _Codes,
) -> tuple[NDArray[Any], ...]:
    rows = [row for row in chunk if row[8] != 0 and row[0] in row_of]
    n = len(rows)

    # Column by column: `zip(*rows)` makes an iterator a row.
    def column(place: int) -> list[Any]:
        return list(map(itemgetter(place), rows))

    type_, human = column(2), column(8)
    if None in human and "email_opened" in type_:
        type_ = [
            UNVERIFIED_OPEN if name == "email_opened" and is_human is None else name
            for name, is_human in zip(type_, human, strict=True)
        ]
    return (
        np.fromiter(map(row_of.__getitem__, map(itemgetter(0), rows)), np.int32, n),
        np.fromiter(map(itemgetter(3), rows), np.int64, n),
        types.of(type_),
        np.array(column(4), dtype=np.float64),
        messages.of(column(5)),
        campaigns.of(column(6)),
        items.of(column(7)),
    )


def _attribute_columns(facts: Sequence[ContactFacts | None]) -> dict[str, AttributeColumn]:
    by_name: dict[str, list[tuple[int, Microseconds, Any, bool]]] = {}
    for row, fact in enumerate(facts):
        for name, valid_from, value, dated in fact.attributes if fact is not None else ():
            by_name.setdefault(name, []).append((row, valid_from, value, dated))
    return {name: _attribute_column(by_name[name]) for name in sorted(by_name)}


def _attribute_column(entries: list[tuple[int, Microseconds, Any, bool]]) -> AttributeColumn:
    contact, valid_from, value, dated = zip(*entries, strict=True)
    column = AttributeColumn(
        contact=np.array(contact, dtype=np.int32),
        valid_from=np.array(valid_from, dtype=np.int64),
        value=value,
        dated=np.array(dated, dtype=bool),
    )
    later = column.valid_from[1:] < column.valid_from[:-1]
    if not (later & (column.contact[1:] == column.contact[:-1])).any():
        return column  # contacts come in order, and mostly their values too
    order = np.lexsort((column.valid_from, column.contact))
    return AttributeColumn(
        column.contact[order],
        column.valid_from[order],
        tuple([value[place] for place in order.tolist()]),
        column.dated[order],
    )


LOOKBACK_DAYS, LOOKBACK_EVENTS = defaults.LOOKBACK_DAYS, defaults.LOOKBACK_EVENTS


@dataclass(frozen=True, slots=True)
class Frames:
    """(contact, cutoff) pairs with their labels."""

    contact: NDArray[np.int32]
    """(n,) row in the pasts."""
    cutoff: NDArray[np.int64]
    """(n,) microseconds."""
    label: NDArray[np.float64]
    """(n,) 1.0 when the outcome came at `cutoff <= t < cutoff + horizon`, else 0.0."""

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.contact)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Frames":
        """Keep some of the frames, in the order given."""
        return Frames(self.contact[rows], self.cutoff[rows], self.label[rows])


def positions_before(pasts: Pasts, contact: NDArray[np.int32], instant: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find for each (contact, instant) the row of the contact's first event at or after the instant.

    Returns:
        Rows into the event columns, shape (n,); events strictly before the instant end there.
    """
    if len(contact) == 1:
        begin, end = pasts.offsets[contact[0] : contact[0] + 2].tolist()
        row: NDArray[np.int64] = pasts.at[begin:end].searchsorted(instant)
        row += begin
        return row
    low = pasts.offsets[contact]
    high = pasts.offsets[contact + 1]
    steps = int(np.max(high - low, initial=0)).bit_length()
    for _ in range(steps):
        open_ = low < high
        middle = np.minimum((low + high) >> 1, len(pasts.at) - 1)
        earlier = open_ & (pasts.at[middle] < instant)
        low = np.where(earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
    return low


def outcome_type(outcome: Outcome, pasts: Pasts) -> int:
    """Choose the event type that means the outcome: the first listed one that the account has; -1: none."""
    return next((code for name in outcome.event_types if (code := pasts.type_code(name)) >= 0), -1)


def of_type(pasts: Pasts, *codes: int) -> Pasts:
    """Keep the events of some types, as a timeline to search in."""
    keep = np.flatnonzero(np.isin(pasts.type, codes) if len(codes) > 1 else pasts.type == codes[0])
    counts = np.zeros(len(pasts.offsets), dtype=np.int64)
    np.cumsum(np.bincount(np.searchsorted(pasts.offsets, keep, side="right") - 1, minlength=len(pasts)), out=counts[1:])
    return Pasts(
        contact_ids=pasts.contact_ids,
        known=pasts.known,
        created_at=pasts.created_at,
        zones=pasts.zones,
        consents=pasts.consents,
        offsets=counts,
        at=pasts.at[keep],
        type=pasts.type[keep],
        value=pasts.value[keep],
        message=pasts.message[keep],
        campaign=pasts.campaign[keep],
        item=pasts.item[keep],
        types=pasts.types,
        campaigns=pasts.campaigns,
        items=pasts.items,
        attributes={},
    )


def closed_frames(outcome: Outcome, pasts: Pasts, *, until: Microseconds) -> Frames:
    """List every frame of an event outcome whose horizon is over.

    Args:
        outcome: an event outcome; its moments, or a grid of `every_days` (default a third of the horizon).
        pasts: all contacts of the account.
        until: the instant up to which the data is complete; horizons that reach past it are still open.

    Returns:
        Frames ordered by cutoff, then contact: contacts known before the cutoff, active within
        `active_within_days`, who have not reached the outcome yet unless it is repeatable.
    """
    code = outcome_type(outcome, pasts)
    if code < 0 or not len(pasts.at):
        return Frames(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
    horizon = outcome.horizon_days * DAY
    contact, cutoff = _moments(outcome.at, pasts) if outcome.at else _grid(outcome, pasts, until - horizon)
    at_risk = (cutoff + horizon <= until) & _at_risk(outcome, pasts, contact, cutoff)
    contact, cutoff = contact[at_risk], cutoff[at_risk]
    reached = of_type(pasts, code)
    first = positions_before(reached, contact, cutoff)
    if not outcome.repeatable:
        fresh = first == reached.offsets[contact]
        contact, cutoff, first = contact[fresh], cutoff[fresh], first[fresh]
    label = (positions_before(reached, contact, cutoff + horizon) > first).astype(np.float64)
    order = np.lexsort((contact, cutoff))
    return Frames(contact[order], cutoff[order], label[order])


def known_since(pasts: Pasts) -> NDArray[np.int64]:
    """Return since when each contact can be asked about: `created_at`, else the first event, else NEVER."""
    has_events = pasts.offsets[1:] > pasts.offsets[:-1]
    first = np.full(len(pasts), NEVER, dtype=np.int64)
    first[has_events] = pasts.at[pasts.offsets[:-1][has_events]]
    return np.where(pasts.created_at == NEVER, first, pasts.created_at)


def _at_risk(
    outcome: Outcome, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.bool_]:
    latest = positions_before(pasts, contact, cutoff)
    seen = latest > pasts.offsets[contact]
    last_at = np.where(seen, pasts.at[np.maximum(latest - 1, 0)], -NEVER)
    since = known_since(pasts)[contact]
    active_at = np.maximum(last_at, np.where(since < cutoff, since, -NEVER))
    if outcome.active_within_days is None:
        return since < cutoff
    return (since < cutoff) & (active_at >= cutoff - outcome.active_within_days * DAY)


def _moments(moments: Sequence[Moment], pasts: Pasts) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    contacts, cutoffs = [], []
    owner = np.repeat(np.arange(len(pasts), dtype=np.int32), np.diff(pasts.offsets))
    for moment in moments:
        rows = np.flatnonzero(pasts.type == pasts.type_code(moment.event_type))
        contacts.append(owner[rows])
        cutoffs.append(pasts.at[rows] + moment.after_seconds * SECOND)
    contact, cutoff = np.concatenate(contacts), np.concatenate(cutoffs)
    once = np.unique(np.stack([contact.astype(np.int64), cutoff]), axis=1)
    return once[0].astype(np.int32), once[1]


def _grid(outcome: Outcome, pasts: Pasts, last: Microseconds) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    every = (outcome.every_days or max(1, round(outcome.horizon_days / 3))) * DAY
    earliest = int(pasts.at.min()) + min(outcome.horizon_days, 90) * DAY
    cutoffs = np.arange(last, earliest - 1, -every, dtype=np.int64)[::-1]
    contact = np.tile(np.arange(len(pasts), dtype=np.int32), len(cutoffs))
    return contact, np.repeat(cutoffs, len(pasts))
