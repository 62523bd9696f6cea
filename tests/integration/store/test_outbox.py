import json

from sqlalchemy import insert, select

from shared.contracts.message import Message
from shared.contracts.rows import EventRow
from shared.store import Database
from shared.store.delivery_tables import DeliveryTable, MessageTable, SubscriptionTable


def subscribe(database: Database, name: str, types: list[str], **more: object) -> None:
    values = {
        "account_id": "default", "subscription_id": name, "url": "https://a.example", "description": "",
        "event_types": json.dumps(types), "connector": None, "settings": "{}", "sealed_headers": None,
        "model_changes": False, "state": "enabled", "state_at": 1, "created_at": 1,
    }  # fmt: skip
    with database._store.writing() as connection:
        connection.execute(insert(SubscriptionTable), {**values, **more})


def deliveries(database: Database) -> list[tuple[str, str]]:
    columns = select(DeliveryTable.subscription_id, DeliveryTable.message_id).order_by("subscription_id", "message_id")
    with database._store.reading() as connection:
        return [(one, message) for one, message in connection.execute(columns)]


def message(name: str, type_: str = "score.band_changed", cause: str | None = "events") -> Message:
    return Message(name, type_, 5, {"band": "high"}, contact_id="a", cause=cause)  # type: ignore[arg-type]


def test_a_message_goes_to_those_who_want_its_type_once(database: Database) -> None:
    subscribe(database, "s1", ["score.band_changed"])
    subscribe(database, "s2", ["score.band_changed"], state="paused")
    subscribe(database, "s3", ["score.band_changed"], state="disabled")
    subscribe(database, "s4", ["segment.left"])
    store = database.of("default")

    made = [
        store.deliveries.outbox.publish([message("m1")], at=7),
        store.deliveries.outbox.publish([message("m1")], at=8),
    ]

    assert made == [2, 0]
    assert deliveries(database) == [("s1", "m1"), ("s2", "m1")]


def test_what_only_a_new_model_changed_is_reported_to_those_who_subscribed_to_it(database: Database) -> None:
    subscribe(database, "s1", ["score.band_changed", "model.promoted"])
    subscribe(database, "s2", ["score.band_changed"], model_changes=True)

    database.of("default").deliveries.outbox.publish(
        [message("m1", cause="model"), Message("m2", "model.promoted", 5, {}, cause="model")], at=7
    )

    assert deliveries(database) == [("s1", "m2"), ("s2", "m1")]


def test_a_message_that_nobody_wants_is_not_kept(database: Database) -> None:
    database.of("default").deliveries.outbox.publish([message("m1")], at=7)

    with database._store.reading() as connection:
        assert connection.execute(select(MessageTable)).all() == []


def test_writes_of_one_transaction_are_undone_together(database: Database) -> None:
    subscribe(database, "s1", ["score.band_changed"])
    store = database.of("default")

    try:
        with store.transaction() as together:
            together.events.add([EventRow("a", "1", "order_placed", 10, 10)])
            together.deliveries.outbox.publish([message("m1")], at=7)
            raise LookupError
    except LookupError:
        pass

    assert (store.contacts.find("a"), deliveries(database)) == (None, [])
