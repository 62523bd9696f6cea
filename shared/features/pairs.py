"""(frame, event) pairs of one block of frames, and the cubes that are counted from them, each at most once."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY
from shared.features.feature import WINDOWS_DAYS
from shared.timeline.localtime import local
from shared.timeline.pasts import Pasts

_EDGES = np.array(WINDOWS_DAYS, dtype=np.int64) * DAY


class Pairs:
    """Every event that each frame of a block may look at, in time order within a frame.

    Cubes have the shape (n_frames, n_types + 1, n_windows): windows are nested (entry w holds ages up to and
    including WINDOWS_DAYS[w] days) and the last type is the sum over all types.
    """

    def __init__(
        self,
        pasts: Pasts,
        cutoff: NDArray[np.int64],
        bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
        codes: NDArray[np.int64],
        n_types: int,
    ) -> None:
        """Expand the frames.

        Args:
            pasts: the contacts' events.
            cutoff: microseconds, shape (n,).
            bounds: first and one past the last event row of each frame, each shape (n,).
            codes: the plan's type code of each type code of the pasts.
            n_types: how many codes the plan has.
        """
        start, end = bounds
        sizes = end - start
        self.pasts = pasts
        self.n = len(cutoff)
        self.sizes = sizes
        self.n_types = n_types
        if self.n == 1:
            self.row = np.arange(start[0], end[0])
            self.frame = np.zeros(len(self.row), dtype=np.int64)
            self.age = cutoff[0] - pasts.at[start[0] : end[0]]
        else:
            self.frame = np.repeat(np.arange(self.n, dtype=np.int64), sizes)
            first_pair = np.cumsum(sizes) - sizes
            self.row = np.arange(len(self.frame), dtype=np.int64) + np.repeat(start - first_pair, sizes)
            self.age = cutoff[self.frame] - pasts.at[self.row]
        self.code = codes[pasts.type[self.row]]
        self.cell = self.frame * self.n_types + self.code

    @cached_property
    def _window_cell(self) -> NDArray[np.int64]:
        window = np.searchsorted(_EDGES, self.age, side="left")
        np.minimum(window, len(_EDGES) - 1, out=window)
        cell: NDArray[np.int64] = self.cell * len(_EDGES) + window
        return cell

    def _cube(self, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        shape = (self.n, self.n_types, len(_EDGES))
        flat = np.bincount(self._window_cell, weights=weights, minlength=self.n * self.n_types * len(_EDGES))
        cube = np.empty((self.n, self.n_types + 1, len(_EDGES)))
        np.cumsum(flat.reshape(shape), axis=2, out=cube[:, :-1])
        cube[:, :-1].sum(axis=1, out=cube[:, -1])
        return cube

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """Count the events."""
        return self._cube(None)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Read the value of each pair's event; NaN where it has none."""
        return self.pasts.value[self.row]

    @cached_property
    def sums(self) -> NDArray[np.float64]:
        """Sum the values of the events that have one."""
        return self._cube(np.nan_to_num(self.values, nan=0.0))

    @cached_property
    def valued(self) -> NDArray[np.float64]:
        """Count the events that have a value."""
        return self._cube((~np.isnan(self.values)).astype(np.float64))

    @cached_property
    def largest(self) -> NDArray[np.float64]:
        """Find the largest value per frame and type, shape (n, n_types + 1); NaN without any."""
        has = ~np.isnan(self.values)
        largest: NDArray[np.float64] = np.full((self.n, self.n_types + 1), -np.inf)
        np.maximum.at(largest.reshape(-1), self.frame[has] * (self.n_types + 1) + self.code[has], self.values[has])
        np.max(largest[:, :-1], axis=1, out=largest[:, -1])
        return np.where(np.isneginf(largest), np.nan, largest)

    @cached_property
    def last_age(self) -> NDArray[np.float64]:
        """Tell the age of the newest event per frame and type in days, shape (n, n_types + 1); NaN without any."""
        return self._ages(slice(None), np.fmin)

    @cached_property
    def first_age(self) -> NDArray[np.float64]:
        """Tell the age of the oldest event per frame and type in days, shape (n, n_types + 1); NaN without any."""
        return self._ages(slice(None, None, -1), np.fmax)

    def _ages(self, direction: slice, over_types: np.ufunc) -> NDArray[np.float64]:
        ages = np.full((self.n, self.n_types + 1), np.nan)
        # Repeated cells: the last assignment stays, so the order of the pairs decides which event is kept.
        ages.reshape(-1)[(self.frame * (self.n_types + 1) + self.code)[direction]] = self.age[direction] / DAY
        over_types.reduce(ages[:, :-1], axis=1, out=ages[:, -1])
        return ages

    @cached_property
    def last_row(self) -> NDArray[np.int64]:
        """Find the newest event row of each frame, shape (n,); -1 without any."""
        newest = np.cumsum(self.sizes) - 1
        return np.where(self.sizes > 0, self.row[newest] if len(self.row) else -1, -1)

    @cached_property
    def local_at(self) -> NDArray[np.int64]:
        """Tell the local wall clock of each pair's event, microseconds."""
        contact = np.searchsorted(self.pasts.offsets, self.row, side="right") - 1
        zones = tuple(dict.fromkeys(self.pasts.zones))
        zone_code = {zone: code for code, zone in enumerate(zones)}
        zone_of = np.array([zone_code[zone] for zone in self.pasts.zones], dtype=np.int32)
        return local(self.pasts.at[self.row], zone_of[contact], zones)

    @cached_property
    def active_days(self) -> NDArray[np.float64]:
        """Count the distinct local days with an event, of each type and of all, as a cube."""
        day = self.local_at // DAY
        per_type = self._distinct_days(day, self.cell)
        cube = self._cube(per_type)
        window = self._window_cell % len(_EDGES)
        flat = np.bincount(
            self.frame * len(_EDGES) + window,
            weights=self._distinct_days(day, self.frame),
            minlength=self.n * len(_EDGES),
        )
        np.cumsum(flat.reshape(self.n, len(_EDGES)), axis=1, out=cube[:, -1])
        return cube

    def _distinct_days(self, day: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mark the newest event of each day of a group, so that a day counts in the smallest window it reaches."""
        order = np.argsort(group, kind="stable")
        newest = np.ones(len(order), dtype=np.float64)
        if len(order) > 1:
            same = (group[order][1:] == group[order][:-1]) & (day[order][1:] == day[order][:-1])
            newest[:-1] = ~same
        marked = np.empty(len(order))
        marked[order] = newest
        return marked

    def day_parts(self, part: NDArray[np.int64], n_parts: int) -> NDArray[np.float64]:
        """Count the events by a part of their local time, shape (n, n_types + 1, n_parts)."""
        flat = np.bincount(self.cell * n_parts + part, minlength=self.n * self.n_types * n_parts)
        cube = np.empty((self.n, self.n_types + 1, n_parts))
        cube[:, :-1] = flat.reshape(self.n, self.n_types, n_parts)
        cube[:, :-1].sum(axis=1, out=cube[:, -1])
        return cube

    def distinct(self, of: NDArray[np.int32], code: int | None) -> NDArray[np.float64]:
        """Count the distinct codes of a column among one type's events (None: all), shape (n,)."""
        codes = of[self.row]
        keep = codes >= 0 if code is None else (codes >= 0) & (self.code == code)
        width = int(codes.max(initial=0)) + 1
        found = np.unique(self.frame[keep] * width + codes[keep])
        return np.bincount(found // width, minlength=self.n).astype(np.float64)

    def newest_row_of(self, code: int) -> NDArray[np.int64]:
        """Find the newest event row of one type for each frame, shape (n,); -1 without any."""
        found = np.full(self.n, -1, dtype=np.int64)
        mine = self.code == code
        found[self.frame[mine]] = self.row[mine]
        return found
