import json
import time
from typing import Any

import pytest

from shared.contracts.message import Message
from shared.contracts.rows import HOUR, SECOND, ContactRow, EventRow
from shared.store import AccountStore, KeptReport, PredictionRow, SecretRow, SubscriptionRow

NOW = time.time_ns() // 1_000
THIS_HOUR = NOW - NOW % HOUR


def prediction(contact_id: str, at: int, status: str = "ok", capability: str = "scoring") -> PredictionRow:
    return PredictionRow(contact_id, capability, "x", "1", at, at, "r", status, None, None, None, None, "{}")


def subscribe(store: AccountStore, name: str, state: str = "enabled") -> None:
    row = SubscriptionRow(name, "https://a.example", ("x",), "", None, {}, None, False, state, None, 1, None, 1)  # type: ignore[arg-type]
    store.subscriptions.create(row, SecretRow(name, f"sec_{name}", "sealed", 1, None))


async def test_nothing_goes_on_in_an_empty_account(gateway: Any) -> None:
    status, found, _ = await gateway.request("GET", "/activity", gateway.key(scopes=("read",)))

    assert status == 200
    assert (found["hours"], found["newest_event_at"]) == ([], None)
    assert found["deliveries"] == {"due": 0, "oldest_due_at": None, "held": 0, "failed": 0}


async def test_predictions_are_counted_by_hour_capability_and_status_as_they_are_logged(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.activity.now_us", lambda: NOW)  # no hour ends in between
    store = gateway.store.of("acme")
    store.predictions.log([prediction("a", NOW), prediction("b", NOW), prediction("c", NOW, "insufficient_data")])
    store.predictions.log([prediction("d", NOW), prediction("e", NOW - HOUR, capability="churn")])
    store.predictions.log([prediction("f", NOW - 50 * HOUR)])

    _, found, _ = await gateway.request("GET", "/activity", gateway.key())
    _, two, _ = await gateway.request("GET", "/activity?hours=1", gateway.key())

    assert [(one["capability"], one["status"], one["answers"]) for one in found["hours"]] == [
        ("churn", "ok", 1), ("scoring", "insufficient_data", 1), ("scoring", "ok", 3),
    ]  # fmt: skip
    assert [one["answers"] for one in two["hours"]] == [1, 3]


async def test_what_has_not_arrived_is_counted_by_why(gateway: Any) -> None:
    store = gateway.store.of("acme")
    subscribe(store, "on")
    subscribe(store, "off", "paused")
    store.deliveries.outbox.publish([Message("m1", "x", NOW, {}), Message("m2", "x", NOW, {})], at=NOW - 60 * SECOND)

    _, found, _ = await gateway.request("GET", "/activity", gateway.key())

    assert (found["deliveries"]["due"], found["deliveries"]["held"], found["deliveries"]["failed"]) == (2, 2, 0)
    assert found["deliveries"]["oldest_due_at"] is not None


async def test_the_newest_event_is_shown(gateway: Any) -> None:
    store = gateway.store.of("acme")
    store.contacts.put([ContactRow("a")], recorded_at=1)
    store.events.add([EventRow("a", "e", "page_viewed", 1_780_000_000 * SECOND, NOW)])

    _, found, _ = await gateway.request("GET", "/activity", gateway.key())

    assert found["newest_event_at"] == "2026-05-28T20:26:40Z"


async def test_counts_are_deleted_with_what_they_count(gateway: Any) -> None:
    counts = gateway.store.of("acme").predictions.counts
    gateway.store.of("acme").predictions.log([prediction("a", NOW), prediction("b", NOW - 50 * HOUR)])

    gone = counts.delete_before(THIS_HOUR)

    assert gone == 1
    assert [one.hour for one in counts.since(0)] == [THIS_HOUR]


async def test_a_kept_report_is_shown_at_once_and_before_it_is_none(gateway: Any) -> None:
    key = gateway.key(scopes=("read",))
    status, none, _ = await gateway.request("GET", "/data-report?kept=true", key)
    _, made, _ = await gateway.request("GET", "/data-report", key)
    store = gateway.store.of("acme")
    store.data_report.keep(KeptReport(NOW, store.data_report.mark(), json.dumps(made)))
    store.contacts.put([ContactRow("a")], recorded_at=1)

    _, kept, _ = await gateway.request("GET", "/data-report?kept=true", key)

    assert (status, none["code"]) == (404, "not-found")
    assert kept == made
    assert kept["contacts"]["total"] == 0
