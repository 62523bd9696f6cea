"""The fast way in for imports: rows in the order in which they lie on disk, in parts so short that others write too."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from shared.contracts.rows import EventRow
from shared.store.events import add_missing_contacts, newest, raise_newest_event
from shared.store.pace import Pace
from shared.store.rows import AddedEvents
from shared.store.scope import Scope
from shared.store.tables import EventTable

BULK_ROWS = 250_000
"""Rows of one call that keep both speed and memory reasonable (about 150 MB)."""

_BULK_CACHE_KIB = 256 * 1024
_COLUMNS = ("account_id", *EventRow._fields)
_TABLE = EventTable.__tablename__


class BulkEvents(Scope):
    """Events by the hundred thousand."""

    def bulk_events(self, rows: Sequence[EventRow], *, pace: Pace | None = None) -> AddedEvents:
        """Add many events in short transactions; contacts that are not known yet are created.

        Interrupted and repeated, it adds what is missing.

        Args:
            rows: in any order; about BULK_ROWS of them. Those that are there already change nothing.
            pace: of the import that they are part of.

        Returns:
            How many were new, and how many were left out, of whom.
        """
        pace = pace or Pace()
        ordered = sorted(rows, key=itemgetter(0, 1))
        new, left_out, of_erased = 0, 0, set[str]()
        for part in pace.parts(ordered, has_gaps=self._store.is_sqlite):
            added = self._add_part(part)
            new, left_out = new + added.new, left_out + added.erased
            of_erased |= added.erased_contacts
        return AddedEvents(new, left_out, frozenset(of_erased))

    def _add_part(self, rows: Sequence[EventRow]) -> AddedEvents:
        account = self.account
        contact_ids = {row.contact_id for row in rows}
        with self._writing() as connection:
            erased = add_missing_contacts(connection, account, contact_ids, identity_key=self._identity_key)
            kept = [row for row in rows if row.contact_id not in erased] if erased else rows
            if not kept:
                return AddedEvents(0, len(rows), erased)
            records = ((account, *row) for row in kept)
            added = _insert_sqlite(connection, records) if self._store.is_sqlite else _copy(connection, records)
            raise_newest_event(connection, account, newest(kept))
        return AddedEvents(added, len(rows) - len(kept), erased)


def _insert_sqlite(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    # The driver's executemany prepares once and releases the interpreter lock while a row is written.
    driver: Any = connection.connection.driver_connection
    (usual,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size=-{_BULK_CACHE_KIB}")
    try:
        marks = ",".join("?" * len(_COLUMNS))
        cursor = driver.executemany(
            f"INSERT INTO {_TABLE} ({','.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608
            rows,
        )
        return int(cursor.rowcount)
    finally:
        driver.execute(f"PRAGMA cache_size={usual}")


def _copy(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    # COPY itself cannot skip rows that exist, so it fills a table of this transaction alone.
    columns = ",".join(_COLUMNS)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE incoming_events (LIKE {_TABLE}) ON COMMIT DROP")
        with cursor.copy(f"COPY incoming_events ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {_TABLE} ({columns}) "  # noqa: S608
            f"SELECT {columns} FROM incoming_events ORDER BY account_id, contact_id, event_id ON CONFLICT DO NOTHING"
        )
        return int(cursor.rowcount)
