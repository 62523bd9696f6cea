"""Writers of one account that meet at the same contacts: all of them end, and nothing is of nobody."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from shared.contracts.rows import ContactRow, EventRow
from shared.store import AccountStore, Database
from tests.stores import hashing


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


@pytest.fixture
def aside() -> Iterator[Callable[..., "Future[Any]"]]:
    with ThreadPoolExecutor(6) as pool:
        yield pool.submit


def test_an_event_of_a_contact_that_is_being_merged_is_of_a_contact(
    store: AccountStore, aside: Callable[..., "Future[Any]"]
) -> None:
    store.contacts.put([ContactRow("former"), ContactRow("into")], recorded_at=1)

    with store.transaction(alone=True) as together:
        together.contacts.merge("former", "into", at=2)
        adding = aside(store.events.add, [EventRow("former", "1", "order_placed", 10, 10)])
        with suppress(TimeoutError):
            adding.result(timeout=0.2)

    assert adding.result() == [True]
    assert store.contacts.find("former") is not None


def test_many_erasures_at_once_all_end(store: AccountStore, aside: Callable[..., "Future[Any]"]) -> None:
    contact_ids = [f"c-{number}" for number in range(30)]
    store.contacts.put([ContactRow(contact_id) for contact_id in contact_ids], recorded_at=1)

    erasing = [aside(store.privacy.erase, contact_id, at=2) for contact_id in contact_ids]

    assert [one.result() for one in erasing] == [True] * 30
    assert store.contacts.page(9) == []
