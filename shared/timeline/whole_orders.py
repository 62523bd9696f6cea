"""Orders out of their lines: what one contact orders at one instant is one order, its values added up.

Shops hand out an event for each line of an order, since each names its item. Whoever counts orders, or waits for the
next one, joins the lines first; whoever learns of items does not.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.rows import Microseconds
from shared.timeline.pasts import EventTuple, Pasts


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


class JoinedLines(NamedTuple):
    """One contact's events in time order, each order one of them."""

    at: list[Microseconds]
    type: list[str]
    value: list[float]
    """NaN where there is none."""
    last_line: list[int]
    """Of each event, where its last line lies among the lines."""


def joined_lines(
    at: Sequence[Microseconds], type_: Sequence[str], value: Sequence[float], types: Collection[str]
) -> JoinedLines:
    """Join one contact's lines, column by column, their values added up one after the other."""
    found = JoinedLines([], [], [], [])
    for line, (instant, name, worth) in enumerate(zip(at, type_, value, strict=True)):
        if name in types and found.at and instant == found.at[-1] and name == found.type[-1]:
            so_far = found.value[-1]
            found.value[-1] = so_far if worth != worth else worth if so_far != so_far else so_far + worth
            found.last_line[-1] = line
        else:
            found.at.append(instant)
            found.type.append(name)
            found.value.append(worth)
            found.last_line.append(line)
    return found


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
