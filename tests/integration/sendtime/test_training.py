"""Send time end to end: from a real store to a registered version, and the gate between two of them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.training import RECIPE
from shared.contracts.rows import DAY, HOUR, ContactRow, EventRow, Microseconds
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from shared.store import AccountStore, Database, open_database
from shared.training.recipe import train
from shared.training.versions import Published

START: Microseconds = 1_736_121_600_000_000
"""6 January 2025, a Monday."""
CONTACTS, CAMPAIGNS, EVERY = 160, 40, 3
HALF: Microseconds = START + CAMPAIGNS // 2 * EVERY * DAY
END: Microseconds = START + CAMPAIGNS * EVERY * DAY


def mailings() -> list[EventRow]:
    """Sends at every hour of the day; half of the contacts click at 9, half at 19."""
    draw = np.random.default_rng(4)
    events = []
    for campaign in range(CAMPAIGNS):
        for contact, hour in enumerate(draw.integers(7, 22, CONTACTS).tolist()):
            at = START + campaign * EVERY * DAY + hour * HOUR
            name, message = f"c{contact:03d}", f"m{campaign}"
            events.append(EventRow(name, f"s{campaign}", "email_sent", at, END, message_id=message))
            if draw.random() < (0.5 if abs(hour - (19 if contact % 2 else 9)) <= 1 else 0.05):
                events.append(EventRow(name, f"k{campaign}", "email_clicked", at + HOUR // 4, END, message_id=message))
    return events


def orders() -> list[EventRow]:
    """Nothing is sent; half of the contacts order at 9, half at 19."""
    return [
        EventRow(f"c{contact:03d}", f"o{day}", "order_placed", START + day * EVERY * DAY + hour * HOUR, END, 5.0)
        for day in range(CAMPAIGNS)
        for contact, hour in enumerate([9, 19] * (CONTACTS // 2))
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> Settings:
    return Settings(home=with_registry(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def database(settings: Settings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


def filled(database: Database, name: str, events: list[EventRow]) -> AccountStore:
    database.create_account(name, created_at=0)
    store = database.of(name)
    store.contacts.put_bulk([ContactRow(f"c{contact:03d}", START) for contact in range(CONTACTS)], recorded_at=END)
    store.events.add_bulk(events)
    return store


@dataclass(frozen=True)
class Trained:
    """An account of which two versions were trained, the second on twice as long a past."""

    store: AccountStore
    first: Published
    second: Published


@pytest.fixture(scope="module")
def trained(database: Database, settings: Settings) -> Callable[[str], Trained]:
    """Train on the mailings or the orders, once each."""

    @cache
    def of(name: str) -> Trained:
        store = filled(database, name, {"mailings": mailings, "orders": orders}[name]())
        first, second = (train(RECIPE, database.of(name), MlflowRegistry.of(settings), now=now) for now in (HALF, END))
        return Trained(store, first, second)

    return of


@pytest.mark.parametrize(("name", "default"), [("mailings", "click"), ("orders", None)])
def test_a_challenger_is_compared_with_the_champion_on_what_came_since(
    trained: Callable[[str], Trained], settings: Settings, tmp_path: Path, name: str, default: str | None
) -> None:
    made = trained(name)
    store, first, second = made.store, made.first, made.second

    assert (first.promoted, first.version) == (True, "1")
    assert second.promoted
    assert "not worse than the champion" in second.reason
    champion = store.models.champion("sendtime", "")
    assert champion is not None
    assert champion.version == second.version == "2"
    folder = artifacts(
        MlflowRegistry.of(settings), name, "sendtime", "", version="2", digest=second.digest, into=tmp_path
    )
    assert SendTimeModel.load(folder).default == default
    row = store.models.version("sendtime", "", "2")
    assert row is not None
    week = row.report["evidence"]["week"]
    assert (week["unit"], len(week["values"])) == (default or "activity", 168)
    assert ("groups" in row.report["evidence"]) == (default is not None)


def test_a_challenger_without_news_is_kept_and_not_promoted(
    database: Database, settings: Settings, trained: Callable[[str], Trained]
) -> None:
    made = trained("orders")

    again = train(RECIPE, database.of("orders"), MlflowRegistry.of(settings), now=END)

    assert not again.promoted
    assert "newer than both trainings" in again.reason
    champion = made.store.models.champion("sendtime", "")
    assert champion is not None
    assert champion.version == made.second.version
