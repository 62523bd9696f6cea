"""A store that others hold: whoever waits for it is answered by the request's deadline, and nothing is half done."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import OperationalError

from shared.contracts.call import Deadline
from shared.contracts.rows import ContactRow, EventRow
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store import AccountStore, Database
from tests.stores import hashing

SHORT = 0.3
LATEST = 25.0
"""Far from a measure of speed: the waits of before took 10 and 30 s."""
Locking = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


@pytest.fixture
def locked(settings: Settings) -> Locking:
    """Hold what a writer needs, from another connection: SQLite's write lock, PostgreSQL's row of the account."""

    @contextmanager
    def holding() -> Iterator[None]:
        engine = create_engine(settings.resolved_store_url())
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT 1 FROM accounts WHERE name = 'default' FOR UPDATE"))
            yield
            connection.exec_driver_sql("ROLLBACK")
        engine.dispose()

    return holding


def refused(work: Callable[[], Any], *, seconds: float = SHORT) -> float:
    """Do something within a deadline; return how long it took to be refused."""
    began = time.monotonic()
    with Deadline.within(seconds), pytest.raises(StoreUnavailable, match="busy"):
        work()
    return time.monotonic() - began


def event(number: int = 1) -> EventRow:
    return EventRow("a", str(number), "order_placed", 10, 10)


def test_a_write_waits_until_its_deadline_and_leaves_nothing(store: AccountStore, locked: Locking) -> None:
    with locked():
        waited = refused(lambda: store.events.add([event()]))

    assert SHORT / 2 < waited < LATEST
    assert store.contacts.find("a") is None
    assert store.events.add([event()]) == [True]


def test_a_write_goes_on_when_the_lock_is_given_back_in_time(store: AccountStore, locked: Locking) -> None:
    with ThreadPoolExecutor(1) as pool:
        with locked():
            writing = pool.submit(_with(LATEST, lambda: store.events.add([event()])))
            with suppress(TimeoutError):
                writing.result(timeout=SHORT / 3)

        assert writing.result() == [True]


def _with(seconds: float, work: Callable[[], Any]) -> Callable[[], Any]:
    def done() -> Any:
        with Deadline.within(seconds):
            return work()

    return done


def test_a_deadline_that_has_passed_waits_for_nothing(store: AccountStore, locked: Locking) -> None:
    with locked():
        assert refused(lambda: store.events.add([event()]), seconds=0.0) < LATEST


def test_waits_one_after_another_share_one_deadline(store: AccountStore, settings: Settings, locked: Locking) -> None:
    def both() -> None:
        try:
            store.events.add([event(1)])
        except StoreUnavailable:
            store.events.add([event(2)])

    with locked():
        assert refused(both) < LATEST


def noting(database: Database, noted: list[str]) -> AccountStore:
    """Open the account so that it notes each COMMIT before it is sent."""
    return database.of("default", before_commit=lambda: noted.append("COMMIT is sent"))


def test_of_what_failed_while_it_was_committed_nobody_is_sure(database: Database, store: AccountStore) -> None:
    noted = list[str]()

    def lost(_: Any) -> None:
        assert noted == ["COMMIT is sent"]
        raise OperationalError("COMMIT", None, database._store.engine.dialect.loaded_dbapi.OperationalError("lost"))

    listen(database._store.writer, "commit", lost)
    with pytest.raises(StoreUnavailable, match="reached"):
        noting(database, noted).events.add([event()])
    remove(database._store.writer, "commit", lost)

    assert noted == ["COMMIT is sent"]


def test_of_what_failed_before_its_commit_nothing_is_noted(database: Database, locked: Locking) -> None:
    noted = list[str]()
    watched = noting(database, noted)

    def fails() -> None:
        with watched.transaction() as within:
            within.events.add([event()])
            raise ZeroDivisionError

    with locked():
        refused(lambda: watched.events.add([event()]))
    with pytest.raises(ZeroDivisionError):
        fails()

    assert noted == []
    assert watched.events.add([event()]) == [True]
    assert noted == ["COMMIT is sent"]


def test_reads_go_on_while_many_writers_wait(store: AccountStore, locked: Locking) -> None:
    store.contacts.put([ContactRow("b")], recorded_at=1)
    with locked(), ThreadPoolExecutor(40) as pool:
        began = threading.Event()

        def write(number: int) -> None:
            began.set()
            _with(1.0, lambda: store.events.add([event(number)]))()

        writers = [pool.submit(write, number) for number in range(40)]
        began.wait()
        with Deadline.within(SHORT):
            found = store.contacts.find("b")
        still_waiting = [writer for writer in writers if not writer.done()]

    assert found is not None
    assert still_waiting
    assert all(isinstance(writer.exception(), StoreUnavailable) for writer in writers)


def test_a_change_of_many_writes_is_whole_or_nothing(store: AccountStore, locked: Locking) -> None:
    def change() -> None:
        with store.transaction() as together:
            together.contacts.put([ContactRow("b")], recorded_at=1)
            together.events.add([event()])

    with locked():
        refused(change)

    assert (store.contacts.find("a"), store.contacts.find("b")) == (None, None)


def test_an_erasure_that_comes_too_late_erases_nothing(store: AccountStore, locked: Locking) -> None:
    store.events.add([event()])

    with locked():
        refused(lambda: store.privacy.erase("a", at=99))

    assert store.contacts.find("a") is not None


def test_without_a_request_the_process_s_own_patience_counts(
    settings: Settings, database: Database, locked: Locking
) -> None:
    impatient = Database(settings.resolved_store_url(), settings.resolved_predictions_url(), patience_seconds=SHORT)
    began = time.monotonic()

    with locked(), pytest.raises(StoreUnavailable, match="busy"):
        impatient.of("default").events.add([event()])

    assert SHORT / 2 < time.monotonic() - began < LATEST
    impatient.close()
