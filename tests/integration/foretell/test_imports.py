"""Imports in the hands of the worker: checked, loaded, resumed, undone; their files lose whom nobody may keep."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foretell.background.import_process import work
from foretell.background.import_run import MAX_ATTEMPTS, ImportRun
from foretell.background.imports import ImportProcessFailed, ImportWorker, sweeping
from foretell.background.low_priority import Children
from shared.contracts.rows import DAY, SECOND, ContactRow, ItemChange
from shared.errors import Conflict
from shared.imports.files import ImportFiles, ImportFolder
from shared.settings import WorkerSettings
from shared.store import AccountStore, Database, ImportLease, ImportLost, ImportRow, open_database

KEY = "k" * 32
AT = 1_700_000_000 * SECOND
LEADS = (
    "Record ID,First Name,Email,Lead Source,Create Date\n"
    "1,Ann,ann@example.com,Webinar,2026-01-02 10:00\n"
    "2,Bob,bob@example.com,Referral,2026-01-03 10:00\n"
    ",Nobody,nobody@example.com,Referral,2026-01-04 10:00\n"
)


@dataclass
class Desk:
    """An account with a worker at hand."""

    settings: WorkerSettings
    database: Database
    store: AccountStore
    files: ImportFiles

    def upload(self, text: str | bytes, name: str = "leads.csv", import_id: str = "imp_1", **more: Any) -> ImportFolder:
        folder = self.files.of("default", import_id)
        source = self.settings.home / "uploaded"
        source.write_bytes(text.encode() if isinstance(text, str) else text)
        folder.take_upload(source, name)
        options = {"timezone": "Europe/Berlin", **more.pop("options", {})}
        row = ImportRow(import_id, "uploaded", None, name, 9, AT, "key", options=options)
        self.store.imports.create(row, most_open=9)
        return folder

    def work(self, import_id: str = "imp_1") -> ImportRow:
        work(self.settings, "default", import_id, threading.Event())
        return self.found(import_id)

    def load(self, import_id: str = "imp_1", **options: Any) -> ImportRow:
        self.work(import_id)
        self.store.imports.request_load(import_id, {**self.found(import_id).options, **options}, at=AT)
        return self.work(import_id)

    def found(self, import_id: str = "imp_1") -> ImportRow:
        row = self.store.imports.find(import_id)
        assert row is not None
        return row

    def sweep(self, days_later: float = 0.01) -> None:
        sweeping(self.settings, self.database, lambda: AT + int(days_later * DAY))()


@pytest.fixture
def desk(tmp_path: Path, migrated_files: Path) -> Iterator[Desk]:
    for file in migrated_files.iterdir():
        shutil.copy(file, tmp_path)
    settings = WorkerSettings(home=tmp_path, signing_key=KEY, identity_key=KEY, batch_lease_seconds=30)
    database = open_database(settings)
    if not database.accounts():
        database.create_account("default", created_at=1)
    yield Desk(settings, database, database.of("default"), ImportFiles(settings.files_folder))
    database.close()


def columns(row: ImportRow) -> dict[str, tuple[str, str]]:
    return {one["column"]: (one["use"], one["as"]) for one in (row.plan or {})["columns"]}


def test_a_check_says_what_becomes_of_each_column_and_stores_no_contact(desk: Desk) -> None:
    folder = desk.upload(LEADS)

    row = desk.work()

    assert (row.state, row.kind, row.rows) == ("checked", "contacts", 3)
    assert columns(row) == {
        "Record ID": ("field", "id"),
        "First Name": ("left out", ""),
        "Email": ("hashed", "email"),
        "Lead Source": ("kept", "Lead Source"),
        "Create Date": ("field", "created_at"),
    }
    assert (row.plan or {})["rejects"] == [{"line": 4, "reason": "Record ID is empty, and every row needs one"}]
    assert folder.first_rows()[0]["Email"] == "***"
    assert "ann@" not in str(row)
    assert desk.store.contacts.ids(9) == []


def test_items_are_recognised_loaded_and_leave_the_undo_of_the_contacts_before(desk: Desk) -> None:
    desk.upload(LEADS, import_id="imp_0")
    desk.load("imp_0")
    desk.upload("sku,name,price\nT-1,Tea,4.5\nM-1,Mug,-1\n", "items.csv")
    desk.store.items.put([ItemChange("T-1", {"active": False})], at=AT)

    row = desk.load()

    assert (row.state, row.kind, row.items_made, row.items_updated) == ("loaded", "items", 0, 1)
    assert [reject["line"] for reject in (row.result or {})["rejects"]] == [3]
    item = desk.store.items.find("T-1")
    assert item is not None
    assert (item.name, item.active) == ("Tea", False)
    assert desk.store.imports.last_loaded() == "imp_0"
    assert desk.store.imports.made_contacts("imp_0") == 2
    with pytest.raises(Conflict, match="contacts or events"):
        desk.store.imports.request_undo("imp_1", at=AT)


def test_what_a_column_was_named_holds(desk: Desk) -> None:
    desk.upload(LEADS, options={"renames": {"Lead Source": "source", "Create Date": "-"}})

    row = desk.work()

    assert columns(row)["Lead Source"] == ("kept", "source")
    assert columns(row)["Create Date"] == ("left out", "")


def test_a_load_stores_the_rows_keeps_the_rejects_and_drops_the_file(desk: Desk) -> None:
    desk.store.contacts.put([ContactRow("2")], recorded_at=4)
    folder = desk.upload(LEADS)

    row = desk.load(static=["Lead Source"])

    assert row.state == "loaded"
    assert (row.contacts_made, row.contacts_updated, row.rows, row.progress) == (1, 1, 3, 1.0)
    assert (row.result or {})["rejected"] == 1
    assert desk.store.contacts.static_attributes() == {"Lead Source"}
    assert folder.upload() is None
    assert folder.first_rows() == []
    assert folder.rejects().read_text().splitlines()[1].startswith('4,"Record ID is empty')
    assert (row.recorded_at or 0) % 2 == 1


def test_events_that_name_an_address_make_contacts_and_are_undone_with_them(desk: Desk) -> None:
    lines = ["Email,Event,Timestamp,Amount", "ann@example.com,order placed,2026-05-01T10:00:00Z,5"]
    desk.upload(gzip.compress("\n".join(lines).encode()), "orders.csv.gz")

    row = desk.load()

    assert (row.kind, row.contacts_made, row.events_made) == ("events", 1, 1)
    desk.store.imports.request_undo("imp_1", at=AT)
    undone = desk.work()
    assert undone.state == "undone"
    assert (undone.result or {})["undone"] == {"contacts": 1, "events": 1, "contacts_kept": 0}
    assert desk.store.contacts.ids(9) == []
    assert desk.store.events.types() == []


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("Number,Land\n1,DE\n", "column-missing", "leads.csv has no column id"),
        ("%PDF-1.7", "file-refused", "is a PDF"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_without_options_of_a_command_line(
    desk: Desk, text: str, code: str, words: str
) -> None:
    desk.upload(text)

    row = desk.work()

    assert row.state == "failed"
    assert (row.error or {})["code"] == code
    assert words in (row.error or {})["detail"]
    assert "--" not in (row.error or {})["detail"]


def test_a_missing_column_that_is_named_afterwards_lets_the_check_go_on(desk: Desk) -> None:
    desk.upload("Number,Land\n1,DE\n")
    row = desk.work()
    assert (row.error or {})["columns"] == ["Number", "Land"]

    desk.store.imports.change("imp_1", kind="contacts", options={"renames": {"Number": "id"}})

    assert desk.work().state == "checked"


def test_a_load_of_nothing_but_rejects_failed(desk: Desk) -> None:
    desk.upload("Record ID,plan\n,a\n,b\n")

    row = desk.load()

    assert row.state == "failed"
    assert "Nothing of leads.csv was loaded" in (row.error or {})["detail"]


def test_a_load_that_ended_with_many_rejects_reports_them(desk: Desk) -> None:
    desk.upload("Record ID,plan\n1,a\n,b\n,c\n")

    row = desk.load()

    assert row.state == "loaded"
    assert "more than 10%" in (row.result or {})["problem"]


def test_a_process_that_is_killed_in_the_middle_of_a_load_is_followed_by_one_that_counts_nothing_twice(
    desk: Desk,
) -> None:
    rows = 2_500  # the first transaction takes 2,000
    desk.upload("Record ID,plan\n" + "".join(f"{number},a\n" for number in range(rows)))
    desk.work()
    desk.store.imports.request_load("imp_1", desk.found().options, at=AT)

    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_ONE_TRANSACTION], env=environment(desk), check=False)

    assert killed.returncode == -signal.SIGKILL
    left = desk.found()
    assert (left.state, left.contacts_made) == ("loading", 2_000)
    row = resumed(desk, left)
    assert (row.state, row.contacts_made, row.contacts_updated) == ("loaded", rows, 0)
    assert desk.store.imports.made_contacts("imp_1") == rows
    assert len(desk.store.contacts.ids(rows + 1)) == rows


KILLED_AFTER_ONE_TRANSACTION = """
import os, signal, threading
from foretell.background.import_process import work
from shared.settings import WorkerSettings
from shared.store.contacts import Contacts

put, calls = Contacts.put, []

def put_once(*arguments, **named):  # the process dies as by kill -9, always at the same place
    if calls:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    return put(*arguments, **named)

Contacts.put = put_once
work(WorkerSettings(), "default", "imp_1", threading.Event())
"""


def environment(desk: Desk) -> dict[str, str]:
    secrets = {"FORETELL_SIGNING_KEY": KEY, "FORETELL_IDENTITY_KEY": KEY}
    return {**os.environ, **secrets, "FORETELL_HOME": str(desk.settings.home)}


def resumed(desk: Desk, left: ImportRow) -> ImportRow:
    """Go on after the lease has run out."""
    lease, later = ImportLease("imp_1", "successor"), AT * 2
    row = desk.store.imports.take(lease, at=later, until=later * 2)
    assert row is not None
    assert row.recorded_at == left.recorded_at
    run = ImportRun(desk.store, desk.files, lease, KEY.encode(), lambda: later, lambda: False)
    assert run.run(row)
    return desk.found()


def test_the_worker_lets_a_process_of_its_own_do_the_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(desk).items():
        monkeypatch.setenv(name, value)
    desk.upload(LEADS)

    ImportWorker(desk.database, Children(threading.Event()), lambda: AT).turn()

    assert desk.found().state == "checked"
    assert not work(desk.settings, "default", "imp_1", threading.Event()), "there is nothing to do"


def test_a_worker_that_is_to_stop_begins_nothing(desk: Desk) -> None:
    desk.upload(LEADS)
    stop = threading.Event()
    stop.set()

    ImportWorker(desk.database, Children(stop), lambda: AT).turn()

    assert desk.found().attempts == 0


def test_an_import_that_is_deleted_under_way_stores_nothing_more(desk: Desk) -> None:
    desk.upload(LEADS)
    desk.work()
    desk.store.imports.request_load("imp_1", desk.found().options, at=AT)
    lease = ImportLease("imp_1", "me")
    row = desk.store.imports.take(lease, at=AT, until=AT)
    assert row is not None
    desk.store.imports.delete("imp_1", at=AT + 1)

    with pytest.raises(ImportLost):
        ImportRun(desk.store, desk.files, lease, KEY.encode(), lambda: AT, lambda: False).run(row)

    assert desk.store.contacts.ids(9) == []


def test_a_file_that_is_gone_by_other_hands_is_missed_in_words(desk: Desk) -> None:
    desk.upload(LEADS).drop_upload()

    assert "is gone" in (desk.work().error or {})["detail"]


def test_a_process_that_is_to_stop_gives_the_import_back(desk: Desk) -> None:
    desk.upload(LEADS)
    stop = threading.Event()
    stop.set()

    assert not work(desk.settings, "default", "imp_1", stop)

    assert desk.found().attempts == 0
    assert desk.work().state == "checked"


def test_an_import_that_ends_its_process_again_and_again_fails(desk: Desk) -> None:
    desk.upload(LEADS)
    command = (sys.executable, "-c", "import sys; sys.exit(3)")
    now = iter(AT + number * 3_600 * SECOND for number in range(1, 99))
    worker = ImportWorker(desk.database, Children(threading.Event(), command), lambda: next(now))

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(ImportProcessFailed):
            worker.turn()
    worker.turn()

    assert (desk.found().error or {})["code"] == "import-process-failed"


def test_an_import_that_was_begun_too_often_is_not_begun_again(desk: Desk) -> None:
    desk.upload(LEADS)
    for number in range(MAX_ATTEMPTS):
        desk.store.imports.take(ImportLease("imp_1", f"dead {number}"), at=AT + number, until=AT + number)

    assert (desk.work().error or {})["code"] == "import-process-failed"


def test_a_file_that_names_who_was_erased_since_goes_before_it_is_read(desk: Desk) -> None:
    folder = desk.upload(LEADS)
    desk.work()
    desk.store.privacy.erase("2", at=AT)

    desk.sweep()

    assert folder.upload() is None
    assert (desk.found().state, (desk.found().error or {})["code"]) == ("failed", "upload-erased")
    assert desk.store.imports.with_erasures() == []


def test_a_file_in_which_nobody_can_be_looked_for_goes_too(desk: Desk) -> None:
    folder = desk.upload("%PDF-1.7")
    desk.work()
    desk.store.privacy.erase("2", at=AT)

    desk.sweep()

    assert folder.upload() is None


def test_whom_an_erasure_names_waits_for_a_load_that_is_under_way(desk: Desk) -> None:
    folder = desk.upload(LEADS)
    desk.work()
    desk.store.imports.request_load("imp_1", desk.found().options, at=AT)
    desk.store.privacy.erase("2", at=AT)

    desk.sweep()
    assert folder.upload() is not None
    row = desk.work()  # its process looks first

    assert (row.error or {})["code"] == "upload-erased"
    assert desk.store.contacts.ids(9) == []


def test_a_file_that_does_not_name_who_was_erased_stays(desk: Desk) -> None:
    folder = desk.upload(LEADS)
    desk.store.privacy.erase("somebody else", at=AT)

    desk.work()  # the worker looks first
    assert desk.work().state == "checked"

    assert folder.upload() is not None
    assert desk.store.imports.with_erasures() == []


def test_rejects_lose_the_rows_that_name_who_was_erased(desk: Desk) -> None:
    folder = desk.upload(
        "Record ID,Email,consent\n1,ann@example.com,\n2,bob@example.com,perhaps\n3,x@example.com,perhaps\n"
    )
    desk.load()
    assert len(folder.rejects().read_text().splitlines()) == 3
    desk.store.privacy.erase("2", at=AT)

    desk.sweep()

    assert [line.split(",")[0] for line in folder.rejects().read_text().splitlines()] == ["line", "4"]


def test_a_file_waits_for_a_day_and_rejects_for_thirty(desk: Desk) -> None:
    waiting = desk.upload(LEADS, import_id="imp_2")
    folder = desk.upload(LEADS)
    desk.load()
    done = desk.found().finished_at or 0

    desk.sweep(1.01)
    assert waiting.upload() is None
    assert (desk.found("imp_2").error or {})["code"] == "upload-expired"
    assert folder.rejects().exists()

    desk.sweep((done - AT) / DAY + 30.01)
    assert not folder.rejects().exists()
    assert not desk.found().has_rejects


def test_files_of_nobody_go(desk: Desk) -> None:
    stray = desk.files.of("default", "imp_9")
    other = desk.files.of("deleted-account", "imp_8")
    for folder in (stray, other):
        folder.path.mkdir(parents=True)
    os.utime(stray.path, (1, 1))

    desk.sweep()

    assert not stray.path.exists()
    assert not other.path.parent.exists()
