"""A shop that exports one event a line of an order: churn learned of whole orders, and of lines as before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from bench.accuracy.events import _microseconds
from bench.churn.data import Shop, online_retail
from bench.churn.shops import Judged, Vector, frames_at, judged_model, risk_of
from services.churn.training import churn_material, fitted
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS
from shared.features import Feature, FeatureSet, matrix
from shared.timeline import ContactFacts, DatedValue, EventTuple, build

LEARN_LINES = "shared.features.learn.types_with_lines"


def online_retail_by_line(folder: Path) -> Shop:
    """Read the wholesaler's invoices as its shop exports them: an event a line, with its product."""
    lines = pd.read_parquet(folder / "online_retail_lines.parquet")
    lines["at"], lines["value"] = _microseconds(lines["ts"]), lines["quantity"] * lines["unit_price"]
    lines = lines[lines.quantity != 0]
    columns = (lines.customer_id, lines.quantity > 0, lines["at"], lines.value, lines["product"])
    events: list[EventTuple] = [
        (str(who), str(row), "order_placed" if bought else "order_refunded", int(at), abs(float(value)),
         None, None, str(item), None)
        for row, (who, bought, at, value, item) in enumerate(zip(*columns, strict=True))
    ]  # fmt: skip
    first = lines.drop_duplicates("customer_id")
    facts = {
        str(who): ContactFacts(timezone="Europe/London", attributes=(DatedValue("country", ALWAYS, str(country)),))
        for who, country in zip(first.customer_id, first.country, strict=True)
    }
    shop = online_retail(folder)
    ids = shop.pasts.contact_ids
    return replace(shop, name="Online Retail by line", pasts=build(ids, {one: facts[one] for one in ids}, [events]))


@dataclass(frozen=True)
class Typical:
    """Of the customer in the middle, what features say who count orders, or lines."""

    orders_in_a_year: float
    mean_value: float
    days_between: float


def typical(shop: Shop, *, whole: bool) -> Typical:
    """Compute the medians of all customers at the instant of the question."""
    everybody = np.arange(len(shop.pasts), dtype=np.int32)
    features = FeatureSet(
        (
            Feature("year", "count", "events", "orders", "order_placed", window_days=365),
            Feature("value", "value_mean", "amount", "value", "order_placed", window_days=730),
            Feature("gap", "gap_mean", "days", "rhythm", "order_placed"),
        ),
        whole_orders=EXPORTED_BY_LINE if whole else (),
    )
    values = matrix(features, shop.pasts, everybody, np.full(len(everybody), shop.asked_at))
    return Typical(*np.nanmedian(values, axis=0).tolist())


@dataclass(frozen=True)
class LinesResult:
    """What counting whole orders changes."""

    rows: tuple[Judged, Judged, Judged]
    """Of whole orders, of lines, and of an export by order."""
    whole: Typical
    lines: Typical


def judged_lines(folder: Path, progress: Callable[[str], None]) -> LinesResult:
    """Train three versions, and ask each about the same customers; the first is the product's on lines."""
    by_line, by_order = online_retail_by_line(folder), online_retail(folder)
    outcome = Outcome(
        name="lapse", capability="churn", silence=("order_placed",), horizon_days=90, active_within_days=180
    )
    contact, label = frames_at(by_order, outcome, by_order.asked_at)
    cutoff = np.full(len(contact), by_order.asked_at)

    def risk(shop: Shop, name: str) -> Vector:
        progress(name)
        stuff = churn_material(outcome, shop.pasts, now=shop.asked_at)
        fit = fitted(stuff, allowed=tuple(shop.pasts.attributes), now=shop.asked_at)
        return risk_of(fit.model, shop, contact, cutoff)

    whole = risk(by_line, "lines, counted as whole orders")
    with patch(LEARN_LINES, return_value=()):
        lines = risk(by_line, "lines, counted as orders")
    orders = risk(by_order, "one event an order")
    rows = (
        judged_model("an event a line: whole orders", label, whole, contact, against=None),
        judged_model("an event a line: each line an order, as before", label, lines, contact, against=whole),
        judged_model("an event an order, without items", label, orders, contact, against=whole),
    )
    return LinesResult(rows, typical(by_line, whole=True), typical(by_line, whole=False))
