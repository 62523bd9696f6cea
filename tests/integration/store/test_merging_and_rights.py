"""What a merge leaves behind of the former contact, when the one that stays is erased, exported or denies profiling."""

import json
from typing import Any

import pytest
from sqlalchemy import insert, select

from shared.contracts.message import Message
from shared.contracts.rows import ContactRow
from shared.store import AccountStore, Database, PredictionRow
from shared.store.schema import PredictionTable, StoreTable
from tests.stores import hashing

DENIED = {"profiling": "denied"}


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


def row(store: AccountStore, table: str, **values: object) -> None:
    with store._scope.store.writing() as connection:
        connection.execute(insert(StoreTable.metadata.tables[table]), {"account_id": store.account, **values})


def told(store: AccountStore, *contact_ids: str) -> None:
    """Have a message about each on its way, and a standing and a prediction of each."""
    row(
        store, "subscriptions", subscription_id="s", url="https://crm", event_types='["segment.entered"]',
        description="", settings="{}", model_changes=False, state="enabled", state_at=1, created_at=1,
    )  # fmt: skip
    for contact_id in contact_ids:
        row(
            store, "standings", contact_id=contact_id, capability="scoring", outcome="x", state="low", version="1",
            cause="first", changed_at=1,
        )  # fmt: skip
        store.deliveries.outbox.publish(
            [Message(f"m-{contact_id}", "segment.entered", 1, {}, contact_id, "events")], at=1
        )
        prediction = PredictionRow(contact_id, "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}")
        store.predictions.log([prediction])


def column(store: AccountStore, table: str, name: str) -> list[Any]:
    metadata = StoreTable.metadata if table in StoreTable.metadata.tables else PredictionTable.metadata
    sql = store._scope.store if metadata is StoreTable.metadata else store._scope.predictions
    with sql.reading() as connection:
        return sorted(connection.scalars(select(metadata.tables[table].c[name])))


@pytest.mark.parametrize("denying", ["former", "into"])
def test_whoever_of_the_two_denied_profiling_nothing_is_reported_of_either(store: AccountStore, denying: str) -> None:
    store.contacts.put([ContactRow("former"), ContactRow("into")], recorded_at=1)
    told(store, "former", "into")
    store.contacts.put([ContactRow(denying, consent=DENIED)], recorded_at=2)

    store.contacts.merge("former", "into", at=3)

    assert column(store, "standings", "contact_id") == []
    assert column(store, "deliveries", "message_id") == []
    assert column(store, "latest_predictions", "contact_id") == []


def test_a_merge_of_two_that_are_known_by_their_ids_alone_is_logged(store: AccountStore) -> None:
    store.contacts.put([ContactRow("former"), ContactRow("into")], recorded_at=1)

    store.contacts.merge("former", "into", at=3)

    assert column(store, "identity_merges", "from_contact_id") == ["former"]


def test_an_erasure_finds_what_was_kept_under_ids_of_before(store: AccountStore) -> None:
    store.contacts.put([ContactRow("first"), ContactRow("second"), ContactRow("into")], recorded_at=1)
    told(store, "first", "second", "into")
    store.contacts.merge("first", "second", at=3)
    store.contacts.merge("second", "into", at=4)

    assert store.privacy.erase("into", at=9)

    for table in ("messages", "standings", "identities", "latest_predictions", "prediction_log"):
        assert column(store, table, "contact_id") == [], table
    assert column(store, "identity_merges", "from_contact_id") == []
    assert column(store, "deliveries", "message_id") == []
    assert store.contacts.put([ContactRow("first")], recorded_at=10, lifts=False) == ["erased"]


def test_a_former_contact_that_was_put_again_is_another_one(store: AccountStore) -> None:
    store.contacts.put([ContactRow("former"), ContactRow("into")], recorded_at=1)
    store.contacts.merge("former", "into", at=3)
    store.contacts.put([ContactRow("former")], recorded_at=4)

    store.privacy.erase("into", at=9)

    assert [one.contact_id for one in store.contacts.page(9)] == ["former"]


def test_an_export_holds_what_was_kept_under_ids_of_before(store: AccountStore) -> None:
    store.contacts.put([ContactRow("former"), ContactRow("into")], recorded_at=1)
    told(store, "former")
    store.contacts.merge("former", "into", at=3)

    document = json.loads(b"".join(store.privacy.export("into", at=9)))

    assert [message["message_id"] for message in document["messages"]] == ["m-former"]
    assert len(document["predictions"]) == 1
    assert "former" not in json.dumps(document).replace("m-former", "")
