"""Batches over HTTP: asked for in JSON or with a file, followed, fetched, cancelled, deleted."""

import errno
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from shared.batches.files import BatchFiles
from shared.contracts.rows import SECOND, ContactRow
from shared.store import BatchEnd, Lease
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway

NDJSON = {"Content-Type": "application/x-ndjson"}
ALL = {"capabilities": ["scoring"], "contacts": "all", "outcome": "customer"}
ASKED = "/batches?capabilities=scoring&outcome=customer"


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"batch_upload_bytes": 2_000_000, "batches_open": 3}


def promote(gateway: RunningGateway, *names: tuple[str, str]) -> None:
    for name, outcome in names or (("scoring", "customer"),):
        gateway.store.of("acme").models.promote(name, outcome, "3", "d" * 64, at=LONG_AGO, reason="test")


def files(gateway: RunningGateway) -> BatchFiles:
    return BatchFiles(gateway.settings.files_folder)


def left(gateway: RunningGateway) -> list[str]:
    root = gateway.settings.files_folder
    return sorted(str(one.relative_to(root)) for one in root.rglob("*") if one.is_file())


def completed(gateway: RunningGateway, batch_id: str, content: bytes) -> None:
    """End a batch as the worker does."""
    store, lease = gateway.store.of("acme"), Lease(batch_id, "claim")
    assert store.batches.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    models = [{"capability": "scoring", "outcome": "customer", "version": "3", "digest": "d" * 64}]
    assert store.batches.plan(lease, models, [2], until=LONG_AGO * 2)
    store.batches.finish_part(lease, 1, {"scoring": {"ok": 2}}, at=LONG_AGO + SECOND, until=LONG_AGO * 2)
    folder = files(gateway).of("acme", batch_id).path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result-1.csv").write_bytes(content)
    told = _message(batch_id)
    assert store.batches.complete(lease, BatchEnd("result-1.csv", told, LONG_AGO + SECOND), erased=()) == "completed"


def _message(batch_id: str) -> Any:
    from shared.change_detection.account_messages import batch_job_completed

    return batch_job_completed(batch_id, ["scoring"], contacts=2, began=LONG_AGO, ended=LONG_AGO + SECOND)


async def test_a_batch_about_all_contacts_waits_for_the_worker(gateway: RunningGateway) -> None:
    promote(gateway)

    status, batch, headers = await gateway.request("POST", "/batches", gateway.key(scopes=("predict",)), json=ALL)

    assert status == 202
    assert headers["Location"] == f"/batches/{batch['id']}"
    assert (batch["status"], batch["progress"]) == ("queued", {"contacts": None, "done": 0})
    assert batch["models"] == [{"capability": "scoring", "outcome": "customer", "version": None}]
    assert gateway.store.waiting_batches(LONG_AGO) == [("acme", batch["id"])]


async def test_a_completed_batch_shows_its_counts_and_gives_its_result(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", "/batches", key, json={**ALL, "format": "csv"})
    completed(gateway, batch["id"], b"contact_id\r\na\r\n")

    _, shown, _ = await gateway.request("GET", f"/batches/{batch['id']}", key)
    status, content, headers = await gateway.request("GET", f"/batches/{batch['id']}/result", key)

    assert (shown["status"], shown["progress"]) == ("completed", {"contacts": 2, "done": 2})
    assert shown["statuses"] == {"scoring": {"ok": 2}}
    assert shown["result"] == f"/batches/{batch['id']}/result"
    assert shown["models"][0]["version"] == "3"
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert headers["Content-Disposition"] == f'attachment; filename="{batch["id"]}.csv"'
    assert content == b"contact_id\r\na\r\n"


async def test_a_plan_is_kept_with_the_rules_that_the_caller_gave(gateway: RunningGateway) -> None:
    promote(gateway, ("sendtime", ""))
    plan = {"capacity_per_hour": 5, "quiet_hours": {"from": "20:00", "to": "09:00"}}
    body = {"capabilities": ["sendtime"], "contacts": "all", "plan": plan}

    status, batch, _ = await gateway.request("POST", "/batches", gateway.key(), json=body)

    kept = gateway.store.of("acme").batches.find(batch["id"])
    assert (status, batch["plan"]) == (202, None)
    assert kept is not None
    assert kept.request["plan"]["quiet_hours"] == {"from": "20:00", "to": "09:00"}
    assert kept.request["plan"]["capacity_per_hour"] == 5


async def test_a_contact_has_one_place_in_a_plan(gateway: RunningGateway) -> None:
    promote(gateway, ("sendtime", ""))
    body = {"capabilities": ["sendtime"], "contacts": {"ids": ["c-1", "c-2", "c-1"]}}

    status, problem, _ = await gateway.request(
        "POST", "/batches", gateway.key(), json={**body, "plan": {"capacity_per_hour": 5}}
    )
    asked, _, _ = await gateway.request("POST", "/batches", gateway.key(), json=body)

    assert (status, asked) == (422, 202)
    assert "named twice" in str(problem["errors"])


async def test_a_window_that_is_too_long_from_the_cutoff_on_is_refused_at_once(gateway: RunningGateway) -> None:
    promote(gateway, ("sendtime", ""))
    asked = {"capabilities": ["sendtime"], "contacts": "all", "cutoff": "2026-03-01T00:00:00Z"}
    statuses = []

    for ends in ("2026-03-15T00:00:00Z", "2026-03-15T00:00:01Z"):
        plan = {"capacity_per_hour": 5, "window": {"not_after": ends}}
        status, answer, _ = await gateway.request("POST", "/batches", gateway.key(), json={**asked, "plan": plan})
        statuses.append(status)

    assert statuses == [202, 422]
    assert answer["errors"] == [
        {"pointer": "/plan/window", "detail": "A window spans at most 14 days from the cutoff."}
    ]


async def test_a_plan_whose_window_is_over_is_refused_at_once(gateway: RunningGateway) -> None:
    promote(gateway, ("sendtime", ""))
    plan = {"capacity_per_hour": 5, "window": {"not_after": "2026-03-01T00:00:00Z"}}
    asked = {"capabilities": ["sendtime"], "contacts": "all", "cutoff": "2026-03-01T00:00:00Z", "plan": plan}

    status, problem, _ = await gateway.request("POST", "/batches", gateway.key(), json=asked)

    assert (status, problem["errors"][0]["pointer"]) == (422, "/plan/window")
    assert problem["detail"] == (
        "The window of the plan ends at 2026-03-01 00:00 UTC, and nothing can be sent before 2026-03-01 00:00 UTC: "
        "give a later `not_after`."
    )


async def test_only_send_times_are_planned(gateway: RunningGateway) -> None:
    promote(gateway)

    status, problem, _ = await gateway.request(
        "POST", "/batches", gateway.key(), json={**ALL, "plan": {"capacity_per_hour": 5}}
    )

    assert (status, problem["code"]) == (422, "invalid-request")
    assert 'capabilities: ["sendtime"]' in problem["errors"][0]["detail"]


async def test_a_result_is_not_given_out_before_the_erased_are_out_of_it(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    gateway.store.of("acme").contacts.put([ContactRow("a")], recorded_at=LONG_AGO)
    _, batch, _ = await gateway.request("POST", "/batches", key, json={**ALL, "format": "ndjson"})
    completed(gateway, batch["id"], b'{"contact_id":"a"}\n')

    await gateway.request("DELETE", "/contacts/a", key)
    status, problem, headers = await gateway.request("GET", f"/batches/{batch['id']}/result", key)

    assert (status, problem["code"], headers["Retry-After"]) == (503, "result-not-ready", "10")


async def test_a_batch_without_result_says_why(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", "/batches", key, json=ALL)

    status, problem, _ = await gateway.request("GET", f"/batches/{batch['id']}/result", key)

    assert (status, problem["code"], problem["detail"]) == (
        409, "conflict", "This batch has no result: it is queued.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("media", "ending", "content"),
    [
        ("application/x-ndjson", "ndjson", b'{"id": "a"}\n'),
        ("application/x-ndjson", "ndjson", b'\xef\xbb\xbf{"id": "a"}\n'),
        ("application/octet-stream", "ndjson", b'\xef\xbb\xbf{"id": "a"}\n'),
        ("text/csv; charset=utf-8", "csv", b"id,country\na,FR\n"),
        ("application/vnd.apache.parquet", "parquet", None),
        ("application/octet-stream", "ndjson", b' {"id": "a"}\n'),
        ("application/octet-stream", "csv", b"id,country\na,FR\n"),
        ("application/octet-stream", "parquet", None),
    ],
)
async def test_a_file_of_contacts_is_kept_for_the_worker(
    gateway: RunningGateway, media: str, ending: str, content: bytes | None
) -> None:
    promote(gateway)
    content = parquet() if content is None else content

    status, batch, _ = await gateway.request(
        "POST", f"{ASKED}&format=csv&reasons=2", gateway.key(), data=content, headers={"Content-Type": media}
    )

    assert (status, batch["format"], batch["reasons"]) == (202, "csv", 2)
    assert left(gateway) == [f"batches/acme/{batch['id']}/upload.{ending}"]
    assert files(gateway).of("acme", batch["id"]).upload(ending).read_bytes() == content


def parquet() -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"]}), target)
    return target.getvalue()


async def test_an_upload_for_which_there_is_no_room_may_be_sent_again(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(gateway)

    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fsync", no_room)
        status, problem, answered = await gateway.request(
            "POST", ASKED, gateway.key(), data=b'{"id": "a"}', headers=NDJSON
        )

    assert (status, problem["code"], answered["Retry-After"]) == (503, "store-unavailable", "5")
    assert left(gateway) == []


async def test_ids_are_kept_in_a_file_and_not_in_the_store(gateway: RunningGateway) -> None:
    promote(gateway)
    asked = {**ALL, "contacts": {"ids": ["b", "a"]}}

    _, batch, _ = await gateway.request("POST", "/batches", gateway.key(), json=asked)

    stored = gateway.store.of("acme").batches.find(batch["id"])
    assert files(gateway).of("acme", batch["id"]).upload("ndjson").read_bytes() == b'{"id":"b"}\n{"id":"a"}\n'
    assert '"a"' not in json.dumps(stored.request)


async def test_attributes_are_kept_as_lists_of_values(gateway: RunningGateway) -> None:
    promote(gateway)
    asked = {**ALL, "contacts": {"attributes": {"country": ["DE", "AT"], "plan": "pro"}}}

    _, batch, _ = await gateway.request("POST", "/batches", gateway.key(), json=asked)

    stored = gateway.store.of("acme").batches.find(batch["id"]).request["contacts"]
    assert stored["attributes"] == {"country": ["DE", "AT"], "plan": ["pro"]}


@pytest.mark.parametrize(
    ("body", "headers", "path", "expected"),
    [
        (b"id\na\n", {"Content-Type": "text/plain"}, ASKED, (415, "unsupported-media-type")),
        (b"", {"Content-Type": "text/csv"}, ASKED, (422, "invalid-request")),
        (b"[1]", NDJSON, ASKED, (422, "invalid-request")),
        (b"PAR1 and no more", {"Content-Type": "application/vnd.apache.parquet"}, ASKED, (422, "invalid-request")),
        (b"x" * 2_000_001, NDJSON, ASKED, (413, "body-too-large")),
        (b'{"id": "a"}', NDJSON, "/batches", (422, "invalid-request")),
        (b'{"id": "a"}', NDJSON, f"{ASKED}&format=xml", (422, "invalid-request")),
        (b'{"id": "a"}', NDJSON, "/batches?capabilities=scoring&outcome=nothing", (422, "unknown-outcome")),
        (b'{"id": "a"}', NDJSON, "/batches?capabilities=churn", (409, "no-model-trained")),
    ],
)
async def test_a_file_that_cannot_be_one_is_refused_and_leaves_nothing(
    gateway: RunningGateway, body: bytes, headers: dict[str, str], path: str, expected: tuple[int, str]
) -> None:
    promote(gateway)

    status, problem, answered = await gateway.request(
        "POST", path, gateway.key(), data=io.BytesIO(body), headers=headers
    )

    assert (status, problem["code"]) == expected
    assert answered["Content-Type"] == "application/problem+json"
    assert left(gateway) == []
    assert gateway.store.waiting_batches(LONG_AGO) == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"capabilities": []}, "/capabilities"),
        ({"capabilities": ["weather"]}, "/capabilities/0"),
        ({"contacts": {}}, "/contacts"),
        ({"contacts": {"segment": "s1", "ids": ["a"]}}, "/contacts"),
        ({"contacts": {"ids": []}}, "/contacts"),
        ({"reasons": 11}, "/reasons"),
        ({"cutoff": "2026-06-01T00:00:00"}, "/cutoff"),
        ({"cutoff": "2199-06-01T00:00:00Z"}, "/cutoff"),
        ({"format": "xml"}, "/format"),
        ({"priority": 1}, "/priority"),
    ],
)
async def test_what_does_not_fit_is_named_with_its_place(
    gateway: RunningGateway, changed: dict[str, Any], pointer: str
) -> None:
    promote(gateway)

    status, problem, _ = await gateway.request("POST", "/batches", gateway.key(), json={**ALL, **changed})

    assert status == 422
    assert problem["errors"][0]["pointer"].startswith(pointer)


async def test_json_takes_nothing_from_the_query(gateway: RunningGateway) -> None:
    promote(gateway)

    status, problem, _ = await gateway.request("POST", f"{ASKED}", gateway.key(), json=ALL)

    assert (status, problem["errors"][0]["pointer"]) == (422, "/query/capabilities")


async def test_a_batch_needs_a_model_that_answers(gateway: RunningGateway) -> None:
    status, problem, _ = await gateway.request("POST", "/batches", gateway.key(), json=ALL)

    assert (status, problem["code"]) == (409, "no-model-trained")
    assert "foretell train scoring --outcome customer" in problem["detail"]


async def test_so_many_batches_may_wait_at_once(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    statuses = [(await gateway.request("POST", "/batches", key, json=ALL))[0] for _ in range(4)]

    assert statuses == [202, 202, 202, 409]


async def test_an_unknown_segment_is_refused(gateway: RunningGateway) -> None:
    promote(gateway)

    status, problem, _ = await gateway.request(
        "POST", "/batches", gateway.key(), json={**ALL, "contacts": {"segment": "s1"}}
    )

    assert (status, problem["code"]) == (409, "no-model-trained")


async def test_the_same_key_asks_for_one_batch(gateway: RunningGateway) -> None:
    promote(gateway)
    key, once = gateway.key(), {**NDJSON, "Idempotency-Key": "nightly"}

    first = await gateway.request("POST", ASKED, key, data=b'{"id": "a"}\n', headers=once)
    again = await gateway.request("POST", ASKED, key, data=b'{"id": "a"}\n', headers=once)
    other = await gateway.request("POST", ASKED, key, data=b'{"id": "b"}\n', headers=once)

    assert (first[0], again[0], other[0]) == (202, 202, 422)
    assert again[1] == first[1]
    assert again[2]["Location"] == first[2]["Location"]
    assert left(gateway) == [f"batches/acme/{first[1]['id']}/upload.ndjson"]


async def test_a_batch_is_cancelled_once_and_deleted(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", ASKED, key, data=b'{"id": "a"}\n', headers=NDJSON)
    path = f"/batches/{batch['id']}"

    cancelled = [await gateway.request("POST", f"{path}/cancel", key) for _ in range(2)]
    deleted = [(await gateway.request("DELETE", path, key))[0] for _ in range(2)]

    assert [(status, body["status"]) for status, body, _ in cancelled] == [(200, "cancelled"), (200, "cancelled")]
    assert deleted == [204, 404]
    assert (await gateway.request("GET", path, key))[0] == 404
    assert left(gateway) == []


async def test_what_has_ended_is_not_cancelled(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", "/batches", key, json=ALL)
    completed(gateway, batch["id"], b"")

    status, problem, _ = await gateway.request("POST", f"/batches/{batch['id']}/cancel", key)

    assert (status, problem["detail"]) == (409, "This batch has ended: it is completed.")


async def test_batches_are_listed_newest_first_a_page_at_a_time(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    made = [(await gateway.request("POST", "/batches", key, json=ALL))[1]["id"] for _ in range(3)]

    _, first, _ = await gateway.request("GET", "/batches?limit=2", key)
    _, rest, _ = await gateway.request("GET", f"/batches?limit=2&cursor={first['next_cursor']}", key)

    assert [one["id"] for one in first["batches"] + rest["batches"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_another_accounts_batch_is_nothing(gateway: RunningGateway) -> None:
    promote(gateway)
    _, batch, _ = await gateway.request("POST", "/batches", gateway.key(), json=ALL)
    other = gateway.key("other")

    statuses = [
        (await gateway.request(method, f"/batches/{batch['id']}{rest}", other))[0]
        for method, rest in (("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", ""))
    ]

    assert statuses == [404, 404, 404, 404]


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/batches", ("read", "ingest")),
        ("GET", "/batches", ("predict",)),
        ("DELETE", "/batches/bat_0123456789abcdef", ("read",)),
    ],
)
async def test_each_route_needs_its_scope(
    gateway: RunningGateway, method: str, path: str, scopes: tuple[str, ...]
) -> None:
    status, problem, _ = await gateway.request(method, path, gateway.key(scopes=scopes))

    assert (status, problem["code"]) == (403, "missing-scope")


async def test_a_batch_takes_nothing_from_the_quota_of_contacts(gateway: RunningGateway) -> None:
    promote(gateway)

    _, _, headers = await gateway.request(
        "POST", "/batches", gateway.key(), json={**ALL, "contacts": {"ids": ["a", "b"]}}
    )

    assert '"contacts";r=300000' in headers["RateLimit"]


async def test_what_was_done_with_a_batch_is_in_the_audit_log(gateway: RunningGateway) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", "/batches", key, json=ALL)
    await gateway.request("POST", f"/batches/{batch['id']}/cancel", key)
    await gateway.request("DELETE", f"/batches/{batch['id']}", key)

    entries = gateway.store.of("acme").audit.page(3)

    assert [(one.action, one.target) for one in entries] == [
        ("batch.deleted", batch["id"]), ("batch.cancelled", batch["id"]), ("batch.created", batch["id"]),
    ]  # fmt: skip


async def test_a_result_that_is_nowhere_says_where_it_should_be(gateway: RunningGateway, tmp_path: Path) -> None:
    promote(gateway)
    key = gateway.key()
    _, batch, _ = await gateway.request("POST", "/batches", key, json=ALL)
    completed(gateway, batch["id"], b"")
    files(gateway).of("acme", batch["id"]).remove()

    status, problem, _ = await gateway.request("GET", f"/batches/{batch['id']}/result", key)

    assert status == 404
    assert "FORETELL_FILES" in problem["detail"]
