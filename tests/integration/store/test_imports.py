"""What an import stored first is known exactly, however often it is interrupted, and an undo removes nothing else."""

from typing import Any

import pytest
from sqlalchemy import select

from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.errors import Conflict, NotFound
from shared.settings import Settings
from shared.store import AccountStore, Database, ImportLease, ImportLost, ImportRow, PredictionRow, open_database
from shared.store.schema import StoreTable

KEY = b"an identity key of the tests, long enough"
LEASE = ImportLease("imp_1", "me")
AT = 1_000
"""Recorded by others; even."""


@pytest.fixture
def store(settings: Settings, database: Database) -> Any:
    opened = open_database(settings, KEY)
    yield opened.of("default")
    opened.close()


def row(import_id: str = "imp_1", created_at: int = 10, **more: Any) -> ImportRow:
    return ImportRow(import_id, "uploaded", "contacts", "leads.csv", 99, created_at, "key", **more)


def began(store: AccountStore, import_id: str = "imp_1") -> ImportRow:
    """Let an import come as far as its load, under a lease."""
    lease = LEASE._replace(import_id=import_id)
    store.imports.create(row(import_id), most_open=99)
    store.imports.take(lease, at=10, until=20)
    store.imports.checked(lease, "contacts", {"columns": []}, rows=2)
    store.imports.request_load(import_id, {}, at=AT)
    taken = store.imports.take(lease, at=30, until=10**9)
    assert taken is not None
    return taken


def contact(contact_id: str, plan: str = "pro", **more: Any) -> ContactRow:
    return ContactRow(contact_id, attributes=(AttributeRow("plan", plan, None),), **more)


def event(contact_id: str, event_id: str, recorded_at: int | None, at: int = 5) -> EventRow:
    return EventRow(contact_id, event_id, "order_placed", at, recorded_at or AT)


def put(store: AccountStore, taken: ImportRow, *contacts: ContactRow, lease: ImportLease = LEASE) -> None:
    store.contacts.put_bulk(contacts, recorded_at=taken.recorded_at or 0, lease=lease)


def undo(store: AccountStore, import_id: str = "imp_1") -> ImportRow:
    lease = ImportLease(import_id, "undoer")
    store.imports.loaded(LEASE._replace(import_id=import_id), {"rows": 2}, rows=2, at=40)
    store.imports.request_undo(import_id, at=50)
    taken = store.imports.take(lease, at=50, until=10**9)
    assert taken is not None
    undone = store.imports.undo(lease, taken)
    list(undone.events())
    list(undone.contacts())
    store.imports.undone(lease, taken.result or {}, at=60)
    return store.imports.find(import_id) or taken


def test_an_import_counts_what_it_stores_first_and_a_repetition_adds_nothing(store: AccountStore) -> None:
    store.contacts.put([contact("old", "basic")], recorded_at=AT)
    store.events.add([event("old", "1", AT)])
    taken = began(store)
    for _ in range(2):
        put(store, taken, contact("old"), contact("new"))
        events = [event("old", "1", taken.recorded_at), event("maker", "2", taken.recorded_at)]
        store.events.add_bulk(events, lease=LEASE)

    found = store.imports.find("imp_1")

    assert found is not None
    assert (found.contacts_made, found.contacts_updated, found.events_made) == (2, 1, 1)
    assert store.imports.made_contacts("imp_1") == 2


def test_who_lost_the_lease_stores_nothing(store: AccountStore) -> None:
    taken = began(store)
    store.imports.delete("imp_1", at=10**10)

    with pytest.raises(ImportLost):
        put(store, taken, contact("new"))

    assert store.contacts.ids(9) == []


def test_an_undo_removes_what_the_import_made_and_nothing_else(store: AccountStore) -> None:
    store.contacts.put([contact("old", "basic")], recorded_at=AT)
    store.events.add([event("old", "1", AT)])
    taken = began(store)
    put(store, taken, contact("old"), contact("new", email_hash="h"))
    store.events.add_bulk([event("old", "2", taken.recorded_at), event("new", "1", taken.recorded_at)], lease=LEASE)
    answer = PredictionRow("new", "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}", None)
    store.predictions.log([answer])

    left = undo(store)

    assert store.contacts.ids(9) == ["old"]
    assert sorted(store.events.counts("old").items()) == [("order_placed", (1, 5, 5))]
    assert (left.contacts_made, left.events_made, left.state) == (0, 0, "undone")
    assert (left.result or {})["made"] == {"contacts": 1, "events": 2}
    assert traces_of(store, "new") == {}
    assert store.imports.last_loaded() is None


def traces_of(store: AccountStore, contact_id: str) -> dict[str, int]:
    found = {}
    with store._scope.store.reading() as connection:
        for name, table in StoreTable.metadata.tables.items():
            rows = [one for one in connection.execute(select(table)) if contact_id in one]
            found |= {name: len(rows)} if rows else {}
    return found


def test_a_contact_of_whom_others_know_something_since_stays(store: AccountStore) -> None:
    taken = began(store)
    put(store, taken, contact("touched"), contact("put again"), contact("alone"))
    store.events.add([event("touched", "1", AT)])
    store.contacts.put([ContactRow("put again", timezone="Europe/Paris")], recorded_at=AT)

    left = undo(store)

    assert store.contacts.ids(9) == ["put again", "touched"]
    assert left.contacts_made == 2


def test_an_address_that_the_import_took_goes_back_to_who_had_it(store: AccountStore) -> None:
    store.contacts.put([ContactRow("old", email_hash="h")], recorded_at=AT)
    taken = began(store)
    put(store, taken, ContactRow("new", email_hash="h"))

    undo(store)

    assert store.identities.contacts_of([("email", "h")]) == {("email", "h"): "old"}


def test_the_newest_event_of_the_account_goes_back(store: AccountStore) -> None:
    store.events.add([event("a", "1", AT, at=100)])
    taken = began(store)
    store.events.add_bulk([event("a", "2", taken.recorded_at, at=900)], lease=LEASE)
    assert store.events.newest_at() == 900

    undo(store)

    assert store.events.newest_at() == 100


def test_an_undo_that_was_interrupted_goes_on_and_counts_all(store: AccountStore) -> None:
    taken = began(store)
    put(store, taken, contact("a"), contact("b"))
    store.events.add_bulk([event("a", "1", taken.recorded_at)], lease=LEASE)
    store.imports.loaded(LEASE, {"rows": 2}, rows=2, at=40)
    asked = store.imports.request_undo("imp_1", at=50)
    first = ImportLease("imp_1", "first")
    store.imports.take(first, at=50, until=60)
    list(store.imports.undo(first, asked).events())

    second = ImportLease("imp_1", "second")
    again = store.imports.take(second, at=70, until=10**9)
    assert again is not None
    list(store.imports.undo(second, again).contacts())

    left = store.imports.find("imp_1")
    assert left is not None
    assert ((left.result or {})["made"], left.contacts_made, left.events_made) == ({"contacts": 2, "events": 1}, 0, 0)
    assert store.contacts.ids(9) == []


def test_two_that_become_one_stay_unless_the_same_import_made_both(store: AccountStore) -> None:
    store.contacts.put([contact("old")], recorded_at=AT)
    taken = began(store)
    put(store, taken, contact("a"), contact("b"), contact("c"))

    store.contacts.merge("old", "c", at=AT)
    store.contacts.merge("a", "b", at=AT)

    undo(store)
    assert store.contacts.ids(9) == ["c"]


def test_the_marks_of_earlier_imports_are_dropped_and_only_the_last_one_is_undone(store: AccountStore) -> None:
    put(store, began(store), contact("a"))
    store.imports.loaded(LEASE, {}, rows=1, at=40)
    second = LEASE._replace(import_id="imp_2")
    taken = began(store, "imp_2")
    assert store.imports.forget_marks(second) == 1
    assert store.imports.forget_marks(second) == 0
    put(store, taken, contact("b"), lease=second)

    with pytest.raises(Conflict, match="loaded last"):
        store.imports.request_undo("imp_1", at=50)
    undo(store, "imp_2")

    assert store.contacts.ids(9) == ["a"]
    with pytest.raises(Conflict):
        store.imports.request_undo("imp_1", at=70)


def test_no_two_imports_record_at_one_instant_and_nobody_else_at_theirs(store: AccountStore) -> None:
    instants = [began(store, name).recorded_at for name in ("imp_1", "imp_2", "imp_3")]

    assert instants == [1_001, 1_003, 1_005]


def test_an_import_has_one_worker_until_its_lease_runs_out(store: AccountStore) -> None:
    store.imports.create(row(), most_open=1)
    first, second = ImportLease("imp_1", "first"), ImportLease("imp_1", "second")

    assert store.imports.take(first, at=10, until=20) is not None
    assert store.imports.take(second, at=19, until=30) is None
    taken = store.imports.take(second, at=20, until=30)

    assert taken is not None
    assert taken.attempts == 2
    assert not store.imports.renew(first, until=99)
    assert not store.imports.advance(first, 0.5, 1)


def test_what_the_state_forbids_is_refused(store: AccountStore) -> None:
    store.imports.create(row(), most_open=1)
    with pytest.raises(Conflict, match="wait to be loaded"):
        store.imports.create(row("imp_2"), most_open=1)
    with pytest.raises(Conflict, match="cannot be loaded"):
        store.imports.request_load("imp_1", {}, at=1)
    with pytest.raises(NotFound):
        store.imports.delete("imp_9", at=1)
    store.imports.delete("imp_1", at=1)
    began(store, "imp_3")
    with pytest.raises(Conflict, match="wait until"):
        store.imports.delete("imp_3", at=30)
    with pytest.raises(Conflict, match="cannot be changed"):
        store.imports.change("imp_3", kind=None, options={})


def test_an_import_whose_file_is_gone_asks_for_it_again(store: AccountStore) -> None:
    store.imports.create(row(), most_open=1)
    lease = ImportLease("imp_1", "me")
    store.imports.take(lease, at=10, until=20)

    assert not store.imports.drop_file("imp_1", at=15)
    store.imports.checked(lease, "contacts", {}, rows=1)
    assert store.imports.drop_file("imp_1", {"code": "upload-expired", "detail": "-"}, at=15)

    with pytest.raises(Conflict, match="upload it again"):
        store.imports.request_load("imp_1", {}, at=1)
    assert store.imports.delete_before(10) == 0
    assert store.imports.delete_before(10**9) == 1


def test_an_erasure_notes_whom_to_take_out_of_files_even_of_who_is_not_known(store: AccountStore) -> None:
    began(store, "imp_0")  # has no file any more, and nothing was left out of it
    store.imports.loaded(LEASE._replace(import_id="imp_0"), {}, rows=1, at=40)
    store.imports.drop_file("imp_0", at=40)
    store.imports.create(row(), most_open=1)

    assert store.privacy.erase("nobody", at=5) is False

    noted = store.imports.erasures("imp_1")
    assert store.imports.with_erasures() == ["imp_1"]
    assert [kind for kind, _ in noted] == ["contact"]
    store.imports.forget_erasures("imp_1", noted)
    assert store.imports.with_erasures() == []


def test_an_erased_contact_is_not_counted_as_made_by_an_import(store: AccountStore) -> None:
    store.contacts.put([contact("gone")], recorded_at=AT)
    store.privacy.erase("gone", at=AT)
    taken = began(store)

    put(store, taken, contact("gone"))
    added = store.events.add_bulk([event("gone", "1", taken.recorded_at)], lease=LEASE)

    found = store.imports.find("imp_1")
    assert found is not None
    assert (found.contacts_made, found.events_made, added.erased) == (0, 0, 1)


def test_imports_are_listed_newest_first_a_page_at_a_time(store: AccountStore) -> None:
    for number in range(3):
        store.imports.create(row(f"imp_{number}", created_at=number), most_open=9)

    first = store.imports.page(2)
    rest = store.imports.page(2, (first[-1].created_at, first[-1].import_id))

    assert [one.import_id for one in (*first, *rest)] == ["imp_2", "imp_1", "imp_0"]
    assert [one.import_id for one in store.imports.with_files()] == ["imp_0", "imp_1", "imp_2"]
