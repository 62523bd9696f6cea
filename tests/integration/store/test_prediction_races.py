"""Predictions and assignments that are on their way while their contact is erased."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from shared.contracts.call import Deadline
from shared.contracts.rows import ContactRow
from shared.errors import StoreUnavailable
from shared.store import AccountStore, AssignmentRow, Database, PastsWanted, PredictionRow
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.scope import predictions_of, queue
from tests.stores import hashing

KEY = b"an identity key of the tests, long enough"


@pytest.fixture
def store(database: Database) -> AccountStore:
    opened = hashing(database.of("default"), KEY)
    opened.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    return opened


@pytest.fixture
def service(database: Database) -> AccountStore:
    """The same as a service has it: without the key."""
    return database.of("default")


@pytest.fixture
def aside() -> Iterator[Callable[..., "Future[Any]"]]:
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def prediction(contact_id: str) -> PredictionRow:
    return PredictionRow(
        contact_id, "scoring", "customer", "7", 10, 10, "r-1", "ok", 0.5, 50, "high", "model", "{}", None
    )


def assignment(contact_id: str) -> AssignmentRow:
    return AssignmentRow("spring", contact_id, "control", 0.5, 9, 9, 9, "email_clicked", "7", 1)


def erasures(store: AccountStore) -> int:
    """Count them as a call does that is about to predict."""
    wanted = PastsWanted(["a", "b"], cutoff=10, asked_at=10)
    return store.predictions.request_reads("scoring", "customer", wanted, around=0).erasures


def test_what_was_predicted_before_an_erasure_is_not_logged_after_it(
    store: AccountStore, service: AccountStore
) -> None:
    since = erasures(service)
    store.privacy.erase("a", at=99)

    left_out = service.predictions.log([prediction("a"), prediction("b")], since=since)

    assert (left_out, store.predictions.of_contact("a"), len(store.predictions.of_contact("b"))) == (1, [], 1)


def test_what_is_predicted_after_an_erasure_is_logged_also_of_who_is_no_contact(
    store: AccountStore, service: AccountStore
) -> None:
    store.privacy.erase("a", at=99)

    assert service.predictions.log([prediction("inline only")], since=erasures(service)) == 0
    assert len(store.predictions.of_contact("inline only")) == 1


def test_an_erasure_waits_for_who_is_writing_and_takes_what_was_written(
    store: AccountStore, database: Database, aside: Callable[..., "Future[Any]"]
) -> None:
    with database._predictions.writing() as writing:
        queue(writing, predictions_of("default"), alone=False)  # as a writer that has looked already
        erasing = aside(store.privacy.erase, "a", at=99)
        with suppress(TimeoutError):
            erasing.result(timeout=0.1)
        waits = not erasing.done()
        row = {"account_id": "default", **prediction("a")._asdict()}
        writing.execute(LatestPredictionTable.__table__.insert(), row)  # type: ignore[attr-defined]

    assert (waits, erasing.result(), store.predictions.of_contact("a")) == (True, True, [])


def test_an_account_that_is_deleted_meanwhile_gets_no_prediction(database: Database) -> None:
    database.create_account("gone", created_at=1)
    service = database.of("gone")
    since = erasures(service)
    database.delete_account("gone")

    assert service.predictions.log([prediction("a")], since=since) == 1
    assert service.predictions.of_contact("a") == []


def test_an_erasure_that_cannot_be_committed_leaves_predictions(store: AccountStore) -> None:
    store.predictions.log([prediction("a")])

    with Deadline.within(0.0), pytest.raises(StoreUnavailable):
        store.privacy.erase("a", at=99)

    assert len(store.predictions.of_contact("a")) == 1
    assert store.contacts.find("a") is not None


def test_an_erasure_within_a_transaction_takes_predictions_once_it_is_committed(store: AccountStore) -> None:
    store.predictions.log([prediction("a")])
    with store.transaction(alone=True) as together:
        together.privacy.erase("a", at=99)
        before = len(store.predictions.of_contact("a"))

    assert (before, store.predictions.of_contact("a")) == (1, [])


def test_what_an_interrupted_erasure_left_goes_with_the_next_turn(store: AccountStore) -> None:
    store.privacy.erase("a", at=99)
    store.predictions.log([prediction("a")])  # as if the process had ended before it came to them

    assert store.privacy.erase_late_predictions() == 1
    assert store.predictions.of_contact("a") == []


def test_nobody_is_assigned_who_was_erased_meanwhile(store: AccountStore, service: AccountStore) -> None:
    since = erasures(service)
    store.privacy.erase("a", at=99)

    with pytest.raises(StoreUnavailable, match="erased while"):
        service.experiments.assignments.add("spring", [assignment("a"), assignment("b")], since=since)

    assert list(service.experiments.assignments.of_campaign("spring")) == []
    assert set(service.experiments.assignments.add("spring", [assignment("b")], since=since)) == {"b"}


def test_an_erasure_that_finds_nobody_is_not_counted(store: AccountStore) -> None:
    assert not store.privacy.erase("nobody", at=99)
    assert erasures(store) == 0
