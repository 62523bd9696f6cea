"""A home that an earlier release wrote is migrated, and answers as it did: see tests/fixtures/home."""

import base64
import json
import math
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.app import create_app
from services.specs import spec_of
from shared.serving.service import create_app as create_service
from shared.settings import GatewaySettings, ServiceSettings
from shared.store import Database, migrate, open_database
from shared.store.migration import check

FIXTURE = Path(__file__).parents[1] / "fixtures" / "home"
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text())
LATER = datetime.fromisoformat(EXPECTED["now"]) + timedelta(hours=3)
"""An instant at which everything in the home is known."""
CAPABILITIES = {"/score": "scoring", "/churn-risk": "churn", "/segment": "segmentation", "/best-send-time": "sendtime"}


@dataclass
class Home:
    """The folder, migrated, and its store."""

    folder: Path
    database: Database

    @property
    def secrets(self) -> dict[str, Any]:
        named = ("signing_key", "identity_key")
        return {name: (self.folder / "secrets" / name).read_text().strip() for name in named}

    @property
    def key(self) -> str:
        return (self.folder / "keys" / "default").read_text().strip()

    def rows(self, table: str, where: str = "account_id = 'default'") -> list[Any]:
        name = "predictions" if "prediction" in table else "store"
        engine = create_engine(f"sqlite:///{self.folder / name}.sqlite")
        with engine.connect() as connection:
            found = list(connection.execute(text(f"SELECT * FROM {table} WHERE {where}")).mappings())  # noqa: S608
        engine.dispose()
        return found


class KeptOpen:
    """A store that stays open when an app ends."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def close(self) -> None:
        pass


SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11.2, which Debian 12 has, knows no filter yet; the archive is ours."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(FIXTURE / "home.tar.xz") as packed:
        packed.extractall(folder, **SAFELY)  # noqa: S202
    migrate(ServiceSettings(home=folder / "home", signing_key="k" * 32))
    return folder / "home"


def opened(folder: Path) -> Home:
    key = (folder / "secrets" / "identity_key").read_text().strip()
    return Home(folder, open_database(ServiceSettings(home=folder, signing_key="k" * 32), key.encode()))


@pytest.fixture(scope="module")
def home(unpacked: Path) -> Iterator[Home]:
    """Only read by tests."""
    made = opened(unpacked)
    yield made
    made.database.close()


@pytest.fixture
def own_home(unpacked: Path, tmp_path: Path) -> Iterator[Home]:
    """Written to by tests."""
    made = opened(Path(shutil.copytree(unpacked, tmp_path / "home")))
    yield made
    made.database.close()


@asynccontextmanager
async def gateway(home: Home, asgi: Any) -> AsyncIterator[Any]:
    app = create_app(GatewaySettings(home=home.folder, **home.secrets), database=KeptOpen(home.database))  # type: ignore[arg-type]
    async with app.router.lifespan_context(app) as state:
        yield asgi(app, state)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


SPEAKER = ("text", "feature", "value")
"""Which column speaks for a thing, and how: what a reason adds stays, its words may become better."""


def assert_holds(then: Any, now: Any, place: str = "") -> None:
    """Whatever was answered then is answered now; a later release may add fields, and say reasons in better words."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in then.items():
            if name not in ("request_id", *(SPEAKER if "/reasons/" in place else ())):
                assert_holds(value, now.get(name, "(absent)"), f"{place}/{name}")
    elif isinstance(then, list) and isinstance(now, list):
        assert len(then) == len(now), place
        for number, (one, other) in enumerate(zip(then, now, strict=True)):
            assert_holds(one, other, f"{place}/{number}")
    elif isinstance(then, float) and isinstance(now, float):
        assert math.isclose(then, now, rel_tol=1e-6, abs_tol=1e-9), f"{place}: {then} became {now}"
    else:
        assert then == now, f"{place}: {then} became {now}"


def test_it_is_migrated_as_a_new_home_would_be(home: Home) -> None:
    check(ServiceSettings(home=home.folder, signing_key="k" * 32))


def test_no_row_is_lost(home: Home) -> None:
    tables = {
        "contacts": 313,
        "events": 9_568,
        "attributes": 1_364,
        "identities": 158,
        "keys": 3,
        "outcomes": 3,
        "champions": 5,
        "assignments": 39,
        "sources": 2,
        "subscriptions": 2,
        "dead_letters": 1,
        "tombstones": 2,
        "versions": 6,
    }

    assert {name: len(home.rows(name)) for name in tables} == tables


@pytest.mark.parametrize(
    "asked", EXPECTED["answers"], ids=lambda one: f"{one['path'][1:]}-{one['request'].get('outcome')}"
)
async def test_a_prediction_is_what_it_was(home: Home, asgi: Any, asked: dict[str, Any]) -> None:
    capability = CAPABILITIES[asked["path"]]
    settings = ServiceSettings(home=home.folder, signing_key="k" * 32)
    app = create_service(spec_of(capability), settings, KeptOpen(home.database), now=lambda: LATER)  # type: ignore[call-arg]

    async with app.router.lifespan_context(app):
        reply = await asgi(app).post(asked["path"], asked["request"], account="default")
        while reply.status == 503:  # each of them waits while the model is being loaded
            reply = await asgi(app).post(asked["path"], asked["request"], account="default")

    assert reply.status == 200
    assert_holds(asked["answer"], reply.json)


@pytest.mark.parametrize("path", EXPECTED["reads"])
async def test_what_was_stored_is_read_as_before(home: Home, asgi: Any, path: str) -> None:
    async with gateway(home, asgi) as client:
        reply = await client.get(path, **bearer(home.key))

    assert reply.status == 200
    assert_holds(EXPECTED["reads"][path], reply.json)


async def test_keys_open_what_they_opened_and_nothing_else(home: Home, asgi: Any) -> None:
    async with gateway(home, asgi) as client:

        async def status(path: str, key: str) -> int:
            return int((await client.get(path, **bearer(key))).status)

        assert await status("/contacts/a-1", EXPECTED["acme"]) == 200
        assert await status("/contacts/c-001", EXPECTED["acme"]) == 404
        assert await status("/contacts/c-001", EXPECTED["predict"]) == 403
        assert await status("/contacts/c-001", EXPECTED["revoked"]) == 401


async def test_a_provider_s_old_secret_proves_and_its_old_item_is_known(own_home: Home, asgi: Any) -> None:
    item = {
        "type": "page",
        "messageId": "v-1",
        "anonymousId": "visitor-1",
        "name": "Prices",
        "timestamp": EXPECTED["now"],
    }
    proof = base64.b64encode(b"write-key-of-the-site:").decode()

    async with gateway(own_home, asgi) as client:
        known = await client.send(
            "POST", EXPECTED["site"], json.dumps(item).encode(), {"Authorization": f"Basic {proof}"}
        )
        forged = await client.send("POST", EXPECTED["site"], json.dumps(item).encode(), {"Authorization": "Basic YTo="})

    assert known.json["duplicate"] == 1
    assert forged.status == 401


async def test_who_was_erased_stays_erased(own_home: Home, asgi: Any) -> None:
    event = {"contact_id": "gone", "type": "page_viewed", "occurred_at": EXPECTED["now"]}

    async with gateway(own_home, asgi) as client:
        reply = await client.send("POST", "/events", json.dumps({"events": [event]}).encode(), bearer(own_home.key))

    assert reply.json["results"][0]["status"] == "erased"


async def test_a_fact_stored_under_the_old_identity_is_that_fact(own_home: Home, asgi: Any) -> None:
    body = json.dumps({"events": EXPECTED["lines"]}).encode()

    async with gateway(own_home, asgi) as client:
        again = await client.send("POST", "/events", body, bearer(own_home.key))
        once_more = await client.send("POST", "/events", body, bearer(own_home.key))

    stored = [place for place, status in enumerate(EXPECTED["order_lines"]) if status == "created"]
    assert [again.json["results"][place]["status"] for place in stored] == ["duplicate"] * len(stored)
    assert {one["status"] for one in once_more.json["results"]} == {"duplicate"}


def test_attributes_of_more_digits_than_fit_are_there(home: Home) -> None:
    rows = home.rows("attributes", "contact_id = 'digits' ORDER BY name")

    assert [(row["name"], row["value"]) for row in rows] == [
        ("plan", '"gold"'),
        ("size", "9" * 25),
        ("wide", "8" * 309),
    ]
