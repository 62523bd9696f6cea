"""Where a contact is kept, and that nothing of it stays."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from shared.contracts.message import Message
from shared.contracts.rows import AttributeRow, ContactRow, EventRow, contact_hash
from shared.errors import SettingsRefused
from shared.ingest import email_hash
from shared.settings import Settings
from shared.store import AccountStore, AssignmentRow, Database, PredictionRow, ShadowPrediction, open_database
from shared.store.export import SECTIONS, UNSAID_TABLES
from shared.store.privacy import BLANKED, HASHED, HIDDEN, is_direct
from shared.store.schema import PredictionTable, StoreTable

KEY = b"an identity key of the tests, long enough"
ID = "Ünal/0042 %_'\""
ADDRESS = "ada@example.org"
REFERENCES = re.compile(r"contact_ids?$|recipient|key_hash|identity|person|email|address")
"""What a column that tells a contact is called after."""


@pytest.fixture
def store(settings: Settings, database: Database) -> Any:
    opened = open_database(settings, KEY)
    yield opened.of("default")
    opened.close()


def put(store: AccountStore, contact_id: str = ID, address: str = ADDRESS) -> None:
    row = ContactRow(contact_id, 5, "Europe/Paris", None, email_hash(address, KEY), (AttributeRow("plan", "pro", 1),))
    store.contacts.put([row], recorded_at=1)


def event(contact_id: str = ID, event_id: str = "1") -> EventRow:
    return EventRow(contact_id, event_id, "order_placed", 10, 10)


def prediction(contact_id: str = ID) -> PredictionRow:
    return PredictionRow(contact_id, "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}", "s1")


def fill(store: AccountStore, contact_id: str = ID, address: str = ADDRESS) -> None:
    """Keep something of a contact wherever something can be kept."""
    put(store, earlier(contact_id), address)
    put(store, contact_id, address)
    store.events.add([event(contact_id)])
    store.predictions.log([prediction(contact_id)])
    unseen = ShadowPrediction("scoring", "x", "2", "1", contact_id, 0, 10, 10, "ok", 0.4, 0.5, "low", "low")
    store.models.shadows.keep([unseen], since=0)
    store.experiments.assignments.add(
        "may", [AssignmentRow("may", contact_id, "control", 0.5, 9, 9, 9, "click", "1", 1)]
    )
    subscribe(store, contact_id)
    told = Message(f"m {contact_id}", "segment.entered", 1, {"contact_id": contact_id}, contact_id, "events")
    store.deliveries.outbox.publish([told], at=1)
    others: dict[str, dict[str, Any]] = {
        "attempts": {"delivery_id": delivery(store, contact_id), "number": 1, "attempted_at": 1, "milliseconds": 1},
        "import_contacts": {"contact_id": contact_id, "import_id": "imp_1"},
        "message_decisions": {"contact_id": contact_id, "decided_at": 1, "outcome": "x", "slot": "",
                              "campaign_id": "may", "decision_id": f"d {contact_hash(contact_id, b'k')}",
                              "message_id": "tea", "arm": "policy", "propensity": 0.5,
                              "candidates_id": "1970-01-a", "version": "1"},
        "standings": {"contact_id": contact_id, "capability": "scoring", "outcome": "x", "state": "low",
                      "version": "1", "cause": "first", "changed_at": 1},
        "dead_letters": {"dead_letter_id": contact_id, "source_id": "s", "provider": "p", "reason": "r", "detail": "d",
                         "payload": "{}", "recipient": email_hash(address, KEY), "received_at": 1},
        "idempotency_keys": {"idempotency_key": contact_hash(contact_id, b"k"), "operation": "POST /events",
                             "fingerprint": "f", "claim": "c", "begun_at": 1, "status": 200,
                             "answer": f"sealed {contact_id}",
                             "contact_ids": contacts_json(contact_id)},
    }  # fmt: skip
    with store._scope.store.writing() as connection:
        for name, values in others.items():
            connection.execute(insert(StoreTable.metadata.tables[name]), {"account_id": store.account, **values})


def earlier(contact_id: str) -> str:
    """Name the contact to whom the address pointed before."""
    return f"earlier {contact_hash(contact_id, b'k')[:8]}"


def contacts_json(contact_id: str) -> str:
    return json.dumps(["somebody", contact_id])


def subscribe(store: AccountStore, name: str) -> None:
    values = {
        "account_id": store.account, "subscription_id": f"sub {contact_hash(name, b'k')}", "url": "https://crm",
        "event_types": '["segment.entered"]', "description": "", "settings": "{}", "model_changes": False,
        "state": "enabled", "state_at": 1, "created_at": 1,
    }  # fmt: skip
    with store._scope.store.writing() as connection:
        connection.execute(insert(StoreTable.metadata.tables["subscriptions"]), values)


def delivery(store: AccountStore, contact_id: str) -> str:
    table = StoreTable.metadata.tables["deliveries"]
    with store._scope.store.reading() as connection:
        found = select(table.c.delivery_id).where(table.c.message_id == f"m {contact_id}").limit(1)
        return str(connection.execute(found).scalar_one())


def rows_with(store: AccountStore, *texts: str) -> dict[str, int]:
    """Count the rows of every table in which a text stands, in whatever column and spelling."""
    found: dict[str, int] = {}
    for sql, metadata in (
        (store._scope.store, StoreTable.metadata),
        (store._scope.predictions, PredictionTable.metadata),
    ):
        with sql.reading() as connection:
            for name, table in metadata.tables.items():
                for row in connection.execute(select(table)):
                    if any(text in str(value) for value in row for text in texts):
                        found[name] = found.get(name, 0) + 1
    return found


def spellings(contact_id: str = ID, address: str = ADDRESS) -> tuple[str, ...]:
    return contact_id, json.dumps(contact_id)[1:-1], address, email_hash(address, KEY), contact_hash(contact_id, KEY)


def test_every_table_that_may_speak_of_a_contact_is_erased_from() -> None:
    tables = {**StoreTable.metadata.tables, **PredictionTable.metadata.tables}
    speaking = {name for name, table in tables.items() if any(REFERENCES.search(c.name) for c in table.c)}
    covered = {name for name, table in tables.items() if is_direct(table)} | set(HIDDEN) | BLANKED | HASHED

    assert speaking - covered == set()
    assert covered <= set(tables)


def test_every_table_that_is_erased_from_is_exported_or_says_nothing_of_the_person() -> None:
    tables = {**StoreTable.metadata.tables, **PredictionTable.metadata.tables}
    erased = {name for name, table in tables.items() if is_direct(table)} | set(HIDDEN) | BLANKED | HASHED

    assert erased == {table.__tablename__ for table in SECTIONS.values()} | UNSAID_TABLES


def test_a_filled_contact_is_in_every_such_table(store: AccountStore) -> None:
    fill(store)

    tables = {**StoreTable.metadata.tables, **PredictionTable.metadata.tables}
    expected = {name for name, table in tables.items() if is_direct(table)} | set(HIDDEN) | BLANKED
    assert rows_with(store, *spellings(), delivery(store, ID)).keys() == expected


def test_an_erased_contact_leaves_nothing_but_the_hashes_that_keep_it_out(store: AccountStore, tmp_path: Path) -> None:
    fill(store)

    assert store.privacy.erase(ID, at=99)

    assert rows_with(store, *spellings()) == {"tombstones": 2, "audit": 1}
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    plain = [text.encode() for text in spellings()[:3]]
    assert [str(path) for path, content in left.items() if any(text in content for text in plain)] == []


def test_of_another_contact_nothing_goes(store: AccountStore) -> None:
    fill(store, "other", "grace@example.org")
    before = rows_with(store, *spellings("other", "grace@example.org"))
    fill(store)

    store.privacy.erase(ID, at=99)

    assert rows_with(store, *spellings("other", "grace@example.org")) == before


def test_of_the_same_contact_of_another_account_nothing_goes(store: AccountStore, database: Database) -> None:
    database.create_account("beta", created_at=1)
    theirs = database.of("beta")
    fill(theirs)
    before = rows_with(theirs, *spellings())

    assert not store.privacy.erase(ID, at=99)
    assert rows_with(theirs, *spellings()) == before


def test_a_kept_answer_is_blanked_and_its_key_stays_used(store: AccountStore) -> None:
    fill(store)

    store.privacy.erase(ID, at=99)

    table = StoreTable.metadata.tables["idempotency_keys"]
    with store._scope.store.reading() as connection:
        rows = connection.execute(select(table.c.status, table.c.answer, table.c.contact_ids)).all()
    assert [tuple(row) for row in rows] == [(200, None, None)]


def test_late_events_stay_out_one_by_one_and_in_bulk(store: AccountStore) -> None:
    fill(store)
    store.privacy.erase(ID, at=99)

    assert store.events.add([event(), event("other")]) == [None, True]
    assert store.events.add_bulk([event(), event("third")]) == (1, 1, {ID})
    assert (store.contacts.find(ID), store.events.counts(ID)) == (None, {})


def test_a_file_of_contacts_does_not_bring_back_who_was_erased(store: AccountStore) -> None:
    fill(store)
    store.privacy.erase(ID, at=99)

    counts = store.contacts.put_bulk(
        [ContactRow(ID), ContactRow("new"), ContactRow("alias", email_hash=email_hash(ADDRESS, KEY))], recorded_at=100
    )

    assert (counts.created, counts.erased) == (1, 2)
    assert {contact.contact_id for contact in store.contacts.page(10)} == {earlier(ID), "new"}


def test_an_explicit_put_lifts_the_tombstones(store: AccountStore) -> None:
    fill(store)
    store.privacy.erase(ID, at=99)

    put(store)

    assert store.events.add([event()]) == [True]
    assert "tombstones" not in rows_with(store, *spellings())


def test_without_the_key_nobody_new_is_taken_in_where_somebody_was_erased(
    store: AccountStore, database: Database
) -> None:
    put(store)
    store.events.add([event("known")])
    store.privacy.erase(ID, at=99)
    keyless = database.of("default")

    with pytest.raises(SettingsRefused, match="FORETELL_IDENTITY_KEY"):
        keyless.events.add([event("new")])

    assert keyless.events.add([event("known", "2")]) == [True]


def test_a_prediction_logged_after_the_erasure_goes_with_the_next_turn(store: AccountStore) -> None:
    fill(store)
    store.privacy.erase(ID, at=99)
    store.predictions.log([prediction(), replace_id(prediction(), "unknown")])

    assert store.privacy.erase_late_predictions() == 1
    assert store.privacy.erase_late_predictions() == 0
    assert (len(store.predictions.of_contact(ID)), len(store.predictions.of_contact("unknown"))) == (0, 1)


def replace_id(row: PredictionRow, contact_id: str) -> PredictionRow:
    return row._replace(contact_id=contact_id)


def test_an_erasure_that_is_undone_with_its_transaction_keeps_the_contact(store: AccountStore) -> None:
    fill(store)

    class Undo(Exception):
        pass

    def undone() -> None:
        with store.transaction() as together:
            together.privacy.erase(ID, at=99)
            raise Undo

    with pytest.raises(Undo):
        undone()

    assert store.contacts.find(ID) is not None
    assert "tombstones" not in rows_with(store, *spellings())
