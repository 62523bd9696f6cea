import json

import pytest

from shared.change_detection.states import LastKnownState
from shared.contracts.message import Message
from shared.contracts.outcome import Outcome
from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.errors import Conflict, NotFound, UnknownOutcome
from shared.store import (
    AccountStore,
    AnswerRow,
    AssignmentRow,
    AttemptResult,
    Database,
    DeadLetterRow,
    PredictionRow,
    SecretRow,
    SourceRow,
    SourceSecretRow,
    SubscriptionRow,
    VersionRow,
)
from shared.store.columns import PredictionTable, StoreTable
from shared.store.outbox import delivery_id
from shared.store.ranking import Wanted

EVENT = EventRow("a", "1", "order_placed", 10, 10, message_id="m")
LETTER = DeadLetterRow("dl_1", "src_1", "sendgrid", "unknown_contact", "detail", "{}", "hash", 10)
ASSIGNMENT = AssignmentRow("may", "a", "control", 0.5, 9, 9, 9, "click", "1", 1)
ANSWER = AnswerRow("again", "PUT /contacts", "print", "claim", 5)
STANDING = LastKnownState("a", "scoring", "x", "high", 93, "1", "model", "medium", 10)
PREDICTION = PredictionRow("a", "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}", "s1")


def fill(store: AccountStore) -> None:
    store.put_contacts(
        [ContactRow("a", 5, email_hash="hash", attributes=(AttributeRow("plan", "pro", 1),)), ContactRow("b")],
        recorded_at=1,
    )
    store.put_contacts([ContactRow("b", email_hash="hash")], recorded_at=2)
    store.declare_static(["plan"])
    store.add_events([EVENT])
    store.put_outcome(Outcome(name="x", capability="scoring", event_types=("order_placed",)))
    store.set_default_outcome("scoring", "x")
    store.promote("scoring", "x", "1", "digest", at=1, reason="first")
    store.add_version(VersionRow("scoring", "x", "1", "digest", "rule", "A", 1, 90, "run"), {"lift": b"png"})
    store.log_predictions([PREDICTION])
    store.name_segment("s1", "Regulars", at=1)
    store.assign("may", [ASSIGNMENT])
    source, secret = f"src_{store.account}", SourceSecretRow("sec_1", "sealed", 1)
    store.add_source(SourceRow(store.account, source, "mail", "sendgrid", True, {}, 1, secrets=(secret,)))
    store.add_receipts("src_1", {"r"}, at=1)
    store.put_dead_letters([LETTER])
    store.begin_answer(ANSWER, stuck_before=0, expired_before=0)
    store.put_contacts([ContactRow("gone")], recorded_at=3)
    store.hashing(b"k" * 32).erase_contact("gone", at=4)
    store.put_standings([STANDING])
    store.create_key("k", ["read"], public_id=f"of-{store.account}", digest=b"d", created_at=1)
    fill_deliveries(store)


def fill_deliveries(store: AccountStore) -> None:
    """Subscribe, and fail to deliver; what is filled once stays as it is."""
    if store.subscription("s1") is None:
        wanted = SubscriptionRow(
            "s1", "https://a.example", ("x",), "", None, {}, None, False, "enabled", None, 1, None, 1
        )
        store.create_subscription(wanted, SecretRow("s1", "sec_1", "sealed", 1, None))
    store.publish([Message("m1", "x", 1, {})], at=1)
    for due in store.take_deliveries({"s1": 1}, at=1, until=9):
        failed = AttemptResult(due.delivery_id, "s1", 2, 500, 1, None, "no", "failed", 2, 1, False)
        store.record_attempts([failed], at=2, pause_before=0)


def everything(store: AccountStore) -> dict[str, object]:
    return {
        "keys": store.keys(),
        "contact": store.contact("a"),
        "contacts": store.contacts(10),
        "event_counts": store.event_counts("a"),
        "event_types": store.event_types(),
        "newest_event_at": store.newest_event_at(),
        "past_rows": store.past_rows(["a"], cutoff=99, asked_at=99).facts,
        "past_events": store.past_rows(["a"], cutoff=99, asked_at=99).events,
        "scan_contacts": store.scan_contacts()[0],
        "scan_events": list(store.scan_events()),
        "static_attributes": store.static_attributes(),
        "outcomes": [outcome for outcome in store.outcomes("scoring") if outcome.name == "x"],
        "outcome": store.outcome("scoring", "x"),
        "require_outcome": required(store),
        "default_outcome": store.default_outcome("scoring"),
        "champion": store.champion("scoring", "x"),
        "promotions": store.promotions("scoring", "x"),
        "versions": store.versions(),
        "version": store.version("scoring", "x", "1"),
        "plots": store.plots("scoring", "x", "1"),
        "latest_predictions": store.latest_predictions("scoring", "x", limit=10),
        "listed_predictions": store.listed_predictions(Wanted("scoring", "x"), limit=10),
        "statuses": store.statuses("scoring", "x"),
        "predictions_of": store.predictions_of("a"),
        "assignments": store.assignments("may"),
        "past_scores": store.past_scores("scoring", "x", ["a"], around=10),
        "latest_of": store.latest_of("scoring", "x", ["a"]),
        "contacts_of_segment": store.contacts_of_segment("s1", limit=10),
        "segment_names": store.segment_names(),
        "subscriptions": store.subscriptions(),
        "subscription": store.subscription("s1"),
        "subscription_secrets": store.subscription_secrets(1),
        "subscription_counts": store.subscription_counts(),
        "deliveries": store.deliveries(10),
        "delivery": store.delivery(delivery_id("s1", "m1")),
        "attempts": store.attempts(delivery_id("s1", "m1")),
        "sources": store.sources(),
        "source": store.source("src_default"),
        "known_receipts": store.known_receipts("src_1", {"r"}),
        "dead_letters": store.dead_letters(10),
        "dead_letter": store.dead_letter("dl_1"),
        "contacts_of": store.contacts_of({("email", "hash")}),
        "claims_on": store.claims_on({("email", "hash")}),
        "letter_counts": store.letter_counts(),
        "known_contacts": store.known_contacts({"a"}),
        "message_events": list(store.message_events({"a"}, {"m"})),
        "kept_answer": store.kept_answer("again"),
        "audit": [row for row in store.audit(10) if row.action != "contact.exported"],
        "export_contact": exported(store),
        "standings_of": store.standings_of("a"),
        "standings": store.standings("scoring", "x", ["a"]),
        "held_standings": store.held_standings("scoring", "x", ["a"]),
        "moves": store.moves("scoring", "x", "1", since=0),
        "stale_among": store.stale_among(["a"]),
        "take_stale": store.take_stale(10, quiet_since=99, waiting_since=0),
    }


def exported(store: AccountStore) -> list[str]:
    """Read what is held of a contact: the parts that are not empty."""
    try:
        document = json.loads(b"".join(store.hashing(b"k" * 32).export_contact("a", at=5)))
    except NotFound:
        return []
    return sorted(name for name, part in document.items() if part)


def required(store: AccountStore) -> Outcome | None:
    """Read the outcome; None: refused as unknown."""
    try:
        return store.require_outcome("scoring", "x")
    except UnknownOutcome:
        return None


READS = {name for name in dir(AccountStore) if not name.startswith("_")} - {
    "put_contacts", "bulk_contacts", "add_events", "bulk_events", "declare_static", "put_outcome", "delete_outcome",
    "set_default_outcome", "promote", "rollback", "add_version", "log_predictions", "delete_predictions_before",
    "add_source", "remove_source", "add_source_secret", "hold_source", "add_receipts", "delete_receipts_before",
    "put_dead_letters", "remove_dead_letters", "delete_dead_letters_before", "point", "merge_contacts", "forget_latest",
    "correct_verdicts", "erased_identities",
    "create_key", "revoke_key", "rotate_key", "name_segment", "assign", "transaction", "publish", "is_alone",
    "begin_answer", "hold_claim", "keep_answer", "release_claim", "delete_answers_before",
    "acting", "hashing", "erasures", "shared_of", "reached_since",
    "erase_contact", "erase_late_predictions", "delete_events_before", "delete_audit_before",
    "put_standings", "clear_stale", "touch_contacts", "forget_identities",
    "create_subscription", "update_subscription", "delete_subscription", "add_subscription_secret", "take_deliveries",
    "record_attempts", "replay_delivery", "replay_deliveries", "erase_messages_before",
}  # fmt: skip


def test_every_read_sees_what_its_account_wrote(database: Database) -> None:
    fill(database.of("default"))

    assert all(everything(database.of("default")).values())


def test_no_read_sees_another_account(database: Database) -> None:
    fill(database.of("default"))
    database.create_account("other", created_at=1)

    assert not any(everything(database.of("other")).values())


def test_the_isolation_test_covers_every_read(database: Database) -> None:
    assert (everything(database.of("default")).keys() | {"past_rows"}) - {"past_events"} == READS


def test_no_write_reaches_another_account(database: Database) -> None:
    fill(database.of("default"))
    before = everything(database.of("default"))
    database.create_account("other", created_at=1)
    other = database.of("other")

    fill(other)
    other.put_contacts([ContactRow("a", 9, attributes=(AttributeRow("plan", "x", 2),))], recorded_at=9)
    other.delete_outcome("scoring", "x")
    other.delete_predictions_before(99)
    other.delete_subscription("s1")
    other.erase_messages_before(99)
    other.keep_answer("again", "claim", status=200, answer="sealed", contact_ids=None)
    other.delete_answers_before(99)
    other.hashing(b"k" * 32).erase_contact("a", at=9)
    other.hashing(b"k" * 32).erase_late_predictions()
    other.forget_identities({("email", "hash")}, at=9)
    assert sum(other.delete_events_before(99)) == 0
    other.delete_audit_before(99)
    other.clear_stale({"a": 10, "b": 2})

    assert everything(database.of("default")) == before


def test_deleting_an_account_erases_everything_of_it_and_nothing_else(database: Database) -> None:
    database.create_account("other", created_at=1)
    fill(database.of("default"))
    fill(database.of("other"))
    kept = everything(database.of("other"))

    database.delete_account("default")

    assert rows_of(database, "default") == {}
    assert everything(database.of("other")) == kept
    assert [account.name for account in database.accounts()] == ["other"]


def test_filling_an_account_reaches_every_table(database: Database) -> None:
    fill(database.of("default"))

    tables = {*StoreTable.metadata.tables, *PredictionTable.metadata.tables} - {"accounts"}
    assert rows_of(database, "default").keys() == tables


def rows_of(database: Database, account: str) -> dict[str, int]:
    from sqlalchemy import func, select

    counts = {}
    for sql, metadata in (
        (database._store, StoreTable.metadata),
        (database._predictions, PredictionTable.metadata),
    ):
        with sql.reading() as connection:
            for name, table in metadata.tables.items():
                if "account_id" in table.c:
                    mine = select(func.count()).select_from(table).where(table.c.account_id == account)
                    counts[name] = connection.execute(mine).scalar_one()
    return {name: count for name, count in counts.items() if count}


def test_an_account_exists_once(database: Database) -> None:
    with pytest.raises(Conflict):
        database.create_account("default", created_at=2)


def test_writing_to_an_account_that_is_not_there_says_so(database: Database) -> None:
    store = database.of("nobody")

    with pytest.raises(NotFound, match="nobody"):
        store.add_events([EVENT])
    with pytest.raises(NotFound, match="nobody"):
        store.bulk_events([EVENT])
    with pytest.raises(NotFound, match="nobody"):
        store.put_contacts([ContactRow("a")], recorded_at=1)
    with pytest.raises(NotFound, match="nobody"):
        database.delete_account("nobody")


def test_a_key_is_found_touched_and_revoked(database: Database) -> None:
    store = database.of("default")
    store.create_key("crm", ["read", "predict"], public_id="pub", digest=b"\x00d", created_at=1, expires_at=99)

    database.touch_keys({"pub": 7, "unknown": 8})
    database.touch_keys({"pub": 6})
    store.revoke_key("pub", 8)
    store.revoke_key("pub", 9)

    found = database.key("pub")
    assert found is not None
    assert found == ("pub", "default", b"\x00d", ("read", "predict"), "crm", 1, 7, 8, 99)
    assert database.key("unknown") is None


def test_a_rotated_key_is_valid_for_as_long_as_said_or_until_its_own_end(database: Database) -> None:
    store = database.of("default")
    store.create_key("crm", ["read"], public_id="endless", digest=b"a", created_at=1)
    store.create_key("crm", ["read"], public_id="short", digest=b"b", created_at=1, expires_at=11)
    endless, short = store.keys()

    store.rotate_key(endless, public_id="new-1", digest=b"c", at=5, old_until=50)
    store.rotate_key(short, public_id="new-2", digest=b"d", at=5, old_until=50)

    rows = store.keys()
    ends = {row.public_id: (row.name, row.scopes, row.expires_at) for row in rows}
    assert ends == {
        "endless": ("crm", ("read",), 50),
        "short": ("crm", ("read",), 11),
        "new-1": ("crm", ("read",), None),
        "new-2": ("crm", ("read",), 15),
    }


def test_a_public_id_is_taken_once_over_all_accounts(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("default").create_key("k", ["read"], public_id="pub", digest=b"d", created_at=1)

    with pytest.raises(Conflict):
        database.of("other").create_key("k", ["read"], public_id="pub", digest=b"e", created_at=1)
    with pytest.raises(NotFound):
        database.of("other").revoke_key("pub", 2)
