"""Whether a database takes writes: asked by writing, since nothing else knows of a full disk."""

import sqlite3

from sqlalchemy import text

from shared.errors import StoreUnavailable
from shared.store.sql import BUSY_SECONDS, Sql

_BUSY = ("database is locked", "database table is locked")
_PATIENCE_MILLISECONDS = 100


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
        _write(sql)
    except sqlite3.Error as error:
        if "unable to open" in str(error):
            raise StoreUnavailable("The store cannot be reached; try again soon.") from error
        return str(error) in _BUSY
    return True


def _write(sql: Sql) -> None:
    raw = sql.engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_PATIENCE_MILLISECONDS}")
        try:
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            cursor.execute(f"PRAGMA user_version={int(version)}")
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1_000}")
    finally:
        raw.close()
