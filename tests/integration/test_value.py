"""Value end to end: trained on a real store, asked through the real service, trained again against the champion."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.value.capability import CAPABILITY
from services.value.schemas import ValueChoices
from services.value.training import RECIPE
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.errors import InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database, open_database
from shared.training.recipe import train
from tests.unit.value.conftest import NOW as NOW_US
from tests.unit.value.conftest import lives

NOW = datetime.fromtimestamp(NOW_US / 1e6, UTC)
CHOICES = ValueChoices(currency="EUR", horizon_days=30)
CONTACTS = 200


def orders(contact: str, draw: np.random.Generator) -> Iterator[EventRow]:
    for event in lives(contact, draw):
        yield EventRow(*event[:4], NOW_US - DAY // 2, event[4], currency="EUR")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> ServiceSettings:
    return ServiceSettings(home=with_registry(tmp_path_factory.mktemp("value")), signing_key="k" * 32)


@pytest.fixture(scope="module")
def database(settings: ServiceSettings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


@pytest.fixture(scope="module")
def store(database: Database) -> AccountStore:
    database.create_account("demo", created_at=0)
    store, draw = database.of("demo"), np.random.default_rng(3)
    events = [row for number in range(CONTACTS) for row in orders(f"c-{number}", draw)]
    dollars = [EventRow("c-1", f"usd-{day}", "order_placed", NOW_US - day * DAY, NOW_US, 9e5, "USD") for day in (3, 9)]
    store.contacts.put([ContactRow(f"c-{number}", NOW_US - 301 * DAY) for number in range(CONTACTS)], recorded_at=0)
    store.events.add_bulk(sorted([*events, *dollars], key=lambda row: (row.contact_id, row.event_id)))
    return store


@pytest.fixture(scope="module")
def first(settings: ServiceSettings, store: AccountStore) -> Any:
    return train(RECIPE, store, MlflowRegistry.of(settings), choices=CHOICES, now=NOW_US)


@pytest.fixture
async def client(settings: ServiceSettings, database: Database, asgi: Any, first: Any) -> AsyncIterator[Any]:
    class Open:
        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

        def close(self) -> None:
            pass

    named = {"version": first.version, "digest": first.digest, "into": settings.cache_folder}
    artifacts(MlflowRegistry.of(settings), "demo", "value", "", **named)
    app = create_app(CAPABILITY, settings, Open(), now=lambda: NOW)
    async with app.router.lifespan_context(app):
        yield asgi(app)


async def answered(client: Any, *contacts: Any, **fields: Any) -> list[Any]:
    named = [{"id": one} if isinstance(one, str) else one for one in contacts]
    reply = await client.post("/lifetime-value", json.dumps({"contacts": named, **fields}).encode())
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])


def test_orders_in_several_currencies_are_refused_with_their_counts(
    settings: ServiceSettings, store: AccountStore
) -> None:
    with pytest.raises(InsufficientData, match=r"several currencies \(EUR [\d,]+, USD 2\)") as refused:
        train(RECIPE, store, MlflowRegistry.of(settings), choices=ValueChoices(horizon_days=30), now=NOW_US)

    assert refused.value.members["events_in_USD"] == 2


def test_the_first_version_is_promoted_and_its_report_says_what_was_left_out(first: Any, store: AccountStore) -> None:
    row = store.models.version("value", "", first.version)

    assert (first.promoted, first.reason) == (
        True,
        "first version; its error is surely below that of the best plain rule",
    )
    assert row is not None
    assert row.report["notes"][0] == "2 events in USD were left out: values are in EUR."
    assert {"mean_absolute_error", "spearman", "total_bias_before", "total_bias", "interval_coverage"} <= {*row.figures}
    assert len(row.report["deciles"]) == 10
    assert "Held by the 80 % interval" in row.card
    assert store.models.plots("value", "", first.version).keys() == {"deciles", "importance"}


async def test_events_in_another_currency_are_no_part_of_an_answer(client: Any) -> None:
    dollars = {"type": "order_placed", "occurred_at": "2026-05-20T10:00:00Z", "value": 9e5, "currency": "USD"}
    inline = {"id": "c-2", "events": [dollars]}

    with_dollars, plain, own = await answered(client, inline, "c-2", "c-1")

    assert with_dollars["expected_value"] == plain["expected_value"]
    assert own["currency"] == "EUR"
    assert own["expected_value"] < 9e4


async def test_an_answer_says_where_events_in_another_currency_were_left_out(client: Any) -> None:
    dollars = {"type": "order_placed", "occurred_at": "2026-05-20T10:00:00Z", "value": 9e5, "currency": "USD"}

    stored, inline, neither = await answered(client, {"id": "c-1"}, {"id": "c-2", "events": [dollars]}, {"id": "c-3"})

    told = ["other_currency" in one["data_quality"] for one in (stored, inline, neither)]
    assert told == [True, True, False]


async def test_another_horizon_is_answered_and_is_not_the_latest_prediction(client: Any, store: AccountStore) -> None:
    (near,) = await answered(client, "c-2")
    (far,) = await answered(client, "c-2", horizon_days=700)

    assert (near["horizon_days"], far["horizon_days"]) == (30, 700)
    assert far["expected_value"] > near["expected_value"]
    assert "horizon_beyond_judged" in far["data_quality"]


@pytest.mark.parametrize("days", [29, 731, 90.5])
async def test_a_horizon_that_is_not_offered_is_422(client: Any, days: float) -> None:
    reply = await client.post("/lifetime-value", {"contacts": [{"id": "c-2"}], "horizon_days": days})

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/horizon_days")


def test_a_challenger_is_compared_with_the_champion_on_newer_frames(
    first: Any, settings: ServiceSettings, store: AccountStore
) -> None:
    again = train(
        RECIPE, store, MlflowRegistry.of(settings), choices=CHOICES.model_copy(update={"promote": False}), now=NOW_US
    )

    assert again.decided is False
    assert "frames are newer than both trainings" in again.reason


def test_a_challenger_that_is_as_good_takes_the_place_of_the_champion(
    settings: ServiceSettings, database: Database
) -> None:
    database.create_account("later", created_at=0)
    store, draw = database.of("later"), np.random.default_rng(3)
    rows = sorted((row for n in range(CONTACTS) for row in orders(f"c-{n}", draw)), key=lambda row: row[:2])
    store.events.add_bulk([row for row in rows if row.occurred_at < NOW_US - 120 * DAY])
    early = train(RECIPE, store, MlflowRegistry.of(settings), choices=CHOICES, now=NOW_US - 120 * DAY)
    store.events.add_bulk(rows)

    late = train(RECIPE, store, MlflowRegistry.of(settings), choices=CHOICES, now=NOW_US)

    assert early.promoted
    assert late.decided
    assert late.figures["frames"] > 200
    assert late.figures["challenger_loss"] < late.figures["constant_loss"]
