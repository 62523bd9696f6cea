"""Columnar pasts: the events and dated attributes of many contacts as numpy arrays.

One contact is a batch of one. `shared.timeline.columns` builds them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, compress, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from shared.contracts import defaults
from shared.contracts.outcome import Flag, Moment, Outcome
from shared.contracts.rows import ALWAYS, DAY, SECOND, Microseconds

NEVER: Microseconds = 2**62
"""An instant that no cutoff reaches: `created_at` of a contact for whom it is not known."""

UNVERIFIED_OPEN = "email_opened_unverified"
"""An open nobody could tell from a machine's prefetch: a type of its own, never an engagement label."""

EventTuple = tuple[str, str, str, Microseconds, float | None, str | None, str | None, str | None, int | None]
"""contact_id, event_id, type, occurred_at, value, message_id, campaign_id, item, human."""


EVENT_FIELDS = len(get_args(EventTuple))
FURTHER_FIELDS = frozenset({"event_id", "value", "message_id", "campaign_id", "item"})
"""What not everybody looks at of an event: a past that was read without one of them has None in its place."""


class PackedEvents(Sequence[EventTuple]):
    """Events column by column, as a store hands over many; a row is made only where somebody asks for one."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take one column a field of `EventTuple`, all of one length."""
        self.columns = columns

    @classmethod
    def of(cls, events: Iterable[EventTuple]) -> "PackedEvents":
        """Turn rows into columns: strides of one list, as `zip(*rows)` would make an iterator a row."""
        if isinstance(events, PackedEvents):
            return events
        flat = list(chain.from_iterable(events))
        return cls([flat[place::EVENT_FIELDS] for place in range(EVENT_FIELDS)])

    @cached_property
    def runs(self) -> tuple[list[str], list[int]]:
        """Return whose the events are: each contact for as many as lie together, and where that run begins."""
        ids = self.columns[0]
        if ids and ids[0] == ids[-1] and ids.count(ids[0]) == len(ids):
            return [ids[0]], [0]
        begins = [place for place, (before, own) in enumerate(pairwise(chain([None], ids))) if own != before]
        return [ids[begin] for begin in begins], begins

    def __len__(self) -> int:
        """Count the events."""
        return len(self.columns[0])

    def __iter__(self) -> Iterator[EventTuple]:
        """Make one row after the other."""
        rows: Iterator[Any] = zip(*self.columns, strict=True)
        return rows

    def __getitem__(self, place: Any) -> Any:
        """Make one row, or keep a stretch of them."""
        taken = [column[place] for column in self.columns]
        return PackedEvents(taken) if isinstance(place, slice) else tuple(taken)


class DatedValue(NamedTuple):
    """One value of one attribute, valid from an instant until the next one."""

    name: str
    valid_from: Microseconds
    value: Any
    dated: bool = True
    """False: nobody said since when; only an attribute declared static may be trained on."""


class GivenValues(Collection[DatedValue]):
    """Values that a call brings of one contact: they hold at any cutoff.

    Each is made when it is asked for: a call brings tens of thousands, and columns are built without them.
    """

    __slots__ = ("by_name",)

    def __init__(self, by_name: Mapping[str, Any]) -> None:
        self.by_name = by_name

    def __len__(self) -> int:
        """Count the values."""
        return len(self.by_name)

    def __iter__(self) -> Iterator[DatedValue]:
        """Make one after the other."""
        return (DatedValue(name, ALWAYS, value) for name, value in self.by_name.items())

    def __contains__(self, value: object) -> bool:
        """Whether it is one of them."""
        return value in tuple(self)


class StoredValues(Collection[DatedValue]):
    """Values of one contact, column by column, in the order of name and instant; each is made when it is asked for."""

    __slots__ = ("columns", "names")

    def __init__(self, names: tuple[str, ...], *columns: Sequence[Any]) -> None:
        """Take the names, and further columns in the order of `DatedValue`."""
        self.names = names
        self.columns = (names, *columns)

    @property
    def last_valid_from(self) -> Microseconds:
        """Return the instant from which on all of them are valid."""
        return max(self.columns[1], default=ALWAYS)

    def __len__(self) -> int:
        """Count the values."""
        return len(self.names)

    def __iter__(self) -> Iterator[DatedValue]:
        """Make one after the other."""
        return map(DatedValue, *self.columns)

    def __contains__(self, value: object) -> bool:
        """Whether it is one of them."""
        return value in tuple(self)

    def __eq__(self, other: object) -> bool:
        """Whether it holds the same values in the same order."""
        return isinstance(other, Collection) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared by value


def names_of(values: Collection[DatedValue]) -> Collection[str]:
    """Return the names of a contact's values."""
    if isinstance(values, StoredValues):
        return values.names
    return values.by_name.keys() if isinstance(values, GivenValues) else [value.name for value in values]


_VALUE = DatedValue._fields.index("value")


def named_values(values: Collection[DatedValue]) -> Iterable[tuple[str, Any]]:
    """Return name and value of each of a contact's values."""
    if isinstance(values, GivenValues):
        return values.by_name.items()
    if isinstance(values, StoredValues):
        return zip(values.names, values.columns[_VALUE], strict=True)
    return ((value.name, value.value) for value in values)


class ContactFacts(NamedTuple):
    """What is known of a contact apart from events."""

    created_at: Microseconds | None = None
    timezone: str | None = None
    consent: Mapping[str, str] = {}
    attributes: Collection[DatedValue] = ()
    unreadable: frozenset[str] = frozenset()
    """Names of attributes whose last value could not be read, and is None."""


@dataclass(slots=True)
class PastRows:
    """Rows as they come from the store or from a request, before they become columns."""

    facts: dict[str, ContactFacts]
    """Known contacts only."""
    events: Sequence[EventTuple]
    """In any order; each (contact_id, event_id) once."""
    older: list[EventTuple] = field(default_factory=list)
    """Events from before the lookback, of the types asked for; no feature ever sees them."""
    other_currency: frozenset[str] = frozenset()
    """Contacts of whom events in another currency than the wanted one were left out."""


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


def contacts_of(events: Sequence[EventTuple]) -> set[str]:
    """Return who has any of some events."""
    return set(events.runs[0] if isinstance(events, PackedEvents) else map(itemgetter(0), events))


def perhaps_of_types(events: Sequence[EventTuple], types: Collection[str]) -> Iterable[EventTuple]:
    """Keep the events that may be of some types as `seen_type` knows them; of many the others are never rows."""
    recorded = {*types, "email_opened"} if UNVERIFIED_OPEN in types else set(types)
    names = events.columns[2] if isinstance(events, PackedEvents) else map(itemgetter(2), events)
    return compress(events, [name in recorded for name in names])


def seen_type(event: EventTuple) -> str | None:
    """Return the type under which features and labels know an event; None where a machine made it.

    >>> seen_type(("c-1", "e-1", "email_opened", 0, None, None, None, None, None))
    'email_opened_unverified'
    """
    type_, human = event[2], event[8]
    if human == 0:
        return None
    return UNVERIFIED_OPEN if type_ == "email_opened" and human is None else type_


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


def entry_at(stored: AttributeColumn, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the entry that is valid at each cutoff: the last one whose `valid_from` lies before it; -1: none."""
    if len(contact) == 1:
        begin, end = stored.contact.searchsorted([contact[0], contact[0] + 1]).tolist()
        last = begin + stored.valid_from[begin:end].searchsorted(cutoff) - 1
        return np.where(last >= begin, last, -1).astype(np.int64)
    n = len(stored.contact)
    if (stored.contact[1:] > stored.contact[:-1]).all():  # one value a contact: nothing to choose
        is_each = np.array_equal(stored.contact, contact)
        place = np.arange(n) if is_each else np.minimum(np.searchsorted(stored.contact, contact), n - 1)
        valid = (stored.contact[place] == contact) & (stored.valid_from[place] < cutoff)
        return np.where(valid, place, -1).astype(np.int64)
    # One searchable key: entries are sorted by contact, then valid_from; ranks keep it inside 64 bits.
    instants, rank = np.unique(stored.valid_from, return_inverse=True)
    width = len(instants) + 1
    key = stored.contact.astype(np.int64) * width + rank
    wanted = contact.astype(np.int64) * width + np.searchsorted(instants, cutoff, side="left") - 1
    position = np.searchsorted(key, wanted, side="right") - 1
    valid = (position >= 0) & (stored.contact[np.clip(position, 0, n - 1)] == contact)
    return np.where(valid, position, -1).astype(np.int64)


def outcome_type(outcome: Outcome, pasts: Pasts) -> int:
    """Choose the event type that means the outcome: the first listed one that the account has; -1: none."""
    return next((code for name in outcome.event_types if (code := pasts.type_code(name)) >= 0), -1)


def of_type(pasts: Pasts, *codes: int) -> Pasts:
    """Keep the events of some types, as a timeline to search in."""
    keep = np.flatnonzero(pasts.type == codes[0] if len(codes) == 1 else np.isin(pasts.type, codes))
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
    label = _came(reached, contact, first, cutoff + horizon)
    order = np.lexsort((contact, cutoff))
    return Frames(contact[order], cutoff[order], label[order])


def labels_of(
    reached: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], horizon: Microseconds, *, repeatable: bool
) -> NDArray[np.float64]:
    """Label given frames as `closed_frames` does: for predictions that were made at these cutoffs.

    Args:
        reached: the events that mean the outcome alone; see `of_type`.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        horizon: length of the label window.
        repeatable: whether one who has reached the outcome may reach it again.

    Returns:
        1.0 when the outcome came at `cutoff <= t < cutoff + horizon`, else 0.0; NaN where it had come before.
    """
    first = positions_before(reached, contact, cutoff)
    label = _came(reached, contact, first, cutoff + horizon)
    return label if repeatable else np.where(first == reached.offsets[contact], label, np.nan)


def _came(
    reached: Pasts, contact: NDArray[np.int32], first: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return whether an event lies between a position and an instant, the instant excluded, as 1.0 or 0.0."""
    return (positions_before(reached, contact, end) > first).astype(np.float64)


def flat_frames(outcome: Outcome, pasts: Pasts, now: Microseconds) -> Frames:
    """Frame flat data: all cutoffs are now, so that a date attribute is as old here as it is when serving asks."""
    stored = pasts.attributes.get(outcome.attribute or "")
    if stored is None:
        return Frames(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
    contact = np.arange(len(pasts), dtype=np.int32)
    cutoff = np.full(len(pasts), now)
    entry = entry_at(stored, contact, cutoff)
    flag = Flag(outcome.attribute or "", outcome.positive)
    labels = np.array([_label(flag, stored.value[row] if row >= 0 else None) for row in entry])
    known = ~np.isnan(labels)
    return Frames(contact[known], cutoff[known], labels[known])


def _label(flag: Flag, value: object) -> float:
    reached = flag.reached(value)
    return np.nan if reached is None else float(reached)


def contact_counts(frames: Frames) -> dict[str, int]:
    """Count the contacts that have a frame with the outcome, and those that have one without it."""
    return {
        "with_outcome": len(np.unique(frames.contact[frames.label == 1])),
        "without_outcome": len(np.unique(frames.contact[frames.label == 0])),
    }


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
