"""Recommendations end to end: trained on a real store, asked through the real service, withdrawn, erased."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.recommendations.capability import CAPABILITY
from services.recommendations.training.recipe import RECIPE
from shared.contracts.call import CALL_HEADER
from shared.contracts.rows import DAY, ContactRow, EventRow, ItemChange
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database, open_database
from shared.training.recipe import train

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
CONTACTS, ITEMS, DAYS = 210, 24, 300


def orders(contact: int) -> list[EventRow]:
    """A staple every 25 days, and something else of the same third of the items every 15."""
    third = 8 * (contact % 3)
    days = [(day, third) for day in range(contact % 25, DAYS, 25)]
    days += [(day + 0.5, third + 1 + (contact + day // 15) % 7) for day in range(contact % 15, DAYS, 15)]
    return [
        EventRow(
            f"c-{contact}",
            f"{contact}-{day}",
            "order_placed",
            NOW_US - int((day + 1) * DAY),
            NOW_US - DAY // 2,
            9.0,
            item=f"i-{item}",
        )
        for day, item in days
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> ServiceSettings:
    return ServiceSettings(home=with_registry(tmp_path_factory.mktemp("recommendations")), signing_key="k" * 32)


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
    contacts = [ContactRow(f"c-{number}", NOW_US - 500 * DAY) for number in range(CONTACTS)]
    store.contacts.put([*contacts, ContactRow("new", NOW_US - DAY)], recorded_at=NOW_US - DAY)
    events = [row for number in range(CONTACTS) for row in orders(number)]
    store.events.add_bulk(sorted(events, key=lambda row: (row.contact_id, row.event_id)))
    return store


@pytest.fixture(scope="module")
def first(database: Database, settings: ServiceSettings, store: AccountStore) -> Any:
    published = train(RECIPE, store, MlflowRegistry.of(settings), now=NOW_US)
    into = {"version": published.version, "digest": published.digest, "into": settings.cache_folder}
    artifacts(MlflowRegistry.of(settings), "demo", "recommendations", "", **into)
    return published


@pytest.fixture
async def client(settings: ServiceSettings, database: Database, asgi: Any, first: Any) -> AsyncIterator[Any]:
    class Open:
        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

        def close(self) -> None:
            pass

    app = create_app(CAPABILITY, settings, Open(), now=lambda: NOW)
    async with app.router.lifespan_context(app):
        yield asgi(app)


async def answered(client: Any, *contacts: str, **fields: Any) -> list[Any]:
    body = json.dumps({"contacts": [{"id": one} for one in contacts], **fields}).encode()
    reply = await client.post("/recommendations", body)
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])


def ids(prediction: Any) -> list[str]:
    return [one["id"] for one in prediction["items"]]


def test_the_first_version_is_promoted_with_its_report_and_plots(first: Any, store: AccountStore) -> None:
    row = store.models.version("recommendations", "", first.version)

    assert (first.promoted, first.reason) == (
        True,
        "first version; its lists are surely better than what is most popular",
    )
    assert row is not None
    assert row.report["data"]["items"] == ITEMS
    assert row.report["evidence"]["people"]["learned_from"] == CONTACTS
    assert row.figures["lift_over_most_popular"]["low"] > 0
    assert "methods" in store.models.plots("recommendations", "", first.version)


def test_the_report_says_when_the_catalogue_has_other_ids(settings: Any, store: AccountStore) -> None:
    store.items.put([ItemChange("SKU-1", {"name": "Tea"})], at=NOW_US)

    published = train(RECIPE, store, MlflowRegistry.of(settings), now=NOW_US)

    store.items.delete(["SKU-1"], at=NOW_US)
    assert published.report.to_json()["notes"][0].startswith("The catalogue has 0 of the 24 items")


def test_a_retraining_is_compared_with_the_champion_on_the_newer_window(
    first: Any, settings: ServiceSettings, store: AccountStore
) -> None:
    again = train(RECIPE, store, MlflowRegistry.of(settings), now=NOW_US)

    assert (again.promoted, again.decided) == (False, False)
    assert again.reason == "less than 7 days are newer than what the champion learned from"


async def test_contacts_get_their_own_items_and_a_new_one_what_is_popular(client: Any) -> None:
    mine, new = await answered(client, "c-0", "new", items=4)

    assert set(ids(mine)) <= {f"i-{number}" for number in range(8)}
    assert mine["items"][0]["source"] == "repeat"
    assert mine["items"][0]["reasons"][0]["text"]
    assert (new["status"], new["source"]) == ("ok", "population")
    assert {one["source"] for one in new["items"]} <= {"popular", "trending"}


async def test_an_item_that_is_withdrawn_is_gone_from_the_next_answer(client: Any, store: AccountStore) -> None:
    before = ids((await answered(client, "c-0"))[0])
    store.items.put([ItemChange(before[0], {"active": False}), ItemChange(before[1], {"in_stock": False})], at=NOW_US)
    after = ids((await answered(client, "c-0", items=30))[0])
    store.items.put([ItemChange(before[0], {"active": True, "name": "Tea", "category": "Drinks"})], at=NOW_US)

    again = (await answered(client, "c-0", items=30))[0]
    of_category = (await answered(client, "c-0", category=["Drinks"]))[0]
    store.items.delete(before[:2], at=NOW_US)

    assert set(before[:2]).isdisjoint(after)
    assert before[0] in ids(again)
    assert before[1] not in ids(again)
    assert [(one["id"], one["name"]) for one in of_category["items"]] == [(before[0], "Tea")]
    assert ids((await answered(client, "c-0"))[0]) == before


async def test_similar_and_popular_items_are_answered(client: Any) -> None:
    similar = await client.post("/recommendations/similar", json.dumps({"items": ["i-1", "odd"], "count": 3}).encode())
    wrong = await client.post("/recommendations/similar", b'{"items": []}')
    paths = ("/recommendations/popular", "/recommendations/similar/i-1", "/recommendations/similar/odd")
    popular, alone, absent = [
        await client.get(path, **{CALL_HEADER: client.signed("GET", path, scopes=("read",))}) for path in paths
    ]

    one, other = similar.json["similar"]
    assert {item["id"] for item in one["items"]} <= {f"i-{number}" for number in range(8)}
    assert (other["status"], other["items"]) == ("unknown_item", [])
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/items")
    assert len(popular.json["popular"]) == 10
    assert alone.json["similar"][0]["items"][:3] == one["items"]
    assert (absent.status, absent.json["code"]) == (404, "not-found")


async def test_an_erased_contact_leaves_nothing_that_an_answer_could_rest_on(
    client: Any, store: AccountStore, settings: ServiceSettings, first: Any
) -> None:
    folder = settings.cache_folder
    assert (await answered(client, "c-7"))[0]["source"] == "model"

    store.privacy.erase("c-7", at=NOW_US, identity_key=b"k" * 32)

    assert (await answered(client, "c-7"))[0]["status"] == "unknown_contact"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"i-7" in kept
    assert b"c-7" not in kept
