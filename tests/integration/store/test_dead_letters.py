"""Which dead letters an erasure takes: those that name the contact, however its id is written, and no others."""

import json

import pytest

from shared.contracts.rows import ContactRow
from shared.store import AccountStore, Database, DeadLetterRow
from tests.stores import hashing


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


def erased(store: AccountStore, contact_id: str, payload: object) -> bool:
    """Whether a letter of this payload goes with a contact."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    store.contacts.put([ContactRow(contact_id)], recorded_at=1)
    store.sources.dead_letters.put([DeadLetterRow("dl_1", "src_1", "plain", "item_refused", "", text, None, 1)])
    store.privacy.erase(contact_id, at=2)
    return store.sources.dead_letters.find("dl_1") is None


@pytest.mark.parametrize(
    "payload",
    [
        {"contact_id": "42"},
        {"data": {"identifiers": {"id": 42}}},
        {"X-Mailin-custom": '{"contact_id":"42"}'},
        {"X-Mailin-custom": '{"contact_id":42,"x":1}'},
        {"mail": {"tags": {"contact_id": ["42"]}}},
        [{"userId": "42"}],
    ],
)
def test_a_letter_that_names_the_contact_goes(store: AccountStore, payload: object) -> None:
    assert erased(store, "42", payload)


@pytest.mark.parametrize(
    ("contact_id", "payload"),
    [("42", {"attempt": 42, "contact_id": "421"}), ("clicked", {"metric": "clicked"}), ("%", {"contact_id": "c"})],
)
def test_a_letter_in_which_the_same_text_is_something_else_stays(
    store: AccountStore, contact_id: str, payload: object
) -> None:
    assert not erased(store, contact_id, payload)
