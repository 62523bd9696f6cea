"""(frame, event) pairs of one block of frames, and the cubes that are counted from them, each at most once."""

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, HOUR
from shared.features.feature import WINDOWS_DAYS
from shared.timeline.pasts import Pasts, local_time

_EDGES = tuple(days * DAY for days in WINDOWS_DAYS)
_WINDOW_BITS = (len(_EDGES) - 1).bit_length()
QUARTER = 6 * HOUR
_FEW = 64
"""Frames up to which one call of numpy costs more than its work; the sums are the same either way."""


@dataclass(frozen=True)
class Basis:
    """What all blocks of one matrix share."""

    pasts: Pasts
    codes: NDArray[np.int64]
    """The plan's type code of each type code of the pasts."""
    n_types: int
    """How many codes the plan has."""
    further_lines: NDArray[np.bool_] | None = None
    """Which events only go on with an order, shape (n_events,); None: none do."""

    @cached_property
    def zones(self) -> tuple[tuple[str | None, ...], NDArray[np.int32]]:
        """List the distinct time zones, and the place of each contact's among them."""
        distinct = tuple(dict.fromkeys(self.pasts.zones))
        place = {zone: code for code, zone in enumerate(distinct)}
        return distinct, np.array([place[zone] for zone in self.pasts.zones], dtype=np.int32)


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; NaN where there is nothing to divide by."""
    parts: NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return parts


def firsts(ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the first of each run of equal numbers, shape (n,)."""
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


class Pairs:
    """Every event that each frame of a block may look at, in time order within a frame.

    Cubes have the shape (n_windows, n_frames, n_types + 1): windows are nested (entry w holds ages up to and
    including WINDOWS_DAYS[w] days) and the last type is the sum over all types.
    """

    def __init__(
        self,
        basis: Basis,
        contact: NDArray[np.int32],
        cutoff: NDArray[np.int64],
        bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> None:
        """Expand the frames.

        Args:
            basis: the contacts' events and the plan's type codes.
            contact: row in the pasts of each frame, shape (n,).
            cutoff: microseconds, shape (n,).
            bounds: first and one past the last event row of each frame, each shape (n,).
        """
        start, end = bounds
        self.pasts = basis.pasts
        self.n_types = basis.n_types
        self.n = len(cutoff)
        self.sizes = end - start
        self._basis = basis
        self._contact = contact
        self.frame = np.repeat(np.arange(self.n, dtype=np.int64), self.sizes)
        self._rows: slice | NDArray[np.int64]
        if np.array_equal(start[1:], end[:-1]):
            # One frame a contact, nothing too old: the pairs are the events themselves, nothing is copied.
            self._rows = slice(int(start[0]), int(end[-1]))
        else:
            first_pair = np.cumsum(self.sizes) - self.sizes
            self._rows = np.arange(len(self.frame), dtype=np.int64) + np.repeat(start - first_pair, self.sizes)
        self.age = (cutoff[0] if self.n == 1 else np.repeat(cutoff, self.sizes)) - self.of(self.pasts.at)
        self.code = basis.codes[self.of(self.pasts.type)]
        self.cell = self.frame * self.n_types + self.code
        self._lines: Pairs | None = None
        self._order = self.frame[:0]
        """Where orders were joined: the pair of each line."""

    @property
    def lines(self) -> "Pairs":
        """Return the pairs of every line, where those of an order are one here."""
        return self if self._lines is None else self._lines

    def with_whole_orders(self) -> "Pairs":
        """Join the lines of an order that one frame looks at; the same pairs where there are none."""
        marked = self._basis.further_lines
        if marked is None:
            return self
        first = ~self.of(marked)
        first[(np.cumsum(self.sizes) - self.sizes)[self.sizes > 0]] = True  # its beginning may lie before the lookback
        kept = np.flatnonzero(first)
        if len(kept) == len(first):
            return self
        whole = copy(self)
        whole._lines, whole._order = self, np.cumsum(first) - 1
        rows = self._rows
        whole._rows = kept + rows.start if isinstance(rows, slice) else rows[kept]
        whole.frame, whole.age, whole.code, whole.cell = (
            column[kept] for column in (self.frame, self.age, self.code, self.cell)
        )
        whole.sizes = np.bincount(whole.frame, minlength=self.n)
        return whole

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """Read an event column for each pair."""
        return column[self._rows]

    @cached_property
    def window(self) -> NDArray[np.int8]:
        """Return the smallest window that reaches back to each pair's event."""
        window: NDArray[np.int8] = (self.age > _EDGES[0]).view(np.int8)
        for edge in _EDGES[1:-1]:
            window += (self.age > edge).view(np.int8)
        return window

    @cached_property
    def _window_cell(self) -> NDArray[np.int64]:
        cell: NDArray[np.int64] = self.window * np.int64(self.n * self.n_types)
        cell += self.cell
        return cell

    def _cube(self, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        cells = len(_EDGES) * self.n * self.n_types
        return self._with_all_types(self._nested(np.bincount(self._window_cell, weights=weights, minlength=cells)))

    def _nested(self, flat: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Sum each window with the smaller ones, shape (n_windows, n, n_types) or (n_windows, n, 1)."""
        nested = flat.reshape(len(_EDGES), self.n, -1).astype(np.float64, copy=False)
        if self.n < _FEW:
            np.add.accumulate(nested, axis=0, out=nested)
        else:
            for smaller, window in pairwise(nested):
                np.add(window, smaller, out=window)
        return nested

    def _with_all_types(self, cube: NDArray[np.float64]) -> NDArray[np.float64]:
        """Append the sum over the types, added one after the other whatever the shape."""
        whole = np.empty((*cube.shape[:-1], self.n_types + 1))
        np.add.accumulate(cube, axis=-1, out=whole[..., 1:])
        whole[..., :-1] = cube
        return whole

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """Count the events."""
        return self._cube(None)

    @cached_property
    def _values(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Read the value of each pair's event, and whether it has one."""
        if self._lines is None:
            values = self.of(self.pasts.value)
            return values, ~np.isnan(values)
        lines, known = self._lines._values
        has = np.bincount(self._order, weights=known) > 0
        # One after the other, as for few contacts: `reduceat` adds in another order.
        summed = np.bincount(self._order, weights=np.where(known, lines, 0.0))
        return summed.astype(np.float64, copy=False), has

    @cached_property
    def sums(self) -> NDArray[np.float64]:
        """Sum the values of the events that have one."""
        values, has = self._values
        return self._cube(np.where(has, values, 0.0))

    @cached_property
    def valued(self) -> NDArray[np.float64]:
        """Count the events that have a value."""
        _, has = self._values
        return self.counts if has.all() else self._cube(has.astype(np.float64))

    @cached_property
    def largest(self) -> NDArray[np.float64]:
        """Find the largest value per frame and type, shape (n, n_types + 1); NaN without any."""
        values, has = self._values
        largest: NDArray[np.float64] = np.full((self.n, self.n_types + 1), -np.inf)
        of_type = np.full(self.n * self.n_types, -np.inf)
        np.maximum.at(of_type, self.cell[has], values[has])
        largest[:, :-1] = of_type.reshape(self.n, self.n_types)
        np.max(largest[:, :-1], axis=1, out=largest[:, -1])
        return np.where(np.isneginf(largest), np.nan, largest)

    @cached_property
    def _age_days(self) -> NDArray[np.float64]:
        days: NDArray[np.float64] = self.age / DAY
        return days

    @cached_property
    def last_age(self) -> NDArray[np.float64]:
        """Return the age of the newest event per frame and type in days, shape (n, n_types + 1); NaN without any."""
        return self._ages(slice(None), np.fmin)

    @cached_property
    def first_age(self) -> NDArray[np.float64]:
        """Return the age of the oldest event per frame and type in days, shape (n, n_types + 1); NaN without any."""
        return self._ages(slice(None, None, -1), np.fmax)

    def _ages(self, direction: slice, over_types: np.ufunc) -> NDArray[np.float64]:
        of_type = np.full(self.n * self.n_types, np.nan)
        # Repeated cells: the last assignment stays, so the order of the pairs decides which event is kept.
        of_type[self.cell[direction]] = self._age_days[direction]
        ages = np.empty((self.n, self.n_types + 1))
        ages[:, :-1] = of_type.reshape(self.n, self.n_types)
        over_types.reduce(ages[:, :-1], axis=1, out=ages[:, -1])
        return ages

    @cached_property
    def local_at(self) -> NDArray[np.int64]:
        """Return the local wall clock of each pair's event, microseconds."""
        zones, zone_of = self._basis.zones
        at = self.of(self.pasts.at)
        of_pair = np.repeat(zone_of[self._contact], self.sizes) if len(zones) > 1 else zone_of[:1]
        return local_time(at, of_pair, zones)

    @cached_property
    def _quarter(self) -> NDArray[np.int64]:
        """Count the quarters of local days since 1970-01-01: `>> 2` is the day, `& 3` the part of the day."""
        quarter: NDArray[np.int64] = self.local_at // QUARTER
        return quarter

    @cached_property
    def active_days(self) -> NDArray[np.float64]:
        """Count the distinct local days with an event of each type, shape (n_windows, n, n_types)."""
        return self._distinct_days(self.cell, self.n * self.n_types)

    @cached_property
    def active_days_of_any(self) -> NDArray[np.float64]:
        """Count the distinct local days with any event, shape (n_windows, n, 1)."""
        return self._distinct_days(self.frame, self.n)

    def _distinct_days(self, group: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
        """Count the distinct local days of each group; a day counts from the smallest window that it reaches on."""
        day = self._quarter >> 2
        day -= day.min() if len(day) else 0
        bits = int(day.max(initial=0)).bit_length()
        key = (((group << bits) | day) << _WINDOW_BITS) | self.window
        key.sort()
        key = key[firsts(key >> _WINDOW_BITS)]
        window = key & ((1 << _WINDOW_BITS) - 1)
        cell = window * n_groups + (key >> (bits + _WINDOW_BITS))
        return self._nested(np.bincount(cell, minlength=len(_EDGES) * n_groups))

    @cached_property
    def quarter_shares(self) -> NDArray[np.float64]:
        """Return the share of each quarter of the local day, shape (4, n, n_types + 1); NaN without any event."""
        return self._shares_of(self._quarter & 3, 4)

    @cached_property
    def weekend_shares(self) -> NDArray[np.float64]:
        """Return the shares of working days and of weekends, shape (2, n, n_types + 1); NaN without any event."""
        return self._shares_of(((self._quarter >> 2) + 3) % 7 >= 5, 2)

    def _shares_of(self, part: NDArray[np.int64] | NDArray[np.bool_], n_parts: int) -> NDArray[np.float64]:
        cells = self.n * self.n_types
        flat = np.bincount(part * np.int64(cells) + self.cell, minlength=n_parts * cells)
        counts = self._with_all_types(flat.reshape(n_parts, self.n, -1).astype(np.float64))
        return share(counts, counts.sum(axis=0))

    @cached_property
    def campaigns(self) -> NDArray[np.float64]:
        """Count the distinct campaigns of each type, shape (n, n_types)."""
        return self._distinct(self.pasts.campaign, self.cell, self.n_types)

    @cached_property
    def campaigns_of_any(self) -> NDArray[np.float64]:
        """Count the distinct campaigns of all types together, shape (n, 1)."""
        return self._distinct(self.pasts.campaign, self.frame, 1)

    @cached_property
    def items(self) -> NDArray[np.float64]:
        """Count the distinct items of each type, shape (n, n_types)."""
        return self._distinct(self.pasts.item, self.cell, self.n_types)

    @cached_property
    def items_of_any(self) -> NDArray[np.float64]:
        """Count the distinct items of all types together, shape (n, 1)."""
        return self._distinct(self.pasts.item, self.frame, 1)

    def _distinct(self, column: NDArray[np.int32], group: NDArray[np.int64], per_frame: int) -> NDArray[np.float64]:
        codes = self.of(column)
        bits = int(codes.max(initial=0)).bit_length()
        has = codes >= 0
        key = (group << bits) | codes if has.all() else (group[has] << bits) | codes[has]
        key.sort()
        found = np.bincount(key[firsts(key)] >> bits, minlength=self.n * per_frame)
        return found.reshape(self.n, per_frame).astype(np.float64)

    def newest_pair(self, code: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Find each frame's newest pair of one type (-1: of any).

        Returns:
            Which frames have one, shape (n,), and the pairs of those frames, in order.
        """
        found = np.full(self.n, -1, dtype=np.int64)
        mine = np.flatnonzero(self.code == code) if code >= 0 else np.arange(len(self.code))
        found[self.frame[mine]] = mine
        some = found >= 0
        return some, found[some]
