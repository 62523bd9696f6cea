"""The two data sets as pasts: a wholesaler's customers, a grocer's households."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.timeline import ContactFacts, EventTuple, Pasts, build


@dataclass(frozen=True, eq=False, slots=True)
class Shop:
    """A data set with the dates of its protocol."""

    name: str
    pasts: Pasts
    asked_at: Microseconds
    """What comes after it is to be explained."""
    horizon_days: int
    active_days: int
    """Who counts: contacts with an order so recently."""
    end: Microseconds
    """When groups are found again for agreement and silhouette."""


def online_retail(folder: Path) -> Shop:
    """UCI Online Retail II: an order is what one customer bought in one minute; negative lines are returns."""
    lines = pd.read_parquet(folder / "online_retail_lines.parquet")
    lines["amount"] = lines["quantity"] * lines["unit_price"]
    lines["local"] = lines["ts"].dt.tz_localize("Europe/London", ambiguous=True, nonexistent="shift_forward")
    bought, returned = lines[lines["quantity"] > 0], lines[lines["quantity"] < 0]
    events = [*_orders(bought, "order_placed", 1.0), *_orders(returned, "order_refunded", -1.0)]
    facts = {str(customer): ContactFacts(timezone="Europe/London") for customer in lines["customer_id"].unique()}
    return Shop("Online Retail", build(list(facts), facts, [events]), _day("2011-09-10"), 90, 180, _day("2011-12-10"))


def _orders(lines: pd.DataFrame, kind: str, sign: float) -> Iterator[EventTuple]:
    orders = lines.groupby(["customer_id", "local"], as_index=False).agg(amount=("amount", "sum"))
    at = _microseconds(orders["local"])
    for row, (customer, instant, amount) in enumerate(zip(orders["customer_id"], at, orders["amount"], strict=True)):
        yield (str(customer), f"{kind}-{row}", kind, instant, sign * float(amount), None, None, None, None)


def complete_journey() -> Shop:
    """Complete Journey: baskets, mailings and redeemed coupons, read as `foretell demo` reads them."""
    from foretell import sample

    tables = sample.read_tables()
    events = [
        (row.contact_id, row.event_id, row.type, row.occurred_at, row.value, None, row.campaign_id, row.item, None)
        for row in sample.event_rows(tables, 0, recorded_at=0)
    ]
    facts = {row[0]: ContactFacts(timezone=sample.ZONE) for row in events}
    return Shop(
        "Complete Journey", build(sorted(facts), facts, [events]), _day("2017-11-15"), 28, 90, _day("2018-01-02")
    )


def before(pasts: Pasts, at: Microseconds) -> Pasts:
    """Forget what happened at an instant or after it, as a training at that instant would never have seen it."""
    keep = np.flatnonzero(pasts.at < at)
    owner = np.searchsorted(pasts.offsets, keep, side="right") - 1
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(pasts)))])
    columns = {name: getattr(pasts, name)[keep] for name in ("at", "type", "value", "message", "campaign", "item")}
    return replace(pasts, offsets=offsets, **columns)


def _day(text: str) -> Microseconds:
    return microseconds(pd.Timestamp(text, tz="UTC").to_pydatetime())


def _microseconds(times: pd.Series) -> list[int]:
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return [int(at) for at in plain.astype("datetime64[us]").astype("int64")]


__all__ = ["DAY", "Shop", "before", "complete_journey", "online_retail"]
