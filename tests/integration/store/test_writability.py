import sqlite3
from pathlib import Path

import pytest

from shared.errors import StoreUnavailable
from shared.store.sql import Sql, is_writable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("create table facts (x)")
    connection.close()
    return tmp_path / "store.sqlite"


def test_a_store_that_takes_writes_is_really_written_to(path: Path) -> None:
    sql = Sql(f"sqlite:///{path}", durable=True)
    with sql.writing() as connection:
        connection.exec_driver_sql("insert into facts values (1)")
    log = path.with_name("store.sqlite-wal")
    before = log.stat().st_size

    found = is_writable(sql)

    assert (found, log.stat().st_size > before) == (True, True)
    sql.close()


def test_a_store_that_is_read_only_is_not_writable(path: Path) -> None:
    sql = Sql(f"sqlite:///file:{path}?mode=ro&uri=true", durable=True)

    assert not is_writable(sql)
    sql.close()


def test_a_store_that_somebody_else_writes_to_is_writable(path: Path) -> None:
    sql = Sql(f"sqlite:///{path}", durable=True)
    other = sqlite3.connect(path)
    other.execute("begin immediate")

    assert is_writable(sql)
    other.rollback()
    other.close()
    sql.close()


def test_a_store_that_is_not_there_is_away(tmp_path: Path) -> None:
    sql = Sql(f"sqlite:///{tmp_path / 'nowhere' / 'store.sqlite'}", durable=True)

    with pytest.raises(StoreUnavailable):
        is_writable(sql)


def test_both_databases_of_an_installation_are_read(database) -> None:
    assert database.is_writable()
