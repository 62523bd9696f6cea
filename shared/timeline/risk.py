"""Who is at risk of an event or of falling silent, and how long it takes: frames with waiting times, not labels."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import STARTED, Outcome
from shared.contracts.rows import DAY, Microseconds
from shared.timeline.contact_pasts import ContactPast
from shared.timeline.pasts import NEVER, Frames, Pasts, known_since, of_type, positions_before

MOSTLY = 0.9
"""Share of those who ended that must have begun before it for beginnings to count."""


@dataclass(frozen=True, slots=True)
class Episode:
    """What is waited for, and what makes a contact be at risk of it."""

    waited_for: tuple[str, ...]
    """The event types one of which ends the wait: the cancellation, or the next activity."""
    contractual: bool
    """True: the wait ends badly, and once. False: it ends well, and may begin again."""
    begun_by: tuple[str, ...] = ()
    """Types that put a contact at risk (again); empty: being known does."""
    active_within_days: int | None = None
    """Only contacts with activity (silence: of the types waited for) so lately are at risk."""

    @property
    def looked_up(self) -> tuple[str, ...]:
        """List the types that decide whether a contact is at risk."""
        return (*self.waited_for, *self.begun_by)


@dataclass(frozen=True, slots=True)
class Waits:
    """(contact, cutoff) pairs at risk, and how long after the cutoff the event came."""

    contact: NDArray[np.int32]
    """(n,) row in the pasts."""
    cutoff: NDArray[np.int64]
    """(n,) microseconds, ascending."""
    wait: NDArray[np.int64]
    """(n,) microseconds from the cutoff to the event; NEVER where none was seen."""
    until: Microseconds
    """The instant up to which the data is complete."""

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.contact)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Waits":
        """Keep some of the frames, in the order given."""
        return Waits(self.contact[rows], self.cutoff[rows], self.wait[rows], self.until)

    def closed(self, horizon: Microseconds) -> NDArray[np.bool_]:
        """Return whose horizon is over, shape (n,)."""
        over: NDArray[np.bool_] = self.cutoff + horizon <= self.until
        return over

    def came_within(self, horizon: Microseconds) -> NDArray[np.float64]:
        """Return for whom the event came at `cutoff <= t < cutoff + horizon`, shape (n,)."""
        return (self.wait < horizon).astype(np.float64)

    def frames(self, horizon: Microseconds, *, contractual: bool) -> Frames:
        """Label the closed frames: 1.0 where the contact left, which for silence is that nothing came."""
        rows = np.flatnonzero(self.closed(horizon))
        came = self.came_within(horizon)[rows]
        return Frames(self.contact[rows], self.cutoff[rows], came if contractual else 1.0 - came)


def episode(outcome: Outcome, pasts: Pasts) -> Episode:
    """Return what is waited for in these pasts.

    Beginnings (a subscription started or renewed) count where nearly all who ended had one before: an account that
    recorded its first cancellations before it recorded starts would otherwise lose them.
    """
    if outcome.silence:
        return Episode(outcome.silence, contractual=False, active_within_days=outcome.active_within_days)
    ends = next((name for name in outcome.event_types if pasts.type_code(name) >= 0), "")
    ended = (ends,) if ends else ()
    begun_by = tuple(name for name in STARTED if pasts.type_code(name) >= 0)
    if not ended or not begun_by or not _mostly_begun(pasts, ended, begun_by):
        begun_by = ()
    return Episode(ended, contractual=True, begun_by=begun_by, active_within_days=outcome.active_within_days)


def _mostly_begun(pasts: Pasts, ended: tuple[str, ...], begun_by: tuple[str, ...]) -> bool:
    ends = of_type(pasts, *_codes(pasts, ended))
    starts = of_type(pasts, *_codes(pasts, begun_by))
    contact = np.flatnonzero(np.diff(ends.offsets)).astype(np.int32)
    first_end = ends.at[ends.offsets[contact]]
    begun = positions_before(starts, contact, first_end) > starts.offsets[contact]
    return bool(begun.mean() >= MOSTLY)


def at_risk(wanted: Episode, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which frames are at risk, shape (n,)."""
    risk = recently_active(wanted, pasts, contact, cutoff)
    if not wanted.contractual:
        return risk
    ended = _last(pasts, wanted.waited_for, contact, cutoff)
    if wanted.begun_by:
        risk &= _last(pasts, wanted.begun_by, contact, cutoff) > ended
    else:
        risk &= (ended == -NEVER) & (known_since(pasts)[contact] < cutoff)
    return risk


def ended_before(
    pasts: Pasts, ends: tuple[str, ...], begins: tuple[str, ...], contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return for whom an end came before the cutoff and no beginning after it, shape (n,)."""
    ended = _last(pasts, ends, contact, cutoff)
    over: NDArray[np.bool_] = (ended != -NEVER) & (_last(pasts, begins, contact, cutoff) <= ended)
    return over


def recently_active(
    wanted: Episode, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return whose last activity is recent enough to be at risk, shape (n,).

    For silence the activity is what is waited for, and there must have been some; otherwise it is any event, or
    having become known.
    """
    days = wanted.active_within_days
    since = np.full(len(contact), -NEVER + 1) if days is None else cutoff - days * DAY
    if not wanted.contractual:
        lately: NDArray[np.bool_] = _last(pasts, wanted.waited_for, contact, cutoff) >= since
        return lately
    if days is None:
        return np.ones(len(contact), dtype=bool)
    known = known_since(pasts)[contact]
    active = np.maximum(_last(pasts, pasts.types, contact, cutoff), np.where(known < cutoff, known, -NEVER))
    recent: NDArray[np.bool_] = active >= since
    return recent


def was_active(wanted: Episode, past: ContactPast, cutoff: Microseconds) -> bool:
    """Return the same of one contact."""
    days = wanted.active_within_days
    least = -NEVER + 1 if days is None else cutoff - days * DAY
    if wanted.contractual and days is None:
        return True
    before = past.at[: bisect_left(past.at, cutoff)]
    if wanted.contractual:
        known = past.created_at if past.created_at != NEVER else next(iter(past.at), NEVER)
        return max([*before[-1:], known if known < cutoff else -NEVER]) >= least
    return any(name in wanted.waited_for and at >= least for name, at in zip(past.type, before, strict=False))


def waits(outcome: Outcome, wanted: Episode, pasts: Pasts, *, until: Microseconds, least: Microseconds) -> Waits:
    """List the frames at risk on a grid, with how long each waited.

    Args:
        outcome: its `every_days` (default a third of the horizon) and horizon make the grid.
        wanted: what is waited for.
        pasts: all contacts of the account.
        until: the instant up to which the data is complete.
        least: frames followed for less than this teach nothing and are left out.

    Returns:
        Frames ordered by cutoff, then contact. The grid goes on beyond the last closed horizon: a frame that was
        followed for a week counts for that week.
    """
    codes = _codes(pasts, wanted.waited_for)
    if not codes or not len(pasts.at):
        return Waits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64), until)
    cutoffs = _grid(outcome, int(pasts.at.min()), until, until - least)
    contact = np.tile(np.arange(len(pasts), dtype=np.int32), len(cutoffs))
    cutoff = np.repeat(cutoffs, len(pasts))
    kept = at_risk(wanted, pasts, contact, cutoff)
    contact, cutoff = contact[kept], cutoff[kept]
    return Waits(contact, cutoff, waited(of_type(pasts, *codes), contact, cutoff, until=until), until)


def waited(
    ends: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, until: Microseconds
) -> NDArray[np.int64]:
    """Return how long after each cutoff the contact's next event came, microseconds; NEVER: none before `until`."""
    following = positions_before(ends, contact, cutoff)
    has_one = following < ends.offsets[contact + 1]
    at = np.where(has_one, ends.at[np.minimum(following, max(len(ends.at) - 1, 0))], NEVER)
    came: NDArray[np.int64] = np.where(at < until, at - cutoff, NEVER)
    return came


def _grid(outcome: Outcome, first: Microseconds, until: Microseconds, last: Microseconds) -> NDArray[np.int64]:
    """Lay cutoffs so that one of them closes its horizon just at the end of the data."""
    every = (outcome.every_days or max(1, round(outcome.horizon_days / 3))) * DAY
    anchor = until - outcome.horizon_days * DAY
    earliest = first + min(outcome.horizon_days, 90) * DAY
    before = np.arange(anchor, earliest - 1, -every, dtype=np.int64)[::-1]
    after = np.arange(anchor + every, last + 1, every, dtype=np.int64)
    return np.concatenate([before, after[after >= earliest]])


def _last(
    pasts: Pasts, types: tuple[str, ...], contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return when each contact's last event of some types before the cutoff was; -NEVER where there was none."""
    codes = _codes(pasts, types)
    if not codes:
        return np.full(len(contact), -NEVER)
    events = of_type(pasts, *codes)
    position = positions_before(events, contact, cutoff)
    seen = position > events.offsets[contact]
    found: NDArray[np.int64] = np.where(seen, events.at[np.maximum(position - 1, 0)], -NEVER)
    return found


def _codes(pasts: Pasts, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(code for name in names if (code := pasts.type_code(name)) >= 0)
