"""A batch from its beginning to its end: whatever happens on the way, the result is the same file."""

import csv
import errno
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from shared.batches.erasing import sweep, take_out
from shared.batches.files import BatchFolder
from shared.batches.request import ContactSelection
from shared.contracts.outcome import ModelName
from shared.contracts.rows import ContactRow
from shared.contracts.seal import Seal
from shared.errors import StoreUnavailable
from shared.store import BatchRow
from shared.webhooks_out.subscription_schemas import SubscriptionFields
from shared.webhooks_out.subscriptions import new_subscription
from tests.integration.batches.conftest import BATCH, CONTACTS, KEY, NOW, Batching, asked


class Killed(Exception):
    """Stands for the end of a process."""


def lines(batching: Batching) -> list[dict]:
    return [json.loads(line) for line in batching.result.read_bytes().splitlines()]


def test_every_contact_has_a_row_in_the_order_of_ids(batching: Batching) -> None:
    batching.ask(asked())

    ended = batching.work()

    row = batching.row()
    assert ended
    assert (row.state, row.contacts, row.contacts_done) == ("completed", CONTACTS + 1, CONTACTS + 1)
    assert [one["contact_id"] for one in lines(batching)] == [*(f"c-{n:03}" for n in range(CONTACTS)), "nothing-known"]
    assert row.statuses == {"scoring": {"ok": CONTACTS - 1, "no_consent": 1, "insufficient_data": 1}}


def test_no_reason_is_computed_when_none_is_wanted(batching: Batching) -> None:
    batching.ask(asked(reasons=0))

    batching.work()

    assert {len(one["reasons"]) for one in lines(batching)} == {0}
    assert {one["parts"] for one in lines(batching)} == {None}


def test_several_models_give_several_rows_a_contact(batching: Batching) -> None:
    batching.ask(asked("scoring", "segmentation", "churn", "sendtime", reasons=2))

    batching.work()

    first = [one for one in lines(batching) if one["contact_id"] == "c-001"]
    assert [one["capability"] for one in first] == ["scoring", "segmentation", "churn", "sendtime"]
    assert [one["status"] for one in first[:2]] == ["ok", "ok"]
    assert first[1]["segment"]["id"].startswith("s")


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
def test_a_batch_that_was_killed_at_any_step_ends_with_the_same_bytes(batching: Batching, format: str) -> None:
    batching.ask(asked(format=format))
    batching.work()
    expected = batching.result.read_bytes()
    batching.store.batches.delete(BATCH, at=NOW)
    batching.folder.remove()

    batching.ask(asked(format=format))
    lives = die_at_every_step(batching)

    assert lives == 10
    assert batching.result.read_bytes() == expected


class Mortal:
    """The store of a process that dies at its first step, before or after it is written."""

    STEPS = ("plan", "finish_part", "complete")

    def __init__(self, store: Any, *, after: bool) -> None:
        self._store, self._after = store, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "batches":
            return Mortal(found, after=self._after)
        return partial(self._die, found) if name in self.STEPS else found

    def _die(self, step: Any, *arguments: Any, **named: Any) -> None:
        if self._after:
            step(*arguments, **named)
        raise Killed


def die_at_every_step(batching: Batching) -> int:
    """Let one process after the other die, until the batch has ended; return how many there were."""
    lives = 0
    while batching.row().state != "completed":
        life = replace(batching.life(), store=Mortal(batching.store, after=lives % 2 == 1))
        with pytest.raises(Killed):
            life.run(batching.row())
        lives += 1
    return lives


def test_what_a_killed_process_left_beside_the_result_is_removed(batching: Batching) -> None:
    batching.ask(asked())
    die_at_every_step(batching)
    assert len(list(batching.folder.path.iterdir())) > 1

    sweep(batching.database, batching.files, KEY, ended_before=NOW, at=NOW)

    assert list(batching.folder.path.iterdir()) == [batching.result]


def test_a_batch_that_has_to_stop_is_gone_on_with_by_the_next_process(batching: Batching) -> None:
    batching.ask(asked())
    looks = iter([False, True])

    ended = batching.work(stop=lambda: next(looks))

    assert (ended, batching.row().state, batching.row().contacts_done) == (False, "running", 10)
    assert batching.work()
    assert batching.row().contacts_done == CONTACTS + 1


def test_a_cancelled_batch_goes_no_further_and_leaves_nothing(batching: Batching) -> None:
    batching.ask(asked())
    life = batching.life(stop=lambda: bool(batching.store.batches.cancel(BATCH, at=NOW)) and False)

    ended = life.run(batching.row())
    sweep(batching.database, batching.files, KEY, ended_before=NOW, at=NOW)

    assert (ended, batching.row().state) == (False, "cancelled")
    assert not batching.folder.path.exists()


def test_a_process_whose_lease_was_taken_over_changes_nothing(batching: Batching) -> None:
    batching.ask(asked())
    late, began = batching.life(), batching.row()
    assert batching.work()
    expected = batching.result.read_bytes()

    ended = late.run(began)

    assert not ended
    assert batching.row().state == "completed"
    assert batching.result.read_bytes() == expected


def test_who_is_overtaken_while_cutting_contacts_writes_over_nothing(batching: Batching) -> None:
    class Overtaken(BatchFolder):
        def contacts(self, number: int) -> Path:
            if number == 2 and len(batching.lives) == 1:
                batching.store.contacts.put([ContactRow("a-new")], recorded_at=NOW)
                assert not batching.work(stop=lambda: True)
            return BatchFolder(self.path).contacts(number)

    batching.ask(asked())
    first = replace(batching.life(at=NOW), folder=Overtaken(batching.folder.path))

    assert not first.run(batching.row())
    batching.work()

    assert ids(batching, "ndjson") == ["a-new", *every_id()]


def test_a_batch_that_never_gets_further_fails(batching: Batching) -> None:
    batching.ask(asked())
    for _ in range(5):
        batching.life()

    batching.work()

    row = batching.row()
    assert (row.state, row.error and row.error["code"]) == ("failed", "attempts-exhausted")


def test_a_batch_waits_while_there_is_no_room_for_its_files(
    batching: Batching, monkeypatch: pytest.MonkeyPatch
) -> None:
    batching.ask(asked())
    with monkeypatch.context() as full:
        full.setattr("os.fsync", no_room)
        for _ in range(6):
            with pytest.raises(StoreUnavailable, match="no room left"):
                batching.work()

    assert batching.row().state == "running"
    assert batching.work()
    assert ids(batching, "ndjson") == every_id()


def no_room(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_promotion_in_between_changes_no_answer(batching: Batching) -> None:
    batching.ask(asked())
    batching.life(stop=lambda: True).run(batching.row())
    batching.store.models.promote("scoring", "customer", "4", "0" * 64, at=NOW, reason="newer")

    batching.work()

    assert {one["version"] for one in lines(batching)} == {"3"}


def test_a_contact_that_comes_in_between_is_not_in_the_result(batching: Batching) -> None:
    batching.ask(asked())
    batching.life(stop=lambda: True).run(batching.row())
    batching.store.contacts.put([ContactRow("c-000a")], recorded_at=NOW)

    batching.work()

    assert "c-000a" not in [one["contact_id"] for one in lines(batching)]


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
def test_who_is_erased_while_it_runs_is_not_in_the_result(batching: Batching, format: str) -> None:
    batching.ask(asked(format=format))
    looks = iter([False, True])
    batching.work(stop=lambda: next(looks))
    batching.store.privacy.erase("c-002", at=NOW)
    batching.store.privacy.erase("c-012", at=NOW)

    batching.work()

    kept = ids(batching, format)
    assert len(kept) == CONTACTS - 1
    assert {"c-002", "c-012"} & {*kept} == set()
    assert batching.store.batches.erasures(BATCH) == set()


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
def test_who_is_erased_afterwards_is_taken_out_of_the_result(batching: Batching, format: str) -> None:
    batching.ask(asked(format=format))
    batching.work()
    batching.store.privacy.erase("c-002", at=NOW)
    assert len(batching.store.batches.erasures(BATCH)) == 1

    sweep(batching.database, batching.files, KEY, ended_before=NOW, at=NOW)

    assert ids(batching, format) == [one for one in every_id() if one != "c-002"]
    assert batching.store.batches.erasures(BATCH) == set()
    assert b"c-002" not in batching.result.read_bytes()


def test_who_is_erased_and_put_again_is_taken_out_all_the_same(batching: Batching) -> None:
    batching.ask(asked())
    batching.work()
    batching.store.privacy.erase("c-002", at=NOW)
    batching.store.contacts.put([ContactRow("c-002")], recorded_at=NOW)

    take_out(batching.store, batching.files, BATCH, KEY)

    assert "c-002" not in ids(batching, "ndjson")


def test_a_batch_is_kept_for_so_long_and_then_goes_with_its_files(batching: Batching) -> None:
    batching.ask(asked())
    batching.work(at=NOW)

    sweep(batching.database, batching.files, KEY, ended_before=NOW, at=NOW)
    assert batching.result.exists()
    sweep(batching.database, batching.files, KEY, ended_before=NOW + 1, at=NOW)

    assert batching.store.batches.find(BATCH) is None
    assert batching.store.batches.parts(BATCH) == []


def test_a_result_that_cannot_be_written_again_holds_up_no_other(batching: Batching) -> None:
    batching.ask(asked(format="parquet"))
    batching.work()
    batching.store.privacy.erase("c-002", at=NOW)
    batching.result.write_bytes(b"damaged")
    database, other = batching.database, "zeta"
    database.create_account(other, created_at=NOW)
    store = database.of(other)
    store.batches.create(BatchRow(BATCH, "queued", asked().to_json(), NOW, "key", NOW), most_open=9)
    store.batches.cancel(BATCH, at=NOW)
    folder = batching.files.of(other, BATCH)
    folder.path.mkdir(parents=True)

    with pytest.raises(ValueError, match="Parquet"):
        sweep(database, batching.files, KEY, ended_before=NOW, at=NOW)

    assert not folder.path.exists()
    assert len(batching.store.batches.erasures(BATCH)) == 1


def test_the_files_of_an_account_go_with_it(batching: Batching) -> None:
    batching.ask(asked())
    batching.work()
    batching.database.delete_account("default")

    sweep(batching.database, batching.files, KEY, ended_before=NOW, at=NOW)

    assert list(batching.files.accounts()) == []


def test_a_batch_without_a_contact_has_an_empty_result(batching: Batching) -> None:
    batching.ask(asked(choice=ContactSelection("attributes", attributes={"country": ["XX"]}), format="parquet"))

    batching.work()

    assert (batching.row().state, batching.row().contacts) == ("completed", 0)
    assert pyarrow.parquet.read_table(batching.result).num_rows == 0


def test_a_capability_whose_model_is_gone_fails_with_what_to_do(batching: Batching) -> None:
    batching.ask(replace(asked(), models=(ModelName("scoring", "nothing"),)))

    batching.work()

    row = batching.row()
    assert (row.state, row.error and row.error["code"]) == ("failed", "no-model-trained")


def test_contacts_that_lie_nowhere_fail_with_where_they_should_be(batching: Batching) -> None:
    batching.ask(asked(choice=ContactSelection("upload", upload="ndjson")))

    batching.work()

    row = batching.row()
    assert (row.state, row.error and row.error["code"]) == ("failed", "file-refused")
    assert row.error is not None
    assert "FORETELL_FILES" in row.error["detail"]


def test_an_upload_is_gone_once_it_is_cut_into_parts(batching: Batching) -> None:
    batching.ask(asked(choice=ContactSelection("upload", upload="csv")))
    upload = batching.folder.upload("csv")
    upload.parent.mkdir(parents=True)
    upload.write_text("id,country\nc-009,FR\n,DE\nc-001,FR\n")

    batching.work()

    assert [(one["contact_id"], one["status"]) for one in lines(batching)] == [
        ("c-009", "ok"), (None, "invalid"), ("c-001", "ok"),
    ]  # fmt: skip
    assert not upload.exists()


def upload(batching: Batching, text: str) -> None:
    batching.ask(asked(choice=ContactSelection("upload", upload="ndjson")))
    file = batching.folder.upload("ndjson")
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())


def test_a_carriage_return_within_a_line_makes_no_second_contact(batching: Batching) -> None:
    upload(batching, '{"id":\r"c-009"}\r\n{"id": "c-001"}\r{"id": "c-002"}\n{"id": "c-004"}\n')

    batching.work()

    assert [(one["contact_id"], one["status"]) for one in lines(batching)] == [
        ("c-009", "ok"), (None, "invalid"), ("c-004", "ok"),
    ]  # fmt: skip
    assert batching.row().contacts == batching.row().contacts_done == 3
    assert sum(batching.row().statuses["scoring"].values()) == 3


def test_nesting_without_end_costs_its_contact_alone_also_after_an_erasure(batching: Batching) -> None:
    upload(batching, '{"id": "c-009", "attributes": {"a": ' + "[" * 100_000 + "]" * 100_000 + '}}\n{"id": "c-001"}\n')
    batching.store.privacy.erase("c-002", at=NOW)

    batching.work()

    assert [(one["contact_id"], one["status"]) for one in lines(batching)] == [("c-009", "invalid"), ("c-001", "ok")]


def test_contacts_with_long_lines_make_smaller_parts(batching: Batching) -> None:
    upload(batching, "".join(f'{{"id": "{"x" * 7_000_000}{number}"}}\n' for number in range(5)))

    batching.work()

    assert [part.contacts for part in batching.store.batches.parts(BATCH)] == [2, 2, 1]
    assert [one["status"] for one in lines(batching)] == ["invalid"] * 5


def test_who_is_erased_before_the_batch_begins_is_not_in_its_parts(batching: Batching) -> None:
    batching.ask(asked(choice=ContactSelection("upload", upload="ndjson")))
    upload = batching.folder.upload("ndjson")
    upload.parent.mkdir(parents=True)
    upload.write_text('{"id": "c-009"}\n{"id": "nobody-knows"}\n{"id": "c-001"}\n')
    batching.store.privacy.erase("nobody-knows", at=NOW)

    batching.work()

    assert ids(batching, "ndjson") == ["c-009", "c-001"]
    assert batching.row().contacts == 2


def test_subscriptions_get_one_message_of_the_end(batching: Batching) -> None:
    subscribe(batching)
    batching.ask(asked())
    die_at_every_step(batching)

    [told] = batching.store.deliveries.page(10)

    data = json.loads(told.data)
    assert told.type == "batch_job.completed"
    assert (data["batch_id"], data["status"], data["contacts"]) == (BATCH, "completed", CONTACTS + 1)


def subscribe(batching: Batching) -> None:
    fields = SubscriptionFields(url="https://crm.example/in", event_types=["batch_job.completed"])
    row, secret, _ = new_subscription(fields, Seal(KEY), NOW, allow_private=False)
    batching.store.subscriptions.create(row, secret)


def every_id() -> list[str]:
    return [*(f"c-{number:03}" for number in range(CONTACTS)), "nothing-known"]


def ids(batching: Batching, format: str) -> list[str]:
    if format == "parquet":
        return pyarrow.parquet.read_table(batching.result).column("contact_id").to_pylist()
    if format == "csv":
        with batching.result.open(newline="") as file:
            return [row["contact_id"] for row in csv.DictReader(file)]
    return [one["contact_id"] for one in lines(batching)]
