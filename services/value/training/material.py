"""What a run of value learns from: orders with their money, and frames on a grid of time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Vector
from services.value.model.history import REFUND_TYPE
from shared.contracts.defaults import LEAST_BUYERS, LOOKBACK_DAYS
from shared.contracts.engagement import ORDERS
from shared.contracts.rows import DAY, Microseconds
from shared.errors import InsufficientData
from shared.timeline import Pasts
from shared.timeline.pasts import of_type, positions_before, whole_orders

Contacts = NDArray[np.int32]
Cutoffs = NDArray[np.int64]
HORIZONS = (365, 180, 90, 30)
"""The main horizon is the longest of these that the data allows."""
HORIZONS_NEEDED = 3
"""How many main horizons the data must last: to look back, to learn, and to be judged."""
JUDGED_DAYS = (7, 30, 90, 180, 365, 730)
MOST_FRAMES = 80_000
GIANT = 20.0
"""How many times the 99.5th percentile of all orders one may count."""
COMMON = 0.995
SEED = 42


class Came(NamedTuple):
    """What came within a horizon of each frame, shape (n,) each."""

    value: Vector
    """Orders less refunds, never below 0."""
    orders: Vector


@dataclass(frozen=True, slots=True)
class ValueMaterial:
    """An account's orders and frames."""

    pasts: Pasts
    """Orders are capped; see `capped`."""
    orders: Pasts
    """The orders alone."""
    refunds: Pasts
    order_types: tuple[str, ...]
    until: Microseconds
    """The end of the data."""
    horizon_days: int
    """The main one."""
    contact: Contacts
    """Row of each frame in the pasts, shape (n,)."""
    cutoff: Cutoffs
    """Ascending, shape (n,)."""
    currency: str | None
    notes: tuple[str, ...]

    def came(self, days: float, contact: Contacts | None = None, cutoff: Cutoffs | None = None) -> Came:
        """Return what came within so many days of frames; None: of the run's own."""
        contact = self.contact if contact is None else contact
        cutoff = self.cutoff if cutoff is None else cutoff
        end = cutoff + round(days * DAY)
        bought = _between(self.orders, contact, cutoff, end)
        returned = _between(self.refunds, contact, cutoff, end, absolute=True)
        return Came(np.maximum(bought.value - returned.value, 0.0), bought.orders)

    def buyers_at(self, at: Microseconds) -> Contacts:
        """List the contacts with an order in the lookback before an instant."""
        everybody = np.arange(len(self.pasts), dtype=np.int32)
        return everybody[_has_order(self.orders, everybody, np.full(len(everybody), at, dtype=np.int64))]


def _between(events: Pasts, contact: Contacts, begin: Cutoffs, end: Cutoffs, *, absolute: bool = False) -> Came:
    amounts = np.abs(events.value) if absolute else events.value
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(amounts))])
    first, last = positions_before(events, contact, begin), positions_before(events, contact, end)
    return Came(sums[last] - sums[first], (last - first).astype(np.float64))


def _has_order(orders: Pasts, contact: Contacts, cutoff: Cutoffs) -> NDArray[np.bool_]:
    last = positions_before(orders, contact, cutoff)
    return np.asarray(last > positions_before(orders, contact, cutoff - LOOKBACK_DAYS * DAY))


def value_material(
    pasts: Pasts,
    *,
    now: Microseconds,
    order_types: Collection[str] = (),
    refund_type: str = REFUND_TYPE,
    horizon_days: int | None = None,
    currency: str | None = None,
    notes: Sequence[str] = (),
) -> ValueMaterial:
    """Frame an account's orders.

    Args:
        pasts: everybody who may be learned from.
        now: nothing after it exists.
        order_types: event types that are orders; none: `order_placed` and `deal_won`, those that the account has.
        refund_type: the event type that takes money back.
        horizon_days: the main horizon; None: the longest that the data allows.
        currency: of the values, where one is named.
        notes: sentences for the report.

    Raises:
        InsufficientData: no order with a value, too few buyers, or too short a time; in counts.
    """
    until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
    pasts = before(pasts, until)
    types = tuple(sorted(name for name in order_types or ORDERS if pasts.type_code(name) >= 0))
    _require_orders(pasts, types, order_types or ORDERS)
    pasts = whole_orders(pasts, types)
    codes = [pasts.type_code(name) for name in types]
    pasts, giants = capped(pasts, codes)
    orders = of_type(pasts, *codes)
    refunds = of_type(pasts, pasts.type_code(refund_type) if pasts.type_code(refund_type) >= 0 else -1)
    _require_buyers(int(np.count_nonzero(np.diff(orders.offsets))), len(orders.at))
    first = int(orders.at.min())
    days = chosen_horizon((until - first) / DAY, horizon_days)
    contact, cutoff = _grid(orders, first, until, days)
    return ValueMaterial(
        pasts, orders, refunds, types, until, days, contact, cutoff, currency, (*notes, *_of_giants(giants))
    )


def before(pasts: Pasts, until: Microseconds) -> Pasts:
    """Leave out what lies at or after an instant."""
    kept = pasts.at < until
    if kept.all():
        return pasts
    counts = np.concatenate([[0], np.cumsum(kept)])[pasts.offsets]
    columns = ("at", "type", "value", "message", "campaign", "item")
    return replace(pasts, offsets=counts, **{name: getattr(pasts, name)[kept] for name in columns})


def capped(pasts: Pasts, codes: Sequence[int]) -> tuple[Pasts, int]:
    """Let no order count for more than 20 times what nearly all orders stay below, and count those that would.

    Args:
        pasts: of the account.
        codes: of the types that are orders.
    """
    mine = np.isin(pasts.type, codes)
    values = pasts.value[mine & (pasts.value > 0)]
    most = GIANT * float(np.quantile(values, COMMON, method="lower"))
    giant = mine & (pasts.value > most)
    if not giant.any():
        return pasts, 0
    return replace(pasts, value=np.where(giant, most, pasts.value)), int(giant.sum())


def _of_giants(giants: int) -> list[str]:
    if not giants:
        return []
    which = "1 order is" if giants == 1 else f"{giants:,} orders are"
    return [f"{which} over {GIANT:g} times as large as nearly all others, and counted as so much: look at the import."]


def _require_orders(pasts: Pasts, types: tuple[str, ...], wanted: Collection[str]) -> None:
    listed = " or ".join(sorted(wanted))
    rows = np.isin(pasts.type, [pasts.type_code(name) for name in types])
    count, valued = int(rows.sum()), int((rows & (pasts.value > 0)).sum())
    if not valued:
        raise InsufficientData(
            f"{count:,} events {listed} were found, {valued} of them with a value above 0. Import orders with their "
            "value, or name what an order is: foretell train value --orders TYPE.",
            orders=count,
            orders_with_value=valued,
        )


def _require_buyers(buyers: int, orders: int) -> None:
    if buyers < LEAST_BUYERS:
        raise InsufficientData(
            f"{buyers} contacts have an order ({orders:,} orders); {LEAST_BUYERS} are needed. Import more orders.",
            buyers=buyers,
            orders=orders,
            needed_buyers=LEAST_BUYERS,
        )


def chosen_horizon(span_days: float, wanted: int | None) -> int:
    """Choose the main horizon.

    Args:
        span_days: from the first order to the end of the data.
        wanted: by the caller; None: the longest of 365, 180, 90, 30.

    Raises:
        InsufficientData: the data is shorter than three horizons.

    >>> chosen_horizon(700.0, None), chosen_horizon(100.0, None), chosen_horizon(100.0, 28)
    (180, 30, 28)
    """
    found = wanted or next((days for days in HORIZONS if span_days >= HORIZONS_NEEDED * days), HORIZONS[-1])
    if span_days < HORIZONS_NEEDED * found:
        raise InsufficientData(
            f"Orders span {span_days:.0f} days; {HORIZONS_NEEDED * found} are needed for a horizon of {found} days. "
            f"Import a longer past{', or ask about a shorter horizon' if found > HORIZONS[-1] else ''}.",
            span_days=int(span_days),
            needed_days=HORIZONS_NEEDED * found,
        )
    return found


def _grid(orders: Pasts, first: Microseconds, until: Microseconds, days: int) -> tuple[Contacts, Cutoffs]:
    """Lay cutoffs so that one of them closes the main horizon just at the end of the data; frames are buyers there."""
    every = int(np.clip(days // 3, 7, 30)) * DAY
    cutoffs = np.arange(until - days * DAY, first + min(days, 90) * DAY - 1, -every, dtype=np.int64)[::-1]
    contact = np.tile(np.arange(len(orders), dtype=np.int32), len(cutoffs))
    cutoff = np.repeat(cutoffs, len(orders))
    kept = np.flatnonzero(_has_order(orders, contact, cutoff))
    if len(kept) > MOST_FRAMES:
        kept = np.sort(np.random.default_rng(SEED).permutation(kept)[:MOST_FRAMES])
    return contact[kept], cutoff[kept]
