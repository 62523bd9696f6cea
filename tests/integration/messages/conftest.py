import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from services.messages.capability import CAPABILITY
from shared.contracts.outcome import BUILT_IN
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database, MessageChange, open_database

CLICKED = next(outcome for outcome in BUILT_IN if outcome.capability == "messages")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
CONTACTS = 60
SUBJECTS = {"subject-a": "price", "subject-b": "price", "subject-c": "news"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path], migrated_files: Path) -> Path:
    folder = with_registry(tmp_path_factory.mktemp("messages"))
    for file in migrated_files.iterdir():
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def service_settings(home: Path) -> ServiceSettings:
    return ServiceSettings(home=home, signing_key="k" * 32)


@pytest.fixture(scope="module")
def messages_database(service_settings: ServiceSettings) -> Iterator[Database]:
    database = open_database(service_settings)
    yield database
    database.close()


_NUMBERS = itertools.count(1)


@pytest.fixture
def account(messages_database: Database) -> AccountStore:
    """An account with contacts, of whom every other one lives in France, and three subject lines."""
    name = f"shop-{next(_NUMBERS)}"
    messages_database.create_account(name, created_at=0)
    store = messages_database.of(name)
    since = NOW_US - 100 * DAY
    contacts = [
        ContactRow(f"c-{number}", since, attributes=(AttributeRow("country", "FR" if number % 2 else "DE", since),))
        for number in range(CONTACTS)
    ]
    store.contacts.put(contacts, recorded_at=NOW_US - DAY)
    rows = [
        EventRow(f"c-{number}", f"e-{number}", "email_clicked", NOW_US - (number % 40 + 1) * DAY, NOW_US - DAY)
        for number in range(CONTACTS)
    ]
    store.events.add_bulk(sorted(rows, key=lambda row: (row.contact_id, row.event_id)))
    declare(store, **{name: {"attributes": {"topic": topic}} for name, topic in SUBJECTS.items()})
    return store


def declare(store: AccountStore, **messages: dict[str, Any]) -> None:
    """Declare messages by id, `_` for `-`."""
    changes = [MessageChange(name.replace("_", "-"), fields) for name, fields in messages.items()]
    store.experiments.messages.put(changes, at=NOW_US)


class Open:
    """A store that stays open when a service ends."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def close(self) -> None:
        pass


@pytest.fixture
def service(service_settings: ServiceSettings, messages_database: Database, asgi: Any) -> Any:
    """A factory of running services; each is an async context that gives a client."""

    @asynccontextmanager
    async def running(now: datetime = NOW) -> AsyncIterator[Any]:
        app = create_app(CAPABILITY, service_settings, Open(messages_database), now=lambda: now)
        async with app.router.lifespan_context(app):
            yield asgi(app)

    return running


@pytest.fixture
async def client(service: Any, account: AccountStore) -> AsyncIterator[Any]:
    async with service() as client:
        client.post = partial(client.post, account=account.account)
        yield client


async def answered(client: Any, *contacts: Any, **fields: Any) -> list[Any]:
    listed = [{"id": one} if isinstance(one, str) else one for one in contacts]
    reply = await client.post("/next-best-message", {"contacts": listed, **fields})
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])
