"""Who is to be scored again, on both databases."""

import threading

import pytest

from shared.contracts.rows import AttributeRow, ContactRow, EventRow, Microseconds
from shared.store import AccountStore, Database


def event(contact_id: str, name: str, at: Microseconds) -> EventRow:
    return EventRow(contact_id, name, "order_placed", at, at)


def due(store: AccountStore, *, quiet_since: Microseconds, waiting_since: Microseconds = -1) -> list[str]:
    return [*store.changes.due(10, quiet_since=quiet_since, waiting_since=waiting_since)]


@pytest.fixture
def store(database: Database) -> AccountStore:
    return database.of("default")


def test_new_events_make_their_contacts_stale_and_repeated_ones_do_not(store: AccountStore) -> None:
    store.events.add([event("a", "1", 10), event("b", "1", 11)])
    store.changes.clear(store.changes.due(10, quiet_since=99, waiting_since=99))

    store.events.add([event("a", "1", 20), event("b", "2", 20)])

    assert due(store, quiet_since=99) == ["b"]


def test_changed_contacts_are_stale_and_unchanged_ones_are_not(store: AccountStore) -> None:
    row = ContactRow("a", attributes=(AttributeRow("plan", "pro", 1),))
    store.contacts.put([row, ContactRow("b")], recorded_at=10)
    store.changes.clear(store.changes.due(10, quiet_since=99, waiting_since=99))

    store.contacts.put([row, ContactRow("b", timezone="Europe/Paris")], recorded_at=20)

    assert due(store, quiet_since=99) == ["b"]


def test_imports_make_nobody_stale(store: AccountStore) -> None:
    store.contacts.put_bulk([ContactRow("a", timezone="Europe/Paris")], recorded_at=10)
    store.events.add_bulk([event("a", "1", 10)])

    assert store.changes.stale_among(["a"]) == set()


def test_what_is_undone_made_nobody_stale(store: AccountStore) -> None:
    try:
        with store.transaction() as together:
            together.events.add([event("a", "1", 10)])
            raise LookupError
    except LookupError:
        pass

    assert store.changes.stale_among(["a"]) == set()


def test_a_contact_is_due_once_it_was_quiet_or_has_waited_long(store: AccountStore) -> None:
    store.events.add([event("a", "1", 100)])
    store.events.add([event("a", "2", 140)])

    assert due(store, quiet_since=139, waiting_since=99) == []
    assert due(store, quiet_since=140, waiting_since=99) == ["a"]
    assert due(store, quiet_since=0, waiting_since=100) == ["a"]


def test_pages_are_taken_in_the_order_of_ids(store: AccountStore) -> None:
    store.events.add([event(contact_id, "1", 10) for contact_id in "dacb"])

    first = store.changes.due(2, quiet_since=99, waiting_since=99)
    second = store.changes.due(2, quiet_since=99, waiting_since=99, after="b")

    assert ([*first], [*second]) == (["a", "b"], ["c", "d"])


@pytest.mark.parametrize("recorded_at", [5, 10, 11])
def test_an_event_that_comes_while_a_contact_is_scored_is_not_forgotten(
    store: AccountStore, recorded_at: Microseconds
) -> None:
    store.events.add([event("a", "1", 10), event("b", "1", 10)])
    taken = store.changes.due(10, quiet_since=99, waiting_since=99)
    store.events.add([event("a", "2", recorded_at)])

    store.changes.clear(taken)

    assert due(store, quiet_since=99) == ["a"]


def test_who_was_touched_while_being_scored_waits_anew(store: AccountStore) -> None:
    store.events.add([event("a", "1", 10)])
    taken = store.changes.due(10, quiet_since=99, waiting_since=99)
    store.events.add([event("a", "2", 50)])

    store.changes.clear(taken)

    assert due(store, quiet_since=49, waiting_since=49) == []
    assert due(store, quiet_since=0, waiting_since=50) == ["a"]


def test_the_accounts_with_stale_contacts_are_listed(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("other").events.add([event("a", "1", 10)])

    assert database.stale_accounts() == ["other"]


def test_nothing_is_forgotten_while_writers_and_the_worker_meet(store: AccountStore) -> None:
    writers = 3
    seen: set[tuple[str, str]] = set()
    done = threading.Semaphore(0)

    def write(writer: int) -> None:
        for number in range(30):
            store.events.add([event(contact_id, f"{writer}-{number}", 10) for contact_id in ("a", "b", "c")])
        done.release()

    def score() -> None:
        taken = store.changes.due(10, quiet_since=10**9, waiting_since=10**9)
        for contact_id in taken:
            seen.update((contact_id, name) for _, name in known(store, contact_id))
        store.changes.clear(taken)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    ended = 0
    while ended < writers:
        ended += done.acquire(blocking=False)
        score()
    for thread in threads:
        thread.join()
    while store.changes.due(1, quiet_since=10**9, waiting_since=10**9):
        score()

    assert len(seen) == 3 * writers * 30


def known(store: AccountStore, contact_id: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for part in store.pasts.scan_events() for row in part if row[0] == contact_id]
