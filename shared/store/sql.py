"""One SQL database: how it is opened, read and written, and what its failures are called outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from shared import deadline
from shared.errors import StoreUnavailable
from shared.store.engines import busy, new_engine, patience_of

PATIENCE_SECONDS = 30.0
_BROKEN = ("readonly", "disk is full", "disk I/O")
_UNREACHED = ("unable to open", "not a database", "malformed")
"""What SQLite says of a disk that takes no writes, and of a file that it cannot read."""
_PROBE_SECONDS = 0.1
SCRUB_SECONDS = 1.0
"""How long readers of older states are waited for before their part of the log is left for a later time."""
READERS = 20
WRITERS = 10
"""Connections to PostgreSQL; apart, so that writers that wait for each other leave readers theirs."""
_UNDEFINED = ("42P01", "42703")
"""PostgreSQL's codes of a table and of a column that does not exist."""
_WAITED = ("55P03", "57014", "40P01")
"""Its codes of a lock that was not to be had, of a statement cut short, and of two that wait for each other."""


class _Places(Protocol):
    """A lock or a semaphore."""

    def acquire(self, *, timeout: float) -> bool:
        """Wait for a place at most so many seconds."""

    def release(self) -> None:
        """Give it back."""


class Sql:
    """A database with its pool; readers see a snapshot, writers of SQLite take turns."""

    def __init__(self, url: str, *, durable: bool, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Prepare the engines; nothing is opened yet.

        Args:
            url: SQLAlchemy URL, sqlite:/// or postgresql+psycopg://.
            durable: whether a commit survives a power failure (SQLite; PostgreSQL decides for itself).
            patience_seconds: how long is waited for locks where no request's deadline says it.
        """
        self.is_sqlite = url.startswith("sqlite")
        self._patience = patience_of(patience_seconds)
        writers = 1 if self.is_sqlite else WRITERS
        self.engine = new_engine(url, durable=durable, writes=False, places=READERS, patience=self._patience)
        self.writer = new_engine(url, durable=durable, writes=True, places=writers, patience=self._patience)
        self._readers: _Places = threading.BoundedSemaphore(READERS)
        # SQLite has one writer; a lock hands over at once where its own busy handler would sleep.
        self._writers: _Places = threading.Lock() if self.is_sqlite else threading.BoundedSemaphore(writers)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection whose statements all see the same state.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._place(self._readers), _named_failures(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._place(self._writers), _named_failures(), self.writer.begin() as connection:
            yield connection

    @contextmanager
    def _place(self, places: _Places) -> Iterator[None]:
        """Wait for one of so many places, and give it back."""
        seconds = min(self._patience(), threading.TIMEOUT_MAX)
        if seconds <= 0 or not places.acquire(timeout=seconds):
            raise busy()
        try:
            yield
        finally:
            places.release()

    def scrub(self) -> None:
        """Empty the write-ahead log (SQLite) as far as nobody needs it now; PostgreSQL sees to its own."""
        if not self.is_sqlite:
            return
        seconds = min(SCRUB_SECONDS, self._patience())
        with suppress(StoreUnavailable), deadline.within(seconds), self._place(self._writers), _named_failures():
            connection = self.writer.raw_connection()
            try:
                connection.execute(f"PRAGMA busy_timeout={round(1_000 * seconds)}")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.close()

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
        self.writer.dispose()


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        if _is_unmigrated(error):
            raise StoreUnavailable("The store is not migrated yet: run `foretell store migrate`.") from error
        if _is_busy(error):
            raise busy() from error
        if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
            raise StoreUnavailable("The store cannot be reached or written; try again soon.") from error
        if type(error) is DatabaseError:  # SQLite's word for a file that is none of its own, or a broken one
            raise StoreUnavailable("The store's file is damaged: restore it from a backup.") from error
        raise


def _is_busy(error: DBAPIError) -> bool:
    """Whether others held what was waited for, until the time was up."""
    return getattr(error.orig, "sqlstate", None) in _WAITED or str(error.orig).endswith("is locked")


def _is_unmigrated(error: DBAPIError) -> bool:
    """Whether a table or a column is missing."""
    if isinstance(error, ProgrammingError):
        return getattr(error.orig, "sqlstate", None) in _UNDEFINED
    reason = str(error.orig)
    return reason.startswith(("no such table", "no such column")) or "has no column named" in reason


def is_writable(sql: Sql) -> bool:
    """Whether a commit would succeed now; one that another writer keeps waiting does.

    SQLite writes its own `user_version` again, which nobody else uses. PostgreSQL is asked whether it is a replica or
    read-only: a full disk shows there when something is written, and it ends by itself.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    if not sql.is_sqlite:
        with sql.reading() as connection:
            return bool(connection.scalar(text("SELECT current_setting('transaction_read_only')")) == "off")
    try:
        with deadline.within(_PROBE_SECONDS), sql.writing() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version={int(version)}")
    except StoreUnavailable as error:
        reason = str(error.__cause__.orig) if isinstance(error.__cause__, DBAPIError) else str(error.__cause__)
        if any(words in reason for words in _UNREACHED):
            raise
        return not any(words in reason for words in _BROKEN)
    return True
