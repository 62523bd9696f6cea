"""A send plan made by a batch: the same as a call makes, whatever happens on the way."""

import csv
import json
from dataclasses import replace
from typing import Any, Literal

import pyarrow.parquet
import pytest

from services.sendtime.api.routes import Planning
from services.sendtime.capability import CAPABILITY
from services.sendtime.schemas import PlanRequest
from shared.batches.request import BatchRequest, ContactSelection
from shared.contracts.outcome import ModelName
from tests.integration.batches.conftest import BATCH, CONTACTS, NOW, Batching

OPTIONS: dict[str, Any] = {"capacity_per_hour": 3, "window": {"not_after": "2026-06-01T12:00:00Z"}}
SENDTIME = ModelName("sendtime")


def plan(**options: Any) -> BatchRequest:
    return BatchRequest((SENDTIME,), ContactSelection("all"), 0, "ndjson", {**OPTIONS, **options})


def rows(batching: Batching) -> list[dict[str, Any]]:
    return [json.loads(line) for line in batching.result.read_bytes().splitlines()]


def test_a_batch_plans_as_a_call_does(batching: Batching) -> None:
    batching.ask(plan())
    batching.work(part_contacts=7)
    planned = rows(batching)
    ids = [one["contact_id"] for one in planned]
    version = batching.store.models.champion("sendtime", "")
    assert version is not None
    model = CAPABILITY.load(batching.settings.cache_folder / version.digest)

    request = PlanRequest.model_validate({"contact_ids": ids, **OPTIONS})
    call = Planning(batching.store, model, request, NOW, NOW).members()

    assert len(planned) == CONTACTS + 1
    assert [(one["status"], one["value"]) for one in planned] == [
        (one["status"], one["value"]) for one in call["assignments"]
    ]
    summary = batching.row().summary
    assert summary is not None
    assert summary["expected"] == pytest.approx(call["expected"])
    assert (summary["unplaced"], len(summary["hours"])) == (call["unplaced"], len(call["hours"]))


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_a_plan_is_written_as_a_table_too(batching: Batching, written: Literal["csv", "parquet"]) -> None:
    batching.ask(replace(plan(), format=written))

    batching.work()

    table = csv_rows(batching) if written == "csv" else pyarrow.parquet.read_table(batching.result).to_pylist()
    answers = [json.loads(one["answer"]) for one in table if one["status"] == "ok"]
    assert [one["contact_id"] for one in table] == [*(f"c-{n:03}" for n in range(CONTACTS)), "nothing-known"]
    assert answers
    assert {one["send_at"]["timezone"] for one in answers} <= {"Europe/Paris", "UTC"}


def csv_rows(batching: Batching) -> list[dict[str, Any]]:
    return list(csv.DictReader(batching.result.read_text().splitlines()))


def test_no_hour_takes_more_than_its_capacity_and_who_finds_no_room_is_counted(batching: Batching) -> None:
    batching.ask(plan(capacity_per_hour=1, window={"not_after": "2026-06-01T08:00:00Z"}))

    batching.work()

    row = batching.row()
    assert row.summary is not None
    assert {one["planned"] for one in row.summary["hours"]} == {1}
    assert row.statuses["sendtime"]["no_capacity"] == row.summary["unplaced"] > 0
    assert row.statuses["sendtime"]["no_consent"] == 1


def test_a_plan_goes_on_after_a_death_between_its_parts(batching: Batching) -> None:
    batching.ask(plan())
    batching.work(part_contacts=7)
    undisturbed = batching.result.read_bytes()
    batching.store.batches.delete(BATCH, at=NOW)
    batching.folder.remove()
    batching.ask(plan())
    begun: list[bool] = []

    first = batching.work(part_contacts=7, stop=lambda: len(begun) > 1 or begun.append(True) or False)
    ended = batching.work(part_contacts=7)

    assert (first, ended) == (False, True)
    assert batching.result.read_bytes() == undisturbed
    assert [file.name for file in batching.folder.path.iterdir()] == [batching.result.name]


def test_a_plan_that_does_not_fit_says_how_to_make_it_smaller(
    batching: Batching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sendtime.api.planning.MOST_CELLS", 100)
    batching.ask(plan())

    batching.work()

    row = batching.row()
    assert row.state == "failed"
    assert row.error is not None
    assert "Give a shorter window" in row.error["detail"]
