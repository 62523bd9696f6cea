"""What a contact was sent of late: mails that came as events, and decisions that are no events yet. Pure."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.engagement import BY_MESSAGE, ENGAGEMENT_WITHIN, SENT
from shared.contracts.rows import DAY
from shared.timeline import Pasts
from shared.timeline.pasts import NEVER, known_since, of_type, positions_before

Vector = NDArray[np.float64]
Contacts = NDArray[np.int32]
Instants = NDArray[np.int64]
WEEK_DAYS, WINDOW_DAYS = 7, 28
"""Mails are counted over these; what a mail may cost is counted over the longer one after it."""
PACE_DAYS = 182
"""How long before the last 28 days the usual number of mails is counted."""
ENGAGED_DAYS = 182
"""How far back clicks and opens count."""


@dataclass(frozen=True, slots=True)
class SendColumns:
    """What frames know of mails, shape (n,) each; the mail that is asked about is none of them."""

    sends_7d: Vector
    sends_28d: Vector
    days_since_send: Vector
    """NaN: nothing was ever sent."""
    sends_before: Vector
    """In the half year before the last 28 days."""
    days_before: Vector
    """How much of that half year the contact was known."""
    sends: Vector
    """In the last half year, as clicks and opens."""
    clicks: Vector
    opens: Vector
    days_known: Vector

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.sends_28d)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "SendColumns":
        """Keep some of the frames, in the order given."""
        return SendColumns(*(getattr(self, one.name)[rows] for one in fields(self)))

    def with_fewer(self, fewer: float) -> "SendColumns":
        """Return the same contacts as if so many mails of the last 28 days had not been sent, never below none.

        They are taken from the last 7 days in proportion: which ones they were does not matter.
        """
        left = np.maximum(self.sends_28d - fewer, 0.0)
        week = np.minimum(self.sends_7d, left)
        spared = (self.sends_28d - left) * WEEK_DAYS / WINDOW_DAYS
        return replace(self, sends_28d=left, sends_7d=np.minimum(week, np.maximum(self.sends_7d - spared, 0.0)))


def with_decisions(pasts: Pasts, contact: Contacts, at: Instants) -> Pasts:
    """Add decisions as mails where no event says yet that they were sent.

    A decision counts as sent, unless an event of a mail follows it within a day: then this is the mail.
    Decisions of one contact and instant are one mail (places of content in one call).

    Args:
        pasts: with the events that came.
        contact: row of each decision that chose a message, shape (n,).
        at: when it was decided, microseconds, shape (n,).
    """
    if not len(contact):
        return pasts
    once = np.unique(np.stack([contact.astype(np.int64), at]), axis=1)
    contact, at = once[0].astype(np.int32), once[1]
    sent = of_type(pasts, pasts.type_code(SENT))
    followed = positions_before(sent, contact, at + ENGAGEMENT_WITHIN) > positions_before(sent, contact, at)
    contact, at = contact[~followed], at[~followed]
    place = positions_before(pasts, contact, at)
    types = pasts.types if SENT in pasts.types else (*pasts.types, SENT)
    counts = np.bincount(contact, minlength=len(pasts))

    def inserted(column: NDArray[Any], value: Any) -> NDArray[Any]:
        return np.insert(column, place, value)

    return replace(
        pasts,
        known=pasts.known | (counts > 0),
        offsets=pasts.offsets + np.concatenate([[0], np.cumsum(counts)]),
        at=inserted(pasts.at, at),
        type=inserted(pasts.type, types.index(SENT)),
        value=inserted(pasts.value, np.nan),
        message=inserted(pasts.message, -1),
        campaign=inserted(pasts.campaign, -1),
        item=inserted(pasts.item, -1),
        types=types,
    )


def send_columns(pasts: Pasts, contact: Contacts, cutoff: Instants) -> SendColumns:
    """Count what frames know of mails; only events strictly before a cutoff exist.

    Args:
        pasts: decisions that are no events yet added, see `with_decisions`.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
    """
    sent = of_type(pasts, pasts.type_code(SENT))
    now = positions_before(sent, contact, cutoff)
    month = positions_before(sent, contact, cutoff - WINDOW_DAYS * DAY)
    longest = positions_before(sent, contact, cutoff - (WINDOW_DAYS + PACE_DAYS) * DAY)
    last = sent.at[np.maximum(now - 1, 0)] if len(sent.at) else np.zeros(len(contact), dtype=np.int64)
    since = (cutoff - last) / DAY
    known = known_since(pasts)[contact]
    days_known = np.where(known == NEVER, 0.0, np.maximum((cutoff - known) / DAY, 0.0))
    return SendColumns(
        sends_7d=_between(sent, contact, cutoff - WEEK_DAYS * DAY, now),
        sends_28d=(now - month).astype(np.float64),
        days_since_send=np.where(now > sent.offsets[contact], since, np.nan),
        sends_before=(month - longest).astype(np.float64),
        days_before=np.clip(days_known - WINDOW_DAYS, 0.0, PACE_DAYS),
        sends=_between(sent, contact, cutoff - ENGAGED_DAYS * DAY, now),
        clicks=_counted(pasts, BY_MESSAGE["click"], contact, cutoff),
        opens=_counted(pasts, BY_MESSAGE["open"][:1], contact, cutoff),
        days_known=days_known,
    )


def _between(events: Pasts, contact: Contacts, begin: Instants, end: NDArray[np.int64]) -> Vector:
    return (end - positions_before(events, contact, begin)).astype(np.float64)


def _counted(pasts: Pasts, types: tuple[str, ...], contact: Contacts, cutoff: Instants) -> Vector:
    events = of_type(pasts, *(pasts.type_code(name) for name in types))
    return _between(events, contact, cutoff - ENGAGED_DAYS * DAY, positions_before(events, contact, cutoff))
