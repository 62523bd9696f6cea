"""Uplift from the store: a holdout, decisions about messages and a send plan are read, learned from and served."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.uplift.capability import CAPABILITY
from services.uplift.schemas import UpliftChoices
from services.uplift.training.material import material_of
from services.uplift.training.recipe import RECIPE
from shared.contracts.decision import DecisionRow
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.errors import BadRequest, InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, AssignmentRow, Database, open_database
from shared.training.material import scanned
from shared.training.recipe import train

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
AT = NOW_US - 40 * DAY
CONTACTS = 400
SPRING = Holdout("spring", "ab" * 16, 0.5, "", "", AT, None)
BOUGHT = Outcome(name="bought", capability="uplift", event_types=("order_placed",), horizon_days=14, repeatable=True)


def events(draw: np.random.Generator, name: str) -> list[EventRow]:
    """Who is not held out buys more often."""
    looks = [(AT - int(days * DAY), "page_viewed") for days in draw.uniform(1, 50, 4)]
    chance = 0.15 if SPRING.holds(name) else 0.55
    bought = [(AT + 3 * DAY, "order_placed")] if draw.random() < chance else []
    return [EventRow(name, f"e{at}", kind, at, NOW_US - DAY, 10.0) for at, kind in [*looks, *bought]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> ServiceSettings:
    return ServiceSettings(home=with_registry(tmp_path_factory.mktemp("uplift")), signing_key="k" * 32)


@pytest.fixture(scope="module")
def database(settings: ServiceSettings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


@pytest.fixture(scope="module")
def store(database: Database) -> AccountStore:
    database.create_account("demo", created_at=0)
    store, draw = database.of("demo"), np.random.default_rng(5)
    names = [f"c-{number}" for number in range(CONTACTS)]
    store.contacts.put([ContactRow(name, AT - 60 * DAY) for name in names], recorded_at=NOW_US - DAY)
    store.events.add_bulk([row for name in sorted(names) for row in events(draw, name)])
    store.events.add_bulk([EventRow("c-0", "last", "page_viewed", NOW_US - 1, NOW_US - 1)])
    store.outcomes.put(BOUGHT)
    store.experiments.holdouts.create(SPRING)
    return store


@pytest.fixture(scope="module")
def first(settings: ServiceSettings, store: AccountStore) -> Any:
    published = train(
        RECIPE,
        store,
        MlflowRegistry.of(settings),
        BOUGHT,
        choices=UpliftChoices(experiment="holdout:spring"),
        now=NOW_US,
    )
    into = {"version": published.version, "digest": published.digest, "into": settings.cache_folder}
    artifacts(MlflowRegistry.of(settings), "demo", "uplift", "bought", **into)
    return published


def test_a_holdout_is_learned_from_and_the_first_version_is_promoted(first: Any, store: AccountStore) -> None:
    row = store.models.version("uplift", "bought", first.version)

    assert (first.promoted, first.reason) == (True, "first version; the effect of an arm is surely not nothing")
    assert row is not None
    assert row.report["data"]["control"] == "held out"
    assert row.report["arms"][0]["effect"]["low"] > 0.2
    assert "treated to all" in row.card
    assert set(store.models.plots("uplift", "bought", first.version)) == {"importance", "places", "qini", "rules"}


@pytest.fixture
async def client(settings: ServiceSettings, database: Database, asgi: Any, first: Any) -> AsyncIterator[Any]:
    class Open:
        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

        def close(self) -> None:
            pass

    store = database.of("demo")
    store.experiments.holdouts.release("spring", at=NOW_US - 1)
    app = create_app(CAPABILITY, settings, Open(), now=lambda: NOW)
    async with app.router.lifespan_context(app):
        yield asgi(app)


async def test_an_average_effect_is_answered_as_one(client: Any) -> None:
    body = json.dumps({"outcome": "bought", "contacts": [{"id": "c-1"}, {"id": "nobody"}]}).encode()

    reply = await client.post("/uplift", body)

    known, unknown = reply.json["predictions"]
    assert (known["claim"], known["group"], known["best_arm"], known["arm"]) == (
        "average", "unclear", "treated", "treated",
    )  # fmt: skip
    assert known["interval"]["low"] > 0.2
    assert known["reasons"] == []
    assert (unknown["status"], unknown["effect"]) == ("unknown_contact", None)


async def test_an_arm_that_the_experiment_did_not_have_is_422(client: Any) -> None:
    reply = await client.post(
        "/uplift", json.dumps({"outcome": "bought", "arm": "x", "contacts": [{"id": "c-1"}]}).encode()
    )

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/arm")


def read(store: AccountStore, experiment: str) -> Any:
    return material_of(store, scanned(store), BOUGHT, UpliftChoices(experiment=experiment), now=NOW_US)


def test_decisions_about_messages_are_an_experiment(store: AccountStore) -> None:
    names = [f"c-{number}" for number in range(CONTACTS)]
    rows = [
        DecisionRow(
            f"d-{name}", name, "bought", "", "", None if place % 4 == 0 else f"m-{place % 2}",
            "control" if place % 4 == 0 else "policy", 1.0 if place % 4 == 0 else 0.5, ("", "m-0", "m-1"), "0", AT, 0.0,
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    store.experiments.decisions.add_imported(rows)

    found = read(store, "messages")

    assert found.assigned.names == ("none", "m-0", "m-1")
    assert found.assigned.contacts() == [100, 100, 200]
    assert found.assigned.is_planned
    with pytest.raises(InsufficientData, match="messages:OUTCOME"):
        read(store, "messages:clicked")


def test_a_send_plan_compares_its_hour_with_the_usual_one(store: AccountStore) -> None:
    arms = ("treatment", "control", "exploration")
    rows = [
        AssignmentRow("may", f"c-{number}", arms[number % 3], 0.1, AT, AT, AT, "", "1", AT)
        for number in range(CONTACTS)
    ]
    store.experiments.assignments.add("may", rows)

    found = read(store, "sendtime:may")

    assert found.assigned.names == ("control", "treatment")
    assert found.assigned.contacts() == [133, 134]


@pytest.mark.parametrize("source", ["holdout:winter", "sendtime:june"])
def test_an_experiment_that_is_not_there_is_refused(store: AccountStore, source: str) -> None:
    with pytest.raises((BadRequest, InsufficientData), match="holdout"):
        read(store, source)
