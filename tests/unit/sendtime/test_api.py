"""The service over a real store: experiments are committed before the answer, plans keep to the capacity."""

import shutil
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.sendtime.api.experiments import ExperimentReport
from services.sendtime.capability import CAPABILITY
from services.sendtime.model.sendtime import SendTimeModel
from shared.contracts.call import CALL_HEADER
from shared.contracts.rows import DAY, HOUR, ContactRow, EventRow, microseconds
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AssignmentRow, Database, open_database

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = microseconds(NOW)
PATH = "/best-send-time"
IDS = [f"c-{number}" for number in range(200)]
DEFAULT = "2026-06-02T09:00:00Z"
EXPERIMENT = {"purpose": "experiment", "campaign_id": "june", "default_send_at": DEFAULT, "quiet_hours": "off"}


@pytest.fixture
def database(tmp_path: Path, migrated_files: Path) -> Iterator[Database]:
    for file in migrated_files.iterdir():
        shutil.copy(file, tmp_path)
    database = open_database(ServiceSettings(home=tmp_path, signing_key="k" * 32))
    database.create_account("demo", created_at=1)
    store = database.of("demo")
    denied = {"profiling": "denied"}
    store.contacts.put(
        [ContactRow(name, NOW_US - 90 * DAY, "Europe/London", None) for name in IDS]
        + [ContactRow("denied", NOW_US - 90 * DAY, "Europe/London", denied)],
        recorded_at=NOW_US - 90 * DAY,
    )
    store.models.promote("sendtime", "", "7", "d7", at=1, reason="for the test")
    yield database
    database.close()


class Open:
    """A store that stays open when a service ends."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def close(self) -> None:
        pass


Opened = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
def opened(database: Database, model: SendTimeModel, tmp_path: Path, asgi: Any) -> Opened:
    @asynccontextmanager
    async def running(now: datetime = NOW) -> AsyncIterator[Any]:
        async def fetch(*_: Any) -> Path:
            model.save(tmp_path / "artifact")
            return tmp_path / "artifact"

        settings = ServiceSettings(home=tmp_path, signing_key="k" * 32)
        app = create_app(CAPABILITY, settings, Open(database), now=lambda: now, fetch=fetch)
        async with app.router.lifespan_context(app):
            yield asgi(app)

    return running


def asked(*names: str, **fields: Any) -> dict[str, Any]:
    return {"contacts": [{"id": name} for name in names], **fields}


async def report(client: Any, campaign: str, query: str = "") -> Any:
    path = f"/experiments/{campaign}"
    return await client.send("GET", path, headers={CALL_HEADER: client.signed("GET", path, scopes=("read",))})


async def test_an_experiment_commits_every_arm_before_it_answers(opened: Opened, database: Database) -> None:
    async with opened() as client:
        reply = await client.post(PATH, asked(*IDS, **EXPERIMENT))

    held = {row.contact_id: row for row in database.of("demo").experiments.assignments.of_campaign("june")}
    assert set(held) == set(IDS)
    for one in reply.json["predictions"]:
        row = held[one["contact_id"]]
        if row.arm == "control":
            assert (one["status"], one["send_at"]) == ("control", None)
            assert row.send_at == NOW_US + 33 * HOUR
        else:
            assert one["experiment"] == {"campaign_id": "june", "arm": row.arm, "propensity": row.propensity}
            assert microseconds(datetime.fromisoformat(one["send_at"]["utc"])) == row.send_at
    assert {row.arm for row in held.values()} == {"treatment", "control", "exploration"}


async def test_requested_again_later_a_contact_keeps_its_arm_and_instant(opened: Opened) -> None:
    async with opened() as client:
        first = (await client.post(PATH, asked(*IDS[:50], **EXPERIMENT))).json["predictions"]
    async with opened(NOW + timedelta(hours=3)) as client:
        second = (await client.post(PATH, asked(*IDS[:50], **EXPERIMENT))).json["predictions"]

    assert [(one["status"], one["send_at"]) for one in first] == [(one["status"], one["send_at"]) for one in second]


async def test_an_experiment_without_campaign_or_default_is_refused(opened: Opened) -> None:
    async with opened() as client:
        reply = await client.post(PATH, asked("c-1", purpose="experiment", campaign_id="june"))

    assert reply.status == 422
    assert "default_send_at" in reply.json["errors"][0]["detail"]


async def test_a_question_without_an_experiment_assigns_nobody(opened: Opened, database: Database) -> None:
    async with opened() as client:
        await client.post(PATH, asked("c-1", campaign_id="june"))

    assert list(database.of("demo").experiments.assignments.of_campaign("june")) == []


async def test_the_report_counts_by_assignment_what_really_happened(opened: Opened, database: Database) -> None:
    async with opened() as client:
        await client.post(PATH, asked(*IDS, **EXPERIMENT))
    store = database.of("demo")
    rows = list(store.experiments.assignments.of_campaign("june"))
    treated = [row for row in rows if row.arm == "treatment"]
    control = [row for row in rows if row.arm == "control"]
    events = []
    for number, row in enumerate([*treated, *control]):
        if row is treated[0]:
            continue  # never sent: it still counts as assigned
        events.append(EventRow(row.contact_id, "s", "email_sent", row.send_at, row.send_at, None, None, "m", "june"))
        if number % 2 if row.arm == "treatment" else number % 4 == 0:
            at = row.send_at + HOUR
            events.append(EventRow(row.contact_id, "k", "email_clicked", at, at, None, None, "m", "june"))
    other = treated[0].contact_id
    events.append(EventRow(other, "x", "email_sent", NOW_US + HOUR, NOW_US + HOUR, None, None, "n", "another"))
    store.events.add(events)

    async with opened(NOW + timedelta(days=20)) as client:
        reply = await report(client, "june")

    found = reply.json
    arms = {one["arm"]: one for one in found["arms"]}
    clicks = sum(
        1 for event in events if event.type == "email_clicked" and event.contact_id in {r.contact_id for r in treated}
    )
    assert (found["assigned"], found["due"]) == (200, 200)
    assert (arms["treatment"]["assigned"], arms["treatment"]["sent"]) == (len(treated), len(treated) - 1)
    assert arms["treatment"]["on_time"] == len(treated) - 1
    assert arms["treatment"]["engaged"] == clicks
    assert arms["exploration"]["sent"] == 0
    assert found["difference"]["low"] > 0
    assert found["verdict"] == "The model's times bring more, with 95 % confidence."
    assert found["if_all_as_the_model"]["value"] > found["if_all_at_default"]["value"]
    assert found["to_prove"]["needed_an_arm"] > 1_000


def test_a_report_holds_columns_and_not_the_assignments_of_everybody(database: Database) -> None:
    store, contacts = database.of("demo"), 20_000
    rows = [
        AssignmentRow("large", f"c-{n:05}", "treatment" if n % 2 else "control", 0.5, 9, 9, 8, "click", "1", 1)
        for n in range(contacts)
    ]
    store.experiments.assignments.add("large", rows)
    del rows
    report = ExperimentReport(store, "large", NOW_US, 0.1)
    report.members()  # what is made once, such as statements

    tracemalloc.start()
    found = report.members()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found["assigned"], found["due"]) == (contacts, contacts)
    assert peak < 6_000_000


async def test_contacts_whose_day_is_not_over_are_not_counted(opened: Opened) -> None:
    async with opened() as client:
        await client.post(PATH, asked(*IDS[:20], **EXPERIMENT))
        reply = await report(client, "june")

    assert (reply.json["assigned"], reply.json["due"], reply.json["difference"]) == (20, 0, None)


async def test_an_unknown_experiment_is_404(opened: Opened) -> None:
    async with opened() as client:
        reply = await report(client, "never")

    assert (reply.status, reply.json["code"]) == (404, "not-found")


async def test_a_report_needs_the_scope_to_read(opened: Opened) -> None:
    path = "/experiments/june"

    async with opened() as client:
        reply = await client.send("GET", path, headers={CALL_HEADER: client.signed("GET", path)})

    assert reply.status == 403


async def test_a_plan_keeps_to_the_capacity_and_says_how_near_the_best_it_is(opened: Opened) -> None:
    payload = {"contact_ids": IDS, "capacity_per_hour": 9, "window": {"not_after": "2026-06-03T00:00:00Z"}}

    async with opened() as client:
        reply = await client.post(f"{PATH}/plan", payload)

    found = reply.json
    assert reply.status == 200, reply.body
    assert all(one["planned"] <= 9 for one in found["hours"])
    assert sum(one["planned"] for one in found["hours"]) == 200
    assert {one["status"] for one in found["assignments"]} == {"ok"}
    assert found["expected"] <= found["bound"]
    assert 0 <= found["gap"] < 0.05
    assert found["measure"] == "engagements"
    assert [one["contact_id"] for one in found["assignments"]] == IDS


async def test_a_plan_names_who_found_no_place_and_who_cannot_be_planned(opened: Opened) -> None:
    window = {"not_before": "2026-06-01T09:00:00Z", "not_after": "2026-06-01T10:00:00Z"}
    payload = {"contact_ids": ["c-1", "c-2", "denied", "nobody"], "capacity_per_hour": 1, "window": window}

    async with opened() as client:
        found = (await client.post(f"{PATH}/plan", payload)).json

    statuses = [one["status"] for one in found["assignments"]]
    assert sorted(statuses[:2]) == ["no_capacity", "ok"]
    assert statuses[2:] == ["no_consent", "unknown_contact"]
    assert found["unplaced"] == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"contact_ids": []}, "/contact_ids"),
        ({"contact_ids": ["a", "a"]}, "/contact_ids"),
        ({"capacity_per_hour": 0}, "/capacity_per_hour"),
        ({"colour": 1}, "/colour"),
        ({"cutoff": "2027-01-01T00:00:00Z"}, "/cutoff"),
        ({"window": {"not_after": "2026-07-01T00:00:00Z"}}, "/window"),
    ],
)
async def test_a_plan_that_does_not_fit_is_refused_with_its_place(
    opened: Opened, fields: dict[str, Any], pointer: str
) -> None:
    async with opened() as client:
        reply = await client.post(f"{PATH}/plan", {"contact_ids": ["c-1"], "capacity_per_hour": 5, **fields})

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, pointer)


async def test_a_known_contact_without_data_is_answered_from_the_population(opened: Opened) -> None:
    async with opened() as client:
        (one,) = (await client.post(PATH, asked("c-1"))).json["predictions"]

    assert (one["status"], one["basis"], one["source"]) == ("ok", "population", "population")
    assert one["send_at"]["timezone"] == "Europe/London"
    assert one["send_at"]["local"].endswith("+01:00")


async def test_a_campaign_may_have_a_slash_in_its_name(opened: Opened) -> None:
    async with opened() as client:
        await client.post(PATH, asked("c-1", **{**EXPERIMENT, "campaign_id": "2026/june"}))
        reply = await report(client, "2026/june")

    assert (reply.status, reply.json["assigned"]) == (200, 1)


async def read(client: Any, path: str) -> Any:
    return await client.send("GET", path, headers={CALL_HEADER: client.signed("GET", path, scopes=("read",))})


async def test_experiments_are_listed_a_page_at_a_time(opened: Opened) -> None:
    async with opened() as client:
        for campaign in ("june", "july"):
            await client.post(PATH, asked("c-1", **{**EXPERIMENT, "campaign_id": campaign}))
        first = (await read(client, "/experiments?limit=1")).json
        second = (await read(client, "/experiments?limit=1&cursor=july")).json

    assert [one["campaign_id"] for one in first["experiments"]] == ["july"]
    assert (first["next_cursor"], first["experiments"][0]["engagement"]) == ("july", "click")
    assert [one["campaign_id"] for one in second["experiments"]] == ["june"]


async def test_the_weeks_say_what_each_hour_is_worth_for_everybody_and_for_look_alikes(opened: Opened) -> None:
    async with opened() as client:
        reply = await read(client, f"{PATH}/weeks")

    found = reply.json
    assert (reply.status, found["unit"], found["is_chance"], found["usual_hour"]) == (200, "click", True, None)
    assert found["everybody"]["values"][3] is None  # nothing was sent at 3 at night
    assert sorted(one["best"] % 24 for one in found["groups"]) == [9, 19]
    assert sum(one["share"] for one in found["groups"]) == pytest.approx(1.0, abs=0.001)
    assert found["model"]["version"] == "7"


@pytest.mark.parametrize("path", ["/experiments", f"{PATH}/weeks"])
async def test_lists_need_the_scope_to_read(opened: Opened, path: str) -> None:
    async with opened() as client:
        reply = await client.send("GET", path, headers={CALL_HEADER: client.signed("GET", path, scopes=("ingest",))})

    assert reply.status == 403
