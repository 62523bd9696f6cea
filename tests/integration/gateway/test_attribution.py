"""Attribution over HTTP: asked for, waited for, shown, refused."""

import json
from datetime import UTC, datetime

from foretell.background.attribution_process import work
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, SECOND, EventRow, microseconds

QUESTION = "/attribution?outcome=customer&from=2026-01-01&to=2026-02-01"
SINCE = microseconds(datetime(2026, 1, 1, tzinfo=UTC))


def fill(store) -> None:
    rows = [EventRow(f"c-{n}", "1", "email_clicked", SINCE + DAY, SINCE + DAY) for n in range(90)]
    rows += [EventRow(f"c-{n}", "2", "order_placed", SINCE + 2 * DAY, SINCE + DAY, 20.0, "EUR") for n in range(45)]
    store.events.add(rows)


def make(store) -> None:
    for one in store.experiments.attribution.all():
        work(store, one.report_id, lease_seconds=30)


async def test_a_report_is_answered_once_a_worker_has_made_it(gateway) -> None:
    store, key = gateway.store.of("acme"), gateway.key(scopes=("read",))
    fill(store)

    status, state, headers = await gateway.request("GET", QUESTION, key)
    again, same, _ = await gateway.request("GET", QUESTION, key)
    make(store)
    done, report, _ = await gateway.request("GET", QUESTION, key)
    by_id, shown, _ = await gateway.request("GET", f"/attribution/reports/{state['id']}", key)
    fresh, _, _ = await gateway.request("GET", f"{QUESTION}&fresh=true", key)

    assert (status, state["status"], headers["Retry-After"]) == (202, "queued", "2")
    assert headers["Location"].endswith(f"/attribution/reports/{state['id']}")
    assert (again, same["id"], same["requested_at"]) == (202, state["id"], state["requested_at"])
    assert (done, by_id, shown) == (200, 200, report)
    assert fresh == 200  # made within the last minute: who polls with `fresh=true` gets to an end
    assert (report["question"]["since"], report["question"]["by"]) == ("2026-01-01T00:00:00Z", "channel")
    assert (report["conversions"], report["value"], report["channels"][0]["channel"]) == (45, 900.0, "email")


async def test_what_is_old_or_to_be_fresh_is_made_again(gateway) -> None:
    store, key = gateway.store.of("acme"), gateway.key(scopes=("read",))
    fill(store)
    await gateway.request("GET", QUESTION, key)
    (row,) = store.experiments.attribution.all()
    work(store, row.report_id, lease_seconds=30, now=lambda: row.requested_at - 120 * SECOND)

    kept, _, _ = await gateway.request("GET", QUESTION, key)
    fresh, _, _ = await gateway.request("GET", f"{QUESTION}&fresh=true", key)

    assert (kept, fresh) == (200, 202)


async def test_too_little_is_409_with_counts(gateway) -> None:
    store, key = gateway.store.of("acme"), gateway.key(scopes=("read",))
    await gateway.request("GET", QUESTION, key)
    make(store)

    status, problem, _ = await gateway.request("GET", QUESTION, key)

    assert (status, problem["code"], problem["conversions"], problem["needed"]) == (
        409,
        "too-little-to-attribute",
        0,
        40,
    )


async def test_paths_of_another_tool_are_made_by_the_worker_too(gateway) -> None:
    store, key = gateway.store.of("acme"), gateway.key(scopes=("read",))
    paths = [
        {"path": "email > search", "conversions": 60, "value": 1200.0, "nulls": 140},
        {"path": ["search"], "conversions": 20, "nulls": 80},
    ]

    first, state, _ = await gateway.request("POST", "/attribution/paths", key, json={"paths": paths})
    make(store)
    second, report, _ = await gateway.request("POST", "/attribution/paths", key, json={"paths": paths})
    _, listed, _ = await gateway.request("GET", "/attribution/reports", key)

    assert (first, second) == (202, 200)
    assert (report["conversions"], report["question"], report["incremental"]) == (80, None, [])
    assert [(one["id"], one["kind"], one["status"]) for one in listed["reports"]] == [
        (state["id"], "paths", "completed")
    ]


async def test_what_cannot_be_answered_is_refused_at_once(gateway) -> None:
    store, key = gateway.store.of("acme"), gateway.key(scopes=("read",))
    store.outcomes.put(Outcome(name="bought", capability="scoring", attribute="bought"))
    for path, status, code, words in [
        ("/attribution?outcome=none", 422, "unknown-outcome", "There is no scoring outcome"),
        ("/attribution?outcome=bought", 422, "invalid-request", "foretell outcomes set bought_event"),
        ("/attribution", 422, "invalid-request", "no default"),
        (f"{QUESTION}&by=colour", 422, "invalid-request", ""),
        (f"{QUESTION}&lookback_days=0", 422, "invalid-request", ""),
        ("/attribution/reports/" + "0" * 32, 404, "not-found", "GET /attribution/reports"),
    ]:
        found, problem, _ = await gateway.request("GET", path, key)

        assert (found, problem["code"]) == (status, code), path
        assert words in json.dumps(problem, ensure_ascii=False), path
    denied, problem, _ = await gateway.request("GET", QUESTION, gateway.key(scopes=("predict",)))
    assert (denied, problem["code"]) == (403, "missing-scope")
