"""Orders out of their lines: what one contact orders at one instant is one order, its values added up.

Shops hand out an event for each line of an order, since each names its item. Whoever counts orders, or waits for the
next one, joins the lines first; whoever learns of items does not.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from shared.timeline.pasts import EventTuple, Pasts


def whole_orders(pasts: Pasts, types: Collection[str]) -> Pasts:
    """Join events of one contact, type and instant; of message, campaign and item the first line's stays.

    Args:
        pasts: in which such lines lie side by side, as they do in every one.
        types: of events that are joined.

    Returns:
        The same pasts where there is nothing to join.
    """
    mine = np.isin(pasts.type, [pasts.type_code(name) for name in types if pasts.type_code(name) >= 0])
    goes_on = np.zeros(len(pasts.at), dtype=bool)
    if len(goes_on):
        owner = np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))
        alike = (owner[1:] == owner[:-1]) & (pasts.at[1:] == pasts.at[:-1]) & (pasts.type[1:] == pasts.type[:-1])
        goes_on[1:] = alike & mine[1:]
    if not goes_on.any():
        return pasts
    first = np.flatnonzero(~goes_on)
    known = ~np.isnan(pasts.value)
    value = np.add.reduceat(np.where(known, pasts.value, 0.0), first)
    value[np.add.reduceat(known, first) == 0] = np.nan
    offsets = np.concatenate([[0], np.cumsum(~goes_on)])[pasts.offsets]
    kept = {name: getattr(pasts, name)[first] for name in ("at", "type", "message", "campaign", "item")}
    return replace(pasts, offsets=offsets, value=value, **kept)


def whole_order_rows(events: Sequence[EventTuple], types: Collection[str]) -> Sequence[EventTuple]:
    """Join rows as `whole_orders` joins columns; machine-made ones, which no model sees, stay as they are."""
    place: dict[tuple[str, str, int], int] = {}
    kept: list[EventTuple] = []
    for row in events:
        if row[2] in types and row[8] != 0:
            key = (row[0], row[2], row[3])
            before = place.setdefault(key, len(kept))
            if before < len(kept):
                so_far, more = kept[before][4], row[4]
                value = so_far if more is None else more if so_far is None else so_far + more
                kept[before] = (*kept[before][:4], value, *kept[before][5:])
                continue
        kept.append(row)
    return events if len(kept) == len(events) else kept
