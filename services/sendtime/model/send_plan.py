"""A send plan within a capacity per hour: as many expected engagements as the hours hold, with a proof of how near.

Hours get prices, and each contact weighs every hour by its value after its price, the softer the earlier: prices move
until demand fits the capacity, then the temperature falls. Any prices give a bound that no plan can exceed; the plan is
read off them, what does not fit is moved where least is lost, and the distance to the bound is the gap.
Source: Lagrangian duality of the transportation problem, entropic smoothing as in Cuturi (2013).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import Vector
from shared.ties import rounded

TEMPERATURES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""As shares of the mean best value; ties between hours are dealt out by chance at the last one."""
ROUNDS = 8
"""Price moves at each temperature."""
PASSES = 30
_AT_ONCE = 20_000
VALUE_BITS = 20
"""How much of a value and of a price counts, of the 24 bits that a plan reckons with: six digits."""
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SendPlan:
    """Who is sent to when."""

    hour: NDArray[np.int64]
    """(n,) column of the values, -1 where there is no room or no allowed hour."""
    value: float
    """Expected engagements of the plan."""
    bound: float
    """No plan within the capacity has more."""

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound."""
        return max(0.0, 1 - self.value / self.bound) if self.bound > 0 else 0.0


def planned(values: Values, capacity: NDArray[np.int64], *, seed: int = 0) -> SendPlan:
    """Give each contact at most one hour, each hour at most its capacity of contacts.

    Args:
        values: expected engagement of each contact in each hour, shape (n, hours); negative where not allowed.
        capacity: contacts that each hour holds, shape (hours,).
        seed: of the dealing of ties.
    """
    n, hours = values.shape
    if not n or not hours or not capacity.any():
        return SendPlan(np.full(n, -1), 0.0, 0.0)
    values = _by_parts(values, lambda part: rounded(part, bits=VALUE_BITS))
    scale = float(np.maximum(values.max(axis=1), 0).mean()) or 1.0
    prices, bound = np.zeros(hours), _bound(values, np.zeros(hours), capacity)
    free = np.maximum(capacity, 1e-3)
    best = prices
    for temperature in TEMPERATURES:
        for _ in range(ROUNDS):
            demand = _soft_demand(values, prices, temperature * scale)
            prices = np.maximum(0.0, prices + temperature * scale * np.log(np.maximum(demand, 1e-9) / free))
        dual = _bound(values, prices, capacity)
        if dual < bound:
            bound, best = dual, prices
    chance, least = np.random.default_rng(seed), np.float32(TEMPERATURES[-1] * scale)
    cost = rounded(best, bits=VALUE_BITS).astype(np.float32)

    def preferred_in(part: Values) -> Values:
        noise = chance.gumbel(size=part.shape).astype(np.float32)
        return np.where(part < 0, np.float32(-np.inf), part - cost + least * noise)

    preferred = _by_parts(values, preferred_in)
    hour = _improved(_placed(preferred, values, capacity), values, capacity)
    found = hour >= 0
    value = float(values[found, hour[found]].sum(dtype=np.float64))
    return SendPlan(hour, value, max(bound, value))


def _by_parts(values: Values, compute: Callable[[Values], NDArray[np.floating[Any]]]) -> Values:
    """Compute some rows at a time, so that what lies in between takes little memory."""
    found = np.empty_like(values)
    for start in range(0, len(values), _AT_ONCE):
        found[start : start + _AT_ONCE] = compute(values[start : start + _AT_ONCE])
    return found


def _soft_demand(values: Values, prices: Vector, temperature: float) -> Vector:
    """Return how many contacts want each hour, each spread over the hours; staying away is worth nothing."""
    demand = np.zeros(values.shape[1])
    cost = prices.astype(np.float32)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        left = np.where(part < 0, np.float32(-np.inf), (part - cost) / np.float32(temperature))
        top = np.maximum(left.max(axis=1, keepdims=True), 0)
        weight = np.exp(left - top)
        total = weight.sum(axis=1, keepdims=True) + np.exp(-top)
        demand += (weight / total).sum(axis=0, dtype=np.float64)
    return demand


def _bound(values: Values, prices: Vector, capacity: NDArray[np.int64]) -> float:
    """Return the most that any plan within the capacity can be worth, by these prices."""
    gain = np.maximum(np.where(values < 0, -1.0, values - prices).max(axis=1), 0.0)
    return float(gain.sum() + prices @ capacity)


def _improved(hour: NDArray[np.int64], values: Values, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move contacts to hours with room where that is worth more, those who gain most first, while anybody gains."""
    hour = hour.copy()
    now = np.where(hour >= 0, values[np.arange(len(hour)), hour], 0.0)
    for _ in range(PASSES):
        free = capacity - np.bincount(hour[hour >= 0], minlength=len(capacity))
        open_ = np.flatnonzero(free > 0)
        if not len(open_):
            break
        reach = values[:, open_]
        best = reach.argmax(axis=1)
        gain = rounded(reach[np.arange(len(hour)), best] - now, bits=VALUE_BITS)
        movers = np.flatnonzero(gain > 1e-9)
        if not len(movers):
            break
        order = movers[np.lexsort((-gain[movers], best[movers]))]
        rank = np.arange(len(order)) - np.searchsorted(best[order], best[order], side="left")
        moved = order[rank < free[open_][best[order]]]
        hour[moved] = open_[best[moved]]
        now[moved] += gain[moved]
    return hour


def _placed(preferred: Values, values: Values, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Let contacts take the hour they prefer most; where it is full, those who lose least look elsewhere.

    Args:
        preferred: values after prices, shape (n, hours); -inf where not allowed.
        values: before prices.
        capacity: contacts that each hour holds.
    """
    n = len(preferred)
    hour, free = np.full(n, -1), capacity.astype(np.int64).copy()
    waiting = np.flatnonzero(preferred.max(axis=1) > 0)
    late = np.flatnonzero(preferred.max(axis=1) <= 0)
    for group in (waiting, late):
        waiting = group
        while len(waiting) and free.any():
            open_ = np.flatnonzero(free > 0)
            left = preferred[np.ix_(waiting, open_)]
            able = np.isfinite(left.max(axis=1))
            waiting, left = waiting[able], left[able]
            if not len(waiting):
                break
            first = left.argmax(axis=1)
            rows = np.arange(len(waiting))
            most = left[rows, first].copy()
            left[rows, first] = -np.inf
            second = np.maximum(left.max(axis=1), most - values[waiting, open_[first]])
            order = np.lexsort((rounded(second - most, bits=VALUE_BITS), first))
            rank = np.arange(len(order)) - np.searchsorted(first[order], first[order], side="left")
            taken = order[rank < free[open_][first[order]]]
            hour[waiting[taken]] = open_[first[taken]]
            free -= np.bincount(open_[first[taken]], minlength=len(free))
            waiting = np.delete(waiting, taken)
    return hour
