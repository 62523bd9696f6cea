"""Events that are on their way while their contact is erased."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import text

from shared.contracts.rows import ContactRow, EventRow
from shared.settings import Settings
from shared.store import AccountStore, Database, open_database

KEY = b"an identity key of the tests, long enough"


@pytest.fixture
def store(settings: Settings, database: Database) -> Iterator[AccountStore]:
    opened = open_database(settings, KEY)
    opened.of("default").contacts.put([ContactRow("a")], recorded_at=1)
    yield opened.of("default")
    opened.close()


@pytest.fixture
def aside() -> Iterator[Callable[..., Future]]:  # type: ignore[type-arg]
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def event(number: int = 1) -> EventRow:
    return EventRow("a", str(number), "order_placed", 10, 10)


def events_left(store: AccountStore) -> int:
    with store._scope.store.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


def test_an_event_that_was_being_written_goes_with_its_contact(
    store: AccountStore, aside: Callable[..., Future]
) -> None:  # type: ignore[type-arg]
    with store.transaction() as writing:
        writing.events.add([event()])
        erasing = aside(store.privacy.erase, "a", at=99)
        wait_until_it_waits(erasing)

    assert erasing.result()
    assert (store.contacts.find("a"), events_left(store)) == (None, 0)


def test_an_event_that_comes_while_its_contact_is_erased_stays_out(
    store: AccountStore, aside: Callable[..., Future]
) -> None:  # type: ignore[type-arg]
    with store.transaction() as erasing:
        erasing.privacy.erase("a", at=99)
        writing = aside(store.events.add, [event()])
        wait_until_it_waits(writing)

    assert writing.result() == [None]
    assert (store.contacts.find("a"), events_left(store)) == (None, 0)


def test_many_writers_and_an_erasure_leave_no_event_of_nobody(
    store: AccountStore, aside: Callable[..., Future]
) -> None:  # type: ignore[type-arg]
    begin = threading.Barrier(5)

    def write(writer: int) -> list[bool | None]:
        begin.wait()
        return [store.events.add([event(100 * writer + number)])[0] for number in range(20)]

    def erase() -> bool:
        begin.wait()
        return store.privacy.erase("a", at=99)

    writers = [aside(write, writer) for writer in range(4)]
    erased = aside(erase)

    assert erased.result()
    for writer in writers:
        words = writer.result()
        # Once the contact is gone it stays away: no writer sees it again.
        assert words == sorted(words, key=lambda word: word is None)
    assert store.events.add([event(999)]) == [None]
    assert (store.contacts.find("a"), events_left(store)) == (None, 0)


def wait_until_it_waits(future: "Future[object]") -> None:
    """Give another thread the time to come to the lock; it must not come past it."""
    with pytest.raises(TimeoutError):
        future.result(timeout=0.2)


def test_writers_that_never_rest_do_not_keep_an_erasure_waiting(
    store: AccountStore, aside: Callable[..., Future]
) -> None:  # type: ignore[type-arg]
    over, written = threading.Event(), threading.Barrier(5)

    def write(writer: int) -> None:
        number = 0
        while not over.is_set():
            store.events.add([event(1_000 * writer + number)])
            if number == 0:
                written.wait()
            number += 1

    writers = [aside(write, writer) for writer in range(4)]
    written.wait()
    try:
        assert aside(store.privacy.erase, "a", at=99).result(timeout=30)
    finally:
        over.set()
    for writing in writers:
        writing.result()


@pytest.mark.parametrize("joins", [False, True])
def test_many_erasures_at_once_do_not_wait_for_each_other_for_ever(
    store: AccountStore, aside: Callable[..., Future], joins: bool
) -> None:  # type: ignore[type-arg]
    store.contacts.put([ContactRow(f"c-{number}") for number in range(24)], recorded_at=1)
    begin = threading.Barrier(5)

    def erase(eraser: int) -> list[bool]:
        begin.wait()
        return [erased(f"c-{number}") for number in range(eraser, 24, 4)]

    def erased(contact_id: str) -> bool:
        if not joins:
            return store.privacy.erase(contact_id, at=99)
        with store.transaction(alone=True) as together:
            return together.privacy.erase(contact_id, at=99)

    def write() -> None:
        begin.wait()
        for number in range(20):
            store.acting("somebody", at=number).events.add([event(number)])

    writing = aside(write)
    erasers = [aside(erase, eraser) for eraser in range(4)]

    assert [erasing.result() for erasing in erasers] == [[True] * 6] * 4
    writing.result()
