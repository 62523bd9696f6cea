"""Imports over HTTP: a file comes, is changed, loaded, looked back at, undone, deleted; the worker is not here."""

from typing import Any

import pytest

from shared.contracts.rows import SECOND, ContactRow
from shared.imports.files import ImportFiles, ImportFolder
from shared.store import ImportLease
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway

FILE = b"Record ID,Email,Notes\n1,ann@example.com,=1+1\n"
LEASE = "worker"
PLAN = {
    "format": "CSV", "encoding": "utf-8", "delimiter": "comma", "sheet": None, "rows": 2, "readable": 1, "rejected": 1,
    "columns": [
        {"column": "Record ID", "use": "field", "as": "id", "values": "text", "filled": 2, "missing": 0, "note": ""}
    ],
    "notes": ["a note"], "rejects": [{"line": 3, "reason": "it is empty"}],
}  # fmt: skip


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"batch_upload_bytes": 100_000, "batches_open": 2}


async def uploaded(gateway: RunningGateway, key: str, query: str = "?filename=leads.csv", data: bytes = FILE) -> Any:
    status, found, _ = await gateway.request("POST", f"/imports{query}", key, data=data)
    assert status == 201, found
    return found


def folder(gateway: RunningGateway, import_id: str) -> ImportFolder:
    return ImportFiles(gateway.settings.files_folder).of("acme", import_id)


def checked(gateway: RunningGateway, import_id: str) -> None:
    """Check a file as the worker does."""
    store, lease = gateway.store.of("acme"), ImportLease(import_id, LEASE)
    assert store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    folder(gateway, import_id).keep_first_rows([{"Record ID": "1", "Email": "***"}])
    assert store.imports.checked(lease, "contacts", PLAN, rows=2)


def loaded(gateway: RunningGateway, import_id: str, *contacts: str, timezone: str | None = None) -> None:
    """Load what was asked for as the worker does."""
    store, lease = gateway.store.of("acme"), ImportLease(import_id, LEASE)
    row = store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    assert row is not None
    rows = [ContactRow(one, timezone=timezone) for one in contacts]
    store.contacts.put_bulk(rows, recorded_at=row.recorded_at or 0, lease=lease)
    folder(gateway, import_id).rejects().write_text("line,reason,Notes\n3,it is empty,=1+1\n")
    result = {"rows": len(contacts) + 1, "rejected": 1, "erased": 0, "notes": [], "rejects": PLAN["rejects"]}
    assert store.imports.loaded(lease, result, rows=len(contacts) + 1, at=LONG_AGO + SECOND)
    store.imports.drop_file(import_id, at=LONG_AGO)
    folder(gateway, import_id).drop_upload()


def undone(gateway: RunningGateway, import_id: str) -> None:
    """Undo an import as the worker does."""
    store, lease = gateway.store.of("acme"), ImportLease(import_id, LEASE)
    row = store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    assert row is not None
    gone = sum(store.imports.undo(lease, row).contacts())
    counts = {"contacts": gone, "events": 0, "contacts_kept": 0}
    assert store.imports.undone(lease, {**(row.result or {}), "undone": counts}, at=LONG_AGO + SECOND)


async def test_a_file_waits_in_its_place_for_the_worker(gateway: RunningGateway) -> None:
    key = gateway.key(scopes=("ingest",))

    status, found, headers = await gateway.request(
        "POST", "/imports?filename=../leads.csv&kind=contacts&timezone=Europe/Berlin", key, data=FILE
    )

    assert status == 201
    assert headers["Location"] == f"/imports/{found['id']}"
    assert (found["status"], found["kind"], found["bytes"], found["plan"]) == ("uploaded", "contacts", len(FILE), None)
    assert found["options"]["timezone"] == "Europe/Berlin"
    upload = folder(gateway, found["id"]).upload()
    assert upload is not None
    assert (upload.name, upload.read_bytes(), upload.stat().st_mode & 0o777) == ("leads.csv", FILE, 0o600)
    assert gateway.store.waiting_imports(LONG_AGO) == [("acme", found["id"])]


async def test_a_checked_file_shows_its_columns_and_first_rows(gateway: RunningGateway) -> None:
    key = gateway.key()
    import_id = (await uploaded(gateway, key))["id"]
    checked(gateway, import_id)

    _, found, _ = await gateway.request("GET", f"/imports/{import_id}", key)

    assert (found["status"], found["progress"]) == ("checked", {"rows": 2, "done": 2, "share": 1.0})
    assert found["plan"]["first_rows"] == [{"Record ID": "1", "Email": "***"}]
    assert found["plan"]["columns"][0]["target"] == "id"
    assert (found["counts"], found["undo"]) == (None, None)


async def test_columns_are_named_left_out_and_let_alone_again(gateway: RunningGateway) -> None:
    key = gateway.key()
    path = f"/imports/{(await uploaded(gateway, key, '?timezone=Europe/Berlin'))['id']}"
    named = [{"column": "Notes", "target": "remark"}, {"column": "Email", "target": None}]
    await gateway.request("PATCH", path, key, json={"columns": named, "kind": "contacts"})

    status, found, _ = await gateway.request(
        "PATCH", path, key, json={"columns": [{"column": "Notes", "target": ""}], "date_order": "dmy"}
    )

    assert (status, found["status"], found["kind"]) == (200, "uploaded", "contacts")
    assert found["options"]["columns"] == {"Email": "-"}
    assert (found["options"]["timezone"], found["options"]["date_order"]) == ("Europe/Berlin", "dmy")


async def test_a_load_is_requested_counted_and_undone(gateway: RunningGateway) -> None:
    key = gateway.key()
    path = f"/imports/{(await uploaded(gateway, key))['id']}"
    import_id = path.rpartition("/")[2]
    early, _, _ = await gateway.request("POST", f"{path}/load", key)
    checked(gateway, import_id)

    asked, loading, _ = await gateway.request("POST", f"{path}/load", key, json={"static": ["country"]})
    again, _, _ = await gateway.request("POST", f"{path}/load", key)
    loaded(gateway, import_id, "a", "b")
    _, found, _ = await gateway.request("GET", path, key)
    undoing, undone, _ = await gateway.request("POST", f"{path}/undo", key)

    assert (early, asked, again, undoing) == (409, 202, 202, 202)
    assert loading["status"] == "loading"
    assert gateway.store.of("acme").imports.find(import_id).options["static"] == ["country"]
    assert found["counts"] == {
        "contacts_created": 2, "contacts_updated": 0, "events": 0, "items_created": 0, "items_updated": 0,
        "unchanged": 0, "rejected": 1, "erased": 0,
    }  # fmt: skip
    assert found["undo"] == {"contacts": 2, "events": 0, "contacts_updated": 0}
    assert found["plan"]["first_rows"] == []
    assert (undone["status"], undone["undo"]) == ("undoing", None)


async def test_an_undo_counts_before_and_after_what_stays_of_known_contacts(gateway: RunningGateway) -> None:
    key, store = gateway.key(), gateway.store.of("acme")
    store.contacts.put([ContactRow("known")], recorded_at=2)
    import_id = (await uploaded(gateway, key))["id"]
    checked(gateway, import_id)
    await gateway.request("POST", f"/imports/{import_id}/load", key)
    loaded(gateway, import_id, "known", "new", timezone="Europe/Berlin")

    _, before, _ = await gateway.request("GET", f"/imports/{import_id}", key)
    await gateway.request("POST", f"/imports/{import_id}/undo", key)
    undone(gateway, import_id)
    _, after, _ = await gateway.request("GET", f"/imports/{import_id}", key)

    assert before["undo"] == {"contacts": 1, "events": 0, "contacts_updated": 1}
    assert after["undone"] == {"contacts": 1, "events": 0, "contacts_kept": 0, "contacts_updated": 1}
    assert store.contacts.find("new") is None
    assert store.contacts.find("known").timezone == "Europe/Berlin"


async def test_rejects_come_as_a_csv_that_no_spreadsheet_runs(gateway: RunningGateway) -> None:
    key = gateway.key()
    import_id = (await uploaded(gateway, key))["id"]
    missing, _, _ = await gateway.request("GET", f"/imports/{import_id}/rejects", key)
    checked(gateway, import_id)
    await gateway.request("POST", f"/imports/{import_id}/load", key)
    loaded(gateway, import_id, "a")

    status, content, headers = await gateway.request("GET", f"/imports/{import_id}/rejects", key)

    assert (missing, status, headers["Content-Type"]) == (409, 200, "text/csv; charset=utf-8")
    assert content == b"line,reason,Notes\r\n3,it is empty,'=1+1\r\n"


async def test_while_somebody_is_to_be_taken_out_neither_rejects_nor_first_rows_are_shown(
    gateway: RunningGateway,
) -> None:
    key = gateway.key()
    import_id = (await uploaded(gateway, key))["id"]
    checked(gateway, import_id)
    await gateway.request("DELETE", "/contacts/1", key)

    refused, problem, _ = await gateway.request("GET", f"/imports/{import_id}/rejects", key)
    _, found, _ = await gateway.request("GET", f"/imports/{import_id}", key)

    assert (refused, problem["code"]) == (503, "result-not-ready")
    assert found["plan"]["first_rows"] == []


async def test_imports_are_listed_newest_first_a_page_at_a_time(gateway: RunningGateway) -> None:
    key = gateway.key()
    ids = [(await uploaded(gateway, key))["id"] for _ in range(2)]

    _, first, _ = await gateway.request("GET", "/imports?limit=1", key)
    _, second, _ = await gateway.request("GET", f"/imports?limit=1&cursor={first['next_cursor']}", key)

    assert [first["imports"][0]["id"], second["imports"][0]["id"]] == ids[::-1]


async def test_a_deleted_import_leaves_no_file(gateway: RunningGateway) -> None:
    key = gateway.key()
    import_id = (await uploaded(gateway, key))["id"]

    status, _, _ = await gateway.request("DELETE", f"/imports/{import_id}", key)
    absent, _, _ = await gateway.request("GET", f"/imports/{import_id}", key)

    assert (status, absent) == (204, 404)
    assert not folder(gateway, import_id).path.exists()


@pytest.mark.parametrize(
    ("data", "headers", "status", "words"),
    [
        (b"", {}, 422, "empty"),
        (b"x=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "as the body"),
        (b"x" * 100_001, {}, 413, "100000"),
    ],
)
async def test_what_is_no_file_leaves_nothing(
    gateway: RunningGateway, data: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    refused, problem, _ = await gateway.request("POST", "/imports", gateway.key(), data=data, headers=headers)

    assert refused == status
    assert words in problem["detail"]
    assert [one for one in gateway.settings.files_folder.rglob("*") if one.is_file()] == []


async def test_so_many_files_wait_and_no_more(gateway: RunningGateway) -> None:
    key = gateway.key()
    for _ in range(2):
        await uploaded(gateway, key)

    status, problem, _ = await gateway.request("POST", "/imports", key, data=FILE)

    assert (status, problem["max_imports"]) == (409, 2)
    assert len([one for one in gateway.settings.files_folder.rglob("*") if one.is_file()]) == 2


async def test_a_key_that_may_not_ingest_sees_no_import(gateway: RunningGateway) -> None:
    key = gateway.key(scopes=("read", "predict"))

    refused = [(await gateway.request(*asked, key))[0] for asked in (("GET", "/imports"), ("POST", "/imports"))]

    assert refused == [403, 403]


async def test_all_dead_letters_are_retried_where_nothing_is_named(gateway: RunningGateway) -> None:
    status, found, _ = await gateway.request("POST", "/dead-letters/all/retry", gateway.key())

    assert (status, found) == (200, {"taken": 0, "dead": 0})
