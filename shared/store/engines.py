"""How a database is opened, and how long anything in it may wait: until the request's deadline, and no longer.

A wait is for a connection, for a lock of SQLite, for a row, a table or an advisory lock of PostgreSQL, or for a long
statement. Each is bounded where it happens, by what `shared.deadline` says is left at that moment.
"""

import math
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from shared import deadline
from shared.errors import StoreUnavailable

CACHE_KIB = 16 * 1024
MMAP_BYTES = 1 << 30
JOURNAL_BYTES = 64 << 20
_SLACK = 0.9
"""A limit is set anew within a transaction once less than this share of it is left: each time is a round trip."""
_PRIVATE = 0o600
_LONGEST_SECONDS = 3_600.0
_LEAST_CONNECT_SECONDS = 2
"""libpq takes fewer for so many."""
Patience = Callable[[], float]
"""How many seconds anything may still wait."""


def patience_of(seconds: float) -> Patience:
    """Make what tells how long to wait: until the request's deadline, or so many seconds where there is no request."""

    def left() -> float:
        remaining = deadline.seconds_left()
        return seconds if remaining is None else remaining

    return left


def busy() -> StoreUnavailable:
    """Make the error of a wait that was too long."""
    return StoreUnavailable("The store is busy: others hold what this needs; try again soon.")


def new_engine(url: str, *, durable: bool, writes: bool, places: int, patience: Patience) -> Engine:
    """Make an engine that opens nothing yet.

    Args:
        url: SQLAlchemy URL, sqlite:/// or postgresql+psycopg://.
        durable: whether a commit survives a power failure (SQLite; PostgreSQL decides for itself).
        writes: whether transactions of SQLite take the write lock at their beginning.
        places: how many connections at most; who takes them waits for one before.
        patience: how long each wait may take.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url, connect_args={"check_same_thread": False}, pool_size=places, max_overflow=0, pool_timeout=0
        )
        _limit_sqlite(engine, patience, durable=durable, writes=writes)
    else:
        engine = create_engine(url, pool_size=-(-places // 2), max_overflow=places // 2, pool_timeout=0)
        _limit_postgres(engine, patience)
    return engine


def _limit_sqlite(engine: Engine, patience: Patience, *, durable: bool, writes: bool) -> None:
    @event.listens_for(engine, "do_connect")
    def _wait_to_open(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> None:  # noqa: ARG001
        named["timeout"] = min(patience(), _LONGEST_SECONDS)
        _make_private(arguments[0])

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
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA busy_timeout={_milliseconds(patience())}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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
        named.setdefault("connect_timeout", max(_LEAST_CONNECT_SECONDS, math.ceil(min(patience(), _LONGEST_SECONDS))))

    @event.listens_for(engine, "checkout")
    def _limit(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001
        # Outside a transaction, so that it lasts; it also shows whether the connection lives, as a ping would.
        milliseconds = _milliseconds(patience())
        try:
            connection.autocommit = True
            connection.execute(_limits(milliseconds, whole="SET"))
            connection.autocommit = False
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
        record.info[_SET] = milliseconds

    @event.listens_for(engine, "before_cursor_execute")
    def _limit_again(connection: Connection, cursor: Any, *_: Any) -> None:
        if deadline.seconds_left() is None:
            return
        milliseconds = _milliseconds(patience())
        if milliseconds < _SLACK * connection.info[_SET]:
            cursor.connection.execute(_limits(milliseconds, whole="SET LOCAL"))
            connection.info[_SET] = milliseconds


_SET = "foretell_milliseconds"


def _limits(milliseconds: int, *, whole: str) -> str:
    """Write the limits of a connection; work behind which nobody waits may compute as long as it needs."""
    statement = 0 if deadline.seconds_left() is None else milliseconds
    return f"{whole} lock_timeout = {milliseconds}; {whole} statement_timeout = {statement}"


def _milliseconds(seconds: float) -> int:
    """Return a time-out; none is left: the wait is over before it begins.

    Raises:
        StoreUnavailable: nothing is left.
    """
    if seconds <= 0:
        raise busy()
    return math.ceil(1_000 * min(seconds, _LONGEST_SECONDS))
