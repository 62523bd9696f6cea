"""Segments end to end: trained on a real store, asked through the real service, retrained, asked again."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.segmentation.capability import CAPABILITY
from services.segmentation.schemas import SegmentChoices
from services.segmentation.training import RECIPE
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.errors import InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database, PredictionRow, open_database
from shared.training.recipe import train

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
CONTACTS = 400


def orders(contact: str, days: Any, value: float) -> list[EventRow]:
    return [
        EventRow(contact, f"{contact}-{day}", "order_placed", NOW_US - int(day * DAY), NOW_US - DAY // 2, value)
        for day in days
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> ServiceSettings:
    return ServiceSettings(home=with_registry(tmp_path_factory.mktemp("segments")), signing_key="k" * 32)


@pytest.fixture(scope="module")
def database(settings: ServiceSettings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


@pytest.fixture(scope="module")
def store(database: Database) -> AccountStore:
    database.create_account("demo", created_at=0)
    store = database.of("demo")
    draw = np.random.default_rng(4)
    events: list[EventRow] = []
    for number in range(CONTACTS):
        rhythm, since = [(6, 1), (45, 1), (40, 200)][number % 3]
        days = since + np.cumsum(draw.exponential(rhythm, 60))
        events += orders(f"c-{number}", sorted(set(days[days < 400].round(3))), [90.0, 40.0, 35.0][number % 3])
    contacts = [ContactRow(f"c-{number}", NOW_US - 500 * DAY) for number in range(CONTACTS)]
    store.contacts.put(contacts, recorded_at=NOW_US - DAY)
    store.events.add_bulk(sorted(events, key=lambda row: (row.contact_id, row.event_id)))
    return store


@pytest.fixture(scope="module")
def first(database: Database, settings: ServiceSettings, store: AccountStore) -> Any:
    return train(
        RECIPE, database.of("demo"), MlflowRegistry.of(settings), choices=SegmentChoices(segments=3), now=NOW_US
    )


@pytest.fixture
async def client(settings: ServiceSettings, database: Database, asgi: Any, first: Any) -> AsyncIterator[Any]:
    class Open:
        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

        def close(self) -> None:
            pass

    artifacts(
        MlflowRegistry.of(settings),
        "demo",
        "segmentation",
        "",
        version=first.version,
        digest=first.digest,
        into=settings.cache_folder,
    )
    app = create_app(CAPABILITY, settings, Open(), now=lambda: NOW)
    async with app.router.lifespan_context(app):
        yield asgi(app)


async def asked(client: Any, *contacts: Any, **fields: Any) -> list[Any]:
    named = [{"id": one} if isinstance(one, str) else one for one in contacts]
    reply = await client.post("/segment", json.dumps({"contacts": named, **fields}).encode())
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])


def test_the_first_version_is_promoted_with_its_report_and_plots(first: Any, store: AccountStore) -> None:
    row = store.models.version("segmentation", "", first.version)

    assert (first.promoted, first.reason) == (True, "the first segments of this account")
    assert row is not None
    assert [one["id"] for one in row.report["segments"]] == ["s1", "s2", "s3"]
    assert row.report["evidence"]["people"]["learned_from"] == row.report["data"]["contacts"]
    assert {"sizes", "profile", "map"} <= store.models.plots("segmentation", "", first.version).keys()


def test_a_retraining_keeps_ids_names_and_says_so(
    first: Any, database: Database, settings: ServiceSettings, store: AccountStore
) -> None:
    choices = SegmentChoices(promote=False, segments=3, seed=7)
    again = train(RECIPE, database.of("demo"), MlflowRegistry.of(settings), choices=choices, now=NOW_US)

    rows = [store.models.version("segmentation", "", one.version) for one in (first, again)]
    told = [{one["id"]: one["name"] for one in row.report["segments"]} for row in rows if row is not None]
    assert told[0] == told[1]
    assert again.reason.startswith("registered only, as asked (not worse than the champion")
    assert rows[1] is not None
    assert rows[1].report["matching"]["retired"] == []


async def test_a_contact_that_buys_again_moves_and_the_move_is_remembered(client: Any, store: AccountStore) -> None:
    (before,) = await asked(client, "c-2", cutoff="2026-05-20T00:00:00Z")
    recent = [
        {"id": f"x{day}", "type": "order_placed", "occurred_at": f"2026-05-{day}T10:00:00Z", "value": 90.0}
        for day in range(10, 31)
    ]
    at = NOW_US - 12 * DAY
    sent, number = json.dumps(before), before["segment"]["id"]
    stored = PredictionRow("c-2", "segmentation", "", "1", at, at, "r", "ok", None, None, None, "model", sent, number)
    store.predictions.log([stored])

    (moved,) = await asked(client, {"id": "c-2", "events": recent})

    assert moved["segment"]["id"] != before["segment"]["id"]
    assert moved["previous_segment"] == before["segment"]
    assert moved["moved_at"] == "2026-06-01T00:00:00Z"


async def test_the_account_s_name_is_printed_at_once(client: Any, store: AccountStore) -> None:
    (plain,) = await asked(client, "c-0")
    store.segments.rename(plain["segment"]["id"], "Our best", at=NOW_US)

    (named,) = await asked(client, "c-0")

    assert named["segment"] == {"id": plain["segment"]["id"], "name": "Our best"}
    store.segments.rename(plain["segment"]["id"], None, at=NOW_US)


def test_an_account_with_nothing_to_learn_from_is_refused_in_counts(
    database: Database, settings: ServiceSettings
) -> None:
    database.create_account("empty", created_at=0)

    with pytest.raises(InsufficientData, match="0 contacts have an event"):
        train(RECIPE, database.of("empty"), MlflowRegistry.of(settings), now=NOW_US)


def test_mlflow_s_folder_holds_json_and_arrays_alone(first: Any, settings: ServiceSettings) -> None:
    written = list(Path(settings.home).rglob("groups.npz"))

    assert written
    assert {path.suffix for path in written[0].parent.iterdir()} == {".json", ".npz"}
