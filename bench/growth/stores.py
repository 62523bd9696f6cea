"""What grows with what is stored: contacts, events of one contact, events of all."""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from bench.growth.tables import Cost, Table, cost_of, median_of
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.features import FeatureSet, learn, matrix
from shared.settings import Settings
from shared.store import AccountStore, PastsWanted, migrate, open_database
from shared.timeline import FURTHER_FIELDS, PastRows, build

NOW = 20_600 * DAY
ACCOUNT = "default"
TYPES = ("email_sent", "email_opened", "email_clicked", "page_viewed", "form_submitted", "order_placed")
ATTRIBUTES = 5
BULK_ROWS = 100_000
CALL_CONTACTS = 1_000
COPIED_EVENTS = 1_000_000
"""A larger SQLite store is made of copies of so many events."""
MOVED_ID = "printf('c-%08d', CAST(substr(contact_id, 3) AS INTEGER) + ?)"
READS = 300
"""Calls whose median is shown."""


@contextmanager
def opened(home: Path, url: str | None = None) -> Iterator[AccountStore]:
    """Make a store with one account."""
    settings = Settings(home=home, store_url=None if url is None else SecretStr(url))
    migrate(settings)
    database = open_database(settings)
    if ACCOUNT not in {one.name for one in database.accounts()}:
        database.create_account(ACCOUNT, created_at=NOW)
    try:
        yield database.of(ACCOUNT)
    finally:
        database.close()


def fill(store: AccountStore, numbers: range, events: int) -> None:
    """Add contacts with attributes, and their events of two years."""
    chance = random.Random(numbers.start)
    since = NOW - 720 * DAY
    store.contacts.put_bulk(
        (
            ContactRow(
                f"c-{number:08}",
                since + chance.randrange(300 * DAY),
                attributes=tuple(AttributeRow(f"a{k}", chance.randrange(20), since) for k in range(ATTRIBUTES)),
            )
            for number in numbers
        ),
        recorded_at=NOW,
    )
    rows = (event(chance, f"c-{number:08}", since) for number in numbers for _ in range(events))
    while part := list(islice(rows, BULK_ROWS)):
        store.events.add_bulk(part)


def copy(file: Path, made: int, numbers: range) -> None:
    """Add contacts that are the first ones again under further ids: rows as if imported, many times faster.

    Args:
        file: an SQLite store.
        made: how many contacts there are to be copied.
        numbers: of the new ones.
    """
    with closing(sqlite3.connect(file)) as connection:
        for first in range(numbers.start, numbers.stop, made):
            last = f"c-{min(made, numbers.stop - first):08}"
            for table in ("contacts", "attributes", "events"):
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                moved = [MOVED_ID if name == "contact_id" else name for name in columns]
                statement = f"INSERT INTO {table} SELECT {', '.join(moved)} FROM {table} WHERE contact_id < ?"  # noqa: S608
                connection.execute(statement, (first, last))
            connection.commit()


def event(chance: random.Random, contact_id: str, since: int) -> EventRow:
    """Make an event with a random id; one in fifty is an order."""
    type_ = TYPES[-1] if chance.random() < 0.02 else TYPES[chance.randrange(len(TYPES) - 1)]
    at = since + chance.randrange(719 * DAY)
    return EventRow(contact_id, f"~{chance.getrandbits(128):032x}", type_, at, NOW, 12.5, "EUR", f"m-{at % 99}")


def contacts(sizes: Sequence[int], events: int) -> Table:
    """Measure import, preview of an outcome, and features of everybody, by the number of contacts."""
    timed = ("import s", "outcomes preview s", "outcomes list s", "features of all s")
    shown = ("preview, by the clock s", "list, by the clock s")
    table = Table("Contacts", "contacts", (*timed, *shown), timed)
    table.note = (
        f"{events} events and {ATTRIBUTES} attributes a contact, SQLite. Seconds of processor time; the two "
        "commands are whole processes from start to end. Features: reads in calls of 1,000 contacts, columns, matrix."
    )
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            home.mkdir()
            with opened(home) as store:
                filled = cost_of(partial(fill, store, range(size), events))
                features = cost_of(partial(featured, store, size))
            preview, listed = command(home, "preview", "customer"), command(home, "list")
        table.add(
            size, filled.cpu_seconds, preview.cpu_seconds, listed.cpu_seconds, features.cpu_seconds, preview.seconds,
            listed.seconds,
        )  # fmt: skip
    return table


def command(home: Path, *words: str) -> Cost:
    """Measure a whole `foretell outcomes` of the embedded set-up."""
    environment = {**os.environ, "FORETELL_HOME": str(home)}
    arguments = [sys.executable, "-m", "foretell", "outcomes", *words]
    run = partial(subprocess.run, arguments, env=environment, capture_output=True, check=False)
    return cost_of(run, children=True)


def featured(store: AccountStore, size: int) -> None:
    """Read everybody, some at a time, and compute the features that the first ones can feed."""
    learned = None
    for start in range(0, size, CALL_CONTACTS):
        ids = [f"c-{number:08}" for number in range(start, min(size, start + CALL_CONTACTS))]
        rows = store.pasts.of(ids, cutoff=NOW, asked_at=NOW)
        pasts = build(ids, rows.facts, [rows.events])
        contact, cutoff = np.arange(len(ids), dtype=np.int32), np.full(len(ids), NOW)
        learned = learned or learn(pasts, contact, cutoff)
        matrix(learned.feature_set, pasts, contact, cutoff)


def events_of_one(sizes: Sequence[int]) -> Table:
    """Measure what one prediction reads and computes, by the number of the contact's events."""
    timed = ("reads ms", "columns and features ms")
    table = Table("Events of one contact", "events", timed, timed)
    table.note = (
        "One stored contact, SQLite; milliseconds of processor time, medians. Features look at the newest 5,000."
    )
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store:
        fill(store, range(200), 50)
        ids = [f"c-{number:08}" for number in range(200)]
        rows = store.pasts.of(ids, cutoff=NOW, asked_at=NOW)
        everybody, cutoffs = np.arange(200, dtype=np.int32), np.full(200, NOW)
        columns = learn(build(ids, rows.facts, [rows.events]), everybody, cutoffs).feature_set
        for place, size in enumerate(sizes):
            number = 1_000 + place
            fill(store, range(number, number + 1), size)
            mine = [f"c-{number:08}"]
            read = partial(store.pasts.of, mine, cutoff=NOW, asked_at=NOW)
            compute = partial(_features_of_one, columns, mine[0], read())
            repeats = max(5, min(200, 100_000 // size))
            reads, computes = median_of([read] * repeats), median_of([compute] * repeats)
            table.add(size, 1e3 * reads.cpu_seconds, 1e3 * computes.cpu_seconds)
    return table


def _features_of_one(columns: FeatureSet, contact_id: str, rows: PastRows) -> None:
    matrix(columns, build([contact_id], rows.facts, [rows.events]), np.zeros(1, dtype=np.int32), np.full(1, NOW))


def store_size(sizes: Sequence[int], per_contact: int, url: str | None = None) -> Table:
    """Measure what one stored prediction reads, by the number of events in the store."""
    timed = ("p50 ms of CPU", "p50 ms")
    table = Table(f"Size of the store, {'SQLite' if url is None else 'PostgreSQL'}", "events", timed, timed)
    table.note = (
        f"`predictions.request_reads` of one contact with {per_contact} events, ids spread over all contacts; medians "
        f"of {READS} calls."
    )
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), url) as store:
        chance, there = random.Random(1), 0
        for size in sizes:
            wanted, made = size // per_contact, COPIED_EVENTS // per_contact
            fill(store, range(there, wanted if url is not None else min(wanted, made)), per_contact)
            if url is None:
                copy(Path(folder) / "store.sqlite", made, range(max(there, made), wanted))
            there = wanted
            ids = [f"c-{chance.randrange(there):08}" for _ in range(READS)]
            cost = median_of([partial(_request_reads, store, one) for one in ids])
            table.add(size, 1e3 * cost.cpu_seconds, 1e3 * cost.seconds)
    return table


def _request_reads(store: AccountStore, contact_id: str) -> None:
    wanted = PastsWanted([contact_id], NOW, NOW, event_fields=FURTHER_FIELDS - {"event_id"})
    store.predictions.request_reads("scoring", "customer", wanted, around=NOW - 30 * DAY)
