"""What goes when consent is withdrawn, and when time is over."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert

from shared.contracts.message import Message
from shared.contracts.rows import ContactRow, EventRow
from shared.store import AccountStore, AttemptResult, Database, PredictionRow
from shared.store.outbox import delivery_id
from shared.store.schema import StoreTable
from tests.stores import hashing

DENIED = {"profiling": "denied"}


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


def prediction(contact_id: str, asked_at: int = 10) -> PredictionRow:
    return PredictionRow(
        contact_id, "scoring", "x", "1", asked_at, asked_at, "r", "ok", 0.5, 50, "low", "model", "{}", "s1"
    )


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
        row(
            store, "attempts", delivery_id=delivery_id("s", f"m-{contact_id}"), number=1, attempted_at=1,
            milliseconds=1,
        )  # fmt: skip
    store.predictions.log([prediction(contact_id) for contact_id in contact_ids])


def contacts_in(store: AccountStore, table: str, column: str = "contact_id") -> list[str]:
    chosen = StoreTable.metadata.tables[table].c[column]
    with store._scope.store.reading() as connection:
        return sorted(connection.scalars(chosen.table.select().with_only_columns(chosen)))


@pytest.mark.parametrize("way", ["put", "put_bulk"])
def test_who_denies_profiling_leaves_the_lists_and_is_reported_no_more(store: AccountStore, way: str) -> None:
    store.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    told(store, "a", "b")

    getattr(store.contacts, way)(
        [ContactRow("a", consent=DENIED), ContactRow("b", timezone="Europe/Paris")], recorded_at=2
    )

    assert [one.contact_id for one in store.predictions.ranked("scoring", "x", limit=9)] == ["b"]
    assert [one.contact_id for one in store.segments.members("s1", limit=9)] == ["b"]
    assert contacts_in(store, "standings") == ["b"]
    assert contacts_in(store, "deliveries", "message_id") == ["m-b"]
    assert contacts_in(store, "attempts", "delivery_id") == [delivery_id("s", "m-b")]


def test_events_older_than_an_instant_go_in_steps_and_contacts_stay(store: AccountStore) -> None:
    store.events.add([EventRow(f"c{n}", str(at), "x", at, at) for n in range(5) for at in (5, 10, 15)])

    gone = list(store.events.delete_before(10, contacts=2))

    assert gone == [2, 2, 1]
    assert len(store.contacts.page(10)) == 5
    assert {event[3] for part in store.pasts.scan_events() for event in part} == {10, 15}


def test_predictions_older_than_an_instant_go_in_steps_and_the_latest_stay(store: AccountStore) -> None:
    store.predictions.log([prediction(f"c{n}", at) for n in range(3) for at in (5, 10)])

    assert [store.predictions.delete_before(10, limit=2) for _ in range(3)] == [2, 1, 0]
    assert len(store.predictions.ranked("scoring", "x", limit=9)) == 3


def test_audit_entries_older_than_an_instant_go_and_numbers_are_not_given_again(store: AccountStore) -> None:
    for at in (1, 2, 3):
        store.segments.rename("s1", f"Name {at}", at=at)

    assert [store.audit.delete_before(99, limit=1) for _ in range(3)] == [1, 1, 0]
    store.segments.rename("s1", None, at=4)

    assert [entry.number for entry in store.audit.page(9)] == [4, 3]


def test_an_undone_action_leaves_no_audit_entry(store: AccountStore) -> None:
    class Undo(Exception):
        pass

    def undone() -> None:
        with store.acting("7Kd02mPqXz", at=5).transaction() as together:
            together.segments.rename("s1", "Regulars", at=5)
            raise Undo

    with pytest.raises(Undo):
        undone()

    assert store.audit.page(9) == []


def test_an_audit_entry_says_who_did_what_and_when(store: AccountStore) -> None:
    store.acting("7Kd02mPqXz", at=5).outcomes.set_default("scoring", "customer")

    (entry,) = store.audit.page(9)

    assert (entry.at, entry.actor, entry.action, entry.target) == (
        5,
        "7Kd02mPqXz",
        "outcome.made_default",
        "scoring.customer",
    )


def test_who_denies_profiling_while_an_attempt_is_written_down_is_reported_no_more(store: AccountStore) -> None:
    store.contacts.put([ContactRow("a")], recorded_at=1)
    told(store)
    store.deliveries.outbox.publish([Message("m-a", "segment.entered", 1, {}, "a", "events")], at=1)
    tried = AttemptResult(delivery_id("s", "m-a"), "s", 5, 500, 1, None, None, "pending", 9, 1, gone=False)

    with ThreadPoolExecutor() as pool:
        with store.transaction() as courier:
            courier.deliveries.record_attempts([tried], at=6, pause_before=0)
            denying = pool.submit(store.contacts.put, [ContactRow("a", consent=DENIED)], recorded_at=7)
            with pytest.raises(TimeoutError):
                denying.result(timeout=0.2)
        denying.result()

    assert contacts_in(store, "deliveries", "delivery_id") == []
    assert contacts_in(store, "attempts", "delivery_id") == []
