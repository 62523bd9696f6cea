import json

import pytest

from shared.change_detection.states import LastKnownState
from shared.contracts.decision import DecisionRow
from shared.contracts.holdout import Holdout
from shared.contracts.message import Message
from shared.contracts.outcome import ModelName, Outcome
from shared.contracts.rows import AttributeRow, ContactRow, EventRow, ItemChange
from shared.errors import Conflict, NotFound, UnknownOutcome
from shared.store import (
    AccountStore,
    AssignmentRow,
    AttemptResult,
    BatchEnd,
    BatchRow,
    CommandLease,
    Database,
    DeadLetterRow,
    IdempotencyRow,
    ImportLease,
    ImportRow,
    KeptReport,
    Lease,
    MessageChange,
    ModelCommandRow,
    PastsWanted,
    PredictionRow,
    ReportRow,
    SecretRow,
    ShadowPrediction,
    SourceRow,
    SourceSecretRow,
    SubscriptionRow,
    VersionRow,
)
from shared.store.outbox import delivery_id
from shared.store.ranked_list import ListPlace, PredictionFilter
from shared.store.schema import PredictionTable, StoreTable
from tests.stores import hashing

MODEL = ModelName("scoring", "x")
EVENT = EventRow("a", "1", "order_placed", 10, 10, 9.0, message_id="m")
LETTER = DeadLetterRow("dl_1", "src_1", "sendgrid", "unknown_contact", "detail", "{}", "hash", 10)
ASSIGNMENT = AssignmentRow("may", "a", "control", 0.5, 9, 9, 9, "click", "1", 1)
DECISION = DecisionRow("d1", "a", "clicked", "", "may", "tea", "policy", 0.5, ("cake", "tea"), "1", 1)
ANSWER = IdempotencyRow("again", "PUT /contacts", "print", "claim", 5)
HOLDOUT = Holdout("spring", "00", 0.5, "churn", "x", 1, None)
SHADOWED = ShadowPrediction("scoring", "x", "2", "1", "a", 0, 10, 10, "ok", 0.4, 0.5, "low", "low")
STANDING = LastKnownState("a", "scoring", "x", "high", 93, "1", "model", "medium", 10)
PREDICTION = PredictionRow("a", "scoring", "x", "1", 10, 10, "r", "ok", 0.5, 50, "low", "model", "{}", "s1")


def fill(store: AccountStore) -> None:
    store.contacts.put(
        [ContactRow("a", 5, email_hash="hash", attributes=(AttributeRow("plan", "pro", 1),)), ContactRow("b")],
        recorded_at=1,
    )
    store.contacts.put([ContactRow("b", email_hash="hash")], recorded_at=2)
    store.contacts.declare_static(["plan"])
    store.events.add([EVENT, EVENT._replace(event_id="again")])
    store.outcomes.put(Outcome(name="x", capability="scoring", event_types=("order_placed",)))
    store.outcomes.set_default("scoring", "x")
    store.outcomes.put(Outcome(name="x", capability="churn", event_types=("order_placed",)))
    store.models.promote("scoring", "x", "1", "digest", at=1, reason="first")
    store.models.add(VersionRow("scoring", "x", "1", "digest", "rule", "A", 1, 90, "run"), {"lift": b"png"})
    store.predictions.log([PREDICTION])
    store.data_report.keep(KeptReport(1, "mark", "{}"))
    store.models.quality.put("scoring", "x", {"a": 1}, at=1)
    store.models.quality.put_drift("scoring", "x", "1", {"a": 1}, at=1)
    if store.models.shadows.of("scoring", "x") is None:
        store.models.add(VersionRow("scoring", "x", "2", "d2", "rule", "A", 1, 90, "run"))
        store.models.start_shadow("scoring", "x", "2", 0.5, at=1)
    store.models.shadows.keep([SHADOWED], since=0)
    store.segments.rename("s1", "Regulars", at=1)
    store.items.put([ItemChange("tea", {"name": "Green tea"}), ItemChange("old", {})], at=1)
    store.items.delete(["old"], at=2)
    store.experiments.assignments.add("may", [ASSIGNMENT])
    store.experiments.messages.put([MessageChange("tea", {})], at=1)
    store.experiments.decisions.decide(["a"], lambda _, __: [DECISION], outcome="clicked", campaign_id="may", since=0)
    if store.experiments.holdouts.find("spring") is None:
        store.experiments.holdouts.create(HOLDOUT)
    store.experiments.attribution.request(ReportRow("r1", "account", "queued", "{}", 1), made_after=0)
    source, secret = f"src_{store.account}", SourceSecretRow("sec_1", "sealed", 1)
    store.sources.add(SourceRow(store.account, source, "mail", "sendgrid", True, {}, 1, secrets=(secret,)))
    store.idempotency.add_received("src_1", {"r"}, at=1)
    store.sources.dead_letters.put([LETTER])
    store.idempotency.begin(ANSWER, stuck_before=0, expired_before=0)
    fill_batches(store)
    fill_imports(store)
    store.contacts.put([ContactRow("gone")], recorded_at=3)
    hashing(store, b"k" * 32).privacy.erase("gone", at=4)
    store.changes.put_states([STANDING])
    store.keys.create("k", ["read"], public_id=f"of-{store.account}", digest=b"d", created_at=1)
    fill_deliveries(store)


def fill_batches(store: AccountStore) -> None:
    """Complete a batch; what is filled once stays as it is."""
    if store.models.commands.find("cmd") is None:
        training = ModelCommandRow("cmd", "train", *MODEL, 1, "command line", payload={"choices": {"a": 1}})
        store.models.commands.begin(training, CommandLease("cmd", "me"), until=9)
        store.models.commands.complete(CommandLease("cmd", "me"), {}, at=2)
    if store.batches.find("b1") is None:
        lease = Lease("b1", "claim")
        store.batches.create(BatchRow("b1", "queued", {"a": 1}, 1, "key", 1), most_open=9)
        store.batches.take(lease, at=1, until=9)
        store.batches.plan(lease, [], [2], until=9)
        store.batches.complete(lease, BatchEnd("result", Message("m0", "y", 1, {}), 1), erased=())


def fill_imports(store: AccountStore) -> None:
    """Load a file, of which one contact is nobody else's; what is filled once stays as it is."""
    if store.imports.find("i1") is None:
        lease = ImportLease("i1", "claim")
        store.imports.create(ImportRow("i1", "uploaded", "contacts", "leads.csv", 9, 1, "key"), most_open=9)
        store.imports.take(lease, at=1, until=9)
        store.imports.checked(lease, "contacts", {"a": 1}, rows=1)
        store.imports.request_load("i1", {}, at=1)
        store.imports.take(lease, at=9, until=99)
        store.contacts.put_bulk([ContactRow("imported")], recorded_at=3, lease=lease)
        store.imports.loaded(lease, {"a": 1}, rows=1, at=9)


def fill_deliveries(store: AccountStore) -> None:
    """Subscribe, and fail to deliver; what is filled once stays as it is."""
    if store.subscriptions.find("s1") is None:
        wanted = SubscriptionRow(
            "s1", "https://a.example", ("x",), "", None, {}, None, False, "enabled", None, 1, None, 1
        )
        store.subscriptions.create(wanted, SecretRow("s1", "sec_1", "sealed", 1, None))
    store.deliveries.outbox.publish([Message("m1", "x", 1, {})], at=1)
    for due in store.deliveries.lease({"s1": 1}, at=1, until=9):
        failed = AttemptResult(due.delivery_id, "s1", 2, 500, 1, None, "no", "failed", 2, 1, False)
        store.deliveries.record_attempts([failed], at=2, pause_before=0)


def found_of(store: AccountStore) -> list[object]:
    read = store.predictions.request_reads("scoring", "x", PastsWanted(["a"], cutoff=99, asked_at=99), around=10)
    return [*read.rows.facts, *read.rows.events, *read.past_scores]


def everything(store: AccountStore) -> dict[str, object]:
    past = store.pasts.of(["a"], cutoff=99, asked_at=99)
    return {
        "keys.all": store.keys.all(),
        "contacts.find": store.contacts.find("a"),
        "contacts.page": store.contacts.page(10),
        "contacts.ids": store.contacts.ids(10),
        "contacts.holding": store.contacts.holding(["a"], "plan", "pro"),
        "contacts.search": store.contacts.search("plan", "pro", limit=10).contacts,
        "batches.find": store.batches.find("b1"),
        "batches.page": store.batches.page(10),
        "batches.parts": store.batches.parts("b1"),
        "batches.ended_before": store.batches.ended_before(99),
        "batches.erasures": store.batches.erasures("b1"),
        "batches.with_erasures": store.batches.with_erasures(),
        "contacts.attribute_names": store.contacts.attribute_names(),
        "contacts.has_attribute": store.contacts.has_attribute("plan"),
        "imports.find": store.imports.find("i1"),
        "imports.page": store.imports.page(10),
        "imports.last_loaded": store.imports.last_loaded(),
        "imports.made_contacts": store.imports.made_contacts("i1"),
        "imports.with_files": store.imports.with_files(),
        "imports.erasures": store.imports.erasures("i1"),
        "imports.with_erasures": store.imports.with_erasures(),
        "events.counts": store.events.counts("a"),
        "events.of_contact": store.events.of_contact("a", limit=10),
        "events.types": store.events.types(),
        "events.currencies": store.events.currencies(["order_placed"]),
        "events.newest_at": store.events.newest_at(),
        "pasts.of": [tuple(facts.attributes) for facts in past.facts.values()],
        "past events": [*past.events],
        "events.between": [row for part in store.events.between(["a"], ["order_placed"], 0, 99) for row in part],
        "predictions.latest_groups": store.predictions.latest_groups(["a"]),
        "pasts.scan_facts": store.pasts.scan_facts()[0],
        "events.times_of": store.events.times_of(["a"], ["order_placed"]),
        "pasts.scan_events": list(store.pasts.scan_events()),
        "events.scan_times": list(store.events.scan_times()),
        "items.revision": store.items.revision(),
        "items.catalogue": store.items.catalogue().items,
        "items.find": store.items.find("tea"),
        "items.of": store.items.of(["tea"]),
        "items.page": store.items.page(10),
        "items.scan": list(store.items.scan()),
        "items.changed_since": changed_items_of(store),
        "data_report.kept": store.data_report.kept(),
        "pasts.groups": store.pasts.groups(),
        "data_report.sample": store.data_report.sample(10).contact_ids,
        "data_report.changes": store.data_report.changes().newest_event_at,
        "data_report.facts": store.data_report.facts(["a"]),
        "data_report.daily_counts": store.data_report.daily_counts(["a"], until=99),
        "data_report.daily_orders": store.data_report.daily_orders(["a"], ["order_placed"], until=99),
        "data_report.repeated_events": store.data_report.repeated_events(["a"]),
        "data_report.shared_addresses": store.data_report.shared_addresses(),
        "contacts.static_attributes": store.contacts.static_attributes(),
        "outcomes.of": [outcome for outcome in store.outcomes.of("scoring") if outcome.name == "x"],
        "outcomes.find": store.outcomes.find("scoring", "x"),
        "outcomes.require": required(store),
        "outcomes.default": store.outcomes.default("scoring"),
        "models.answering": store.models.answering(),
        "models.commands.find": store.models.commands.find("cmd"),
        "models.commands.last_choices": store.models.commands.last_choices(MODEL),
        "models.commands.last_training_at": store.models.commands.last_training_at(MODEL),
        "models.commands.page": store.models.commands.page(MODEL, "train", 9),
        "models.champion": store.models.champion("scoring", "x"),
        "models.promotions": store.models.promotions("scoring", "x"),
        "models.versions": store.models.versions(),
        "models.version": store.models.version("scoring", "x", "1"),
        "models.plot_names": store.models.plot_names("scoring", "x", "1"),
        "models.plots": store.models.plots("scoring", "x", "1"),
        "models.shadows.of": store.models.shadows.of("scoring", "x"),
        "models.shadows.predictions": shadowed_of(store),
        "models.quality.find": store.models.quality.find("scoring", "x"),
        "models.quality.measured_at": store.models.quality.measured_at("scoring", "x"),
        "models.quality.drift": store.models.quality.drift("scoring", "x", "1"),
        "models.quality.facts": store.models.quality.facts(["a"]),
        "models.quality.logged_predictions": list(store.models.quality.logged_predictions("scoring", "x", since=0)),
        "predictions.ranked": store.predictions.ranked("scoring", "x", limit=10),
        "predictions.page": store.predictions.page(PredictionFilter("scoring", "x"), limit=10),
        "predictions.places": store.predictions.places(PredictionFilter("scoring", "x"), limit=10),
        "predictions.at": store.predictions.at(PredictionFilter("scoring", "x"), [ListPlace(50, 0.5, "a")]),
        "predictions.count": store.predictions.count(PredictionFilter("scoring", "x")),
        "predictions.score_counts": store.predictions.score_counts("scoring", "x", "1"),
        "predictions.statuses": store.predictions.statuses("scoring", "x"),
        "predictions.counts": store.predictions.counts.since(0),
        "predictions.of_contact": store.predictions.of_contact("a"),
        "experiments.assignments.campaigns": store.experiments.assignments.campaigns(9),
        "experiments.assignments.of_campaign": list(store.experiments.assignments.of_campaign("may")),
        "experiments.attribution.find": store.experiments.attribution.find("r1"),
        "experiments.attribution.all": store.experiments.attribution.all(),
        "experiments.attribution.population": store.experiments.attribution.population(99).contacts,
        "experiments.attribution.events": list(store.experiments.attribution.events(["order_placed"], [], 0, 99)),
        "experiments.attribution.groups": store.experiments.attribution.groups("plan", 99),
        "experiments.decisions.recent": store.experiments.decisions.recent(["a"], since=0),
        "experiments.decisions.held": store.experiments.decisions.held(["a"], outcome="clicked", campaign_id="may"),
        "experiments.decisions.scan": list(store.experiments.decisions.scan("clicked", 0, 9)),
        "experiments.messages.revision": store.experiments.messages.revision(),
        "experiments.messages.salt": store.experiments.messages.salt(),
        "experiments.messages.all": store.experiments.messages.all(),
        "experiments.messages.find": store.experiments.messages.find("tea"),
        "experiments.messages.page": store.experiments.messages.page(9),
        "experiments.holdouts.all": store.experiments.holdouts.all(),
        "experiments.holdouts.find": store.experiments.holdouts.find("spring"),
        "experiments.holdouts.active": store.experiments.holdouts.active("churn", "x", at=2),
        "experiments.holdouts.has_events": store.experiments.holdouts.has_events("order_placed"),
        "experiments.holdouts.population": [sorted(ids) for ids in store.experiments.holdouts.population(99)],
        "experiments.holdouts.reached": list(store.experiments.holdouts.reached(["order_placed"], 0, 99)),
        "experiments.holdouts.reached_before": list(store.experiments.holdouts.reached_before(["order_placed"], 99)),
        "predictions.first_probabilities": list(store.predictions.first_probabilities("scoring", "x", (0, 99))),
        "predictions.request_reads": found_of(store),
        "predictions.latest_of": store.predictions.latest_of("scoring", "x", ["a"]),
        "segments.members": store.segments.members("s1", limit=10),
        "segments.names": store.segments.names(),
        "subscriptions.all": store.subscriptions.all(),
        "subscriptions.find": store.subscriptions.find("s1"),
        "subscriptions.secrets": store.subscriptions.secrets(1),
        "subscriptions.counts": store.subscriptions.counts(),
        "deliveries.page": store.deliveries.page(10),
        "deliveries.backlog": store.deliveries.backlog(99).failed,
        "deliveries.find": store.deliveries.find(delivery_id("s1", "m1")),
        "deliveries.attempts": store.deliveries.attempts(delivery_id("s1", "m1")),
        "sources.all": store.sources.all(),
        "sources.find": store.sources.find("src_default"),
        "idempotency.received": store.idempotency.received("src_1", {"r"}),
        "sources.dead_letters.page": store.sources.dead_letters.page(10),
        "sources.dead_letters.find": store.sources.dead_letters.find("dl_1"),
        "identities.contacts_of": store.identities.contacts_of({("email", "hash")}),
        "identities.claims_on": store.identities.claims_on({("email", "hash")}),
        "sources.dead_letters.counts": store.sources.dead_letters.counts(),
        "contacts.known": store.contacts.known({"a"}),
        "events.of_messages": list(store.events.of_messages({"a"}, {"m"})),
        "idempotency.find": store.idempotency.find("again"),
        "audit.page": [row for row in store.audit.page(10) if row.action != "contact.exported"],
        "audit.about": store.audit.about("model.promoted", "scoring.x"),
        "privacy.export": exported(store),
        "changes.states": store.changes.states("scoring", "x", ["a"]),
        "changes.hold_states": store.changes.hold_states("scoring", "x", ["a"]),
        "changes.moves": store.changes.moves("scoring", "x", "1", since=0),
        "changes.stale_among": store.changes.stale_among(["a"]),
        "changes.due": store.changes.due(10, quiet_since=99, waiting_since=0),
    }


def changed_items_of(store: AccountStore) -> tuple[object, ...]:
    changed = store.items.changed_since(0)
    return () if changed is None else (*changed.rows, *changed.deleted)


def shadowed_of(store: AccountStore) -> list[object]:
    row = store.models.shadows.of("scoring", "x")
    return [] if row is None else list(store.models.shadows.predictions(row, "1", limit=9))


def exported(store: AccountStore) -> list[str]:
    """Read what is held of a contact: the parts that are not empty."""
    try:
        document = json.loads(b"".join(hashing(store, b"k" * 32).privacy.export("a", at=5)))
    except NotFound:
        return []
    return sorted(name for name, part in document.items() if part)


def required(store: AccountStore) -> Outcome | None:
    """Read the outcome; None: refused as unknown."""
    try:
        return store.outcomes.require("scoring", "x")
    except UnknownOutcome:
        return None


WRITES = {
    "audit": "add delete_before",
    "changes": "put_states clear touch",
    "batches": "create cancel delete take renew plan finish_part complete fail release forget_erasures",
    "contacts": "put put_bulk declare_static merge",
    "data_report": "keep mark",
    "sources.dead_letters": "put remove delete_before",
    "deliveries": "lease record_attempts replay replay_many outbox",
    "deliveries.outbox": "publish delete_before",
    "experiments": "assignments attribution decisions holdouts messages",
    "experiments.assignments": "add",
    "experiments.attribution": "request take renew end",
    "experiments.decisions": "decide add_imported add_imported_bulk delete_before",
    "experiments.holdouts": "create release",
    "experiments.messages": "put add_missing delete",
    "events": "add add_bulk correct delete_before",
    "idempotency": "begin hold keep release delete_before add_received delete_received_before",
    "identities": "point erased shared",
    "imports": "create change request_load request_undo delete take renew advance checked loaded undone fail release "
    "undo forget_marks drop_file drop_rejects_before delete_before forget_erasures",
    "items": "put put_bulk delete",
    "keys": "create rotate revoke",
    "models": "promote rollback start_shadow end_shadow add note put_input_drift commands quality shadows",
    "models.commands": "request begin take renew advance complete fail close_interrupted release cancel delete_before",
    "models.quality": "put put_drift",
    "models.shadows": "put_comparison keep delete_before",
    "outcomes": "put delete set_default",
    "predictions": "log delete_before forget_latest reached_since",
    "privacy": "erase forget erase_late_predictions erasures",
    "segments": "rename",
    "sources": "add remove add_secret hold dead_letters",
    "subscriptions": "create update delete add_secret",
}
"""What writes, by subject; and a few reads that tell nothing of what an account stored."""


def reads(store: AccountStore) -> set[str]:
    """Name every read of every subject."""
    subjects = {name for name in dir(store) if not name.startswith("_")} - {
        "account", "acting", "hashing", "is_alone", "transaction",
    }  # fmt: skip
    found = {name: getattr(store, name) for name in subjects}
    below = {
        "deliveries": ("outbox",),
        "experiments": ("assignments", "attribution", "decisions", "holdouts", "messages"),
        "models": ("commands", "quality", "shadows"),
        "sources": ("dead_letters",),
    }
    for above, name in ((above, name) for above, names in below.items() for name in names):
        found[f"{above}.{name}"] = getattr(getattr(store, above), name)
    return {
        f"{subject}.{name}"
        for subject, one in found.items()
        for name in dir(one)
        if not name.startswith("_") and name not in WRITES.get(subject, "").split()
    }


def test_every_read_sees_what_its_account_wrote(database: Database) -> None:
    fill(database.of("default"))

    assert all(everything(database.of("default")).values())


def test_no_read_sees_another_account(database: Database) -> None:
    fill(database.of("default"))
    database.create_account("other", created_at=1)

    assert not any(everything(database.of("other")).values())


def test_the_isolation_test_covers_every_read(database: Database) -> None:
    assert everything(database.of("default")).keys() - {"past events"} == reads(database.of("default"))


def test_no_write_reaches_another_account(database: Database) -> None:
    fill(database.of("default"))
    before = everything(database.of("default"))
    database.create_account("other", created_at=1)
    other = database.of("other")

    fill(other)
    other.contacts.put([ContactRow("a", 9, attributes=(AttributeRow("plan", "x", 2),))], recorded_at=9)
    other.outcomes.delete("scoring", "x")
    other.predictions.delete_before(99)
    other.predictions.counts.delete_before(99)
    other.subscriptions.delete("s1")
    other.deliveries.outbox.delete_before(99)
    other.idempotency.keep("again", "claim", status=200, answer="sealed", contact_ids=None)
    other.idempotency.delete_before(99)
    hashing(other, b"k" * 32).privacy.erase("a", at=9)
    hashing(other, b"k" * 32).privacy.erase_late_predictions()
    other.privacy.forget({("email", "hash")}, at=9)
    assert sum(other.events.delete_before(99)) == 0
    other.audit.delete_before(99)
    other.changes.clear({"a": 10, "b": 2})

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
        store.events.add([EVENT])
    with pytest.raises(NotFound, match="nobody"):
        store.events.add_bulk([EVENT])
    with pytest.raises(NotFound, match="nobody"):
        store.contacts.put([ContactRow("a")], recorded_at=1)
    with pytest.raises(NotFound, match="nobody"):
        database.delete_account("nobody")
