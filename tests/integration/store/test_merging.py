"""Two contacts that become one, and verdicts that are corrected."""

from typing import Any

from sqlalchemy import select

from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.store import AccountStore, AssignmentRow, Database, PredictionRow
from shared.store.change_detection import StaleContactTable
from shared.store.identities import IdentityMergeTable
from tests.stores import hashing

VISIT = EventRow("a-1", "1", "page_viewed", 10, 10)
ORDER = EventRow("c-1", "2", "order_placed", 11, 11)


def rows(database: Database, table: Any, *columns: Any) -> list[tuple[Any, ...]]:
    with database._store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def attributes(store: AccountStore, contact_id: str) -> dict[str, Any]:
    contact = store.contacts.find(contact_id)
    assert contact is not None
    return {one.name: one.value for one in contact.attributes}


def test_everything_of_the_former_comes_to_the_one_that_stays(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put(
        [
            ContactRow("a-1", 5, "Europe/Paris", attributes=(AttributeRow("plan", "pro", 1),)),
            ContactRow("c-1", 9, attributes=(AttributeRow("country", "FR", 1),)),
        ],
        recorded_at=1,
    )
    store.events.add([VISIT, ORDER])
    store.experiments.assignments.add("may", [AssignmentRow("may", "a-1", "control", 0.5, 9, 9, 9, "click", "1", 1)])
    store.identities.point({("anonymous:src_1", "hash"): "a-1"}, at=2)

    store.contacts.merge("a-1", "c-1", at=20)

    contact = store.contacts.find("c-1")
    assert contact is not None
    assert (contact.created_at, contact.timezone) == (5, "Europe/Paris")
    assert attributes(store, "c-1") == {"plan": "pro", "country": "FR"}
    assert sorted(store.events.counts("c-1")) == ["order_placed", "page_viewed"]
    assert [row.contact_id for row in store.experiments.assignments.of_campaign("may")] == ["c-1"]
    assert store.contacts.find("a-1") is None
    assert store.events.counts("a-1") == {}


def test_a_merge_is_logged_and_identities_lead_to_the_one_that_stays(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("a-1"), ContactRow("c-1")], recorded_at=1)
    store.identities.point({("anonymous:src_1", "hash"): "a-1"}, at=2)

    store.contacts.merge("a-1", "c-1", at=20)

    table = IdentityMergeTable
    assert store.identities.contacts_of({("anonymous:src_1", "hash"), ("email", "none")}) == {
        ("anonymous:src_1", "hash"): "c-1"
    }
    logged = rows(database, table, table.kind, table.key_hash, table.merged_at, table.from_contact_id)
    own = ("contact", "02d0beb29214172b2e7da8864376e89c565992efdebed17aa1eb28737a7cad5f", 20, "a-1")
    assert logged == [("anonymous:src_1", "hash", 20, "a-1"), own]
    stale = StaleContactTable
    assert ("c-1", 20) in rows(database, stale, stale.contact_id, stale.touched_at)


def test_where_both_have_a_row_that_of_the_one_that_stays_is_kept(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    for contact_id, plan in (("a-1", "basic"), ("c-1", "pro")):
        store.contacts.put([ContactRow(contact_id, attributes=(AttributeRow("plan", plan, 1),))], recorded_at=1)
        store.events.add([EventRow(contact_id, "same", "page_viewed", 10, 10)])

    store.contacts.merge("a-1", "c-1", at=20)

    assert attributes(store, "c-1") == {"plan": "pro"}
    assert store.events.counts("c-1")["page_viewed"].events == 1


def test_a_refusal_of_profiling_outlives_the_merge(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put(
        [ContactRow("a-1", consent={"profiling": "denied"}), ContactRow("c-1", consent={"profiling": "granted"})],
        recorded_at=1,
    )

    store.contacts.merge("a-1", "c-1", at=20)

    contact = store.contacts.find("c-1")
    assert contact is not None
    assert contact.consent == {"profiling": "denied"}


def test_merging_who_is_not_there_changes_nothing(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("c-1")], recorded_at=1)

    store.contacts.merge("nobody", "c-1", at=20)
    store.contacts.merge("c-1", "nobody", at=20)

    assert [one.contact_id for one in store.contacts.page(9)] == ["c-1"]


def test_who_was_merged_is_on_no_list_of_predictions(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    prediction = PredictionRow("a-1", "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}")
    store.predictions.log([prediction, prediction._replace(contact_id="c-1")])

    store.predictions.forget_latest(["a-1"])

    assert [row.contact_id for row in store.predictions.ranked("scoring", "x", limit=9)] == ["c-1"]


def test_a_verdict_is_corrected_and_nothing_else(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    click = EventRow("c-1", "9", "email_clicked", 10, 10, message_id="m", item="https://a.example", human=1)
    store.events.add([click, click._replace(event_id="8", message_id="n"), click._replace(contact_id="c-2")])

    store.events.correct([click._replace(human=0, properties='{"verdict":"links_at_once"}', occurred_at=99)])

    assert list(store.events.of_messages({"c-1"}, {"m"})) == [
        click._replace(human=0, properties='{"verdict":"links_at_once"}')
    ]
    assert [row.human for row in store.events.of_messages({"c-2"}, {"m"})] == [1]
