"""The driver's own connections: one state for all reads, limits that hold, and lost connections that are replaced."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import create_engine, func, literal_column, select, text

from shared.contracts.call import Deadline
from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.store import AccountStore, Database, PastsWanted, PredictionRow, open_database
from shared.store.driver import Prepared
from shared.store.pasts import _unpacked
from shared.store.predictions import _LOG
from shared.timeline import FURTHER_FIELDS
from tests.stores import hashing

CUTOFF = 100
LATEST = 25.0
SHORT = 0.3


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), b"k" * 32)


def wanted(*contact_ids: str, **given: Any) -> PastsWanted:
    return PastsWanted(contact_ids, cutoff=CUTOFF, asked_at=CUTOFF, **given)


def prediction(contact_id: str = "a", *, score: int = 50, request_id: str = "r") -> PredictionRow:
    return PredictionRow(
        contact_id, "scoring", "x", "1", 10, 10, request_id, "ok", 0.5, score, "high", "model", "{}", "s1"
    )


def scores(store: AccountStore) -> dict[str, int]:
    return store.predictions.request_reads("scoring", "x", wanted("a"), around=10).past_scores


def cut_all(settings: Settings) -> None:
    """End every connection of others to a PostgreSQL database, as its restart does."""
    engine = create_engine(settings.resolved_store_url())
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_call_reads_facts_events_scores_and_the_count_at_once(store: AccountStore) -> None:
    store.contacts.put([ContactRow("a", attributes=(AttributeRow("plan", "pro", 5),)), ContactRow("b")], recorded_at=1)
    store.contacts.put([ContactRow("gone")], recorded_at=1)
    store.events.add([EventRow("a", "e", "order_placed", 10, 10)])
    store.predictions.log([prediction(score=70)])
    store.privacy.erase("gone", at=11)

    read = store.predictions.request_reads("scoring", "x", wanted("a", "b", "c"), around=10)

    assert list(read.rows.facts) == ["a", "b"]
    assert [value[:3] for value in read.rows.facts["a"].attributes] == [("plan", 5, "pro")]
    assert [event[:4] for event in read.rows.events] == [("a", "e", "order_placed", 10)]
    assert (read.erasures, read.newest_event_at, read.past_scores) == (1, 10, {"a": 70})


@pytest.mark.parametrize("contacts", [("a",), ("a", "b")])
@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        (FURTHER_FIELDS, ("a", "e", "order_placed", 10, 2.5, "m", "c", "i", 1)),
        (FURTHER_FIELDS - {"event_id"}, ("a", None, "order_placed", 10, 2.5, "m", "c", "i", 1)),
        (frozenset({"item"}), ("a", None, "order_placed", 10, None, None, None, "i", 1)),
        (frozenset(), ("a", None, "order_placed", 10, None, None, None, None, 1)),
    ],
)
def test_further_fields_of_events_are_read_only_where_they_are_wanted(
    store: AccountStore, fields: frozenset[str], seen: tuple[Any, ...], contacts: tuple[str, ...]
) -> None:
    one = EventRow("a", "e", "order_placed", 10, 10, value=2.5, message_id="m", campaign_id="c", item="i", human=1)
    store.events.add([one])

    read = store.predictions.request_reads("scoring", "x", wanted(*contacts, event_fields=fields), around=10)

    assert list(read.rows.events) == [seen]


def test_events_with_a_value_and_without_come_as_they_were_stored(store: AccountStore) -> None:
    third, text = 1 / 3 * 1e-7, 'a "quoted" \\ name, ünïcode'
    plain = EventRow("a", "e1", "page_viewed", 10, 10, campaign_id=text, item=text, message_id="m", human=0)
    valued = EventRow("a", "e2", "order_placed", 11, 11, value=third, item="i", human=1)
    store.events.add([plain, valued, EventRow("b", "e3", "page_viewed", 12, 12)])

    read = store.predictions.request_reads("scoring", "x", wanted("a", "b"), around=10)

    assert sorted(read.rows.events) == [
        ("a", "e1", "page_viewed", 10, None, "m", text, text, 0),
        ("a", "e2", "order_placed", 11, third, None, None, "i", 1),
        ("b", "e3", "page_viewed", 12, None, None, None, None, None),
    ]


@pytest.mark.parametrize("fields", [FURTHER_FIELDS, frozenset({"value", "item"})])
def test_every_value_comes_to_the_last_bit(store: AccountStore, fields: frozenset[str]) -> None:
    draw = random.Random(5)
    odd = [5e-324, 1e-300, 0.1 + 0.2, 1 / 3, 9_007_199_254_740_991.0, 2.0**53 + 2, 1e15 + 0.25, 1e17, 1e300]
    cents = [draw.randrange(10**power) / 100 for power in range(1, 17) for _ in range(20)]
    any_ = [draw.uniform(-1, 1) * 10.0 ** draw.randrange(-20, 20) for _ in range(300)]
    values = [0.0, *(sign * value for value in (*odd, *cents, *any_) if value for sign in (1, -1))]
    store.events.add(
        [EventRow("a", f"e{n}", "order_placed", 1, 1, value=value, item=str(n)) for n, value in enumerate(values)]
    )

    read = store.predictions.request_reads("scoring", "x", wanted("a", event_fields=fields), around=10)

    found = {event[7]: event[4] for event in read.rows.events}
    assert [found[str(n)].hex() for n in range(len(values))] == [value.hex() for value in values]


def test_what_is_written_between_two_statements_is_seen_by_both_or_none(
    store: AccountStore, database: Database
) -> None:
    store.events.add([EventRow("a", "e", "order_placed", 10, 10)])

    class Interleaved(dict[str, Any]):
        """Values of the second statement; when the first of them is read, somebody else erases the contact."""

        is_read = False

        def __getitem__(self, name: str) -> Any:
            if not self.is_read:
                self.is_read = True
                with ThreadPoolExecutor(1) as aside:
                    aside.submit(store.privacy.erase, "a", at=11).result(timeout=LATEST)
            return super().__getitem__(name)

    first, second = wanted("a").calls()[0], wanted("a").calls()[2]
    values = {**first[1], "account": "default"}

    contacts, events = database._store.reads.read([(first[0], values), (second[0], Interleaved(values))])

    assert [row[1] for row in contacts if row[1] == "a"] == [row[0] for row in _unpacked(events, ["a"])]
    assert store.contacts.find("a") is None


def test_reads_within_a_transaction_see_what_it_wrote(store: AccountStore) -> None:
    with store.transaction() as together:
        together.events.add([EventRow("a", "e", "order_placed", 10, 10)])
        inside = together.pasts.of(["a"], cutoff=CUTOFF, asked_at=CUTOFF)
        outside = store.pasts.of(["a"], cutoff=CUTOFF, asked_at=CUTOFF)

    assert (list(inside.facts), list(outside.facts)) == (["a"], [])


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_connections_that_were_lost_are_replaced(store: AccountStore, settings: Settings) -> None:
    store.contacts.put([ContactRow("a")], recorded_at=1)
    store.predictions.log([prediction()])
    assert list(store.pasts.of(["a"], cutoff=CUTOFF, asked_at=CUTOFF).facts) == ["a"]

    cut_all(settings)

    assert list(store.pasts.of(["a"], cutoff=CUTOFF, asked_at=CUTOFF).facts) == ["a"]
    assert store.predictions.log([prediction(score=80, request_id="later")]) == 0
    assert [row.score for row in store.predictions.of_contact("a")] == [80]


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_connection_lost_in_the_midst_of_a_write_leaves_nothing(store: AccountStore, settings: Settings) -> None:
    direct = store.predictions._scope.direct_predictions

    def write() -> None:
        with direct.writing() as session:
            session.write(_LOG, PredictionRow._fields, [prediction()])
            cut_all(settings)

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        write()

    assert scores(store) == {}


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_statement_is_cut_short_at_the_deadline(database: Database) -> None:
    slow = Prepared(lambda _: select(literal_column(f"pg_sleep({LATEST})")))
    began = time.monotonic()

    with Deadline.within(SHORT), pytest.raises(StoreUnavailable, match="busy"):
        database._store.reads.read([(slow, {}), (slow, {})])

    assert SHORT / 2 < time.monotonic() - began < LATEST


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_work_without_a_deadline_is_not_cut_short_by_the_one_of_before(database: Database) -> None:
    slow = Prepared(lambda _: select(literal_column(f"pg_sleep({SHORT})")))
    with Deadline.within(SHORT / 3), pytest.raises(StoreUnavailable, match="busy"):
        database._store.reads.read([(slow, {})])

    assert len(database._store.reads.read([(slow, {})])) == 1


def test_a_log_waits_for_other_writers_until_its_deadline(store: AccountStore, settings: Settings) -> None:
    engine = create_engine(settings.resolved_predictions_url())
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("LOCK TABLE prediction_log"))
        refused = _refused(lambda: store.predictions.log([prediction()]))
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()

    assert SHORT / 2 < refused < LATEST
    assert store.predictions.log([prediction()]) == 0
    assert scores(store) == {"a": 50}


def test_a_connection_waits_no_longer_than_the_deadline_that_comes_next_allows(database: Database) -> None:
    reads, one = database._store.reads, Prepared(lambda _: select(literal_column("1")))

    for seconds in (100.0, 95.0, 100.0):
        with Deadline.within(seconds):
            reads.read([(one, {})])

        (held,) = reads._idle
        assert 90_000 < held.limits[0] <= seconds * 1_000


def _refused(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    with Deadline.within(SHORT), pytest.raises(StoreUnavailable, match="busy"):
        work()
    return time.monotonic() - began


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_work_whose_answer_has_begun_may_compute_as_long_as_it_needs(settings: Settings) -> None:
    impatient = Database(settings.resolved_store_url(), settings.resolved_predictions_url(), patience_seconds=SHORT / 3)
    slow = Prepared(lambda _: select(literal_column(f"pg_sleep({SHORT})")))

    with Deadline.within(LATEST) as until:
        until.lift()
        rows = impatient._store.reads.read([(slow, {})])

    impatient.close()
    assert len(rows) == 1


def test_what_a_page_reads_ends_at_its_deadline_and_the_connection_goes_on(
    database: Database, settings: Settings
) -> None:
    with closing(open_database(settings, cuts_off=True)) as cut:
        endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        with pytest.raises(StoreUnavailable), Deadline.within(0.01), cut._store.reading() as connection:
            connection.execute(endless)
        prepared = Prepared(lambda _: select(func.count()).select_from(text(f"({endless.text}) AS endless")))
        with pytest.raises(StoreUnavailable), Deadline.within(0.01):
            cut._store.reads.read([(prepared, {})])

        with cut._store.reading() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        assert cut._store.reads.read([(Prepared(lambda _: select(literal_column("1"))), {})]) == [[(1,)]]


@pytest.mark.parametrize("fields", [FURTHER_FIELDS, frozenset({"value"})])
def test_events_in_another_currency_are_left_out_where_one_is_wanted(
    database: Database, fields: frozenset[str]
) -> None:
    store = database.of("default")
    bought = EventRow("a", "1", "order_placed", 5, 5)
    store.events.add([
        bought._replace(event_id="eur", value=1.0, currency="EUR"),
        bought._replace(event_id="usd", value=2.0, currency="USD"),
        bought._replace(event_id="none", value=3.0),
        bought._replace(event_id="seen", type="page_viewed"),
    ])  # fmt: skip
    of_euros = PastsWanted(["a"], cutoff=99, asked_at=99, event_fields=fields, currency="EUR")

    read = store.predictions.request_reads("value", "", of_euros, around=10)

    assert sorted((row[2], row[4]) for row in read.rows.events) == [
        ("order_placed", 1.0), ("order_placed", 3.0), ("page_viewed", None)
    ]  # fmt: skip
    assert read.rows.other_currency == {"a"}
    scanned = [row for part in store.pasts.scan_events(currency="EUR") for row in part]
    assert sorted(str(row[1]) for row in scanned) == ["eur", "none", "seen"]
    assert store.events.currencies(["order_placed"]) == {"EUR": 1, "USD": 1, None: 1}
