"""What a past says of sending: messages joined with what came of them within a day, and activity. Columns, pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import SLOTS, Matrix, Vector, slot_of, table
from shared.contracts.engagement import ACTIVITY, ANSWERS, BY_MESSAGE, ENGAGEMENT_WITHIN, SENT
from shared.contracts.rows import DAY, SECOND
from shared.timeline import NEVER, Pasts
from shared.timeline.pasts import local_time

SAME_ACT = 600 * SECOND
"""Acts of one contact in the same ten minutes are one act."""


@dataclass(frozen=True, slots=True)
class Sends:
    """All messages sent to the contacts of some pasts; each contact's lie together, in time order."""

    offsets: NDArray[np.int64]
    """(n + 1,) sends of contact i are rows offsets[i]:offsets[i + 1]."""
    at: NDArray[np.int64]
    """(m,) microseconds."""
    slot: NDArray[np.int64]
    """(m,) of the contact's local week."""
    campaign: NDArray[np.int32]
    """(m,) index into the pasts' campaigns, -1 where none is known."""
    answered_at: NDArray[np.int64]
    """(m,) when the contact engaged, within a day; NEVER where not."""

    @property
    def engaged(self) -> Vector:
        """1.0 where the contact engaged within a day, shape (m,)."""
        return (self.answered_at < NEVER).astype(np.float64)

    def __len__(self) -> int:
        """Count the sends."""
        return len(self.at)

    def before(self, until: int) -> "Sends":
        """Keep the sends before an instant."""
        kept = self.at < until
        offsets = _kept_offsets(self.offsets, kept)
        return Sends(offsets, self.at[kept], self.slot[kept], self.campaign[kept], self.answered_at[kept])

    @property
    def owner(self) -> NDArray[np.int32]:
        """Contact of each send, shape (m,)."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class Acts:
    """Everything the contacts did; each contact's lie together, in time order."""

    offsets: NDArray[np.int64]
    at: NDArray[np.int64]
    slot: NDArray[np.int64]
    weight: Vector

    def before(self, until: int) -> "Acts":
        """Keep the acts before an instant."""
        kept = self.at < until
        return Acts(_kept_offsets(self.offsets, kept), self.at[kept], self.slot[kept], self.weight[kept])


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows that a number of frames see: for each frame, what lies before its cutoff."""

    frame: NDArray[np.int64]
    """(m,) which frame sees the row, ascending."""
    row: NDArray[np.int64]
    """(m,) which row it is."""


def sends_of(pasts: Pasts, zones: Sequence[str], engagement: str) -> Sends:
    """Join each message sent with the contact's engagement by message id (orders by time).

    Args:
        pasts: of n contacts.
        zones: IANA name of each, shape (n,).
        engagement: `click`, `open` or `order`.

    Returns:
        Sends whose messages have an id (all sends for orders): what was never joined must not count as ignored.
    """
    owner = _owners(pasts)
    by_message = engagement in BY_MESSAGE
    is_sent = pasts.type == pasts.type_code(SENT)
    if by_message:
        is_sent &= pasts.message >= 0
    rows = np.flatnonzero(is_sent)
    sent_at, whose = pasts.at[rows], owner[rows]
    answers = np.flatnonzero(np.isin(pasts.type, _codes(pasts, ANSWERS[engagement])))
    if by_message:
        answers = answers[pasts.message[answers] >= 0]
        width = np.int64(max(int(pasts.message.max(initial=0)) + 1, 1))
        came = _first_of(
            owner[answers] * width + pasts.message[answers], pasts.at[answers], whose * width + pasts.message[rows]
        )
    else:
        came = _next_after(owner[answers], pasts.at[answers], whose, sent_at)
    engaged = (came >= sent_at) & (came - sent_at < ENGAGEMENT_WITHIN)
    return Sends(
        _offsets(whose, len(pasts)),
        sent_at,
        slot_of(_local(sent_at, whose, zones)),
        pasts.campaign[rows],
        np.where(engaged, came, NEVER),
    )


def acts_of(pasts: Pasts, zones: Sequence[str]) -> Acts:
    """List what the contacts did, those of the same ten minutes once, with the greatest weight among them."""
    owner = _owners(pasts)
    weight_of_type = np.array([ACTIVITY.get(name, 0.0) for name in pasts.types] or [0.0])
    weight = weight_of_type[pasts.type] if len(pasts.at) else np.empty(0)
    rows = np.flatnonzero(weight > 0)
    tens = pasts.at[rows] // SAME_ACT
    order = np.lexsort((-weight[rows], tens, owner[rows]))
    rows, tens = rows[order], tens[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (tens[1:] != tens[:-1]) | (owner[rows][1:] != owner[rows][:-1])
    rows = rows[first]
    whose = owner[rows]
    return Acts(
        _offsets(whose, len(pasts)), pasts.at[rows], slot_of(_local(pasts.at[rows], whose, zones)), weight[rows]
    )


def seen_before(
    timeline: Sends | Acts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, closed: int = 0
) -> Seen:
    """Gather for each frame the rows of its contact that lie before its cutoff.

    Args:
        timeline: sends or acts.
        contact: of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        closed: how long before the cutoff a row must lie; a day for sends, whose answer may still come.
    """
    begin, end = timeline.offsets[contact], timeline.offsets[contact + 1]
    # Contacts as one ascending key would overflow; a vectorised binary search inside each contact does not.
    low, high = begin.copy(), end.copy()
    for _ in range(int(np.max(end - begin, initial=0)).bit_length()):
        is_open = low < high
        middle = np.minimum((low + high) >> 1, max(len(timeline.at) - 1, 0))
        earlier = is_open & (timeline.at[middle] + closed < cutoff + (1 if closed else 0))
        low = np.where(earlier, middle + 1, low)
        high = np.where(is_open & ~earlier, middle, high)
    counts = low - begin
    frame = np.repeat(np.arange(len(contact)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    return Seen(frame, row)


def counted(frame: NDArray[np.int64], slot: NDArray[np.int64], weight: Vector, n: int) -> Matrix:
    """Sum weights by frame and slot, shape (n, 168)."""
    return table(frame, slot, weight, (n, SLOTS))


def faded(age: NDArray[np.int64], half_life_days: float) -> Vector:
    """Weigh by age: half after a half-life, a quarter after two.

    >>> faded(np.array([0, 30 * DAY, 60 * DAY]), 30.0).tolist()
    [1.0, 0.5, 0.25]
    """
    weight: Vector = 0.5 ** (age / (half_life_days * DAY))
    return weight


def _owners(pasts: Pasts) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(pasts), dtype=np.int64), np.diff(pasts.offsets))


def _codes(pasts: Pasts, names: Sequence[str]) -> list[int]:
    return [code for name in names if (code := pasts.type_code(name)) >= 0]


def _offsets(owner: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    counted_to = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=n), out=counted_to[1:])
    return counted_to


def _kept_offsets(offsets: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where each contact's rows lie once only some are kept."""
    counted_to = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum(kept, out=counted_to[1:])
    return counted_to[offsets]


def _local(at: NDArray[np.int64], owner: NDArray[np.int64], zones: Sequence[str]) -> NDArray[np.int64]:
    names = tuple(dict.fromkeys(zones))
    place = {name: code for code, name in enumerate(names)}
    zone_of = np.array([place[zone] for zone in zones] or [0], dtype=np.int32)
    return local_time(at, zone_of[owner] if len(owner) else np.empty(0, np.int32), names)


def _first_of(key: NDArray[np.int64], at: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the earliest instant of each requested key; -1 where there is none."""
    order = np.lexsort((at, key))
    key, at = key[order], at[order]
    place = np.searchsorted(key, wanted, side="left")
    inside = np.minimum(place, max(len(key) - 1, 0))
    found = (place < len(key)) & (key[inside] == wanted) if len(key) else np.zeros(len(wanted), dtype=bool)
    return np.where(found, at[inside], -1) if len(key) else np.full(len(wanted), -1, dtype=np.int64)


def _next_after(
    owner: NDArray[np.int64], at: NDArray[np.int64], whose: NDArray[np.int64], since: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find each contact's next instant at or after another one; -1 where there is none."""
    both_owner, both_at = np.concatenate([owner, whose]), np.concatenate([at, since])
    is_wanted = np.concatenate([np.zeros(len(owner), dtype=np.int8), np.ones(len(whose), dtype=np.int8)])
    # Backwards: at one instant the engagement comes before the send that asks for it.
    order = np.lexsort((is_wanted, -both_at, both_owner))
    place = np.where(is_wanted[order] == 0, np.arange(len(order)), -1)
    latest = np.maximum.accumulate(place) if len(place) else place
    wanted = is_wanted[order] == 1
    source = order[np.maximum(latest[wanted], 0)]
    answer = np.full(len(whose), -1, dtype=np.int64)
    own = (latest[wanted] >= 0) & (both_owner[source] == both_owner[order[wanted]])
    answer[order[wanted] - len(owner)] = np.where(own, both_at[source], -1)
    return answer
