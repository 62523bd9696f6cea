from dataclasses import replace

import pytest
from sqlalchemy import insert

from shared.contracts.message import Message
from shared.errors import Conflict, NotFound
from shared.store import (
    AccountStore,
    AttemptResult,
    Database,
    DeliveryState,
    DueDelivery,
    SecretRow,
    SubscriptionRow,
    SubscriptionState,
)
from shared.store.delivery_tables import SubscriptionTable

TYPE = "score.band_changed"
NEVER = -1


def subscribe(store: AccountStore, name: str, state: SubscriptionState = "enabled") -> None:
    row = SubscriptionRow(name, "https://a.example", (TYPE,), "", None, {}, None, True, state, None, 1, None, 1)
    store.subscriptions.create(row, SecretRow(name, "sec_1", "sealed", 1, None))


def publish(store: AccountStore, *names: str, at: int = 10) -> None:
    store.deliveries.outbox.publish(
        [Message(name, TYPE, 5, {"band": "high"}, contact_id="a", cause="events") for name in names], at=at
    )


def result(due: DueDelivery, state: DeliveryState = "delivered", **more: object) -> AttemptResult:
    status = 200 if state == "delivered" else 500
    values = {
        "delivery_id": due.delivery_id, "subscription_id": due.subscription_id, "attempted_at": 20, "status": status,
        "milliseconds": 3, "error": None, "response": "ok", "state": state, "due_at": 90, "tries": due.tries + 1,
        "gone": False,
    }  # fmt: skip
    return AttemptResult(**{**values, **more})  # type: ignore[arg-type]


def state_of(store: AccountStore, name: str) -> tuple[str, str | None, int | None]:
    found = store.subscriptions.find(name)
    assert found is not None
    return found.state, found.state_reason, found.failing_since


def test_what_is_leased_is_nobody_elses_until_the_lease_ends(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1", "m2")

    first = store.deliveries.lease({"s1": 10}, at=10, until=40)
    second = store.deliveries.lease({"s1": 10}, at=39, until=69)
    third = store.deliveries.lease({"s1": 10}, at=40, until=70)

    assert [(due.type, due.occurred_at, due.data, due.tries) for due in first] == [(TYPE, 5, '{"band": "high"}', 0)] * 2
    assert (second, third) == ([], first)


def test_a_subscription_that_keeps_many_waiting_leaves_room_for_another(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "slow")
    publish(store, *(f"m{number}" for number in range(9)), at=10)
    subscribe(store, "quick")
    publish(store, "m9", at=11)

    taken = store.deliveries.lease({"slow": 3, "quick": 3}, at=20, until=40)

    assert [due.subscription_id for due in taken] == ["quick", "slow", "slow", "slow"]


def test_only_what_is_enabled_and_due_is_polled_and_taken(database: Database) -> None:
    store = database.of("default")
    for name, state in (("s1", "enabled"), ("s2", "paused")):
        subscribe(store, name, state)  # type: ignore[arg-type]
    publish(store, "m1", at=10)

    assert database.due_subscriptions(9) == {}
    assert database.due_subscriptions(10) == {"default": ["s1"]}
    assert [one.subscription_id for one in store.deliveries.lease({"s1": 5, "s2": 5}, at=10, until=40)] == ["s1"]


def test_an_attempt_and_what_is_next_are_written_together(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    store.deliveries.record_attempts([result(due, "pending", status=None, error="timeout")], at=21, pause_before=NEVER)
    (again,) = store.deliveries.lease({"s1": 1}, at=90, until=120)
    store.deliveries.record_attempts([result(again, attempted_at=91)], at=92, pause_before=NEVER)

    shown = store.deliveries.find(due.delivery_id)
    assert shown is not None
    assert (again.tries, shown.state, shown.attempts, shown.ended_at) == (1, "delivered", 2, 92)
    assert store.deliveries.attempts(due.delivery_id) == [
        (1, 20, None, 3, "timeout", "ok"),
        (2, 91, 200, 3, None, "ok"),
    ]
    assert store.deliveries.lease({"s1": 1}, at=999, until=1_000) == []


def test_what_was_delivered_stays_delivered_when_a_lost_lease_reports_failure(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    store.deliveries.record_attempts([result(due)], at=21, pause_before=NEVER)
    store.deliveries.record_attempts([result(due, "failed")], at=22, pause_before=NEVER)

    shown = store.deliveries.find(due.delivery_id)
    assert shown is not None
    assert (shown.state, shown.attempts, shown.ended_at) == ("delivered", 2, 21)


def test_the_first_failure_is_remembered_until_something_succeeds(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    store.deliveries.record_attempts([result(due, "pending")], at=21, pause_before=NEVER)
    store.deliveries.record_attempts([result(due, "pending", attempted_at=50)], at=51, pause_before=NEVER)
    failing = state_of(store, "s1")
    store.deliveries.record_attempts([result(due)], at=61, pause_before=NEVER)

    assert failing == ("enabled", None, 20)
    assert state_of(store, "s1") == ("enabled", None, None)


def test_sustained_failure_pauses_and_keeps_what_waits(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    changed = store.deliveries.record_attempts([result(due, "pending")], at=21, pause_before=20)
    again = store.deliveries.record_attempts([result(due, "pending")], at=22, pause_before=20)
    publish(store, "m2")

    assert (changed, again) == ({"s1": "paused"}, {})
    assert state_of(store, "s1") == (
        "paused", "Every attempt has failed for days; the last one with status 500.", 20,
    )  # fmt: skip
    assert store.deliveries.lease({"s1": 5}, at=99, until=120) == []
    assert store.subscriptions.counts() == {"s1": (2, 0)}


def test_what_waited_is_due_once_its_subscription_goes_on(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1", "m2")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=15)
    store.deliveries.record_attempts([result(due, "pending")], at=20, pause_before=20)
    paused = store.subscriptions.find("s1")
    assert paused is not None

    store.subscriptions.update(paused, replace(paused, state="enabled", state_at=50))

    assert [one.tries for one in store.deliveries.lease({"s1": 2}, at=50, until=60)] == [0, 1]


def test_a_failure_that_is_not_the_receivers_pauses_nobody(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    changed = store.deliveries.record_attempts([result(due, "failed", blames=False)], at=21, pause_before=20)

    assert (changed, state_of(store, "s1")) == ({}, ("enabled", None, None))


def test_a_receiver_that_is_gone_disables_its_subscription(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)

    changed = store.deliveries.record_attempts(
        [result(due, "failed", status=410, gone=True)], at=21, pause_before=NEVER
    )
    publish(store, "m2")

    assert changed == {"s1": "disabled"}
    assert store.subscriptions.counts() == {"s1": (0, 1)}
    with pytest.raises(Conflict, match="disabled"):
        store.deliveries.replay(due.delivery_id, at=30)


def test_an_attempt_of_a_delivery_that_was_erased_is_left_out(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)
    store.subscriptions.delete("s1")

    assert store.deliveries.record_attempts([result(due)], at=21, pause_before=NEVER) == {}
    assert store.deliveries.attempts(due.delivery_id) == []


def test_one_or_a_stretch_of_time_is_replayed_under_the_same_id(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    for number in range(4):
        publish(store, f"m{number}", at=10 + number)
    taken = store.deliveries.lease({"s1": 3}, at=20, until=40)
    ends: tuple[DeliveryState, ...] = ("delivered", "failed", "delivered")
    store.deliveries.record_attempts(
        [result(due, state) for due, state in zip(taken, ends, strict=True)], at=21, pause_before=NEVER
    )

    store.deliveries.replay(taken[0].delivery_id, at=30)
    replayed = store.deliveries.replay_many("s1", 11, 13, states=("failed",), at=31)

    again = store.deliveries.lease({"s1": 9}, at=31, until=60)
    assert replayed == 1
    assert {due.delivery_id for due in again} >= {taken[0].delivery_id, taken[1].delivery_id}
    assert {due.tries for due in again} == {0}
    assert taken[2].delivery_id not in {due.delivery_id for due in again}


def test_what_is_not_there_is_not_replayed(database: Database) -> None:
    store = database.of("default")

    with pytest.raises(NotFound, match="no delivery dlv_x"):
        store.deliveries.replay("dlv_x", at=1)
    with pytest.raises(NotFound, match="no subscription s9"):
        store.deliveries.replay_many("s9", 0, 9, at=1)


def test_deliveries_are_listed_newest_first_a_page_at_a_time(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    subscribe(store, "s2", "paused")
    publish(store, "m1", at=10)
    publish(store, "m2", at=11)

    everything = store.deliveries.page(10)
    first = store.deliveries.page(3)
    second = store.deliveries.page(3, after=(first[-1].created_at, first[-1].delivery_id))

    assert [row.created_at for row in everything] == [11, 11, 10, 10]
    assert first + second == everything
    assert [row.message_id for row in store.deliveries.page(10, subscription_id="s2", state="pending")] == ["m2", "m1"]
    assert store.deliveries.page(10, state="failed") == []


def test_old_messages_are_erased_with_all_that_became_of_them(database: Database) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    publish(store, "m1")
    (due,) = store.deliveries.lease({"s1": 1}, at=10, until=40)
    store.deliveries.record_attempts([result(due)], at=21, pause_before=NEVER)

    erased = [store.deliveries.outbox.delete_before(before) for before in (5, 6, 6)]

    assert erased == [0, 1, 0]
    assert (store.deliveries.page(10), store.deliveries.attempts(due.delivery_id)) == ([], [])


def test_an_account_has_at_most_a_hundred_subscriptions(database: Database) -> None:
    store = database.of("default")
    values = {
        "account_id": "default", "url": "https://a.example", "description": "", "event_types": "[]", "connector": None,
        "settings": "{}", "sealed_headers": None, "model_changes": False, "state": "enabled", "state_at": 1,
        "created_at": 1,
    }  # fmt: skip
    with database._store.writing() as connection:
        rows = [{**values, "subscription_id": f"s{number}"} for number in range(100)]
        connection.execute(insert(SubscriptionTable), rows)

    with pytest.raises(Conflict, match="at most 100"):
        subscribe(store, "s100")


def test_a_page_is_the_newest_first_over_subscriptions_and_states_and_goes_on_where_it_ended(
    database: Database,
) -> None:
    store = database.of("default")
    subscribe(store, "s1")
    subscribe(store, "s2")
    for number in range(4):
        publish(store, f"m{number}", at=10 + number)
    due = store.deliveries.lease({"s1": 2}, at=99, until=199)
    store.deliveries.record_attempts([result(one, "failed") for one in due], at=20, pause_before=NEVER)
    ended = {one.delivery_id for one in due}

    every = store.deliveries.page(9)
    pages = {
        "s1": store.deliveries.page(9, subscription_id="s1"),
        "pending": store.deliveries.page(9, state="pending"),
        "failed": store.deliveries.page(9, state="failed"),
        "s2 failed": store.deliveries.page(9, subscription_id="s2", state="failed"),
    }
    first = store.deliveries.page(3, state="pending")
    rest = store.deliveries.page(9, state="pending", after=(first[-1].created_at, first[-1].delivery_id))

    assert [one.created_at for one in every] == [13, 13, 12, 12, 11, 11, 10, 10]
    assert pages["s1"] == [one for one in every if one.subscription_id == "s1"]
    assert pages["pending"] == [one for one in every if one.delivery_id not in ended]
    assert pages["failed"] == [one for one in every if one.delivery_id in ended]
    assert pages["s2 failed"] == []
    assert first + rest == pages["pending"]
