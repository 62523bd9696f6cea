"""The same features by our engine, Polars and DuckDB side by side: `python -m bench.features`.

Counts of 6 types in 5 windows, sums and means of their values in 5 windows, days since the last and first event of each
type, distinct items of each type, active local days in 5 windows, shares of the 4 parts of the local day. All three
first have to give equal numbers. Everybody gets the most favourable form of the data: a table that is already built
(columns in memory; event types coded, time in the type each likes best), sorted by contact and time; and then, for one
contact, also from rows in memory as a request brings them, where building the table is part of the work. Polars and
DuckDB use every core, our engine uses one.

Then our two ways for few contacts, from what the store hands over to a matrix of learned features and of attributes:
in columns, and one by one in plain Python. Both first have to give the same numbers. Processor time, so that a busy
machine can be compared too.
"""

import argparse
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shared.contracts.rows import DAY
from shared.features import Feature, FeatureSet, learn, matrix
from shared.features.feature import DAY_PARTS, WINDOWS_DAYS
from shared.features.scalar import scalar_plan
from shared.timeline import ContactFacts, ContactPasts, DatedValue, EventTuple, PackedEvents, Pasts, StoredValues, build

CUTOFF = 1_780_000_000_000_000
ZONE = "America/New_York"
TYPES = ("content_downloaded", "email_clicked", "email_opened", "form_submitted", "order_placed", "page_viewed")
ITEMS = 50
Numbers = NDArray[np.float64]


def features() -> FeatureSet:
    """Declare what is measured."""
    listed = []
    for name in TYPES:
        listed += [Feature(f"{name}_{d}", "count", "", "", name, window_days=d) for d in WINDOWS_DAYS]
        listed += [Feature(f"{name}_sum_{d}", "value_sum", "", "", name, window_days=d) for d in WINDOWS_DAYS]
        listed += [Feature(f"{name}_mean_{d}", "value_mean", "", "", name, window_days=d) for d in WINDOWS_DAYS]
        listed.append(Feature(f"{name}_last", "days_since_last", "", "", name))
        listed.append(Feature(f"{name}_first", "days_since_first", "", "", name))
        listed.append(Feature(f"{name}_items", "distinct", "", "", name, "item"))
    listed += [Feature(f"active_{d}", "active_days", "", "", window_days=d) for d in WINDOWS_DAYS]
    listed += [Feature(part, "hour_share", "", "", None, part) for part in DAY_PARTS]
    return FeatureSet(tuple(listed))


FEATURES = features()


def rows_of(contacts: int, events: int) -> list[EventTuple]:
    """Invent events of the last two years, every third with a value."""
    random = np.random.default_rng(7)
    at = np.sort(CUTOFF - 1 - random.integers(0, 729 * DAY, (contacts, events)), axis=1)
    type_ = random.integers(0, len(TYPES), at.shape)
    value = np.where(random.random(at.shape) < 1 / 3, np.round(random.gamma(2, 40, at.shape), 2), np.nan)
    item = random.integers(0, ITEMS, at.shape)
    return [
        (f"c{c:05}", f"e{e}", TYPES[t], a, None if v != v else v, None, None, f"item{i:02}", 1)
        for c in range(contacts)
        for e, (t, a, v, i) in enumerate(
            zip(type_[c].tolist(), at[c].tolist(), value[c].tolist(), item[c].tolist(), strict=True)
        )
    ]


def built(rows: list[EventTuple]) -> Pasts:
    """Make our columns."""
    facts = dict.fromkeys((row[0] for row in rows), ContactFacts(timezone=ZONE))
    return build(list(facts), facts, [rows])


def ours(pasts: Pasts) -> Numbers:
    """Ask our engine."""
    n = len(pasts)
    return matrix(FEATURES, pasts, np.arange(n, dtype=np.int32), np.full(n, CUTOFF))


SCHEMA: dict[str, Any] = {
    "contact": pl.String,
    "id": pl.String,
    "type": pl.Enum(TYPES),
    "at": pl.Int64,
    "value": pl.Float64,
    "message": pl.String,
    "campaign": pl.String,
    "item": pl.Categorical,
    "human": pl.Int64,
}


def polars_table(rows: list[EventTuple]) -> pl.DataFrame:
    """Make a Polars frame with the types that Polars is fastest on."""
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.select(
        pl.col("contact").cast(pl.Categorical).to_physical().alias("contact").set_sorted(),
        "type",
        pl.col("at").cast(pl.Datetime("us", "UTC")).alias("instant"),
        "value",
        pl.col("item").to_physical(),
    )


def polars_query() -> list[pl.Expr]:
    """Write the same features for Polars."""
    age, value, item = pl.col("age"), pl.col("value"), pl.col("item")
    aggregates = []
    for name in TYPES:
        mine = pl.col("type") == name
        near = {d: mine & (age <= d * DAY) for d in WINDOWS_DAYS}
        aggregates += [near[d].sum().cast(pl.Float64).alias(f"{name}_{d}") for d in WINDOWS_DAYS]
        aggregates += [value.filter(near[d]).sum().alias(f"{name}_sum_{d}") for d in WINDOWS_DAYS]
        aggregates += [value.filter(near[d]).mean().alias(f"{name}_mean_{d}") for d in WINDOWS_DAYS]
        aggregates.append((age.filter(mine).min() / DAY).alias(f"{name}_last"))
        aggregates.append((age.filter(mine).max() / DAY).alias(f"{name}_first"))
        aggregates.append(item.filter(mine).n_unique().cast(pl.Float64).alias(f"{name}_items"))
    aggregates += [
        pl.col("day").filter(age <= d * DAY).n_unique().cast(pl.Float64).alias(f"active_{d}") for d in WINDOWS_DAYS
    ]
    aggregates += [(pl.col("part") == place).mean().alias(name) for place, name in enumerate(DAY_PARTS)]
    return aggregates


QUERY = polars_query()


def polars_numbers(table: pl.DataFrame) -> Numbers:
    """Ask Polars."""
    local = pl.col("instant").dt.convert_time_zone(ZONE)
    found = (
        table.lazy()
        .with_columns(
            (CUTOFF - pl.col("instant").to_physical()).alias("age"),
            local.dt.date().alias("day"),
            (local.dt.hour() // 6).alias("part"),
        )
        .group_by("contact", maintain_order=True)
        .agg(QUERY)
        .drop("contact")
        .collect()
    )
    return found.fill_null(np.nan).to_numpy()


def duckdb_query() -> str:
    """Write the same features for DuckDB."""
    listed = []
    for name in TYPES:
        mine = f"type = '{name}'"
        listed += [f"count(*) filter ({mine} and age <= {d * DAY})" for d in WINDOWS_DAYS]
        listed += [f"coalesce(sum(value) filter ({mine} and age <= {d * DAY}), 0)" for d in WINDOWS_DAYS]
        listed += [f"avg(value) filter ({mine} and age <= {d * DAY})" for d in WINDOWS_DAYS]
        listed += [f"min(age) filter ({mine}) / {DAY}.0", f"max(age) filter ({mine}) / {DAY}.0"]
        listed.append(f"count(distinct item) filter ({mine})")
    listed += [f"count(distinct day) filter (age <= {d * DAY})" for d in WINDOWS_DAYS]
    listed += [f"avg((part = {place})::int)" for place in range(len(DAY_PARTS))]
    named = ", ".join(f"({text})::double as f{place}" for place, text in enumerate(listed))
    return (  # every word of it is ours
        f"with e as (select contact, type, value, item, {CUTOFF} - epoch_us(instant) as age,"  # noqa: S608
        f" (instant at time zone '{ZONE}')::date as day, hour(instant at time zone '{ZONE}') // 6 as part from events)"
        f" select {named} from e group by contact order by contact"
    )


DUCKDB_QUERY = duckdb_query()


class Duck:
    """DuckDB with a native table."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        kinds = ", ".join(f"'{name}'" for name in TYPES)
        self.connection.execute(f"load icu; set timezone = 'UTC'; create type kind as enum ({kinds})")

    def load(self, frame: pl.DataFrame) -> None:
        """Make the table; through Arrow, which is the quickest way in."""
        assert len(frame)
        self.connection.execute("drop table if exists events")
        self.connection.execute(
            "create table events as select contact, type::kind as type, instant, value, item from frame"
        )

    def numbers(self) -> Numbers:
        """Ask DuckDB."""
        found = self.connection.execute(DUCKDB_QUERY).fetchnumpy()
        return np.column_stack([np.ma.filled(column.astype(np.float64), np.nan) for column in found.values()])


def timed(act: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median of the seconds it takes, after one call that is not counted."""
    act()
    seconds = []
    for _ in range(repeats):
        start = clock()
        act()
        seconds.append(clock() - start)
    return median(seconds)


def by_hand(rows: list[EventTuple]) -> float:
    """Count one number in plain Python, so that three times the same error would be seen."""
    near = [row for row in rows if row[0] == rows[0][0] and CUTOFF - row[3] <= 365 * DAY]
    instants = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row[3]) for row in near]
    return len({instant.astimezone(ZoneInfo(ZONE)).date() for instant in instants})


def measured(rows: list[EventTuple], repeats: tuple[int, int]) -> dict[str, tuple[float, float, float]]:
    """Check that all agree, then time them: from the table, and from rows where there are few."""
    pasts, table, duck = built(rows), polars_table(rows), Duck()
    duck.load(table)
    found = ours(pasts)
    np.testing.assert_allclose(polars_numbers(table), found, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(duck.numbers(), found, rtol=1e-9, atol=1e-9)
    assert found[0, FEATURES.names.index("active_365")] == by_hand(rows)
    quick, slow = repeats
    figures = {
        "built table": (
            timed(lambda: ours(pasts), quick),
            timed(lambda: polars_numbers(table), slow),
            timed(duck.numbers, slow),
        )
    }
    if len(pasts) == 1:

        def through_duckdb() -> Numbers:
            duck.load(polars_table(rows))
            return duck.numbers()

        figures["rows in memory"] = (
            timed(lambda: ours(built(rows)), quick),
            timed(lambda: polars_numbers(polars_table(rows)), slow),
            timed(through_duckdb, slow),
        )
    return figures


FEW = ((1, 0), (1, 50), (1, 200), (1, 600), (1, 1_600), (3, 50), (4, 200), (6, 50), (9, 0), (20, 50))
"""Contacts and events of each, round where the two ways cross."""
ATTRIBUTES = 20
NAMES = tuple(f"attribute {place}" for place in range(ATTRIBUTES))
OF_ATTRIBUTES = tuple(Feature(name, "numeric", "", name, attribute=name) for name in NAMES)


def learned(rows: list[EventTuple]) -> FeatureSet:
    """Learn what a model would look at, campaigns and local hours as well."""
    pasts = built([(*row[:6], f"campaign {place % 9}", *row[7:]) for place, row in enumerate(rows)])
    frames = np.arange(len(pasts), dtype=np.int32), np.full(len(pasts), CUTOFF)
    return learn(pasts, *frames, excluded=(), allowed=(), dated_only=True).feature_set


def both_ways(features: FeatureSet, contacts: int, events: int) -> tuple[float, float]:
    """Return the seconds from what the store hands over to a matrix, in columns and one by one."""
    rows = PackedEvents.of(rows_of(contacts, events) if events else [])
    columns = [0] * ATTRIBUTES, [place / 7 for place in range(ATTRIBUTES)], [True] * ATTRIBUTES
    known = ContactFacts(timezone=ZONE, attributes=StoredValues(NAMES, *columns))
    facts = {f"c{place:05}": known for place in range(contacts)}
    plan, cutoffs = scalar_plan(features.plan), np.full(contacts, CUTOFF)

    def in_columns() -> Numbers:
        return matrix(features, build(list(facts), facts, [rows]), np.arange(contacts, dtype=np.int32), cutoffs)

    def one_by_one() -> Numbers:
        return np.array([plan.row(past, CUTOFF) for past in ContactPasts(list(facts), facts, rows).one_by_one])

    np.testing.assert_array_equal(one_by_one(), in_columns())
    return timed(in_columns, 200, time.process_time), timed(one_by_one, 200, time.process_time)


def inline(contacts: int) -> tuple[float, float]:
    """Return the seconds that columns and matrix of contacts cost who bring attributes and no event."""
    random = np.random.default_rng(7)
    facts = {
        f"c{contact:05}": ContactFacts(attributes=tuple(map(DatedValue, NAMES, [0] * ATTRIBUTES, values)))
        for contact, values in enumerate(random.normal(size=(contacts, ATTRIBUTES)).tolist())
    }
    features = FeatureSet(OF_ATTRIBUTES)
    pasts = build(list(facts), facts, [])
    frames = np.arange(contacts, dtype=np.int32), np.full(contacts, CUTOFF)
    return (
        timed(lambda: build(list(facts), facts, []), 50, time.process_time),
        timed(lambda: matrix(features, pasts, *frames), 50, time.process_time),
    )


def report_few() -> None:
    """Print what few contacts cost in both ways, and what a call of inline attributes costs."""
    features = FeatureSet(learned(rows_of(400, 60)).features + OF_ATTRIBUTES)
    print(
        f"\n{len(features)} features, {ATTRIBUTES} of them of attributes, of what the store hands over; the same "
        "numbers both ways; ms of processor time\n"
    )
    print("| contacts x events | in columns | one by one | times |\n|---|---:|---:|---:|")
    for contacts, events in FEW:
        columns, single = both_ways(features, contacts, events)
        print(f"| {contacts} x {events} | {columns * 1e3:.3f} | {single * 1e3:.3f} | {columns / single:.1f} |")
    columns, numbers = inline(1_000)
    print(
        f"\n1,000 contacts with {ATTRIBUTES} attributes: columns {columns * 1e3:.2f} ms, matrix {numbers * 1e3:.2f} ms"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000, help="contacts of the bulk measurement")
    parser.add_argument("--repeats", type=int, default=7, help="of the bulk measurement")
    asked = parser.parse_args()
    print(f"{len(FEATURES)} features; {os.cpu_count()} cores; Polars {pl.__version__}, DuckDB {duckdb.__version__}")
    print("all three agree to 1e-9; medians, milliseconds; in brackets how many times our engine's\n")
    print("| contacts x events | from | Foretell | Polars | DuckDB |\n|---|---|---:|---:|---:|")
    for contacts, events, repeats in ((1, 200, (500, 30)), (asked.contacts, 100, (asked.repeats, asked.repeats))):
        for form, (mine, polars, duck) in measured(rows_of(contacts, events), repeats).items():
            print(
                f"| {contacts:,} x {events} | {form} | {mine * 1e3:,.2f} "
                f"| {polars * 1e3:,.2f} ({polars / mine:.1f}) | {duck * 1e3:,.2f} ({duck / mine:.1f}) |"
            )
    report_few()


if __name__ == "__main__":
    main()
