import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
import yarl
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi import FastAPI
from prometheus_client import generate_latest

from gateway.app import create_app
from gateway.context import Gateway
from shared.contracts.call import new_key
from shared.contracts.rows import SECOND
from shared.errors import StoreUnavailable
from shared.settings import GatewaySettings, Settings
from shared.store import Database, open_database
from tests.socket_server import on_a_socket

SIGNING_KEY = "a signing key of the tests, long enough"
LONG_AGO = 1_700_000_000 * SECOND


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on asyncio's own loop, unless they name others."""
    own = {"asyncio": asyncio.new_event_loop}
    chosen = any("loop_factories" in mark.kwargs for mark in item.iter_markers("asyncio"))
    return {**own, "uvloop": uvloop.new_event_loop} if chosen else own


class Leavable:
    """A store that can go away and come back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise StoreUnavailable("The store cannot be reached; try again soon.")
        return getattr(self._database, name)


@dataclass
class Seen:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Upstream:
    """A service on a socket that answers as told and remembers what it was asked."""

    server: TestServer
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.method, request.path_qs, request.headers, await request.read()))
        return await self.answer(request)


@dataclass
class RunningGateway:
    """The gateway on a socket, and everything behind it."""

    url: str
    settings: GatewaySettings
    store: Leavable
    client: aiohttp.ClientSession
    app: FastAPI

    def key(self, account: str = "acme", scopes: tuple[str, ...] = ("admin",), **more: Any) -> str:
        made = new_key()
        self.store.of(account).keys.create(
            "test", scopes, public_id=made.public_id, digest=made.digest, created_at=LONG_AGO, **more
        )
        return made.text

    @property
    def parts(self) -> Gateway:
        """What requests use; the console has the same parts, but for its store and its slots for writing."""
        found: Gateway = self.app.state.console.gateway
        return found

    def metrics(self) -> bytes:
        """Read what was counted, as Prometheus would."""
        return generate_latest(self.app.state.metrics.registry)

    async def request(
        self, method: str, path: str | yarl.URL, key: str | None = None, **more: Any
    ) -> tuple[int, Any, Any]:
        """Return status, body (JSON where it is) and headers."""
        headers = {**more.pop("headers", {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        async with self.client.request(
            method, self.url + path if isinstance(path, str) else path, headers=headers, **more
        ) as answer:
            raw = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, (await answer.json(content_type=None) if is_json else raw), answer.headers


@pytest.fixture(scope="session")
def migrated(migrated_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both SQLite files with two accounts, made once: to copy them takes a fraction of the time."""
    home = tmp_path_factory.mktemp("migrated")
    shutil.copytree(migrated_files, home, dirs_exist_ok=True)
    settings = GatewaySettings(home=home, signing_key=SIGNING_KEY, identity_key=SIGNING_KEY)
    database = open_database(settings)
    create_accounts(database)
    database.close()
    return home


def create_accounts(database: Database) -> None:
    for account in ("acme", "other"):
        database.create_account(account, created_at=LONG_AGO)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async def scored(request: web.Request) -> web.StreamResponse:
        return web.json_response({"predictions": []}, headers={"Foretell-Contacts-Served": "3", "Server": "secret"})

    app = web.Application(client_max_size=100_000_000)
    made = Upstream(TestServer(app), scored)
    app.router.add_route("*", "/{rest:.*}", made.handle)
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Settings that the tests of a file need; override it there."""
    return {}


@pytest.fixture
async def gateway(
    migrated: Path, tmp_path: Path, upstream: Upstream, more_settings: dict[str, Any]
) -> AsyncIterator[RunningGateway]:
    for file in migrated.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    async with opened(tmp_path, upstream, **more_settings) as made:
        yield made


@pytest.fixture
def gateway_with(
    migrated: Path, tmp_path: Path, upstream: Upstream
) -> Callable[..., contextlib.AbstractAsyncContextManager[RunningGateway]]:
    """Open a gateway with settings of one's own: `async with gateway_with(limits_calls=2) as gateway`."""
    for file in migrated.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return lambda **more: opened(tmp_path, upstream, **more)


@pytest.fixture
async def any_gateway(database: Database, settings: Settings, upstream: Upstream) -> AsyncIterator[RunningGateway]:
    """The same on SQLite and on PostgreSQL."""
    create_accounts(database)
    async with opened(settings.home, upstream, store_url=settings.store_url) as made:
        yield made


@contextlib.asynccontextmanager
async def opened(home: Path, upstream: Upstream, **more: Any) -> AsyncIterator[RunningGateway]:
    given = {"key_cache_seconds": 0.001, "max_body_bytes": 1_000_000, "request_timeout_seconds": 2.0, **more}
    settings = GatewaySettings(
        home=home,
        signing_key=SIGNING_KEY,
        identity_key=SIGNING_KEY,
        upstream=str(upstream.server.make_url("")).rstrip("/"),
        **given,
    )
    store = Leavable(open_database(settings))
    app = create_app(settings, database=store)  # type: ignore[arg-type]
    async with on_a_socket(app, server_header=False) as port, aiohttp.ClientSession() as client:
        yield RunningGateway(f"http://127.0.0.1:{port}", settings, store, client, app)
    store.away = False
    store.close()
