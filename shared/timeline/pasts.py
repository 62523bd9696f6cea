"""Columnar pasts: the events and dated attributes of many contacts as numpy arrays, and what is looked up in them.

One contact is a batch of one; `shared.timeline.past_rows` builds them. Looked up are what lies before an instant,
frames and their labels, which lines are one order, and the hour on the contact's own clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shared.contracts import defaults
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.outcome import Flag, Moment, Outcome
from shared.contracts.rows import DAY, HOUR, SECOND, Microseconds, microseconds

NEVER: Microseconds = 2**62
"""An instant that no cutoff reaches: `created_at` of a contact for whom it is not known."""

UNVERIFIED_OPEN = "email_opened_unverified"
"""An open nobody could tell from a machine's prefetch: a type of its own, never an engagement label."""
LOOKBACK_DAYS, LOOKBACK_EVENTS = defaults.LOOKBACK_DAYS, defaults.LOOKBACK_EVENTS


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


def further_lines(pasts: Pasts, types: Collection[str]) -> NDArray[np.bool_] | None:
    """Mark the lines that only go on with an order: all but its first one.

    Args:
        pasts: in which the lines of an order lie side by side, as they do in every one.
        types: of events that are joined.

    Returns:
        Shape (n_events,); None where every order has one line, which costs two comparisons an event.
    """
    codes = [code for name in types if (code := pasts.type_code(name)) >= 0]
    if not codes or len(pasts.at) < 2:
        return None
    marked = np.zeros(len(pasts.at), dtype=bool)
    np.logical_and(pasts.at[1:] == pasts.at[:-1], pasts.type[1:] == pasts.type[:-1], out=marked[1:])
    begins = pasts.offsets[:-1]
    marked[begins[begins < len(marked)]] = False
    rows = np.flatnonzero(marked)
    others = rows[~np.isin(pasts.type[rows], codes)]
    marked[others] = False
    return marked if len(others) < len(rows) else None


def types_with_lines(pasts: Pasts) -> tuple[str, ...]:
    """Return the types whose events of one instant are one order, where these pasts have such lines at all."""
    return () if further_lines(pasts, EXPORTED_BY_LINE) is None else EXPORTED_BY_LINE


def whole_orders(pasts: Pasts, types: Collection[str]) -> Pasts:
    """Join events of one contact, type and instant; of message, campaign and item the first line's stays.

    Shops hand out an event for each line of an order, since each names its item. Whoever counts orders, or waits for
    the next one, joins the lines first, their values added up; whoever learns of items does not.

    Args:
        pasts: in which such lines lie side by side, as they do in every one.
        types: of events that are joined.

    Returns:
        The same pasts where there is nothing to join.
    """
    goes_on = further_lines(pasts, types)
    if goes_on is None:
        return pasts
    first = np.flatnonzero(~goes_on)
    known = ~np.isnan(pasts.value)
    value = np.add.reduceat(np.where(known, pasts.value, 0.0), first)
    value[np.add.reduceat(known, first) == 0] = np.nan
    offsets = np.concatenate([[0], np.cumsum(~goes_on)])[pasts.offsets]
    kept = {name: getattr(pasts, name)[first] for name in ("at", "type", "message", "campaign", "item")}
    return replace(pasts, offsets=offsets, value=value, **kept)


class LineCount(NamedTuple):
    """How many lines of a type there are, and how many orders they are."""

    type: str
    lines: int
    orders: int


def line_counts(pasts: Pasts) -> list[LineCount]:
    """Count lines and orders of each type some of whose orders have several lines."""
    marked = further_lines(pasts, EXPORTED_BY_LINE)
    if marked is None:
        return []
    further = np.bincount(pasts.type[marked], minlength=len(pasts.types))
    lines = np.bincount(pasts.type, minlength=len(pasts.types))
    codes = [code for name in EXPORTED_BY_LINE if (code := pasts.type_code(name)) >= 0 and further[code]]
    return [LineCount(pasts.types[code], int(lines[code]), int(lines[code] - further[code])) for code in codes]


def local_time(at: NDArray[np.int64], zone_of: NDArray[np.int32], zones: Sequence[str | None]) -> NDArray[np.int64]:
    """Shift instants to the wall clock of their zones.

    Args:
        at: microseconds since the epoch, UTC, shape (n,).
        zone_of: index into `zones` for each instant, shape (n,); not read when there is only one zone.
        zones: IANA names; None counts as UTC.

    Returns:
        Microseconds of the local wall clock, shape (n,); `// DAY` is the local day, Monday 5 January 1970 is day 4.
        Before 1990 and after 2060 the nearest known offset holds.
    """
    if not any(zones):
        return at
    if len(zones) == 1:
        return at + utc_offsets(zones[0] or "UTC", at)
    shifted = at.copy()
    for index, zone in enumerate(zones):
        if zone is not None and zone != "UTC":
            rows = np.flatnonzero(zone_of == index)
            shifted[rows] += utc_offsets(zone, at[rows])
    return shifted


def utc_offsets(zone: str, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the zone's offset from UTC at each instant, microseconds."""
    starts, values = clock_changes(zone)
    found: NDArray[np.int64] = values[np.maximum(np.searchsorted(starts, at, side="right") - 1, 0)]
    return found


def hour_of_day(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the local hour, 0-23."""
    hours: NDArray[np.int64] = local_at % DAY // HOUR
    return hours


def weekday(local_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the local weekday, Monday 0.

    >>> int(weekday(np.array([4 * DAY]))[0])  # 5 January 1970
    0
    """
    days: NDArray[np.int64] = (local_at // DAY + 3) % 7
    return days


_FIRST_YEAR, _LAST_YEAR = 1990, 2060
_STEP = timedelta(days=7)
"""Between two changes of a zone's clocks lies more."""


@lru_cache(maxsize=600)
def clock_changes(zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the instants at which the offset changes, and the offset from then on."""
    info = ZoneInfo(zone)
    moment = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(_LAST_YEAR, 1, 1, tzinfo=UTC)
    current = _utc_offset(info, moment)
    starts, values = [moment], [current]
    while moment < end:
        following = moment + _STEP
        changed = _utc_offset(info, following)
        if changed != current:
            starts.append(_change_between(info, moment, following))
            values.append(changed)
            current = changed
        moment = following
    return (
        np.array([microseconds(start) for start in starts], dtype=np.int64),
        np.array(values, dtype=np.int64),
    )


def _utc_offset(info: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(info).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * SECOND


def _change_between(info: ZoneInfo, early: datetime, late: datetime) -> datetime:
    before = _utc_offset(info, early)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if _utc_offset(info, middle) == before:
            early = middle
        else:
            late = middle
    return late
