"""What contacts bought and looked at before a cutoff: one row a contact and item, the latest first. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.engagement import PURCHASES
from shared.contracts.rows import DAY
from shared.timeline import Pasts
from shared.timeline.pasts import LOOKBACK_DAYS

VIEWS = ("page_viewed", "product_viewed", "product_added", "product_used", "content_downloaded")
"""Types whose item was looked at: weaker evidence."""
LATELY_DAYS = 60

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bought:
    """Each purchase of a known item, once an instant."""

    owner: Rows
    """(n,) contact, ascending."""
    item: Rows
    """(n,) code."""
    age: Vector
    """(n,) days before the cutoff of its contact."""


@dataclass(frozen=True, slots=True)
class History:
    """Contacts with the items that they bought, and those that they looked at."""

    contacts: int
    owner: Rows
    """(n,) contact, ascending; of a contact the latest purchase first."""
    item: Rows
    """(n,) code."""
    count: Vector
    """(n,) purchases."""
    age: Vector
    """(n,) days from the last purchase to the cutoff."""
    span: Vector
    """(n,) days from the first purchase to the last."""
    offsets: Rows
    """(contacts + 1,) rows of contact i are offsets[i]:offsets[i + 1]."""
    viewed_owner: Rows
    viewed_item: Rows
    viewed_age: Vector
    """(v,) days from the last look to the cutoff."""
    lately: Vector
    """(contacts,) purchases in the last 60 days."""

    @property
    def rank(self) -> Rows:
        """Return the place of each row in its contact's, 0 for the latest, shape (n,)."""
        place: Rows = np.arange(len(self.owner)) - self.offsets[self.owner]
        return place

    def of(self, contacts: Rows) -> "History":
        """Keep some contacts, ascending; they are counted from 0."""
        place = np.full(self.contacts, -1, dtype=np.int64)
        place[contacts] = np.arange(len(contacts))
        rows, looks = place[self.owner] >= 0, place[self.viewed_owner] >= 0
        offsets = np.zeros(len(contacts) + 1, dtype=np.int64)
        np.cumsum(np.diff(self.offsets)[contacts], out=offsets[1:])
        return History(
            len(contacts),
            place[self.owner[rows]],
            self.item[rows],
            self.count[rows],
            self.age[rows],
            self.span[rows],
            offsets,
            place[self.viewed_owner[looks]],
            self.viewed_item[looks],
            self.viewed_age[looks],
            self.lately[contacts],
        )


def purchases(
    pasts: Pasts, cutoffs: NDArray[np.int64], code_of: Mapping[str, int], types: tuple[str, ...] = PURCHASES
) -> Bought:
    """List the purchases (or looks) before each contact's cutoff, of items that have a code.

    Args:
        pasts: one row a contact.
        cutoffs: microseconds, shape (len(pasts),).
        code_of: codes by item.
        types: of events.
    """
    codes = [pasts.type_code(name) for name in types]
    known = np.array([*(code_of.get(name, -1) for name in pasts.items), -1], dtype=np.int64)
    item = known[pasts.item]
    rows = np.flatnonzero((item >= 0) & np.isin(pasts.type, [code for code in codes if code >= 0]))
    owner = np.searchsorted(pasts.offsets, rows, side="right") - 1
    cutoff = cutoffs[owner]
    at = pasts.at[rows]
    kept = (at < cutoff) & (at >= cutoff - LOOKBACK_DAYS * DAY)
    rows, owner, cutoff, at = rows[kept], owner[kept], cutoff[kept], at[kept]
    item = item[rows]
    order = np.lexsort((-at, item, owner))
    owner, item, at, cutoff = owner[order], item[order], at[order], cutoff[order]
    first = np.ones(len(owner), dtype=bool)
    first[1:] = (owner[1:] != owner[:-1]) | (item[1:] != item[:-1]) | (at[1:] != at[:-1])
    return Bought(owner[first], item[first], (cutoff[first] - at[first]) / DAY)


def history_of(bought: Bought, viewed: Bought, contacts: int) -> History:
    """Gather purchases by contact and item.

    Args:
        bought: of `purchases`.
        viewed: the same of looks.
        contacts: how many there are.
    """
    starts = _starts(bought)
    ends = np.append(starts[1:], len(bought.owner))
    owner, item = bought.owner[starts], bought.item[starts]
    age = bought.age[starts]
    span = bought.age[ends - 1] - age if len(starts) else np.empty(0)
    order = np.lexsort((item, age, owner))
    looked = _starts(viewed)
    offsets = np.zeros(contacts + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=contacts), out=offsets[1:])
    return History(
        contacts,
        owner[order],
        item[order],
        (ends - starts)[order].astype(np.float64),
        age[order],
        span[order],
        offsets,
        viewed.owner[looked],
        viewed.item[looked],
        viewed.age[looked],
        np.bincount(bought.owner[bought.age <= LATELY_DAYS], minlength=contacts).astype(np.float64),
    )


def _starts(bought: Bought) -> Rows:
    """Return the first row of each contact and item: the latest purchase."""
    first = np.ones(len(bought.owner), dtype=bool)
    first[1:] = (bought.owner[1:] != bought.owner[:-1]) | (bought.item[1:] != bought.item[:-1])
    return np.flatnonzero(first)
