"""One SQL database: how it is opened, read and written, and what its failures are called outside."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError

from shared.contracts.call import Deadline
from shared.errors import StoreUnavailable
from shared.store.driver import (
    LONGEST_SECONDS,
    SLACK,
    Driver,
    Patience,
    Places,
    failure_of,
    milliseconds,
    patience_of,
    unreachable,
)

CACHE_KIB = 16 * 1024
MMAP_BYTES = 1 << 30
JOURNAL_BYTES = 64 << 20
CHECKPOINT_PAGES = 4_000
"""Of what is written over again and again, as the latest predictions are, a page goes into the file once for many
commits; so many are one segment of the index in which readers look them up (SQLite's own: 1,000)."""
_PRIVATE = 0o600
_LEAST_CONNECT_SECONDS = 2
"""libpq takes fewer for so many."""
PATIENCE_SECONDS = 30.0
_BROKEN = ("readonly", "disk is full", "disk I/O")
_UNREACHED = ("unable to open", "not a database", "malformed")
"""What SQLite says of a disk that takes no writes, and of a file that it cannot read."""
_PROBE_SECONDS = 0.1
SCRUB_SECONDS = 1.0
"""How long readers of older states are waited for before their part of the log is left for a later time."""
LOOKS_AFTER = 100_000
"""Instructions of SQLite's machine between two looks at the clock: about a millisecond."""
READERS = 20
"""Connections of a process; apart from half as many that write (PostgreSQL), so that those leave readers theirs."""


def new_engine(
    url: str, *, durable: bool, writes: bool, places: int, patience: Patience, cuts_off: bool = False
) -> Engine:
    """Make an engine that opens nothing yet.

    Args:
        url: SQLAlchemy URL, sqlite:/// or postgresql+psycopg://.
        durable: whether a commit survives a power failure (SQLite; PostgreSQL decides for itself).
        writes: whether transactions of SQLite take the write lock at their beginning.
        places: how many connections at most; who takes them waits for one before.
        patience: how long each wait may take.
        cuts_off: whether a statement of SQLite ends at its request's deadline, as one of PostgreSQL does anyway.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url, connect_args={"check_same_thread": False}, pool_size=places, max_overflow=0, pool_timeout=0
        )
        _limit_sqlite(engine, patience, durable=durable, writes=writes)
        if cuts_off:
            _cut_off(engine)
    else:
        # One state for all that a connection reads.
        isolation: Any = "READ COMMITTED" if writes else "REPEATABLE READ"
        engine = create_engine(
            url, pool_size=-(-places // 2), max_overflow=places // 2, pool_timeout=0, isolation_level=isolation
        )
        _limit_postgres(engine, patience)
    return engine


def _limit_sqlite(engine: Engine, patience: Patience, *, durable: bool, writes: bool) -> None:
    @event.listens_for(engine, "do_connect")
    def _wait_to_open(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> None:  # noqa: ARG001
        named["timeout"] = min(patience(), LONGEST_SECONDS)
        _make_private(arguments[0])

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: Any) -> None:  # noqa: ARG001
        # The driver's own transaction handling would begin too late for BEGIN IMMEDIATE.
        connection.isolation_level = None
        connection.create_function("float_hex", 1, float.hex, deterministic=True)
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            f"mmap_size={MMAP_BYTES}",
            "temp_store=MEMORY",
            f"journal_size_limit={JOURNAL_BYTES}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            # What is deleted is overwritten, not only unlinked: an erased contact is not to be found in a free page.
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA busy_timeout={milliseconds(patience())}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cut_off(engine: Engine) -> None:
    """Let SQLite ask after each millisecond of computing whether somebody still waits.

    Only where it is worth it: each time the thread has to get the interpreter's lock.
    """

    @event.listens_for(engine, "connect")
    def _look(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.set_progress_handler(_is_over, LOOKS_AFTER)


def _is_over() -> bool:
    left = Deadline.seconds_left()
    return left is not None and left <= 0


def _make_private(path: str) -> None:
    """Let only its owner read a database, whatever the umask; SQLite gives the files beside it the same mode.

    A file that is there is never opened: closing it would drop every lock that this process holds on it, and another
    process could take the write-ahead log away from under its connections. Source: sqlite.org/howtocorrupt.html, 2.2.
    """
    with suppress(OSError):  # what is wrong with the file or its folder is said by whoever opens it
        if not os.path.exists(path):  # noqa: PTH110
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.exists(name) and os.stat(name).st_mode & 0o077:  # noqa: PTH110, PTH116
                os.chmod(name, _PRIVATE)  # noqa: PTH101


def _limit_postgres(engine: Engine, patience: Patience) -> None:
    @event.listens_for(engine, "do_connect")
    def _wait_to_open(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> None:  # noqa: ARG001
        named.setdefault("connect_timeout", max(_LEAST_CONNECT_SECONDS, math.ceil(min(patience(), LONGEST_SECONDS))))

    @event.listens_for(engine, "checkout")
    def _limit(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001
        # Outside a transaction, so that it lasts; it also shows whether the connection lives, as a ping would.
        left = milliseconds(patience())
        try:
            connection.autocommit = True
            connection.execute(_limits(left, whole="SET"))
            connection.autocommit = False
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
        record.info[_SET] = left

    @event.listens_for(engine, "before_cursor_execute")
    def _limit_again(connection: Connection, cursor: Any, *_: Any) -> None:
        if Deadline.seconds_left() is None:
            return
        left = milliseconds(patience())
        if left < SLACK * connection.info[_SET]:
            cursor.connection.execute(_limits(left, whole="SET LOCAL"))
            connection.info[_SET] = left


_SET = "foretell_milliseconds"


def _limits(left: int, *, whole: str) -> str:
    """Write the limits of a connection; work behind which nobody waits may compute as long as it needs."""
    statement = 0 if Deadline.seconds_left() is None else left
    return f"{whole} lock_timeout = {left}; {whole} statement_timeout = {statement}"


class Sql:
    """A database with its pool; readers see a snapshot, writers of SQLite take turns."""

    def __init__(
        self,
        url: str,
        *,
        durable: bool,
        patience_seconds: float = PATIENCE_SECONDS,
        readers: int = READERS,
        cuts_off: bool = False,
    ) -> None:
        """Prepare the engines; nothing is opened yet.

        Args:
            url: SQLAlchemy URL, sqlite:/// or postgresql+psycopg://.
            durable: whether a commit survives a power failure (SQLite; PostgreSQL decides for itself).
            patience_seconds: how long is waited for locks where no request's deadline says it.
            readers: connections that read at most; half as many may write, where there can be several.
            cuts_off: whether what SQLite reads ends at its request's deadline, as with PostgreSQL anyway.
        """
        self.is_sqlite = url.startswith("sqlite")
        self._patience = patience_of(patience_seconds)
        writers = 1 if self.is_sqlite else -(-readers // 2)
        self.engine = new_engine(
            url, durable=durable, writes=False, places=readers, patience=self._patience, cuts_off=cuts_off
        )
        self.writer = new_engine(url, durable=durable, writes=True, places=writers, patience=self._patience)
        # SQLite has one writer.
        self._readers, self._writers = Places(readers, self._patience), Places(writers, self._patience)
        self.reads = Driver(self.engine, self._readers, self._patience, idle=readers // 2)
        self.writes = Driver(self.writer, self._writers, self._patience, idle=-(-writers // 2))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection whose statements all see the same state.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._readers.one(), _named_failures(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._writers.one(), _named_failures(self.writer), self.writer.begin() as connection:
            yield connection

    def scrub(self) -> None:
        """Empty the write-ahead log (SQLite) as far as nobody needs it now; PostgreSQL sees to its own."""
        if not self.is_sqlite:
            return
        seconds = min(SCRUB_SECONDS, self._patience())
        with suppress(StoreUnavailable), Deadline.within(seconds), self._writers.one(), _named_failures(self.writer):
            connection = self.writer.raw_connection()
            try:
                connection.execute(f"PRAGMA busy_timeout={round(1_000 * seconds)}")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.close()

    def close(self) -> None:
        """Close all pooled connections."""
        self.reads.close()
        self.writes.close()
        self.engine.dispose()
        self.writer.dispose()


@contextmanager
def _named_failures(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        named = failure_of(error.orig, engine.dialect.loaded_dbapi)
        if named is None and not error.connection_invalidated:
            raise
        raise named or unreachable() from error


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
        with Deadline.within(_PROBE_SECONDS), sql.writing() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version={int(version)}")
    except StoreUnavailable as error:
        reason = str(error.__cause__.orig) if isinstance(error.__cause__, DBAPIError) else str(error.__cause__)
        if any(words in reason for words in _UNREACHED):
            raise
        return not any(words in reason for words in _BROKEN)
    return True
