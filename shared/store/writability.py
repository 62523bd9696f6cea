"""Whether a database takes writes: asked by writing, since nothing else knows of a full disk."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import deadline
from shared.errors import StoreUnavailable
from shared.store.sql import Sql

_BROKEN = ("readonly", "disk is full", "disk I/O")
_UNREACHED = ("unable to open", "not a database", "malformed")
_PATIENCE_SECONDS = 0.1


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
        with deadline.within(_PATIENCE_SECONDS), sql.writing() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version={int(version)}")
    except StoreUnavailable as error:
        told = str(error.__cause__.orig) if isinstance(error.__cause__, DBAPIError) else str(error.__cause__)
        if any(words in told for words in _UNREACHED):
            raise
        return not any(words in told for words in _BROKEN)
    return True
