"""One SQL database: how it is opened, read and written, and what its failures are called outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import StoreUnavailable

BUSY_SECONDS = 30
SCRUB_MILLISECONDS = 1_000
"""How long readers of older states are waited for before their part of the log is left for a later time."""
CACHE_KIB = 16 * 1024
MMAP_BYTES = 1 << 30
JOURNAL_BYTES = 64 << 20
_UNDEFINED = ("42P01", "42703")
"""PostgreSQL's codes of a table and of a column that does not exist."""


class Sql:
    """A database with its pool; readers see a snapshot, writers of SQLite take turns."""

    def __init__(self, url: str, *, durable: bool) -> None:
        """Prepare the engine; nothing is opened yet.

        Args:
            url: SQLAlchemy URL, sqlite:/// or postgresql+psycopg://.
            durable: whether a commit survives a power failure (SQLite; PostgreSQL decides for itself).
        """
        self.engine = _engine(url, durable=durable)
        self.writer = self.engine.execution_options(foretell_writes=True)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._turn = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection whose statements all see the same state.

        Raises:
            StoreUnavailable: it cannot be reached.
        """
        with _named_failures(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached.
        """
        with _named_failures():
            if not self.is_sqlite:
                with self.writer.begin() as connection:
                    yield connection
                return
            # SQLite has one writer; a lock hands over at once where its own busy handler would sleep.
            with self._turn, self.writer.begin() as connection:
                yield connection

    def scrub(self) -> None:
        """Empty the write-ahead log (SQLite) as far as no reader needs it; PostgreSQL sees to its own."""
        if not self.is_sqlite:
            return
        with _named_failures(), self._turn:
            connection = self.engine.raw_connection()
            try:
                connection.execute(f"PRAGMA busy_timeout={SCRUB_MILLISECONDS}")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1_000}")
            finally:
                connection.close()

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


class Joined(Sql):
    """An open transaction in the place of its database: reads see what it wrote, writes are part of it."""

    def __init__(self, sql: Sql, connection: Connection) -> None:
        self.engine = sql.engine
        self.writer = sql.writer
        self.is_sqlite = sql.is_sqlite
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read through the transaction."""
        yield self._connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write as part of the transaction: whoever opened it commits."""
        yield self._connection


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("The store is busy; try again soon.") from error
    except IntegrityError:
        raise
    except DBAPIError as error:
        if _is_unmigrated(error):
            raise StoreUnavailable("The store is not migrated yet: run `foretell store migrate`.") from error
        if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
            raise StoreUnavailable("The store cannot be reached or written; try again soon.") from error
        if type(error) is DatabaseError:  # SQLite's word for a file that is none of its own, or a broken one
            raise StoreUnavailable("The store's file is damaged: restore it from a backup.") from error
        raise


def _is_unmigrated(error: DBAPIError) -> bool:
    """Tell whether a table or a column is missing."""
    if isinstance(error, ProgrammingError):
        return getattr(error.orig, "sqlstate", None) in _UNDEFINED
    told = str(error.orig)
    return told.startswith(("no such table", "no such column")) or "has no column named" in told


def _engine(url: str, *, durable: bool) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_timeout=10)
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, pool_size=10, max_overflow=20
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: Any) -> None:  # noqa: ARG001
        # The driver's own transaction handling would begin too late for BEGIN IMMEDIATE.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            f"mmap_size={MMAP_BYTES}",
            "temp_store=MEMORY",
            f"journal_size_limit={JOURNAL_BYTES}",
            # What is deleted is overwritten, not only unlinked: an erased contact is not to be found in a free page.
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("foretell_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
