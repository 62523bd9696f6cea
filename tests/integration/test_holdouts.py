"""Nobody learns what is predicted about who is held out: every route and every file is asked, and searched."""

import asyncio
import contextlib
import io
import json
import logging
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pyarrow.parquet
import pytest
from starlette.responses import Response

from foretell.batch_models import loaded
from foretell.home import prepare
from gateway.app import create_app
from services.specs import spec_of
from shared.batches.bucket_reader import read_bucket
from shared.batches.buckets import export
from shared.batches.bulk_rows import write_answers
from shared.capabilities import TABLE, capability
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.serving.service import Service
from shared.settings import GatewaySettings, ServiceSettings
from shared.store import AccountStore, Database, MessageChange, VersionRow, open_database
from tests.e2e.golden_home import MODELS, golden_home
from tests.integration.gateway.conftest import on_a_socket

KEY = "i" * 32
NOW = 1_780_272_000_000_000
CUTOFF = "2026-06-01T00:00:00Z"
IDS = [f"c-{number}" for number in range(24)]
PATHS = {line.name: line.path for line in TABLE}
DOCUMENT = json.loads((Path(__file__).parents[1] / "contract/openapi/gateway.json").read_text())
"""As published; tests/contract holds that it is the gateway's own."""
DIGITS = 8
"""Two ways to compute a number may differ in its last bit."""
OWN_EXPORT = "export_contact"
"""What is held of a person is theirs to see, what was withheld from others too."""


def write_contacts(store: AccountStore) -> None:
    contacts, events = [], []
    for number, contact_id in enumerate(IDS):
        facts = (AttributeRow("country", ("FR", "DE", "US")[number % 3], NOW - 300 * DAY),)
        contacts.append(ContactRow(contact_id, NOW - 300 * DAY, "Europe/Paris", None, None, facts))
        for step in range(3 + number):
            kind = ("email_sent", "email_clicked", "order_placed", "page_viewed", "product_used")[step % 5]
            at = NOW - (1 + step * (1 + number % 4)) * DAY
            value = 10.0 + number if kind == "order_placed" else None
            events.append(EventRow(contact_id, f"e-{step}", kind, at, NOW - DAY, value))
    store.contacts.put(contacts, recorded_at=NOW - DAY)
    store.events.add_bulk(events)
    store.experiments.messages.put([MessageChange(one, {}) for one in ("delivery", "news", "sale")], at=NOW)


def list_segments_of(store: AccountStore, predictions: list[dict[str, Any]]) -> None:
    """Write the catalogue's row of the segments, as training does."""
    ids = sorted({one["segment"]["id"] for one in predictions if one["segment"]})
    fields = {"description": "", "share": 0.5, "size": 9, "value_per_contact": None, "value_share": None}
    segments = [{"id": one, "name": one, **fields, "traits": [], "micro_segments": []} for one in ids]
    champion = store.models.champion("segmentation", "")
    assert champion is not None
    row = VersionRow("segmentation", "", champion.version, champion.digest, "kmeans", "B", NOW, None, "run")
    store.models.add(replace(row, report={"segments": segments}))


@dataclass
class Installation:
    """The real gateway, and the real services while they run."""

    home: Path
    store: AccountStore
    database: Database
    url: str = ""

    async def asked(self, method: str, path: str, body: Any = None) -> str:
        key = (self.home / "keys" / "default").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, self.url + path, json=body) as answer,
        ):
            text = await answer.text()
            assert answer.status < 500 or path == "/readyz", text
            return text

    async def predictions(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        outcome = {"outcome": MODELS[name][1]} if MODELS[name][1] else {}
        fields = {"contacts": [{"id": one} for one in IDS], "cutoff": CUTOFF, **outcome, **fields}
        answer = json.loads(await self.asked("POST", PATHS[name], capability(name).harmless_request(fields)))
        found: list[dict[str, Any]] = answer["predictions"]
        return found


@contextlib.asynccontextmanager
async def gateway_on(home: Path) -> AsyncIterator[Installation]:
    """Open the gateway; its services run on the same socket while `serving`."""
    database = open_database(ServiceSettings(home=home, signing_key=KEY), KEY.encode())
    made = Installation(home, database.of("default"), database)
    async with on_a_socket(route) as port:
        app = create_app(
            GatewaySettings(
                home=home, signing_key=KEY, identity_key=KEY, upstream=f"http://127.0.0.1:{port}", limits_calls=100_000
            ),
            database=database,
        )
        async with on_a_socket(app) as own:
            made.url = f"http://127.0.0.1:{own}"
            yield made
    database.close()


RUNNING: dict[str, Any] = {}


async def route(scope: Any, receive: Any, send: Any) -> None:
    """The service of each capability, found by the path."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    names = [one.name for one in TABLE if scope["path"].startswith((one.path, *one.prefixes))]
    await RUNNING.get(names[0] if names else "", Response(status_code=404))(scope, receive, send)


@contextlib.asynccontextmanager
async def serving(home: Path) -> AsyncIterator[None]:
    """Run all services; when they have ended, all that they answered is logged."""
    settings = ServiceSettings(home=home, signing_key=KEY)

    async def cached(row: Any, version: str, digest: str) -> Path:
        return settings.cache_folder / digest

    async with contextlib.AsyncExitStack() as stack:
        for line in TABLE:
            service = Service(spec_of(line.name), settings, open_database(settings), fetch=cached)
            app = RUNNING[line.name] = service.app()
            await stack.enter_async_context(app.router.lifespan_context(app))
            await service.champions.poll()
            await service.champions.settled()
        yield
    RUNNING.clear()


def secrets_of(predictions: list[dict[str, Any]]) -> Iterator[float]:
    """List what of some answers can be told from chance."""
    for one in predictions:
        for number in (one["probability"], one.get("membership"), one.get("activity_share")):
            if isinstance(number, float) and len(repr(number)) > 12:
                yield round(number, DIGITS)
        yield from (round(reason["contribution"], DIGITS) for reason in one["reasons"])


def holding(text: str, secrets: set[float]) -> list[float]:
    return [one for number in re.findall(r"-?\d\.\d{9,}", text) if (one := round(float(number), DIGITS)) in secrets]


@pytest.fixture
def home(tmp_path: Path, migrated_files: Path) -> Path:
    folder = tmp_path / "home"
    prepare(folder)
    shutil.copytree(migrated_files, folder, dirs_exist_ok=True)
    return golden_home(folder, registered=False)


async def test_what_is_withheld_appears_nowhere_but_in_the_persons_own_export(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with gateway_on(home) as here:
        write_contacts(here.store)
        async with serving(home):
            told = {line.name: await here.predictions(line.name, reasons=3) for line in TABLE}
        list_segments_of(here.store, told["segmentation"])
        answer = json.loads(await here.asked("POST", "/holdouts", {"name": "spring", "share": 0.5}))
        (holdout,) = here.store.experiments.holdouts.all()
        held = [one for one in IDS if holdout.holds(one)]
        of_held = [one for name in told for one in told[name] if one["contact_id"] in held and one["status"] == "ok"]
        secrets = set(secrets_of(of_held))
        # Older than the holdout: nobody may read them now. Who is not held out may share a number, and tells nothing.
        others = [one for name in told for one in told[name] if one["contact_id"] not in held]
        known = set(secrets_of(others))
        secrets = {one for one in secrets if all(abs(one - other) > 1e-6 for other in known)}

        found = await _every_list(here, held)
        async with serving(home):
            found += await _everything_asked(here, held)
        found += await _every_list(here, held)
        found += await asyncio.to_thread(_every_file, here, tmp_path, held)
        log = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        own = "".join([await here.asked("GET", f"/contacts/{one}/export") for one in held])
        withheld = json.loads(await here.asked("GET", f"/contacts/{held[0]}/export"))["predictions"]

    assert answer["effective_within_seconds"] == 5.0
    assert 4 < len(held) < 20
    assert len(secrets) > len(held)
    assert {name: leaks for name, text in [*found, ("log", log)] if (leaks := holding(text, secrets))} == {}
    assert holding(own, secrets)
    assert any(one["status"] == "control" and one["withheld_probability"] is not None for one in withheld)


async def _everything_asked(here: Installation, held: list[str]) -> list[tuple[str, str]]:
    """Ask every route that a model answers, in every way; check that it says `control`."""
    found: list[tuple[str, str]] = []
    contact = {"attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}
    for line in TABLE:
        ways: list[dict[str, Any]] = [
            {"contacts": [{"id": held[-1]}]},
            {"contacts": [{"id": one, **contact} for one in held]},
            {"contacts": [{"id": IDS[number % 24]} for number in range(1_000)]},
            {"contacts": [{"id": one} for one in held], "cutoff": "2026-05-01T00:00:00Z", "reasons": 10},
        ]
        if line.name == "sendtime":
            experiment = {"purpose": "experiment", "campaign_id": "may", "default_send_at": "2026-06-02T10:00:00Z"}
            ways.append({"contacts": [{"id": one} for one in held], "control_share": 0.0, **experiment})
        for way in ways:
            answers = await here.predictions(line.name, **way)
            about = [one for one in answers if one["contact_id"] in held]
            statuses = {one["status"] for one in about}
            assert ("control" in statuses, "ok" in statuses) == (True, False)
            found.append((line.path, json.dumps(about)))
        assert {one["status"] for one in await here.predictions(line.name)} >= {"ok", "control"}
    both = {"contacts": [{"id": one} for one in held[:20]], "cutoff": CUTOFF, "options": {"scoring": {}}}
    found.append(("/predict", await here.asked("POST", "/predict", both)))
    plan = json.loads(
        await here.asked("POST", "/best-send-time/plan", {"contact_ids": IDS, "capacity_per_hour": 9, "cutoff": CUTOFF})
    )
    assert {one["contact_id"] for one in plan["assignments"] if one["status"] == "control"} == set(held)
    assert {(one["send_at"], one["value"]) for one in plan["assignments"] if one["status"] == "control"} == {
        (None, None)
    }
    assert list(here.store.experiments.assignments.of_campaign("may")) == []
    decided = {"contacts": [{"id": one} for one in held], "outcome": MODELS["messages"][1]}
    found.append(("/next-best-message", await here.asked("POST", "/next-best-message", decided)))
    assert here.store.experiments.decisions.recent(held, since=0) == {}
    found.append(("/experiments", await here.asked("GET", "/experiments/may")))
    return found


async def _every_list(here: Installation, held: list[str]) -> list[tuple[str, str]]:
    """Ask every route that reads, about everybody who is held out."""
    found = []
    segments = [f"s{number}" for number in range(1, 7)]
    names = {"segment_id": segments, "contact_id": held[:4], "name": ["spring"], "campaign_id": ["may"]}
    for path, operations in DOCUMENT["paths"].items():
        operation = operations.get("get")
        if operation is None or operation["operationId"] == OWN_EXPORT or path.startswith("/experiments"):
            continue
        for where in _filled(path, names):
            asked = [where + query for query in _queries(operation, segments)]
            found += [(one, await here.asked("GET", one)) for one in asked]
    listed = {where: text for where, text in found if where.startswith(("/predictions?", "/segments/"))}
    about = {where: set(re.findall(r'"contact_id":"(.*?)"', text)) for where, text in listed.items()}
    assert any(where.startswith("/segments/") and names for where, names in about.items())
    assert {where: both for where, names in about.items() if "status=" not in where and (both := names & {*held})} == {}
    return found


def _filled(path: str, names: dict[str, list[str]]) -> Iterator[str]:
    wanted = [one for one in names if f"{{{one}}}" in path]
    if not wanted:
        yield path if "{" not in path else path.replace("{", "").replace("}", "")
        return
    for value in names[wanted[-1]]:
        yield from _filled(path.replace(f"{{{wanted[-1]}}}", quote(value, safe="")), names)


def _queries(operation: dict[str, Any], segments: list[str]) -> Iterator[str]:
    names = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    if operation["operationId"] == "list_predictions":
        for line in TABLE:
            outcome = f"&outcome={MODELS[line.name][1]}" if MODELS[line.name][1] else ""
            asked = f"?capability={line.name}{outcome}&limit=7"
            yield from (asked, f"{asked}&status=control")
            yield from (f"{asked}&segment={one}" for one in segments)
    elif "measure" in names:
        yield "?measure=order_placed"
    else:
        yield "?limit=1000" if "limit" in names else ""


def _every_file(here: Installation, folder: Path, held: list[str]) -> list[tuple[str, str]]:
    """Write the files of batches and of `foretell predict`, from the store and from an export."""
    found = []
    settings = ServiceSettings(home=here.home, signing_key=KEY)
    manifest = export(here.store, folder / "export", 2, at=NOW)
    for line in TABLE:
        champion = here.store.models.champion(line.name, MODELS[line.name][1])
        assert champion is not None
        model = {
            "capability": line.name, "outcome": champion.outcome, "version": champion.version, "digest": champion.digest
        }  # fmt: skip
        predictor = loaded(settings, here.store, [model], cutoff=NOW, asked_at=NOW, reasons=3)
        lines = [json.dumps({"id": one}).encode() for one in IDS]
        rows = [json.loads(row.body) for row in predictor.rows(lines)]
        # Messages have a control group of their own, which names its arm.
        control = [one for one in rows if one["status"] == "control" and one.get("arm") is None]
        assert {one["contact_id"] for one in control} <= set(held)
        assert not {one["contact_id"] for one in rows if one["status"] == "ok"} & set(held)
        found.append((f"batch of {line.name}", json.dumps([one for one in rows if one["contact_id"] in held])))
        (pinned,) = [predictor._held(one) for one in predictor.models]
        for reasons, form in ((0, "parquet"), (3, "ndjson")):
            for bucket in range(2):
                target = io.BytesIO()
                bulk = read_bucket(folder / "export", manifest, bucket)
                counts = write_answers(target, form, replace(pinned, reasons=reasons), bulk)
                assert counts.get("control")
                found.append((f"{form} of {line.name}", _text(target, form, held)))
    return found


def _text(target: io.BytesIO, form: str, held: list[str]) -> str:
    if form == "ndjson":
        rows = [json.loads(line) for line in target.getvalue().splitlines()]
    else:
        rows = pyarrow.parquet.read_table(io.BytesIO(target.getvalue())).to_pylist()
    mine = [row for row in rows if row["contact_id"] in held]
    assert not [row for row in mine if row["status"] == "ok"]
    return json.dumps(mine, default=str)


async def test_after_the_release_new_calls_answer_and_old_ones_stay_withheld(home: Path) -> None:
    async with gateway_on(home) as here:
        write_contacts(here.store)
        await here.asked("POST", "/holdouts", {"name": "spring", "share": 0.5, "capability": "scoring"})
        (holdout,) = here.store.experiments.holdouts.all()
        held = next(one for one in IDS[12:] if holdout.holds(one))
        async with serving(home):
            (before,) = await here.predictions("scoring", contacts=[{"id": held}])
            (churn,) = await here.predictions("churn", contacts=[{"id": held}])
            side = json.loads(await here.asked("GET", f"/holdouts/spring/contacts/{held}"))
        await here.asked("POST", "/holdouts/spring/release")
        (old,) = [one for one in here.store.predictions.of_contact(held) if one.capability == "scoring"]
        async with serving(home):
            (after,) = await here.predictions("scoring", contacts=[{"id": held}])

    assert (before["status"], churn["status"], after["status"]) == ("control", "ok", "ok")
    assert (side["side"], side["held_out"]) == ("control", True)
    assert (old.status, old.probability, after["trend"]) == ("control", None, "unknown")
    assert {one for one in before if before[one]} == {"contact_id", "status", "detail", "trend"}
    assert before["trend"] == "unknown"
