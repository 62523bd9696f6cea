"""Events a second from a Parquet file into SQLite, end to end: `python bench/ingest.py --rows 2000000`."""

import argparse
import resource
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shared.ingest import Findings, event_batches, plan_file
from shared.settings import Settings
from shared.store import AccountStore, BulkPacing, migrate, open_database

NOW = 1_780_000_000_000_000
YEAR = 365 * 86_400 * 1_000_000
TYPES = ("email_sent", "email_opened", "email_clicked", "page_viewed", "order_placed")


def main() -> None:
    """Write a file, import it, print the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--events-per-contact", type=int, default=40)
    rows, per_contact = (parsed := parser.parse_args()).rows, parsed.events_per_contact
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        write(file, rows, max(rows // per_contact, 1))
        settings = Settings(home=Path(folder))
        migrate(settings)
        database = open_database(settings)
        database.create_account("bench", created_at=NOW)
        run(file, database.of("bench"), rows)
        database.close()
        print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
        print(f"store: {(Path(folder) / 'store.sqlite').stat().st_size / 1e6:,.0f} MB")
        bare = bare_insert(Path(folder) / "store.sqlite", Path(folder) / "bare.sqlite")
        print(f"{bare:.1f} us of processor time a row for a bare executemany of the same rows alone")


def write(file: Path, rows: int, contacts: int) -> None:
    """Write events in the order of time: the hardest order for a store clustered by contact."""
    random = np.random.default_rng(0)
    with pq.ParquetWriter(file, SCHEMA) as writer:
        for start in range(0, rows, 500_000):
            n = min(500_000, rows - start)
            at = NOW - YEAR + (np.arange(start, start + n) * (YEAR // rows))
            value = np.where(random.random(n) < 0.2, np.round(random.gamma(2, 30, n), 2), np.nan)
            columns = [
                [f"contact-{number}" for number in random.integers(0, contacts, n)],
                np.array(TYPES)[random.integers(0, len(TYPES), n)],
                pa.array(at, pa.int64()).cast(pa.timestamp("us", "UTC")),
                pa.array(value, from_pandas=True),
                [f"campaign-{number}" for number in random.integers(0, 300, n)],
            ]
            writer.write_table(pa.table(columns, schema=SCHEMA))


def bare_insert(store: Path, empty: Path, rows: int = 250_000) -> float:
    """Insert rows of a store, in its order, into an empty table of the same kind, as plainly as the driver can.

    Returns:
        Microseconds of processor time a row.
    """
    with closing(sqlite3.connect(store)) as source:
        (table,) = source.execute("SELECT sql FROM sqlite_master WHERE name = 'events'").fetchone()
        events = source.execute("SELECT * FROM events LIMIT ?", (rows,)).fetchall()
    with closing(sqlite3.connect(empty, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode=WAL")
        target.execute(table)
        began = time.process_time()
        target.execute("BEGIN IMMEDIATE")
        target.executemany(f"INSERT INTO events VALUES ({','.join('?' * len(events[0]))})", events)  # noqa: S608
        target.execute("COMMIT")
        return (time.process_time() - began) / len(events) * 1e6


SCHEMA = pa.schema(
    [
        ("contact_id", pa.string()),
        ("type", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("value", pa.float64()),
        ("campaign_id", pa.string()),
    ]
)


def run(file: Path, store: AccountStore, rows: int) -> None:
    """Import, and say how fast each million went and where the time was spent."""
    began = marked = time.perf_counter()
    began_cpu = time.process_time()
    done = new = told = 0
    reading = 0.0
    pacing = BulkPacing()
    batches = event_batches(plan_file(file, "events"), Findings(), recorded_at=NOW)
    while True:
        before = time.perf_counter()
        batch = next(batches, None)
        reading += time.perf_counter() - before
        if batch is None:
            break
        assert not batch.rejects
        new += store.events.add_bulk(batch.rows, pacing=pacing).new
        done += len(batch)
        if done - told >= 1_000_000 or (done == rows and told < done):
            now = time.perf_counter()
            print(f"{done:>12,} rows  {(done - told) / (now - marked):>10,.0f} rows/s", flush=True)
            marked, told = now, done
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    assert new == rows
    print(f"{rows:>12,} rows  {rows / seconds:>10,.0f} rows/s over all; reading {reading / seconds:.0%}")
    print(f"{cpu_seconds / rows * 1e6:.1f} us of processor time a row; {cpu_seconds / seconds:.0%} of a core was had")


if __name__ == "__main__":
    main()
