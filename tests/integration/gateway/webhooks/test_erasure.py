"""Erasures that a provider asks for, in any order with what else it tells."""

import json
from datetime import UTC, datetime

import pytest

from gateway.webhooks.intake import intake_of
from gateway.webhooks.normalize import Normalizer
from gateway.webhooks.providers import PROVIDERS
from shared.contracts.rows import microseconds
from shared.store import AccountStore, Database, SourceRow
from tests.stores import hashing

KEY = b"k" * 32
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = microseconds(NOON)


def hubspot(kind: str, number: int, object_id: int = 51) -> dict[str, object]:
    more = {"propertyName": "plan", "propertyValue": "pro"} if kind == "contact.propertyChange" else {}
    return {
        "eventId": number, "subscriptionId": 7, "occurredAt": AT // 1_000 + number, "subscriptionType": kind,
        "objectId": object_id, **more,
    }  # fmt: skip


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), KEY)


def take(store: AccountStore, *items: dict[str, object], creates: bool = True) -> dict[str, int]:
    source = SourceRow("default", "src_1", "hubspot", "hubspot", creates, {}, 1)
    if not store.sources.all():
        store.sources.add(source)
    intake = intake_of(store, source, KEY)
    normalizer = Normalizer(PROVIDERS["hubspot"], intake.recipient_hasher, NOON, AT)
    return dict(intake.take([normalizer.item(item) for item in items], at=AT).counts)


def test_who_is_created_and_erased_in_one_batch_is_not_kept(store: AccountStore) -> None:
    take(store, hubspot("contact.creation", 1), hubspot("contact.privacyDeletion", 2))

    assert store.contacts.page(9) == []


def test_who_is_sent_after_the_erasure_stays_out(store: AccountStore) -> None:
    take(store, hubspot("contact.privacyDeletion", 2))

    counts = take(store, hubspot("contact.creation", 1), hubspot("contact.creation", 3, 52))

    assert [one.contact_id for one in store.contacts.page(9)] == ["hubspot:52"]
    assert (counts["new"], counts["ignored"]) == (1, 1)


def test_dead_letters_of_somebody_unknown_go_with_the_erasure(store: AccountStore) -> None:
    take(store, hubspot("contact.propertyChange", 1), hubspot("contact.propertyChange", 2, 52), creates=False)
    assert len(store.sources.dead_letters.page(9)) == 2

    take(store, hubspot("contact.privacyDeletion", 3), creates=False)

    assert [json.loads(letter.payload)["objectId"] for letter in store.sources.dead_letters.page(9)] == [52]
